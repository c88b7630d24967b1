using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using TransformerCli.Output;
using Transformers.Data.Text;
using Transformers.IO;
using Transformers.Native;
using Transformers.Processes;
using Transformers.Training;

namespace TransformerCli;

/// <summary>What every command gets: its streams, the options that all commands have, and the handling of errors.</summary>
public sealed class CliContext(TextReader input, TextWriter output, TextWriter error)
{
    readonly ResultWriter results = new(output);
    /// <summary>The words of the command line.</summary>
    internal IReadOnlyList<string> Arguments { get; set; } = [];

    /// <summary>How every JSON document of the program is written.</summary>
    public static readonly JsonSerializerOptions Json = JsonStyle.Options;

    /// <summary>Standard input.</summary>
    public TextReader In => input;

    /// <summary>Standard output, for results only. If it is a terminal, the progress bar is removed first.</summary>
    public TextWriter Out
    {
        get
        {
            if (Muted) return TextWriter.Null;
            Announce();
            if (!Console.IsOutputRedirected) Error.Progress.Clear();
            return results;
        }
    }

    /// <summary>A line for standard error, written before the first result; a command that fails before that does not write it.</summary>
    internal string? Announcement { get; set; }

    void Announce()
    {
        var line = Announcement;
        Announcement = null;
        if (line is not null) Error.WriteLine(line);
    }

    /// <summary>Progress, logs and messages.</summary>
    public EventLog Error { get; } = new(new ProgressWriter(error));

    /// <summary><c>--json</c>.</summary>
    public Option<bool> JsonOption { get; } = new("--json") { Description = "Print one JSON document on standard output", Recursive = true };
    /// <summary><c>--quiet</c>.</summary>
    public Option<bool> QuietOption { get; } = new("--quiet") { Description = "Print only results and errors, no progress", Recursive = true };
    /// <summary><c>--verbose</c>.</summary>
    public Option<bool> VerboseOption { get; } = new("--verbose") { Description = "Print more detail on standard error", Recursive = true };
    /// <summary><c>--log-file</c>.</summary>
    public Option<string?> LogFileOption { get; } = new("--log-file") { Description = "Also write the log to this file; JSON lines if it ends in .jsonl", HelpName = "FILE", Recursive = true };

    /// <summary><c>--threads</c>, on every command that computes.</summary>
    public Option<int?> ThreadsOption { get; } = CreateThreads();

    static Option<int?> CreateThreads()
    {
        var option = new Option<int?>("--threads") { Description = "Number of threads [default: TRANSFORMER_THREADS, OMP_NUM_THREADS, or one per core]", HelpName = "N" };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && int.TryParse(text, out var threads) && threads is < 1 or > 1024) result.AddError($"--threads ({text}) must be a whole number from 1 to 1024");
        });
        return option;
    }

    /// <summary>Whether nothing is printed except bugs, because another process prints.</summary>
    internal bool Muted { get => Error.Progress.Muted; set => Error.Progress.Muted = value; }

    bool wrote;

    /// <summary>Writes one JSON document and ends the line.</summary>
    public void WriteJson<T>(T document)
    {
        wrote = true;
        Out.WriteLine(JsonSerializer.Serialize(document, Json));
    }

    /// <summary>Prints, with <c>--json</c>, that a command was stopped before it had a result; nothing if a document has been printed.</summary>
    internal void PrintStopped(ParseResult parse, string reason)
    {
        if (parse.GetValue(JsonOption) && !wrote) TryWriteJson(new { Schema = "transformer.stopped/1", Command = parse.CommandResult.Command.Name, Stopped = reason });
    }

    /// <summary>Prints the result of a command: the document with <c>--json</c>, else text.</summary>
    internal int Print<T>(ParseResult parse, T document, Action<TextWriter> write)
    {
        if (parse.GetValue(JsonOption)) WriteJson(document);
        else write(Out);
        return ExitCodes.Done;
    }

    /// <summary>Creates a command; exceptions of its action become the documented exit codes.</summary>
    /// <param name="symbols">Its arguments and options, in the order in which help lists them.</param>
    internal Command Create(string name, string description, IEnumerable<Symbol> symbols, Func<ParseResult, CancellationToken, int> action)
    {
        var command = new Command(name, description);
        foreach (var symbol in symbols)
            if (symbol is Argument argument) command.Add(argument);
            else command.Add((Option)symbol);
        if (command.Options.Any(option => option.Name == "--device")) command.Options.Add(ThreadsOption);
        command.SetAction((parse, cancel) => Task.FromResult(Run(command, parse, () => action(parse, cancel))));
        return command;
    }

    /// <summary>Opens the file of <c>--log-file</c>; of several processes, only the first writes it.</summary>
    internal void OpenLog(ParseResult parse)
    {
        if (parse.GetValue(LogFileOption) is { } file && Launch.Read() is not { Rank: > 0 }) Error.Open(file, parse.GetValue(VerboseOption));
    }

    /// <summary>Closes it, so that another process can write it.</summary>
    internal void CloseLog() => Error.End();

    int Run(Command command, ParseResult parse, Func<int> action)
    {
        var started = Stopwatch.GetTimestamp();
        var (json, verbose) = (parse.GetValue(JsonOption), parse.GetValue(VerboseOption));
        Error.Progress.Quiet = parse.GetValue(QuietOption);
        var code = Guard(json, () =>
        {
            OpenLog(parse);
            if (command.Options.Contains(ThreadsOption)) ProcessSettings.Threads = parse.GetValue(ThreadsOption);
            NativeLibraries.Notice = parse.GetValue(QuietOption) ? line => Error.Log.Information("{Text:l}", line) : Error.WriteLine;
            Error.Log.Information("transformer {Words:l}", string.Join(' ', parse.Tokens.Select(token => token.Value)));
            var done = action();
            Announce();
            return done;
        }, verbose);
        var end = $"{command.Name}: exit code {code}, {Stopwatch.GetElapsedTime(started).TotalSeconds:F2} s, at most {ProcessMemory.Peak >> 20} MiB";
        if (verbose) Error.WriteLine(end);
        else Error.Log.Information("{Text:l}", end);
        Error.End();
        return code;
    }

    /// <summary>Runs an action and turns what it throws into a message and an exit code.</summary>
    /// <param name="json">Whether messages are JSON.</param>
    /// <param name="action">The action.</param>
    /// <param name="verbose">Whether to print the stack trace of an error that the system returned.</param>
    public int Guard(bool json, Func<int> action, bool verbose = false)
    {
        try
        {
            return action();
        }
        catch (UserException exception)
        {
            return Fail(json, ExitCodes.UserError, exception.Problems);
        }
        catch (Exception exception) when (MemoryException.IsOutOfMemory(exception))
        {
            var remedy = (exception as MemoryException)?.Remedy ?? "smaller batches, a smaller model or shorter inputs need less";
            return Fail(json, ExitCodes.OutOfMemory, [new Problem($"out of memory: {MemoryException.Describe(exception)}", Hint: remedy)]);
        }
        catch (DivergedException exception)
        {
            return Fail(json, ExitCodes.Diverged, [new Problem(exception.Message)]);
        }
        catch (ProcessFailedException exception)
        {
            return Fail(json, ExitCodes.ProcessFailed, [new Problem(exception.Message)]);
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or (IOException and not FileLoadException))
        {
            // An error that the system returns for a file or a disk is not a bug.
            if (verbose) Error.WriteLine(exception.ToString());
            var problem = InputFile.ProblemOf(exception);
            return Fail(json, ExitCodes.UserError, [problem with { Hint = problem.File is { } file && DataCache.Concerns(file) ? $"prepared data are written there; the environment variable {DataCache.Variable} names another folder" : "--verbose shows where" }]);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            Muted = false;
            Error.WriteLine(exception.ToString());
            return Fail(json, ExitCodes.Bug, [new Problem($"This is a bug in transformer: {exception.Message}")]);
        }
    }

    /// <summary>Reports problems, as text on standard error or as one JSON document on standard output.</summary>
    public int Fail(bool json, int code, IReadOnlyList<Problem> problems)
    {
        Announcement = null;
        if (Muted) return code;
        // If standard output has failed, standard error may still be read.
        if (json && TryWriteJson(new { Schema = "transformer.error/1", ExitCode = code, Errors = problems }))
        {
            foreach (var problem in problems) Error.Log.Error("{Text:l}", problem.ToString());
        }
        else foreach (var problem in problems) Error.WriteLine($"error: {problem}");
        return code;
    }

    bool TryWriteJson<T>(T document)
    {
        try
        {
            WriteJson(document);
            return true;
        }
        catch (OutputException)
        {
            return false;
        }
    }
}
