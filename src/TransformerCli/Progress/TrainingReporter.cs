using System.CommandLine;
using Serilog;
using Transformers.Training;

namespace TransformerCli.Progress;

/// <summary>Shows a training run on standard error: one live line on a terminal, plain lines elsewhere.</summary>
sealed class TrainingReporter : ITrainingObserver, IDisposable
{
    readonly TextWriter error;
    readonly bool quiet, verbose, live;
    readonly ILogger log;
    readonly LiveLine line;
    (string what, int tenths) preparing = ("", -1);

    TrainingReporter(TextWriter error, bool quiet, bool verbose, bool live, ILogger log)
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
        var terminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb") && Environment.GetEnvironmentVariable("CI") is null;
        return new TrainingReporter(context.Error.Terminal, parse.GetValue(context.QuietOption), parse.GetValue(context.VerboseOption), terminal, context.Error.Log);
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

    public void OnPreparing(string what, double done)
    {
        var tenths = (int)(done * 10);
        if (live) line.Show($"{what} {done:P0}");
        else if (preparing != (what, tenths) && (preparing.what != what || tenths == 10)) Write($"{what}: {done:P0}");
        preparing = (what, tenths);
    }

    public void OnLog(StepReport report)
    {
        var text = ProgressText.Of(report);
        log.Information("{Text}", text);
        if (live) line.Show(text);
        else Write(text);
    }

    public void OnValidation(ValidationReport report)
    {
        var text = ProgressText.Of(report);
        log.Information("{Text}", text);
        Write(text);
    }

    public void OnSamples(long step, IReadOnlyList<string> samples)
    {
        foreach (var sample in samples)
        {
            log.Information("sample at step {Step}: {Sample}", step, sample);
            Write($"--- sample at step {step} ---\n{sample.Trim()}\n---");
        }
    }

    public void OnCheckpoint(long step, string folder)
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

    public void Dispose() => line.Clear();
}
