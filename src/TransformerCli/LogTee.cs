using System.Text;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Transformers.IO;

namespace TransformerCli;

/// <summary>Standard error; with <c>--log-file</c>, each line that is written to it goes into the log too.</summary>
public sealed class LogTee(TextWriter error) : TextWriter
{
    Logger? log;

    /// <summary>Standard error itself, for what does not belong into a log, such as a live line.</summary>
    public TextWriter Terminal => error;

    /// <summary>The log; writes nothing where none was asked for.</summary>
    public ILogger Log => log ?? Logger.None;

    /// <inheritdoc/>
    public override Encoding Encoding => error.Encoding;

    /// <summary>Opens the log.</summary>
    /// <param name="path">Its file; what is there stays.</param>
    /// <param name="verbose">Whether details are logged too.</param>
    /// <exception cref="UserException">It cannot be written.</exception>
    internal void Open(string path, bool verbose)
    {
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
            // The sink itself would say nothing.
            using (new FileStream(path, FileMode.Append, FileAccess.Write)) { }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"cannot be written: {exception.Message}", path, Path: "--log-file")], exception);
        }
        log = new LoggerConfiguration().MinimumLevel.Is(verbose ? LogEventLevel.Debug : LogEventLevel.Information)
            .WriteTo.File(path, formatProvider: System.Globalization.CultureInfo.InvariantCulture).CreateLogger();
    }

    /// <summary>Closes the log.</summary>
    internal void End()
    {
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
        error.WriteLine(value);
        var level = value is null ? LogEventLevel.Information : value.StartsWith("error: ", StringComparison.Ordinal) ? LogEventLevel.Error
            : value.StartsWith("warning: ", StringComparison.Ordinal) ? LogEventLevel.Warning : LogEventLevel.Information;
        log?.Write(level, "{Text:l}", value);
    }

    /// <inheritdoc/>
    public override void Flush() => error.Flush();
}
