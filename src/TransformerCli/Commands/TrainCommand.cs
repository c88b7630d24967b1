using System.CommandLine;
using System.Text.Json;
using TransformerCli.Output;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Processes;
using Transformers.Runs;
using Transformers.Training;

namespace TransformerCli.Commands;

/// <summary><c>train</c>: trains the model that a config describes.</summary>
static class TrainCommand
{
    internal const string Resume = "--resume";

    public static Command Create(CliContext context)
    {
        var configs = CommonOptions.ConfigsOrRun();
        var (sets, data, device, precision) = (CommonOptions.Sets(), CommonOptions.Data(), CommonOptions.Device(), CommonOptions.Precision("the config's"));
        var include = CommonOptions.Include();
        var run = new Option<string?>("--run") { Description = "The run's folder [default: runs/<config name>, or the run to continue]", HelpName = "DIR" };
        var resume = new Option<string?>(Resume) { Description = "auto, never, or a checkpoint to resume from (written with =, as in --resume=never) [default: auto]", HelpName = "auto|never|PATH", Arity = ArgumentArity.ZeroOrOne, CompletionSources = { "auto", "never" } };
        var from = new Option<string?>("--from") { Description = "Start a new run from the weights of this run, with its tokenizers or image statistics", HelpName = "RUN", CompletionSources = { Completions.Runs } };
        var seeds = new Option<int?>("--seeds") { Description = "Train N runs with the config's seed and the seeds after it, each in its own subfolder seed-…, and report means and standard deviations", HelpName = "N" };
        var nproc = CommonOptions.Processes();
        var maxSteps = new Option<long?>("--max-steps") { Description = "Stop after this step; repeat the command to continue", HelpName = "N" };
        var maxTime = MaxTime();
        var dryRun = new Option<bool>("--dry-run") { Description = "Check everything with one pass over a real batch and print what would be trained; train nothing" };
        var expect = CommonOptions.Expect("val_loss<=1.55", "; with --seeds, the mean must");
        return context.Create("train", """
            Trains the model that a config describes.

            Example: transformer train configs/gpt-stories.yaml --set training.steps=400
            """, [configs, sets, data, include, run, resume, from, seeds, nproc, maxSteps, maxTime, dryRun, expect, device, precision], (parse, _) => parse.StartsSeveral(context, nproc, saves: true, () => Load(parse)) is { } several ? several : Train(parse));

        int Train(ParseResult parse)
        {
            var stop = new StopRequest();
            using var signals = new Signals(stop);
            return Team.Run(context, parse, stop, team => TrainWith(team, parse, stop));
        }

        LoadedConfig<RunConfig> Load(ParseResult parse)
        {
            List<string> settings = [.. parse.GetValue(sets) ?? []];
            if (parse.GetValue(precision) is { } asked) settings.Add($"training.precision={asked}");
            var files = parse.GetValue(configs)!;
            return ConfigFile.Open<RunConfig>(RunOf(files) is { } folder ? [Path.Combine(folder, CheckpointFiles.Config)] : files, settings);
        }

        int TrainWith(Team team, ParseResult parse, StopRequest stop)
        {
            var expectations = (parse.GetValue(expect) ?? []).Select(Expectation.Parse).ToList();
            if (parse.Has(resume) && parse.GetValue(resume) is null) throw new UserException($"{Resume}= needs a value: auto, never or the folder of a checkpoint");
            var files = parse.GetValue(configs)!;
            if (parse.Tokens.Any(token => token.Value == Resume) && files.FirstOrDefault(file => file is "auto" or "never" && !File.Exists(file)) is { } value)
                throw new UserException($"{value} is not a config", $"{Resume} takes its value after an equals sign: {Resume}={value}");
            var limit = parse.AtLeast(1L, maxSteps);
            var loaded = Load(parse);
            var config = DataOverride.Apply(loaded.Config, parse.GetValue(data), parse.Patterns(include));
            // Only the first process checks: it computes a whole step, including the parts of the others.
            if (parse.GetValue(dryRun) && !team.Processes.IsFirst) return ExitCodes.Done;
            if (!parse.GetValue(dryRun)) Expectation.CheckNames(expectations, TrainOutput.ResultNames);
            var where = parse.ResolveDevice(context, device);
            var options = WithResume(new TrainingOptions
            {
                Processes = parse.GetValue(dryRun) ? Communicator.Single : team.For(where),
                Run = parse.GetValue(run) ?? RunOf(files) ?? Path.Combine("runs", Path.GetFileNameWithoutExtension(files[^1])),
                From = parse.GetValue(from),
                MaxSteps = limit,
                BeforeSteps = task => Expectation.CheckNames(expectations, TrainOutput.NamesOf(task)),
                MaxTime = DurationOf(parse.GetValue(maxTime)),
                Device = where,
            }, parse.GetValue(resume));

            using var reporter = new TrainingReporter(context, parse, parse.GetValue(dryRun) || !team.Processes.IsFirst ? null : options.Run);
            if (parse.GetValue(dryRun) && !team.Processes.IsAlone) reporter.Note($"the first of {team.Processes.Size} processes computes the whole batch alone; in training each process computes a part of it");
            TrainOutput output;
            try
            {
                output = loaded.WithPositions(_ => parse.GetValue(dryRun) ? TrainOutput.DryRun(config, options, parse.GetValue(seeds), reporter, stop)
                    : parse.GetValue(seeds) is { } count ? TrainOutput.Seeds(config, options, count, reporter, stop)
                    : TrainOutput.Run(config, options, reporter, stop));
            }
            catch (OperationCanceledException) when (stop.Reason is not null)
            {
                if (team.Processes.IsFirst) reporter.Note($"stopped before the first step ({stop.Reason}); the same command continues");
                context.PrintStopped(parse, stop.Reason);
                if (!team.Processes.IsAlone) throw;
                return ExitCodes.Of(stop.Reason);
            }
            try
            {
                context.Print(parse, output.Document, output.Write);
            }
            catch (OutputException) when (ExitCodes.Of(output.Stopped) is not ExitCodes.Done and var signalled)
            {
                // The terminal was closed, and its signal has stopped the run.
                return signalled;
            }
            if (output.Shortage is { } shortage)
            {
                // Standard output already has its one document.
                context.Error.WriteLine($"error: {shortage.Message}");
                return shortage.Code;
            }
            return output.Expected is { } expected && Expectation.Check(context, expectations, expected) is { } code ? code : ExitCodes.Of(output.Stopped);
        }
    }

    // The run that is named, by its folder or by the config in it, in place of a config.
    static string? RunOf(string[] files)
    {
        if (files is not [var path]) return null;
        var folder = Directory.Exists(path) ? path : Path.GetFileName(path) == CheckpointFiles.Config ? Path.GetDirectoryName(Path.GetFullPath(path)) : null;
        return folder is not null && RunFolder.IsRun(folder) ? folder : null;
    }

    internal static Option<string?> MaxTime() => new("--max-time") { Description = "Stop after this time, such as 10m; repeat the command to continue", HelpName = "TIME" };

    static TrainingOptions WithResume(TrainingOptions options, string? resume) => resume switch
    {
        null or "auto" => options,
        "never" => options with { Resume = ResumeMode.Never },
        _ when Directory.Exists(resume) => options with { ResumeFrom = resume },
        _ => throw new UserException($"--resume ({resume}) must be auto, never or the folder of a checkpoint"),
    };

    /// <summary>The value of <see cref="MaxTime"/>; null if it was not given.</summary>
    internal static TimeSpan? DurationOf(string? text) => text is null ? null : Duration.TryParse(text, out var time) && time > TimeSpan.Zero ? time
        : throw new UserException($"--max-time ({text}) must be a duration such as 10m or 1h30m");
}

/// <summary>The result of <c>train</c>: one run, several seeds, or a dry run.</summary>
/// <param name="Document">What <c>--json</c> prints.</param>
/// <param name="Write">Prints it for a person.</param>
/// <param name="Expected">The document that <c>--expect</c> is about; null for none.</param>
/// <param name="Stopped">Why it ended early.</param>
/// <param name="Shortage">What this machine lacks for the run; null if nothing.</param>
sealed record TrainOutput(object Document, Action<TextWriter> Write, object? Expected, string? Stopped, Shortage? Shortage = null)
{
    /// <summary>What validations measure besides the loss, by the kind of model; docs/json.md has the same list.</summary>
    internal static IReadOnlyList<string> Metrics { get; } =
        ["perplexity", "bits_per_byte", "bleu", "chrf", "exact", "accuracy", "accuracy_*", "top1", "top5", "macro_f1", "calibration_error", "masked_accuracy", "match_accuracy", .. SeriesComparison.AllNames];

    /// <summary>The numbers of a result, by the names that <c>--expect</c> uses.</summary>
    internal static IReadOnlyList<string> ResultNames { get; } =
    [
        .. typeof(TrainResult).GetProperties().Where(property => IsNumber(property.PropertyType)).Select(property => NameOf(property.Name)),
        .. typeof(BestResult).GetProperties().Where(property => IsNumber(property.PropertyType)).Select(property => $"best.{NameOf(property.Name)}"),
        .. Metrics,
    ];

    /// <summary>The numbers of the result of a run that is about to start.</summary>
    internal static IReadOnlyList<string> NamesOf(TrainingTask task) =>
        [.. ResultNames.Except(Metrics).Where(name => name switch
        {
            "val_loss" => task.HasValidation,
            "tokens_per_second" or "images_per_second" => name == $"{task.Unit}_per_second",
            _ => task.HasValidation || !name.StartsWith("best.", StringComparison.Ordinal),
        }), .. task.HasValidation ? task.MetricNames : []];

    static bool IsNumber(Type type) => (Nullable.GetUnderlyingType(type) ?? type) is { IsPrimitive: true } plain && plain != typeof(bool);

    static string NameOf(string property) => JsonNamingPolicy.SnakeCaseLower.ConvertName(property);

    internal static TrainOutput Run(RunConfig config, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var result = TrainingRun.Start(config, options, observer, stop);
        return new TrainOutput(result, writer => Summaries.Write(writer, result, config.Training.Validate.Batches), result, result.Stopped);
    }

    internal static TrainOutput Seeds(RunConfig config, TrainingOptions options, int count, ITrainingObserver observer, StopRequest stop)
    {
        var result = SeedRuns.Start(config, options, count, observer, stop);
        return new TrainOutput(result, writer => Summaries.Write(writer, result), result.Runs.Count == 0 ? null : new Means(result.Mean), result.Stopped);
    }

    internal static TrainOutput DryRun(RunConfig config, TrainingOptions options, int? count, ITrainingObserver observer, StopRequest stop)
    {
        var seeds = count is { } several ? SeedRuns.SeedsOf(config, several) : null;
        if (seeds is not null) options = options with { Run = SeedRuns.FolderOf(options.Run, config.Seed) };
        var result = Transformers.Kinds.DryRun.Start(config, options, observer, stop) with { Seeds = seeds };
        return new TrainOutput(result, writer => Summaries.Write(writer, result), null, null, FindShortage(result));
    }

    static Shortage? FindShortage(DryRunResult result)
    {
        if (!result.Memory.Fits)
            return new Shortage(ExitCodes.OutOfMemory, $"the run needs {ProgressText.Bytes(result.Memory.Needed)} of memory, but {ProgressText.Bytes(result.Memory.Available!.Value)} are available (lower training.batch.micro or the model's size)");
        return result.Disk.Fits ? null
            : new Shortage(ExitCodes.UserError, $"the run's checkpoints need {ProgressText.Bytes(result.Disk.Needed)}, but {ProgressText.Bytes(result.Disk.Available!.Value)} are free on the disk of the run's folder (lower training.checkpoint.keep, or put --run on another disk)");
    }

    // Means by the names that --expect uses.
    sealed record Means(IReadOnlyDictionary<string, double> Metrics);
}

/// <summary>A lack of memory or disk space for a run.</summary>
/// <param name="Code">The exit code.</param>
/// <param name="Message">What, how much, and what to do.</param>
sealed record Shortage(int Code, string Message);
