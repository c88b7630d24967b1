using System.CommandLine;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Transformers.Training;

namespace TransformerCli.Progress;

/// <summary>Shows a training run on standard error: one live line on a terminal, plain lines elsewhere.</summary>
sealed class TrainingReporter : ITrainingObserver, IDisposable
{
    readonly TextWriter error;
    readonly bool quiet, verbose, live;
    readonly Logger log;
    readonly LiveLine line;
    (string what, int tenths) preparing = ("", -1);

    TrainingReporter(TextWriter error, bool quiet, bool verbose, bool live, Logger log)
    {
        this.error = error;
        this.quiet = quiet;
        this.verbose = verbose;
        this.live = live;
        this.log = log;
        line = new LiveLine(error, live && !quiet);
    }

    internal static TrainingReporter Create(CliContext context, ParseResult parse)
    {
        var logger = new LoggerConfiguration().MinimumLevel.Is(parse.GetValue(context.VerboseOption) ? LogEventLevel.Debug : LogEventLevel.Information);
        if (parse.GetValue(context.LogFileOption) is { } file) logger = logger.WriteTo.File(file);
        var terminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb") && Environment.GetEnvironmentVariable("CI") is null;
        return new TrainingReporter(context.Error, parse.GetValue(context.QuietOption), parse.GetValue(context.VerboseOption), terminal, logger.CreateLogger());
    }

    public void Note(string message)
    {
        log.Information("{Message}", message);
        Write(message);
    }

    public void Warn(string message)
    {
        log.Warning("{Message}", message);
        line.Clear();
        error.WriteLine($"warning: {message}");
    }

    public void Preparing(string what, double done)
    {
        var tenths = (int)(done * 10);
        if (live) line.Show($"{what} {done:P0}");
        else if (preparing != (what, tenths) && (preparing.what != what || tenths == 10)) Write($"{what}: {done:P0}");
        preparing = (what, tenths);
    }

    public void Reported(StepReport report)
    {
        var text = ProgressText.Of(report);
        log.Information("{Text}", text);
        if (live) line.Show(text);
        else Write(text);
    }

    public void Validated(ValidationReport report)
    {
        var text = ProgressText.Of(report);
        log.Information("{Text}", text);
        Write(text);
    }

    public void Sampled(long step, IReadOnlyList<string> samples)
    {
        foreach (var sample in samples)
        {
            log.Information("sample at step {Step}: {Sample}", step, sample);
            Write($"--- sample at step {step} ---\n{sample.Trim()}\n---");
        }
    }

    public void Saved(long step, string folder)
    {
        log.Information("saved step {Step} to {Folder}", step, folder);
        if (verbose) Write($"saved {folder}");
    }

    internal void Finish() => line.Clear();

    void Write(string text)
    {
        if (quiet) return;
        line.Clear();
        error.WriteLine(text);
    }

    public void Dispose()
    {
        line.Clear();
        log.Dispose();
    }
}
