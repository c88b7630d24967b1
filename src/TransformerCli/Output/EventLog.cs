using System.Globalization;
using System.Text;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Compact;
using Transformers.IO;

namespace TransformerCli.Output;

/// <summary>Standard error, which also has the progress bar; with <c>--log-file</c>, each line that is written to it is logged too.</summary>
public sealed class EventLog(TextWriter error) : TextWriter
{
    Logger? log;

    /// <summary>The progress bar, and standard error without the log.</summary>
    internal ProgressDisplay Progress { get; } = new(error);

    /// <summary>The log; writes nothing without <c>--log-file</c>.</summary>
    public ILogger Log => log ?? Logger.None;

    /// <inheritdoc/>
    public override Encoding Encoding => error.Encoding;

    /// <summary>Opens the log.</summary>
    /// <param name="path">Its file, which is appended to; JSON lines where its name ends in .jsonl.</param>
    /// <param name="verbose">Whether details are logged too.</param>
    /// <exception cref="UserException">It cannot be written.</exception>
    internal void Open(string path, bool verbose)
    {
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
            // Serilog itself would not report it.
            using (new FileStream(path, FileMode.Append, FileAccess.Write)) { }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"cannot be written: {exception.Message}", path, Path: "--log-file")], exception);
        }
        var configuration = new LoggerConfiguration().MinimumLevel.Is(verbose ? LogEventLevel.Debug : LogEventLevel.Information);
        log = (path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase) ? configuration.WriteTo.File(new CompactJsonFormatter(), path, fileSizeLimitBytes: null)
            : configuration.WriteTo.File(path, formatProvider: CultureInfo.InvariantCulture, fileSizeLimitBytes: null)).CreateLogger();
    }

    /// <summary>The events of one run: compact JSON lines in its folder, and this log.</summary>
    internal Logger CreateRunLog(string path) =>
        new LoggerConfiguration().WriteTo.Logger(Log).WriteTo.File(new CompactJsonFormatter(), path, fileSizeLimitBytes: null).CreateLogger();

    /// <summary>Takes the progress bar away and closes the log.</summary>
    internal void End()
    {
        Progress.Clear();
        log?.Dispose();
        log = null;
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
