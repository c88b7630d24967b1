using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Evaluation;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports;
using Transformers.Runs;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>A training run from its config to its result.</summary>
public static class TrainingRun
{
    const string MorePatience = "it stopped because validation did not improve: raise training.validate.patience to continue";

    internal static readonly JsonSerializerOptions Json = JsonStyle.Indented;

    /// <summary>Prepares the data, creates the model, resumes from the folder's newest checkpoint, trains, validates and saves.</summary>
    /// <exception cref="UserException">The config, the data, the folder or a checkpoint does not fit.</exception>
    /// <exception cref="DivergedException">The training diverged.</exception>
    public static TrainResult Start(RunConfig config, TrainingOptions options, ITrainingObserver? observer = null, StopRequest? stop = null)
    {
        observer ??= DataProfile.Silent;
        stop ??= new StopRequest();
        var processes = options.Processes;
        if (!processes.IsFirst) return Follow(options, observer, stop);
        using var folder = RunFolder.OpenForTraining(options.Run, TrainerOutputs.PolicyOf(config.Training.Checkpoint));
        if (options.Resume == ResumeMode.Never && !folder.IsEmpty) throw NotEmpty(folder);
        options = Resuming(options, folder);
        config = Kind.For(config.Model).Resolve(config, options);
        var finished = FinishedRun.ResultOf(folder, config, options, observer);
        processes.Broadcast(new Opening(ConfigWriter.ToYaml(config), finished, options.Own));
        if (finished is not null)
        {
            observer.Note($"{options.Run} is finished: {Amount.Of(finished.Steps, "step")}; {(finished.Stopped == TrainResult.Patience ? MorePatience : "raise training.steps to continue")}");
            return finished;
        }
        using var tensorBoard = new TensorBoardLog(folder.TensorBoardFolder, observer.Warn);
        var samples = new SampleLog(folder.SamplesFile);
        observer = new ObserverGroup(observer, tensorBoard, samples, new PictureLog(folder.FullPath, observer.Warn));
        NativeLibraries.Load();
        using var timer = options.MaxTime is { } limit ? new TimeLimit(limit, stop) : null;

        using var setup = Create(config, options, observer, stop);
        var precision = Precisions.Resolve(config.Training.Precision, options.Device);
        var name = Precisions.NameOf(precision);
        var identity = new RunIdentity(config, setup.Files, setup.FilesHash, name);
        using var outputs = new TrainerOutputs(folder, identity, TrainerOutputs.PolicyOf(config.Training.Checkpoint), observer);
        using var trainer = CreateTrainer(setup, config, options, outputs, observer, stop, MachinePeaks.FlopsPerSecond(options.Device, precision) * processes.Size);
        Resume(folder, config, options, trainer, identity, observer);
        trainer.Share();
        folder.WriteText("config.yaml", ConfigWriter.ToYaml(config));
        foreach (var (file, bytes) in setup.Files) folder.WriteBytes(file, bytes);
        outputs.Open(trainer.State.Step);
        tensorBoard.Open(trainer.State.Step);
        samples.Open(trainer.State.Step);
        folder.WriteText(MachineReport.File, MachineReport.Here(options.Device).ToJson());
        var parameters = setup.Task.Model.parameters().Sum(parameter => parameter.numel());
        observer.Note(FormattableString.Invariant($"{KindAttribute.Of(config.Model)} with {parameters:N0} parameters, {name}, {options.Device}, {Amount.Of(get_num_threads(), "thread")}{(processes.IsAlone ? "" : $" in each of {processes.Size} processes ({processes.Library})")}"));

        if (config.Training.Schedule is NoamScheduleConfig noam)
            observer.Note(FormattableString.Invariant($"noam schedule: factor {config.Training.Optimizer.Lr * noam.Factor:G6}, peak learning rate {new Schedule(noam, config.Training.Optimizer.Lr, config.Training.Steps, config.Model.Width).Peak:G4} at step {noam.Warmup}"));

        Train(trainer, setup.Task, config, options, observer, stop);
        var result = Result(config, options, trainer, setup, parameters, name, stop);
        if (result.Stopped is null or TrainResult.Patience)
        {
            // Written first: a finished run stays finished, even if its samples or its report fail.
            folder.WriteResult(JsonSerializer.Serialize(result, Json) + "\n");
            ShowSamples(trainer, setup.Task, result.Steps, observer, stop);
        }
        Showing.Try("the report", observer, stop, () => folder.WriteText("report.html", HtmlReport.Of(ReportedRun.Read(folder))));
        return result;
    }

    // Every process except the first: the same training, with what the first process has read, and without writing files.
    static TrainResult Follow(TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var (yaml, finished, own) = options.Processes.Broadcast<Opening>(null!);
        if (finished is not null) return finished;
        options = options with { Own = own };
        var config = ConfigFile.Parse<RunConfig>(yaml, "the first process's config");
        NativeLibraries.Load();
        using var timer = options.MaxTime is { } limit ? new TimeLimit(limit, stop) : null;
        using var setup = Create(config, options, observer, stop);
        using var trainer = CreateTrainer(setup, config, options, outputs: null, observer, stop, peakFlops: null);
        trainer.Share();
        Train(trainer, setup.Task, config, options, observer, stop);
        return Result(config, options, trainer, setup, 0, "", stop);
    }

    sealed record Opening(string Config, TrainResult? Finished, string? Own);

    /// <summary>The options of a run, with the checkpoint that it resumes from.</summary>
    internal static TrainingOptions Resuming(TrainingOptions options, RunFolder folder) =>
        options.From is null ? options : options with { Own = options.ResumeFrom ?? folder.Checkpoints.FindNewestIntact(out _)?.Folder };

    static TaskSetup Create(RunConfig config, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        // One after another: the first prepares the data, and the others find them in the cache.
        var setup = options.Processes.InTurns(() => Kind.For(config.Model).CreateTask(config, options, observer, stop));
        try
        {
            Prepare(setup, config, options, observer);
            if (options.Processes.FindDifferent(setup.FilesHash) is { } other)
                throw new UserException($"process {other} has a different tokenizer, image transform or classes from process 0: their data or caches differ", "give all machines the same data, or a shared folder");
            return setup;
        }
        catch
        {
            setup.Dispose();
            throw;
        }
    }

    static Trainer CreateTrainer(TaskSetup setup, RunConfig config, TrainingOptions options, TrainerOutputs? outputs, ITrainingObserver observer, StopRequest stop, double? peakFlops) =>
        new(setup.Task, config.Training, SeedStreams.Of(config.Seed, "dropout"), config.Model.Width, Precisions.Resolve(config.Training.Precision, options.Device), options.Device, outputs, observer, stop, options.Processes)
        {
            PeakFlops = peakFlops,
        };

    static void Train(Trainer trainer, TrainingTask task, RunConfig run, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var config = run.Training;
        var lastStep = Math.Min(config.Steps, options.MaxSteps ?? long.MaxValue);
        // Several processes fit the memory together, so they stop only at the first step.
        var alone = options.Processes.IsAlone;
        if (trainer.State.Step < lastStep && !(alone && stop.Reason is not null)) new MemoryFit(trainer, task, config, options.Device, observer, alone ? stop.Token : default).Ensure();
        try
        {
            trainer.Run(lastStep);
        }
        catch (Exception exception) when (MemoryException.IsOutOfMemory(exception))
        {
            throw new MemoryException($"step {trainer.State.Step + 1} ran out of memory: {MemoryException.Describe(exception)}", $"{MemoryFit.Remedy(config, rows: null)}; the same command then resumes from the last checkpoint", exception);
        }
    }

    /// <summary>Loads another run's weights and freezes parameters, as the options and the config say.</summary>
    internal static void Prepare(TaskSetup setup, RunConfig config, TrainingOptions options, ITrainingObserver observer)
    {
        if (options is { From: { } from, Own: null })
        {
            var other = TrainedRun.Open(from);
            observer.Note($"starting from {other.Checkpoint.Folder}: {WarmStart.From(setup.Task.Model, other, setup.Labels, config)}{WarmStart.Differences(other, config)}");
        }
        if (!setup.Task.HasValidation)
            observer.Warn($"nothing is held out for validation, so there will be no val_loss, no other validation metric and no best checkpoint ({config.Data.HoldoutHint()})");
        options.BeforeSteps?.Invoke(setup.Task);
        if (config.Training.Freeze is { } patterns)
            observer.Note($"{WarmStart.Freeze(setup.Task.Model, patterns)} of {setup.Task.Model.parameters().Count()} tensors are frozen");
    }

    static void ShowSamples(Trainer trainer, TrainingTask task, long step, ITrainingObserver observer, StopRequest stop)
    {
        using var averaged = trainer.SwapAverage();
        try
        {
            Showing.Try("the samples", observer, stop, () =>
            {
                if (task.Samples(stop.Token) is { Count: > 0 } samples) observer.OnSamples(step, samples);
            });
        }
        catch (OperationCanceledException) when (stop.Reason is not null)
        {
            // The run is finished.
        }
    }

    internal static UserException NotEmpty(RunFolder folder) => new(
        [new Problem("the run folder is not empty, and --resume=never starts a new run", folder.FullPath, Hint: "name another folder with --run, or delete this one")]);

    static void Resume(RunFolder folder, RunConfig config, TrainingOptions options, Trainer trainer, RunIdentity identity, ITrainingObserver observer)
    {
        Checkpoint? checkpoint;
        if (options.ResumeFrom is { } path) checkpoint = Checkpoint.Open(path);
        else
        {
            checkpoint = folder.Checkpoints.FindNewestIntact(out var skipped);
            foreach (var damaged in skipped) observer.Warn($"skipped {damaged.Folder}: {damaged.Reason}");
        }
        if (checkpoint is not null) trainer.Restore(checkpoint, identity.ReadState(checkpoint, observer));
        // Only now is it certain that the run continues, and that the folder no longer contains a finished one.
        if (folder.IsFinished) folder.ClearResult();
        if (checkpoint is null) return;
        folder.Checkpoints.SetAsideAfter(trainer.State.Step, TrainerOutputs.PolicyOf(config.Training.Checkpoint));
        observer.Note($"resuming from step {trainer.State.Step} ({checkpoint.Folder})" + (options.From is null ? "" : ": its own weights are used, not those of --from"));
    }

    static TrainResult Result(RunConfig config, TrainingOptions options, Trainer trainer, TaskSetup setup, long parameters, string precision, StopRequest stop)
    {
        var progress = trainer.State;
        var validation = trainer.LastValidation is { } last && last.Step == progress.Step ? last : null;
        var speed = setup.UnitsOf(progress.Targets) / Math.Max(1e-9, progress.Seconds);
        return new TrainResult
        {
            Run = options.Run,
            From = options.From,
            Model = KindAttribute.Of(config.Model),
            Parameters = parameters,
            Steps = progress.Step,
            Seconds = progress.Seconds,
            TokensPerSecond = setup.Task.Unit == "tokens" ? speed : null,
            ImagesPerSecond = setup.Task.Unit == "images" ? speed : null,
            TrainLoss = double.IsNaN(progress.TrainLoss) ? null : progress.TrainLoss,
            ValLoss = validation?.Loss,
            Best = progress.Best is { } best ? new BestResult(best.Step, best.Loss) : null,
            Metrics = validation?.Metrics ?? new Dictionary<string, double>(),
            PeakMemoryBytes = ProcessMemory.Peak,
            Precision = precision,
            Device = options.Device.ToString(),
            Processes = options.Processes.IsAlone ? null : options.Processes.Size,
            DataWait = setup.Task.DataWait,
            SkippedSteps = progress.SkippedSteps,
            RollBacks = progress.RollBacks,
            Confusion = setup.Task.Confusion?.Rows,
            Labels = setup.Task.Confusion?.Labels,
            Examples = setup.Task.Examples is { Count: > 0 } examples ? examples : null,
            Stopped = progress.Step >= config.Training.Steps && !trainer.Interrupted ? null : trainer.OutOfPatience ? TrainResult.Patience : stop.Reason ?? "max_steps",
        };
    }
}

/// <summary>Finds out whether a folder already contains the result of a run.</summary>
static class FinishedRun
{
    /// <summary>The result of a run that has nothing left to do; null otherwise. Warns of settings that therefore have no effect.</summary>
    /// <exception cref="UserException">The folder contains a finished run with a different model, different data or a different start, or a damaged result; or a setting is not valid.</exception>
    internal static TrainResult? ResultOf(RunFolder folder, RunConfig config, TrainingOptions options, ITrainingObserver observer)
    {
        if (!folder.IsFinished) return null;
        var before = ConfigFile.Load<RunConfig>([folder.ConfigFile]);
        CheckSame(folder, before, config);
        // --resume=PATH explicitly asks to continue from a checkpoint.
        if (options.ResumeFrom is not null) return null;
        if (TrainResult.Read(folder) is not { } result) return null;
        if (result.Steps < config.Training.Steps && (result.Stopped != TrainResult.Patience || IsMorePatient(before, config))) return null;
        if (options.From is { } from && !(result.From is { } began && ConfigDifferences.SamePath(began, from)))
            throw new UserException([new Problem($"contains a finished run, but --from ({from}) starts a new one", folder.FullPath, Hint: "name another folder with --run")]);
        if (ConfigDifferences.Of(before, config) is { Count: > 0 } differences)
        {
            CheckFreeze(folder, config.Training.Freeze ?? []);
            observer.Warn($"the run is finished, so settings that have changed since have no effect: {string.Join("; ", differences)} (name another folder with --run to train with them)");
        }
        return result;
    }

    // The only rule of a training setting that needs more than the config: the names of the parameters.
    static void CheckFreeze(RunFolder folder, IReadOnlyList<string> patterns)
    {
        if (patterns.Count == 0 || folder.Checkpoints.FindNewestIntact(out _) is not { } checkpoint) return;
        using var weights = checkpoint.OpenTensors(checkpoint.WeightsFile);
        WarmStart.Matches([.. weights.Tensors.Select(tensor => TensorNames.Current(tensor.Name))], patterns);
    }

    static bool IsMorePatient(RunConfig before, RunConfig now) =>
        now.Training.Validate.Patience is not { } patience || patience > before.Training.Validate.Patience;

    // A run may train longer or with other training settings, but not with another model or other data.
    static void CheckSame(RunFolder folder, RunConfig before, RunConfig now)
    {
        foreach (var (part, old, asked) in new (string, object, object)[] { ("model", before.Model, now.Model), ("data", before.Data, now.Data) })
            if (ConfigDifferences.Of(old, asked, part) is [var first, ..])
                throw new UserException([new Problem($"contains a finished run of a different config: {first.Path} is {first.Old ?? "not set"} there and {first.New ?? "not set"} here", folder.FullPath, Hint: "name another folder with --run")]);
    }
}
