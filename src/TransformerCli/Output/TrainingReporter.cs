using Serilog;
using Serilog.Core;

namespace TransformerCli.Output;

/// <summary>Shows a training run on standard error, with a progress bar on a terminal, and keeps its events in the run's <c>log.jsonl</c>.</summary>
sealed class TrainingReporter(CliContext context, ParseResult parse, string? run) : ITrainingObserver, IDisposable
{
    readonly bool quiet = parse.GetValue(context.QuietOption), verbose = parse.GetValue(context.VerboseOption);
    readonly List<Action<ILogger>> early = [];
    Logger? runLog;
    string status = "";
    (string What, int Tenths) preparing = ("", -1);

    // The run's own log is opened once the run has written its config, so that a run that fails earlier leaves nothing behind.
    void Record(Action<ILogger> write)
    {
        write(context.Error.Log);
        if (run is null) return;
        if (runLog is null)
        {
            early.Add(write);
            if (!HasConfig(run)) return;
            runLog = context.Error.CreateRunLog(Path.Combine(run, "log.jsonl"));
            foreach (var one in early) one(runLog);
            early.Clear();
        }
        else write(runLog);
    }

    // In the folder itself, or in the folders of several seeds.
    static bool HasConfig(string folder) => Directory.Exists(folder)
        && Directory.EnumerateFiles(folder, "config.yaml", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 }).Any();

    public void Note(string message)
    {
        Record(log => log.Information("{Note:l}", message));
        Write(message);
    }

    public void Warn(string message)
    {
        Record(log => log.Warning("{Warning:l}", message));
        context.Error.Progress.WriteLine($"warning: {MessageText.OneLine(message)}");
    }

    public void OnPreparing(string what, double done)
    {
        var tenths = (int)(done * 10);
        if (preparing.What != what) Record(log => log.Information("preparing: {What:l}", what));
        if (context.Error.Progress.IsLive) context.Error.Progress.Show($"{what} {done:P0}", done);
        else if (preparing != (what, tenths) && (preparing.What != what || tenths == 10)) Write($"{what}: {done:P0}");
        preparing = (what, tenths);
    }

    public void OnStep(long step, long steps)
    {
        if (context.Error.Progress.IsLive) context.Error.Progress.Show(status.Length == 0 ? $"step {step}/{steps}" : status, (double)step / steps);
    }

    public void OnLog(StepReport report)
    {
        Record(log => log.Information("step {Step} of {Steps}: loss {Loss:F4}, learning rate {LearningRate:0.0e+0}, gradient norm {GradientNorm:F2}, {UnitsPerSecond:F0} {Unit:l}/s, {MemoryBytes} bytes resident",
            report.Step, report.Steps, report.Loss, report.LearningRate, report.GradientNorm, report.UnitsPerSecond, report.Unit, report.MemoryBytes));
        status = ProgressText.Describe(report);
        if (context.Error.Progress.IsLive) OnStep(report.Step, report.Steps);
        else Write(status);
    }

    public void OnValidation(ValidationReport report)
    {
        Record(log => log.Information("validation at step {Step}: loss {Loss:F4}, metrics {@Metrics}, best so far: {IsBest}, {Seconds:F1} s",
            report.Step, report.Loss, report.Metrics, report.IsBest, report.Seconds));
        Write(ProgressText.Describe(report));
    }

    public void OnSamples(long step, IReadOnlyList<string> samples)
    {
        foreach (var sample in samples)
        {
            Record(log => log.Information("sample at step {Step}: {Sample:l}", step, sample));
            Write($"--- sample at step {step} ---\n{sample.Trim()}\n---");
        }
    }

    public void OnRollback(long step) => Record(log => log.Warning("rolled back to step {Step}", step));

    public void OnCheckpoint(long step, string folder)
    {
        Record(log => log.Information("saved step {Step} to {Folder:l}", step, folder));
        if (verbose) Write($"saved {folder}");
    }

    void Write(string text)
    {
        if (!quiet) context.Error.Progress.WriteLine(text);
    }

    public void Dispose()
    {
        context.Error.Progress.Clear();
        context.Error.Close(runLog);
    }
}
