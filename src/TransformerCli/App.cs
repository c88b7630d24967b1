using TransformerCli.Commands;

namespace TransformerCli;

/// <summary>The command line: builds the tree of commands, parses, runs.</summary>
public static class App
{
    // Names from an earlier version; they still work but are hidden.
    static readonly (string Old, string New)[] RenamedOptions = [("--out", "--output"), ("--places", "--positions")];

    static int Main(string[] arguments)
    {
        // UTF-8 without a byte-order mark in every locale, since scripts read the results.
        var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        var output = new StreamWriter(StandardStream.OpenOutput(), utf8) { AutoFlush = true };
        var error = new StreamWriter(StandardStream.OpenError(), utf8) { AutoFlush = true };
        using var input = new StreamReader(Console.OpenStandardInput(), utf8);
        return Run(arguments, input, output, error);
    }

    /// <summary>Runs one command line and returns its exit code.</summary>
    public static int Run(string[] arguments, TextReader input, TextWriter output, TextWriter error)
    {
        var context = new CliContext(input, output, error);
        return context.Guard(arguments.Contains("--json"), () => Run(context, arguments));
    }

    static int Run(CliContext context, string[] arguments)
    {
        var root = CreateRoot(context);
        if (arguments.Contains("--version") && arguments.All(word => word is "--version" or "--json" or "--quiet" or "--verbose"))
            return PrintVersions(context, arguments.Contains("--json"));
        // No response files: a prompt that starts with @ is a prompt.
        var configuration = new ParserConfiguration { ResponseFileTokenReplacer = null };
        var parse = root.Parse(arguments, configuration);
        if (CurrentSpelling(parse, arguments) is { } spelled) parse = root.Parse(arguments = spelled, configuration);
        context.Arguments = arguments;
        // [suggest] completes a line that need not be valid yet; --option=value is completed like --option value.
        var suggests = arguments is [var first, ..] && first.StartsWith("[suggest", StringComparison.Ordinal);
        if (suggests) parse = root.Parse([.. arguments.Select(word => word.Replace('=', ' '))], configuration);
        if (!suggests && ParseProblems.Find(parse) is { Count: > 0 } problems) return context.Fail(arguments.Contains("--json"), ExitCodes.UserError, problems);
        // No default handlers: they would end a save after two seconds and turn a bug into exit code 1 without a trace.
        var invocation = new InvocationConfiguration
        {
            Output = context.Out, Error = context.Error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null,
        };
        return parse.Invoke(invocation);
    }

    /// <summary>The tree of commands.</summary>
    public static RootCommand CreateRoot(CliContext context) => new("Trains, runs, evaluates and explains transformers.")
    {
        context.JsonOption, context.QuietOption, context.VerboseOption, context.LogFileOption,
        TrainCommand.Create(context), SweepCommand.Create(context), GenerateCommand.Create(context), PredictCommand.Create(context), EmbedCommand.Create(context),
        AverageCommand.Create(context), EvalCommand.Create(context), ScoreCommand.Create(context), BenchCommand.Create(context),
        InspectCommand.Create(context), PlotCommand.Create(context), ReportCommand.Create(context), RunsCommand.Create(context), DoctorCommand.Create(context),
        ExportCommand.Create(context), ImportCommand.Create(context), DataCommand.Create(context), ConfigCommand.Create(context), CompletionCommand.Create(context),
        TokenizerCommand.Create(context),
    };

    // The line with old names replaced, and with a bare --resume written as --resume=auto so that it does not take the word after it; null
    // if nothing changes.
    static string[]? CurrentSpelling(ParseResult parse, string[] words)
    {
        var names = parse.CommandResult.Command.Options.Select(option => option.Name).ToHashSet();
        string[] spelled = [.. words.Select(word =>
        {
            if (word == TrainCommand.Resume && names.Contains(word)) return $"{word}=auto";
            foreach (var (old, current) in RenamedOptions)
                if (names.Contains(current) && (word == old || word.StartsWith(old + "=", StringComparison.Ordinal))) return current + word[old.Length..];
            return word;
        })];
        return spelled.SequenceEqual(words) ? null : spelled;
    }

    static int PrintVersions(CliContext context, bool json)
    {
        var document = new { Schema = "transformer.version/1", Version = typeof(App).Assembly.GetName().Version?.ToString(3), Libtorch = LibtorchVersion(), Dotnet = RuntimeInformation.FrameworkDescription };
        if (json)
        {
            context.WriteJson(document);
            return ExitCodes.Done;
        }
        context.Out.WriteLine($"transformer {document.Version}");
        context.Out.WriteLine(document.Libtorch is { } found ? $"libtorch {found}" : "libtorch not found: see transformer doctor");
        context.Out.WriteLine(document.Dotnet);
        return ExitCodes.Done;
    }

    static string? LibtorchVersion()
    {
        try
        {
            return NativeLibraries.Load(fetch: false).Version;
        }
        catch (EngineMissingException)
        {
            return null;
        }
    }
}

/// <summary>The exit codes that scripts may rely on; docs/commands.md has the table.</summary>
public static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Done = 0;
    /// <summary>A bug in the program; a stack trace was printed.</summary>
    public const int Bug = 1;
    /// <summary>The user's input was wrong: usage, config, data, checkpoint, device.</summary>
    public const int UserError = 2;
    /// <summary>An <c>--expect</c> rule is not satisfied.</summary>
    public const int ExpectationFailed = 3;
    /// <summary>Out of memory.</summary>
    public const int OutOfMemory = 4;
    /// <summary>The training diverged.</summary>
    public const int Diverged = 5;
    /// <summary>Another process of the run has failed.</summary>
    public const int ProcessFailed = 6;
    /// <summary>Stopped by SIGHUP; a checkpoint was saved.</summary>
    public const int HungUp = 129;
    /// <summary>Stopped by SIGINT; a checkpoint was saved.</summary>
    public const int Interrupted = 130;
    /// <summary>Stopped by SIGTERM; a checkpoint was saved.</summary>
    public const int Terminated = 143;

    /// <summary>The exit code for a result's reason for stopping; null: it was not stopped.</summary>
    internal static int Of(string? stopped) => stopped switch
    {
        "sigint" => Interrupted,
        "sighup" => HungUp,
        "sigterm" => Terminated,
        _ => Done,
    };
}

/// <summary>SIGINT, SIGTERM and SIGHUP end a run after its current step, a second signal immediately; SIGUSR1 saves a checkpoint, and
/// training continues.</summary>
sealed class Signals : IDisposable
{
    readonly List<PosixSignalRegistration> registrations = [];
    readonly StopRequest stop;
    int received;

    internal Signals(StopRequest stop)
    {
        this.stop = stop;
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, "sigint", ExitCodes.Interrupted)));
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, "sigterm", ExitCodes.Terminated)));
        // Under nohup, or if the caller otherwise ignores SIGHUP, the loss of the terminal does not end a run.
        if (!IgnoresHangUp()) registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => Stop(context, "sighup", ExitCodes.HungUp)));
        const int sigusr1OnLinux = 10;
        if (OperatingSystem.IsLinux())
            registrations.Add(PosixSignalRegistration.Create((PosixSignal)sigusr1OnLinux, context =>
            {
                context.Cancel = true;
                stop.AskForSave();
            }));
    }

    static bool IgnoresHangUp()
    {
        const string field = "SigIgn:";
        if (!OperatingSystem.IsLinux()) return false;
        var mask = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(field, StringComparison.Ordinal));
        return mask is not null && (Convert.ToUInt64(mask[field.Length..].Trim(), 16) & 1) != 0;
    }

    void Stop(PosixSignalContext context, string name, int code)
    {
        context.Cancel = true;
        // A second signal ends the process immediately: saved checkpoints are complete whenever that happens. The first one never does,
        // even if a time limit or another process's signal has already asked the run to stop: it may be saving.
        if (Interlocked.Increment(ref received) > 1) ProcessEnd.Now(code);
        StandardStream.Stopping = true;
        stop.Ask(name);
    }

    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
    }
}
