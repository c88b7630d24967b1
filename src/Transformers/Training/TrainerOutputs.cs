using Transformers.Checkpoints;
using Transformers.Runs;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>A trainer's state and tensors, for a checkpoint.</summary>
/// <param name="State">The progress of training.</param>
/// <param name="Model">The weights by name.</param>
/// <param name="Optimizer">The optimizer's tensors by name.</param>
/// <param name="Average">The moving average of the weights by name; null for none.</param>
/// <param name="Validation">The validation of this step; null for none.</param>
public sealed record TrainerSnapshot(TrainerState State, IEnumerable<(string, Tensor)> Model, IEnumerable<(string, Tensor)> Optimizer,
    IEnumerable<(string, Tensor)>? Average, ValidationReport? Validation);

/// <summary>Writes a run's metrics and checkpoints.</summary>
/// <param name="folder">The folder, locked.</param>
/// <param name="identity">The run's config and input files, which are saved in each checkpoint.</param>
/// <param name="policy">Which checkpoints are kept.</param>
/// <param name="observer">Notified of saved checkpoints and warnings.</param>
public sealed class TrainerOutputs(RunFolder folder, RunIdentity identity, CheckpointPolicy policy, ITrainingObserver observer) : IDisposable
{
    internal const string ValidationLoss = "val_loss", ComparedLoss = "val_loss_compared";

    // The minimum interval between two saves of the best, per second of a save: they take at most 1 % of the time.
    const int SecondsPerSavedSecond = 100;

    readonly BackgroundCheckpoints checkpoints = new(folder.Checkpoints, policy);
    MetricsLog? metrics;

    // The best checkpoint so far, if it has not been written yet because that would take too much of the time.
    CheckpointContents? best;
    double copySeconds;
    long? lastBest;

    /// <summary>Which checkpoints are kept.</summary>
    public static CheckpointPolicy PolicyOf(CheckpointConfig config) => new(config.Keep, config.Best ? ValidationLoss : null, ComparedLoss);

    /// <summary>Opens the metrics and drops everything after a step.</summary>
    public void Open(long step)
    {
        metrics?.Dispose();
        metrics = folder.OpenMetrics(step);
    }

    /// <summary>Adds a line of metrics.</summary>
    public void Log(long step, string split, params ReadOnlySpan<(string, double)> values)
    {
        metrics!.Append(step, split, values);
        metrics.Flush();
        checkpoints.ThrowIfFailed();
    }

    /// <summary>Saves everything that training needs to continue; a pending best checkpoint is written first.</summary>
    /// <param name="snapshot">What to save; tensors are copied before this returns.</param>
    /// <param name="background">Whether to return as soon as the tensors are copied.</param>
    public void Save(TrainerSnapshot snapshot, bool background)
    {
        var step = snapshot.State.Step;
        var contents = ContentsOf(snapshot);
        if (best is { } same && same.Step >= step)
        {
            same.Dispose(); // This checkpoint is the one that was validated.
            best = null;
        }
        if (background) Begin(contents);
        else
        {
            if (best is not null) Begin();
            var report = checkpoints.SaveNow(contents);
            Warn(checkpoints.TakeReport());
            Warn(report);
        }
        observer.OnCheckpoint(step, folder.Checkpoints.PathOf(step));
    }

    /// <summary>Copies the state of the best validation so far; it is written in the background as soon as that takes at most 1 % of the
    /// time, and by the next save at the latest.</summary>
    /// <param name="snapshot">What to save; tensors are copied before this returns.</param>
    public void SaveBest(TrainerSnapshot snapshot)
    {
        var started = Stopwatch.GetTimestamp();
        best?.Dispose();
        best = ContentsOf(snapshot).AddText(CheckpointFiles.BestOnly, "");
        copySeconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>Starts to write the pending best checkpoint, if there is one and enough time has passed.</summary>
    public void WriteBestInTime()
    {
        if (best is null || checkpoints.Busy) return;
        if (lastBest is { } last && Stopwatch.GetElapsedTime(last).TotalSeconds < SecondsPerSavedSecond * (copySeconds + checkpoints.LastSeconds)) return;
        lastBest = Stopwatch.GetTimestamp();
        Begin();
    }

    // Writes the pending best checkpoint, and then the others.
    void Begin(params ReadOnlySpan<CheckpointContents> others)
    {
        checkpoints.Settle();
        Warn(checkpoints.TakeReport());
        var waiting = best;
        best = null;
        checkpoints.Begin(waiting is null ? [.. others] : [waiting, .. others]);
        if (waiting is not null) observer.OnCheckpoint(waiting.Step, folder.Checkpoints.PathOf(waiting.Step));
    }

    CheckpointContents ContentsOf(TrainerSnapshot snapshot)
    {
        var contents = new CheckpointContents(snapshot.State.Step).AddSnapshot(CheckpointFiles.Model, snapshot.Model).AddSnapshot(CheckpointFiles.Optimizer, snapshot.Optimizer);
        if (snapshot.Average is { } average) contents.AddSnapshot(CheckpointFiles.Average, average);
        contents.AddState(identity.StateOf(snapshot.State)).AddText(CheckpointFiles.Config, identity.Yaml);
        foreach (var (name, bytes) in identity.InputFiles) contents.AddBytes(name, bytes);
        if (snapshot.Validation is { } validation)
        {
            contents.AddMetric(ValidationLoss, validation.Loss);
            if (validation.Compared is { } compared) contents.AddMetric(ComparedLoss, compared);
            foreach (var (name, value) in validation.Metrics) contents.AddMetric(name, value);
        }
        return contents;
    }

    void Warn(SaveReport? report)
    {
        foreach (var warning in report?.Warnings ?? []) observer.Warn(warning);
    }

    /// <summary>The validation that a checkpoint's metrics are from; null if it was not validated. Its targets and seconds are not known and 0.</summary>
    internal static ValidationReport? ValidationOf(Checkpoint checkpoint, TrainerState state)
    {
        var metrics = checkpoint.Manifest.Metrics;
        if (state.ValidatedStep != state.Step || !metrics.TryGetValue(ValidationLoss, out var loss)) return null;
        var others = metrics.Where(metric => metric.Key is not (ValidationLoss or ComparedLoss)).ToDictionary();
        return new ValidationReport(state.Step, loss, Targets: 0, others, state.Best?.Step == state.Step, Seconds: 0) { Compared = metrics.TryGetValue(ComparedLoss, out var compared) ? compared : null };
    }

    /// <summary>The newest intact checkpoint of a step before another; null if there is none.</summary>
    internal Checkpoint? NewestBefore(long step)
    {
        if (best is not null) Begin();
        checkpoints.Settle();
        return folder.Checkpoints.FindNewestIntact(out _, before: step);
    }

    /// <summary>Discards what came after a step, because training resumes from there.</summary>
    internal void RollBackTo(long step)
    {
        folder.Checkpoints.SetAsideAfter(step, policy);
        Open(step);
        observer.OnRollback(step);
    }

    /// <summary>Waits for the last save and closes the metrics; a best checkpoint that is still pending is written, unless that
    /// fails.</summary>
    public void Dispose()
    {
        if (best is not null)
        {
            checkpoints.Settle();
            try
            {
                Begin();
            }
            catch (CheckpointException)
            {
                // The previous save failed, which has already ended the run.
            }
        }
        checkpoints.Dispose();
        metrics?.Dispose();
    }
}
