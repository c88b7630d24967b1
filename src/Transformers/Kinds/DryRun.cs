using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Layers;
using Transformers.Native;
using Transformers.Runs;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Does everything that a run does before its first step, and one pass, without writing anything to the run's folder.</summary>
/// <remarks>Prepared data and a trained tokenizer stay in the cache, where the run itself finds them.</remarks>
public static class DryRun
{
    /// <summary>Reads the data, creates the model, runs one batch forward and backward, and measures.</summary>
    /// <param name="options">The options of the run.</param>
    /// <param name="observer">Observes the preparation.</param>
    /// <param name="stop">Stops it.</param>
    /// <exception cref="UserException">Anything that would stop the run.</exception>
    /// <exception cref="DivergedException">The first loss is not a number.</exception>
    public static DryRunResult Start(RunConfig config, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        RunFolderProbe.Check(options.Run);
        NativeLibraries.Load();
        if (Directory.Exists(options.Run))
        {
            using var folder = RunFolder.OpenForReading(options.Run);
            options = TrainingRun.Resuming(options, folder);
        }
        config = Kind.For(config.Model).Resolve(config, options);
        using var setup = Kind.For(config.Model).CreateTask(config, options, observer, stop);
        var (task, model) = (setup.Task, setup.Task.Model);
        TrainingRun.Prepare(setup, config, options, observer);
        var precision = Precisions.Resolve(config.Training.Precision, options.Device);
        var name = Precisions.NameOf(precision);
        var (state, from) = StateOf(config, options, new RunIdentity(config, setup.Files, setup.FilesHash, name), observer);

        Precisions.Apply(model, precision);
        ProcessMemory.StartPeak();
        model.train();
        var step = task.NextStep();
        using var optimizer = Optimizer.Create(config.Training.Optimizer, model);
        double loss;
        using (var scope = NewDisposeScope()) loss = Trainer.Pass(step[0], step[0].Targets, new RandomPosition(SeedStreams.Of(config.Seed, "dropout"), 1, 0)).item<float>();
        var norm = optimizer.GradientNorm();
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
            throw new DivergedException(FormattableString.Invariant($"the first pass gives a loss of {loss} and a gradient of norm {norm}: the initial weights or the data are at fault"));
        double? validation = null;
        foreach (var batch in task.Validation(1).Take(1)) validation = Evaluated(model, batch);

        var peak = ProcessMemory.PeakSinceStart;
        var available = new MemoryLimits().Room() is { } room ? ProcessMemory.Resident + room.Bytes : (long?)null;
        var weights = Bytes(model.state_dict().Values);
        var slots = Bytes(optimizer.State.Select(named => named.tensor));
        var average = config.Training.Ema is null ? 0 : weights;
        var checkpoint = weights + slots + average;
        return new DryRunResult
        {
            Run = options.Run,
            State = state,
            From = from,
            Steps = Math.Min(config.Training.Steps, options.MaxSteps ?? long.MaxValue),
            Model = KindAttribute.Of(config.Model),
            Parameters = model.parameters().Sum(parameter => parameter.numel()),
            Precision = name,
            Device = options.Device.ToString(),
            Unit = task.Unit,
            UnitsPerStep = step.Sum(batch => batch.Units),
            TargetsPerStep = step.Sum(batch => batch.Targets),
            MicroBatches = step.Count,
            Loss = loss,
            GradientNorm = norm,
            ValLoss = validation,
            Memory = new DryRunMemory(peak, slots, average, checkpoint, available),
            Disk = new DryRunDisk(checkpoint, (config.Training.Checkpoint.Keep + (config.Training.Checkpoint.Best ? 2 : 1)) * checkpoint, RunFolderProbe.FreeBytes(options.Run)),
        };
    }

    static double Evaluated(nn.Module model, MicroBatch batch)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        model.eval();
        return batch.LossSum().CrossEntropy.to(ScalarType.Float64).item<double>() / Math.Max(1, batch.Targets);
    }

    static long Bytes(IEnumerable<Tensor> tensors) => tensors.Sum(tensor => tensor.numel() * tensor.ElementSize);

    // The state of the run's folder, and whether the run can resume from it.
    static (string state, long? from) StateOf(RunConfig config, TrainingOptions options, RunIdentity identity, ITrainingObserver observer)
    {
        using var folder = Directory.Exists(options.Run) ? RunFolder.OpenForReading(options.Run) : null;
        if (folder is not null && options.Resume == ResumeMode.Never && !folder.IsEmpty) throw TrainingRun.NotEmpty(folder);
        if (folder is not null && FinishedRun.ResultOf(folder, config, options, observer) is { } finished) return ("finished", finished.Steps);
        if (options.ResumeFrom is { } path) return ("resumes", StepOf(Checkpoint.Open(path)));
        return folder?.Checkpoints.FindNewestIntact(out _) is { } newest ? ("resumes", StepOf(newest)) : ("new", null);

        long StepOf(Checkpoint checkpoint) => identity.ReadState(checkpoint, observer).Step;
    }
}

/// <summary>The result of a dry run: what <c>train --dry-run --json</c> prints.</summary>
public sealed record DryRunResult
{
    /// <summary>The name and version of the document.</summary>
    public string Schema { get; init; } = "transformer.dry-run/1";
    /// <summary>The run's folder.</summary>
    public required string Run { get; init; }
    /// <summary><c>new</c>, <c>resumes</c> or <c>finished</c>.</summary>
    public required string State { get; init; }
    /// <summary>The step from which it would resume; absent for a new run.</summary>
    public long? From { get; init; }
    /// <summary>The step at which it would end.</summary>
    public required long Steps { get; init; }
    /// <summary>The seeds, if several would be trained.</summary>
    public IReadOnlyList<ulong>? Seeds { get; init; }
    /// <summary>The kind of model.</summary>
    public required string Model { get; init; }
    /// <summary>The number of parameters; one that is used twice counts once.</summary>
    public required long Parameters { get; init; }
    /// <summary><c>fp32</c> or <c>bf16</c>.</summary>
    public required string Precision { get; init; }
    /// <summary>Where it would run.</summary>
    public required string Device { get; init; }
    /// <summary>What a step counts: <c>tokens</c> or <c>images</c>.</summary>
    public required string Unit { get; init; }
    /// <summary>The number of units in the first step.</summary>
    public required long UnitsPerStep { get; init; }
    /// <summary>The number of targets in the first step.</summary>
    public required long TargetsPerStep { get; init; }
    /// <summary>Forward and backward passes of the first step.</summary>
    public required int MicroBatches { get; init; }
    /// <summary>The loss of the first pass with initial weights, in nats per target.</summary>
    public required double Loss { get; init; }
    /// <summary>The norm of its gradient.</summary>
    public required double GradientNorm { get; init; }
    /// <summary>The loss of one validation batch; absent without validation data.</summary>
    public double? ValLoss { get; init; }
    /// <summary>The memory it would need.</summary>
    public required DryRunMemory Memory { get; init; }
    /// <summary>The disk space it would need.</summary>
    public required DryRunDisk Disk { get; init; }
}

/// <summary>Memory of a run, in bytes.</summary>
/// <param name="Measured">The peak resident memory during the passes: program, data, weights, gradients, activations.</param>
/// <param name="Optimizer">The optimizer's state.</param>
/// <param name="Average">The moving average of the weights.</param>
/// <param name="CheckpointCopy">The copy from which a checkpoint is written while training continues.</param>
/// <param name="Available">What is available to this process; null if the system does not report it.</param>
public sealed record DryRunMemory(long Measured, long Optimizer, long Average, long CheckpointCopy, long? Available)
{
    /// <summary>The sum.</summary>
    public long Needed => Measured + Optimizer + Average + CheckpointCopy;
    /// <summary>Whether that much is available.</summary>
    public bool Fits => Available is not { } available || Needed <= available;
}

/// <summary>Disk of a run, in bytes.</summary>
/// <param name="Checkpoint">One checkpoint.</param>
/// <param name="Needed">All that are kept, and one that is being written.</param>
/// <param name="Available">The free space on the disk of the run's folder; null if the system does not report it.</param>
public sealed record DryRunDisk(long Checkpoint, long Needed, long? Available)
{
    /// <summary>Whether that much is available.</summary>
    public bool Fits => Available is not { } available || Needed <= available;
}
