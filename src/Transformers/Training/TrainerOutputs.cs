using Transformers.Checkpoints;
using Transformers.Runs;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>What a trainer saves: its state and its tensors.</summary>
/// <param name="State">How far it is.</param>
/// <param name="Model">The weights by name.</param>
/// <param name="Optimizer">The optimizer's tensors by name.</param>
/// <param name="Average">The moving average of the weights by name; null for none.</param>
/// <param name="Validation">The validation of this step; null for none.</param>
public sealed record TrainerSnapshot(TrainerState State, IEnumerable<(string, Tensor)> Model, IEnumerable<(string, Tensor)> Optimizer,
    IEnumerable<(string, Tensor)>? Average, ValidationReport? Validation);

/// <summary>Writes what a run leaves: metrics and checkpoints.</summary>
/// <param name="folder">The folder, locked.</param>
/// <param name="identity">What the run is made from; it goes into each checkpoint.</param>
/// <param name="policy">Which checkpoints stay.</param>
/// <param name="observer">Sees the saves.</param>
public sealed class TrainerOutputs(RunFolder folder, RunIdentity identity, CheckpointPolicy policy, ITrainingObserver observer) : IDisposable
{
    const string ValidationLoss = "val_loss";

    readonly BackgroundCheckpoints checkpoints = new(folder.Checkpoints, policy);
    MetricsLog? metrics;

    /// <summary>Which checkpoints stay.</summary>
    public static CheckpointPolicy PolicyOf(CheckpointConfig config) =>
        config.Best ? new CheckpointPolicy(config.Keep, new BestRule(ValidationLoss)) : new CheckpointPolicy(config.Keep);

    /// <summary>Opens the metrics and cuts off what is there after a step.</summary>
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

    /// <summary>Saves everything that training needs to go on.</summary>
    /// <param name="snapshot">What to save; tensors are copied before this returns.</param>
    /// <param name="background">Whether to return as soon as the tensors are copied.</param>
    public void Save(TrainerSnapshot snapshot, bool background)
    {
        var step = snapshot.State.Step;
        var contents = new CheckpointContents(step).AddSnapshot(CheckpointFiles.Model, snapshot.Model).AddSnapshot(CheckpointFiles.Optimizer, snapshot.Optimizer);
        if (snapshot.Average is { } average) contents.AddSnapshot(CheckpointFiles.Average, average);
        contents.AddState(identity.StateOf(snapshot.State)).AddText(CheckpointFiles.Config, identity.Yaml);
        foreach (var (name, bytes) in identity.InputFiles) contents.AddBytes(name, bytes);
        if (snapshot.Validation is { } validation)
        {
            contents.AddMetric(ValidationLoss, validation.Loss);
            foreach (var (name, value) in validation.Metrics) contents.AddMetric(name, value);
        }
        if (background)
        {
            checkpoints.Settle();
            Warn(checkpoints.TakeReport());
            checkpoints.Begin(contents);
        }
        else
        {
            var report = checkpoints.SaveNow(contents);
            Warn(checkpoints.TakeReport());
            Warn(report);
        }
        observer.OnCheckpoint(step, folder.Checkpoints.PathOf(step));
    }

    void Warn(SaveReport? report)
    {
        foreach (var warning in report?.Warnings ?? []) observer.Warn(warning);
    }

    /// <summary>The validation that a checkpoint's metrics are from; null where it was not validated. Its targets and seconds are not known and 0.</summary>
    internal static ValidationReport? ValidationOf(Checkpoint checkpoint, TrainerState state)
    {
        var metrics = checkpoint.Manifest.Metrics;
        if (state.ValidatedStep != state.Step || !metrics.TryGetValue(ValidationLoss, out var loss)) return null;
        var others = metrics.Where(metric => metric.Key != ValidationLoss).ToDictionary();
        return new ValidationReport(state.Step, loss, Targets: 0, others, state.Best?.Step == state.Step, Seconds: 0);
    }

    /// <summary>The newest intact checkpoint of a step before another; null where there is none.</summary>
    internal Checkpoint? NewestBefore(long step)
    {
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

    /// <summary>Waits for the last save and closes the metrics.</summary>
    public void Dispose()
    {
        checkpoints.Dispose();
        metrics?.Dispose();
    }
}
