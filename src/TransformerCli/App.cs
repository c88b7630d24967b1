using System.CommandLine;
using System.Runtime.InteropServices;
using TransformerCli.Commands;
using Transformers.Native;

namespace TransformerCli;

/// <summary>The command line: builds the tree of commands, parses, runs.</summary>
public static class App
{
    // Names from an earlier version; they still work but are hidden.
    static readonly (string Old, string New)[] RenamedOptions = [("--out", "--output"), ("--places", "--positions")];

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
