using System.Globalization;
using System.Text;
using Serilog;
using Serilog.Core;
using Serilog.Debugging;
using Serilog.Events;
using Serilog.Formatting.Compact;
using Transformers.IO;

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
