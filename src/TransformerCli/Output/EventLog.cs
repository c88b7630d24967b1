using Serilog;
using Serilog.Core;
using Serilog.Debugging;
using Serilog.Events;
using Serilog.Formatting.Compact;
using Spectre.Console;

namespace TransformerCli.Output;

/// <summary>Standard error, with the progress bar; with <c>--log-file</c>, each line that is written to it is also logged.</summary>
public sealed class EventLog(GuardedWriter error) : TextWriter
{
    Logger? log;
    bool logFailed;

    /// <summary>The progress bar, and standard error without the log.</summary>
    internal ProgressDisplay Progress { get; } = new(error);

    /// <summary>The log; writes nothing without <c>--log-file</c>.</summary>
    public ILogger Log => log ?? Logger.None;

    /// <inheritdoc/>
    public override Encoding Encoding => error.Encoding;

    /// <summary>Opens the log.</summary>
    /// <param name="path">Its file, which is appended to; JSON lines if its name ends in .jsonl.</param>
    /// <param name="verbose">Whether details are logged too.</param>
    /// <exception cref="UserException">It cannot be written.</exception>
    internal void Open(string path, bool verbose)
    {
        try
        {
            OutputFile.PrepareFolder(path);
            // Serilog itself would not report the error.
            using (new FileStream(path, FileMode.Append, FileAccess.Write)) { }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"cannot be written: {OutputFile.ReasonOf(exception)}", path, Path: "--log-file")], exception);
        }
        var configuration = new LoggerConfiguration().MinimumLevel.Is(verbose ? LogEventLevel.Debug : LogEventLevel.Information);
        WatchLogs();
        log = (path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase) ? configuration.WriteTo.File(new CompactJsonFormatter(), path, fileSizeLimitBytes: null)
            : configuration.WriteTo.File(path, formatProvider: CultureInfo.InvariantCulture, fileSizeLimitBytes: null)).CreateLogger();
    }

    /// <summary>Opens a run's own log, which is appended to: compact JSON lines.</summary>
    internal Logger CreateRunLog(string path)
    {
        WatchLogs();
        return new LoggerConfiguration().WriteTo.File(new CompactJsonFormatter(), path, fileSizeLimitBytes: null).CreateLogger();
    }

    // Serilog reports its failures to write here only, except those when a file is closed.
    void WatchLogs() => SelfLog.Enable(_ => OnLogFailed());

    void OnLogFailed()
    {
        if (logFailed) return;
        logFailed = true;
        Progress.WriteLine("warning: a log file can no longer be written and is incomplete (--log-file, or the run's log.jsonl); the command continues without it");
    }

    /// <summary>Closes a log.</summary>
    internal void Close(Logger? closing)
    {
        try
        {
            closing?.Dispose();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or AggregateException)
        {
            OnLogFailed();
        }
    }

    /// <summary>Removes the progress bar and closes the log.</summary>
    internal void End()
    {
        Progress.Clear();
        var closing = log;
        log = null;
        Close(closing);
    }

    /// <inheritdoc/>
    public override void Write(char value) => error.Write(value);

    /// <inheritdoc/>
    public override void Write(string? value) => error.Write(value);

    /// <inheritdoc/>
    public override void WriteLine(string? value)
    {
        Progress.WriteLine(value ?? "");
        var level = value is null ? LogEventLevel.Information : value.StartsWith("error: ", StringComparison.Ordinal) ? LogEventLevel.Error
            : value.StartsWith("warning: ", StringComparison.Ordinal) ? LogEventLevel.Warning : LogEventLevel.Information;
        log?.Write(level, "{Text:l}", value);
    }

    /// <inheritdoc/>
    public override void Flush() => error.Flush();
}

/// <summary>A progress bar below the lines of standard error, on a terminal; elsewhere only the lines, without control
/// characters.</summary>
sealed class ProgressDisplay(GuardedWriter error)
{
    // For the process; a writer that a test passes in is never a terminal.
    static readonly bool Terminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb") && Environment.GetEnvironmentVariable("CI") is null;

    const int Narrowest = 20;

    // Asked only of a terminal.
    static readonly Lazy<bool> wide = new(() => new AnsiConsoleOutput(TextWriter.Null).Width >= Narrowest);

    /// <summary>Whether the terminal is wide enough for bars and borders: in a single column, Spectre's layout never ends.</summary>
    internal static bool IsWide => wide.Value;

    readonly Lock sync = new();
    IAnsiConsole? console;
    ProgressTask? bar;
    TaskCompletionSource? end;
    Task? running;
    PosixSignalRegistration[] signals = [];

    /// <summary>Whether <c>--quiet</c> was given.</summary>
    internal bool Quiet { get; set; }

    /// <summary>Whether nothing is printed, because another process prints it.</summary>
    internal bool Muted { get; set; }

    /// <summary>Whether there is a terminal to show a bar on.</summary>
    internal bool IsLive => Terminal && IsWide && !Quiet && error is { IsStream: true, Failed: false };

    /// <summary>Shows the bar.</summary>
    /// <param name="text">The text beside it.</param>
    /// <param name="done">The fraction that is done; null if it is not known.</param>
    internal void Show(string text, double? done = null)
    {
        if (!IsLive) return;
        lock (sync)
        {
            bar ??= Start(Markup.Escape(text));
            bar.IsIndeterminate = done is null;
            bar.Value = 100 * (done ?? 0);
            bar.Description = Markup.Escape(text);
        }
    }

    /// <summary>Shows the bar for work whose length is known.</summary>
    /// <param name="text">The text beside it.</param>
    /// <returns>Takes the fraction that is done; does nothing once results have replaced the bar.</returns>
    internal Action<double> Watch(string text)
    {
        Show(text);
        return done =>
        {
            if (bar is not null) Show($"{text} {done:P0}", done);
        };
    }

    ProgressTask Start(string text)
    {
        console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(error), Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes });
        // Spectre hides the cursor; a signal that ends the process must not leave it hidden.
        signals = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, _ => error.Write("\u001b[?25h")))];
        var started = new TaskCompletionSource<ProgressTask>();
        var ending = end = new TaskCompletionSource();
        var progress = console.Progress().AutoClear(true).Columns(new ProgressBarColumn { Width = 24 }, new TaskDescriptionColumn { Alignment = Justify.Left }, new ElapsedTimeColumn());
        progress.RefreshRate = TimeSpan.FromMilliseconds(250);
        running = progress.StartAsync(async context =>
        {
            started.SetResult(context.AddTask(text));
            await ending.Task.ConfigureAwait(false);
        });
        // If the display cannot start, its task fails and the callback never runs.
        if (Task.WaitAny(started.Task, running) == 1) running.GetAwaiter().GetResult();
        return started.Task.GetAwaiter().GetResult();
    }

    /// <summary>Writes a line above the bar.</summary>
    internal void WriteLine(string text)
    {
        if (Muted) return;
        lock (sync)
            if (bar is null) error.WriteLine(text);
            else console!.WriteLine(text);
    }

    /// <summary>Removes the bar.</summary>
    internal void Clear()
    {
        lock (sync)
        {
            if (bar is null) return;
            end!.SetResult();
            running!.Wait();
            bar = null;
            foreach (var signal in signals) signal.Dispose();
        }
    }
}
