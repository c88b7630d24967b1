using System.Security.Cryptography;
using System.Text;
using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Native;
using Transformers.Runs;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>Writes what a run leaves: metrics and checkpoints. And reads a checkpoint back into a trainer.</summary>
public sealed class TrainerOutputs : IDisposable
{
    const string ValidationLoss = "val_loss";

    readonly RunFolder folder;
    readonly RunConfig config;
    readonly string yaml;
    readonly IReadOnlyDictionary<string, byte[]> inputFiles;
    readonly string inputHash;
    readonly string precision;
    readonly ITrainingObserver observer;
    readonly BackgroundCheckpoints checkpoints;
    MetricsLog? metrics;

    /// <summary>Outputs into a run folder.</summary>
    /// <param name="folder">The folder, locked.</param>
    /// <param name="config">The run's config.</param>
    /// <param name="inputFiles">Name and content of the files that tell how input becomes numbers; they go into each checkpoint.</param>
    /// <param name="inputHash">The hash of them all.</param>
    /// <param name="precision"><c>fp32</c> or <c>bf16</c>.</param>
    /// <param name="observer">Told of saves.</param>
    public TrainerOutputs(RunFolder folder, RunConfig config, IReadOnlyDictionary<string, byte[]> inputFiles, string inputHash, string precision, ITrainingObserver observer)
    {
        this.folder = folder;
        this.config = config;
        this.inputFiles = inputFiles;
        this.inputHash = inputHash;
        this.precision = precision;
        this.observer = observer;
        yaml = ConfigWriter.ToYaml(config);
        checkpoints = new BackgroundCheckpoints(folder.Checkpoints, PolicyOf(config.Training.Checkpoint));
    }

    /// <summary>Which checkpoints stay.</summary>
    public static CheckpointPolicy PolicyOf(CheckpointConfig config) =>
        config.Best ? new CheckpointPolicy(config.Keep, new BestRule(ValidationLoss)) : new CheckpointPolicy(config.Keep);

    /// <summary>Opens the metrics; what is there after a step is cut off.</summary>
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
    /// <param name="trainer">The loop.</param>
    /// <param name="task">What is trained.</param>
    /// <param name="background">Whether to return as soon as the tensors are copied.</param>
    public void Save(Trainer trainer, TrainingTask task, bool background)
    {
        var step = trainer.Progress.Step;
        var model = task.Model;
        var contents = new CheckpointContents(step)
            .AddSnapshot(CheckpointFiles.Model, model.state_dict().Select(named => (named.Key, named.Value)))
            .AddSnapshot(CheckpointFiles.Optimizer, trainer.Optimizer.State);
        if (trainer.Ema is { } average) contents.AddSnapshot(CheckpointFiles.Average, average.State);
        contents.AddState(StateOf(trainer, task)).AddText(CheckpointFiles.Config, yaml);
        foreach (var (name, bytes) in inputFiles) contents.AddBytes(name, bytes);
        if (trainer.Progress.LastValidation is { } validation && validation.Step == step)
        {
            contents.AddMetric(ValidationLoss, validation.Loss);
            foreach (var (name, value) in validation.Metrics) contents.AddMetric(name, value);
        }
        if (background)
        {
            checkpoints.Settle();
            Tell(checkpoints.TakeReport());
            checkpoints.Begin(contents);
        }
        else
        {
            var report = checkpoints.SaveNow(contents);
            Tell(checkpoints.TakeReport());
            Tell(report);
        }
        observer.Saved(step, folder.Checkpoints.PathOf(step));
    }

    void Tell(SaveReport? report)
    {
        foreach (var warning in report?.Warnings ?? []) observer.Warn(warning);
    }

    TrainingState StateOf(Trainer trainer, TrainingTask task)
    {
        var progress = trainer.Progress;
        return new TrainingState
        {
            Step = progress.Step,
            Tokens = progress.Targets,
            Examples = 0,
            Seconds = progress.Seconds,
            Sampler = task.SamplerState,
            Schedule = new Dictionary<string, double>
            {
                ["optimizer_steps"] = trainer.Optimizer.Steps,
                ["steps"] = config.Training.Steps,
                ["validations_since_best"] = progress.ValidationsSinceBest,
                ["validated_step"] = progress.ValidatedStep,
                ["skipped_steps"] = progress.SkippedSteps,
                ["roll_backs"] = progress.RollBacks,
                ["micro_pieces"] = task.Micro.Pieces,
                ["train_loss"] = progress.TrainLoss,
            },
            Best = progress.BestStep > 0 ? new BestSoFar(ValidationLoss, progress.BestLoss, progress.BestStep) : null,
            Hashes = HashesOf(config, inputHash),
            Precision = precision,
            Threads = get_num_threads(),
            Versions = new WriterVersions(typeof(TrainerOutputs).Assembly.GetName().Version?.ToString(3) ?? "", NativeLibraries.Load().Version, Environment.Version.ToString()),
        };
    }

    /// <summary>What tells whether a run can go on from a checkpoint.</summary>
    internal static StateHashes HashesOf(RunConfig config, string inputHash) =>
        new(HashOf(ConfigWriter.ToYaml(config)), HashOf(ConfigWriter.ToYaml(new ModelFragment { Model = config.Model })), inputHash);

    /// <summary>Refuses a checkpoint of another model, tokenizer or image transform.</summary>
    internal static void CheckFits(Checkpoint checkpoint, StateHashes saved, StateHashes here)
    {
        if (saved.Model != here.Model)
            throw new CheckpointException(checkpoint.Folder, "the config's model is not the one that was saved", "give the run another folder with --run, or start anew with --resume=never in an empty one");
        if (saved.Tokenizer != here.Tokenizer)
            throw new CheckpointException(checkpoint.Folder, "the tokenizer, or the images' transform or classes, are not those that were saved", "give the run another folder with --run");
    }

    static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>Puts a trainer where a checkpoint was saved.</summary>
    /// <exception cref="UserException">The checkpoint is of another model, tokenizer or image transform, or damaged.</exception>
    public void Restore(Checkpoint checkpoint, Trainer trainer, TrainingTask task)
    {
        var state = checkpoint.ReadState();
        var here = HashesOf(config, inputHash);
        CheckFits(checkpoint, state.Hashes, here);
        if (state.Hashes.Config != here.Config) observer.Warn("the config differs from the saved run's outside the model: the new one counts");
        if (state.Threads != get_num_threads()) observer.Warn($"the run goes on with {get_num_threads()} threads; it was saved with {state.Threads}: sums may round differently");
        if (state.Precision != precision) observer.Warn($"the run goes on in {precision}; it was saved in {state.Precision}");

        Fill(checkpoint, CheckpointFiles.Model, task.Model.state_dict().Select(named => (named.Key, named.Value)));
        Fill(checkpoint, CheckpointFiles.Optimizer, trainer.Optimizer.State,
            "the optimizer's kind or momentum, or what training.freeze holds still, has changed since: put it back, or start another run from these weights with --run and --from");
        if (trainer.Ema is { } average)
        {
            if (checkpoint.Has(CheckpointFiles.Average)) Fill(checkpoint, CheckpointFiles.Average, average.State);
            else
            {
                average.Restart();
                observer.Warn("the checkpoint has no moving average: it starts at the saved weights");
            }
        }
        trainer.Optimizer.Steps = (long)state.Schedule.GetValueOrDefault("optimizer_steps", state.Step);
        var progress = trainer.Progress;
        (progress.Step, progress.Targets, progress.Seconds) = (state.Step, state.Tokens, state.Seconds);
        progress.TrainLoss = state.Schedule.GetValueOrDefault("train_loss", double.NaN);
        progress.ValidatedStep = (long)state.Schedule.GetValueOrDefault("validated_step", state.Step);
        progress.SkippedSteps = (long)state.Schedule.GetValueOrDefault("skipped_steps");
        progress.RollBacks = (long)state.Schedule.GetValueOrDefault("roll_backs");
        progress.ValidationsSinceBest = (int)state.Schedule.GetValueOrDefault("validations_since_best");
        progress.CheckPatience(config.Training.Validate.Patience);
        (progress.BestStep, progress.BestLoss) = state.Best is { } best ? (best.Step, best.Value) : (0, double.PositiveInfinity);
        if (progress.LastValidation?.Step != state.Step) progress.LastValidation = SavedValidation(checkpoint, progress);
        // Sums over other micro-batches would round differently.
        if (config.Training.Batch.Fit) task.Micro = task.Micro with { Pieces = (int)state.Schedule.GetValueOrDefault("micro_pieces", 1) };
        task.SamplerState = state.Sampler;
    }

    // What was measured at this very step belongs in the result, and in the checkpoint where it is written again.
    static ValidationReport? SavedValidation(Checkpoint checkpoint, TrainerProgress progress)
    {
        var metrics = checkpoint.Manifest.Metrics;
        if (progress.ValidatedStep != progress.Step || !metrics.TryGetValue(ValidationLoss, out var loss)) return null;
        var others = metrics.Where(metric => metric.Key != ValidationLoss).ToDictionary();
        return new ValidationReport(progress.Step, loss, Targets: 0, others, progress.BestStep == progress.Step, Seconds: 0);
    }

    /// <summary>The newest intact checkpoint of a step before another; null where there is none.</summary>
    internal Checkpoint? NewestBefore(long step)
    {
        checkpoints.Settle();
        return folder.Checkpoints.FindNewestIntact(out _, before: step);
    }

    /// <summary>Puts a trainer back to an earlier checkpoint, changes it, and saves it anew under that step; what came after it is void.</summary>
    /// <param name="good">The checkpoint.</param>
    /// <param name="trainer">The loop.</param>
    /// <param name="task">What is trained.</param>
    /// <param name="change">What must not be as it was saved.</param>
    internal void RollBackTo(Checkpoint good, Trainer trainer, TrainingTask task, Action change)
    {
        Restore(good, trainer, task);
        change();
        folder.Checkpoints.SetAsideAfter(good.Step, PolicyOf(config.Training.Checkpoint));
        Open(good.Step);
        observer.WentBack(good.Step);
        Save(trainer, task, background: false);
    }

    static void Fill(Checkpoint checkpoint, string name, IEnumerable<(string, Tensor)> tensors, string hint = "it was saved by a model of another shape")
    {
        using var file = checkpoint.OpenTensors(name);
        ModelTensors.Fill(file, checkpoint.PathOf(name), tensors, hint);
    }

    /// <summary>Waits for the last save and closes the metrics.</summary>
    public void Dispose()
    {
        checkpoints.Dispose();
        metrics?.Dispose();
    }
}
