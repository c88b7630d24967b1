using System.CommandLine;
using TransformerCli.Progress;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Training;

namespace TransformerCli.Commands;

/// <summary><c>train</c>: trains what a config says.</summary>
static class TrainCommand
{
    const string Resume = "--resume";

    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var configs = new Argument<string[]>("CONFIG") { Description = "Config files, YAML or JSON, or names of ready configs; later ones win", Arity = ArgumentArity.OneOrMore };
        var sets = new Option<string[]>("--set") { Description = "Change a setting, such as model.layers=12", HelpName = "k=v", AllowMultipleArgumentsPerToken = true };
        var data = new Option<string?>("--data") { Description = "Read the data from this file or folder instead", HelpName = "PATH" };
        var run = new Option<string?>("--run") { Description = "The run's folder [default: runs/<config name>]", HelpName = "DIR" };
        var resume = new Option<string?>(Resume) { Description = "auto, never, or a checkpoint to go on from (only with =) [default: auto]", HelpName = "auto|never|PATH", Arity = ArgumentArity.ZeroOrOne };
        var from = new Option<string?>("--from") { Description = "Start a new run from the weights (and the tokenizer) of this run", HelpName = "RUN" };
        var seeds = new Option<int?>("--seeds") { Description = "Train N runs, of the config's seed and those after it, each in its own folder seed-… of the run's, and tell the means and deviations", HelpName = "N" };
        var maxSteps = new Option<long?>("--max-steps") { Description = "Stop after this step; a later call goes on", HelpName = "N" };
        var maxTime = new Option<string?>("--max-time") { Description = "Stop after this time, such as 10m; a later call goes on", HelpName = "TIME" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Check everything with one pass of a real batch, tell what would be trained, and train nothing" };
        var expect = new Option<string[]>("--expect") { Description = "Exit with 3 unless a result holds, such as val_loss<=1.55; with --seeds, unless the mean does", HelpName = "RULE", AllowMultipleArgumentsPerToken = true };
        var device = DeviceOption.Create();
        var precision = DeviceOption.CreatePrecision();
        var command = new Command("train", """
            Trains what a config says.

            Example: transformer train configs/gpt-stories.yaml --set training.steps=400
            """)
        {
            configs, sets, data, run, resume, from, seeds, maxSteps, maxTime, dryRun, expect, device, precision,
        };
        context.Handle(command, (parse, _) =>
        {
            var expectations = (parse.GetValue(expect) ?? []).Select(Expectation.Parse).ToList();
            if (OptionUse.Has(parse, resume) && parse.GetValue(resume) is null) throw new UserException($"{Resume}= needs a value: auto, never or the folder of a checkpoint");
            var files = parse.GetValue(configs)!;
            if (parse.Tokens.Any(token => token.Value == Resume) && files.FirstOrDefault(file => file is "auto" or "never" && !File.Exists(file)) is { } value)
                throw new UserException($"{value} is no config", $"{Resume} takes its value behind an equals sign: {Resume}={value}");
            List<string> settings = [.. parse.GetValue(sets) ?? []];
            if (parse.GetValue(precision) is { } asked) settings.Add($"training.precision={asked}");
            if (parse.GetValue(maxSteps) is < 1 and var few) throw new UserException($"--max-steps ({few}) must be at least 1");
            var loaded = ConfigFile.Open<RunConfig>(files, settings);
            var config = parse.GetValue(data) is { } path ? DataOverride.Apply(loaded.Config, path) : loaded.Config;
            if (!parse.GetValue(dryRun)) Expectation.CheckNames(expectations, TrainOutput.Numbers);
            var options = WithResume(new TrainingOptions
            {
                Run = parse.GetValue(run) ?? Path.Combine("runs", Path.GetFileNameWithoutExtension(files[^1])),
                From = parse.GetValue(from),
                MaxSteps = parse.GetValue(maxSteps),
                MaxTime = parse.GetValue(maxTime) is { } text ? DurationOf(text) : null,
                Device = DeviceOption.Resolve(parse.GetValue(device)),
            }, parse.GetValue(resume));

            var stop = new StopRequest();
            using var signals = new Signals(stop);
            using var reporter = TrainingReporter.Create(context, parse);
            TrainOutput output;
            try
            {
                output = loaded.WithPositions(_ => parse.GetValue(dryRun) ? TrainOutput.DryRun(config, options, parse.GetValue(seeds), reporter, stop)
                    : parse.GetValue(seeds) is { } count ? TrainOutput.Seeds(config, options, count, reporter, stop)
                    : TrainOutput.Run(config, options, reporter, stop));
            }
            catch (OperationCanceledException) when (stop.Reason is not null)
            {
                reporter.Note($"stopped before the first step ({stop.Reason}); the same command goes on");
                return CodeOf(stop.Reason);
            }
            reporter.Finish();
            if (parse.GetValue(context.JsonOption)) context.WriteJson(output.Document);
            else output.Write(context.Out);
            if (output.Lacks is { } shortage)
            {
                // Standard output has the document already: one is all.
                context.Error.WriteLine($"error: {shortage.Message}");
                return shortage.Code;
            }
            return output.Judged is { } judged && Expectation.Judge(context, expectations, judged) is { } code ? code : CodeOf(output.Stopped);
        });
        return command;
    }

    /// <summary>The words with each bare <c>--resume</c> of <c>train</c> written as <c>--resume=auto</c>, so that it does not swallow the word after it; null where there is none.</summary>
    internal static string[]? SpellOutResume(ParseResult parse, string[] words)
    {
        if (parse.CommandResult.Command is not { Name: "train" } command || !command.Options.Any(option => option.Name == Resume) || !words.Contains(Resume)) return null;
        return [.. words.Select(word => word == Resume ? $"{Resume}=auto" : word)];
    }

    static int CodeOf(string? stopped) => stopped switch
    {
        "sigint" => ExitCodes.Interrupted,
        "sigterm" => ExitCodes.Terminated,
        _ => ExitCodes.Done,
    };

    static TrainingOptions WithResume(TrainingOptions options, string? resume) => resume switch
    {
        null or "auto" => options,
        "never" => options with { Resume = ResumeMode.Never },
        _ when Directory.Exists(resume) => options with { ResumeFrom = resume },
        _ => throw new UserException($"--resume ({resume}) must be auto, never or the folder of a checkpoint"),
    };

    static TimeSpan DurationOf(string text) => Duration.TryParse(text, out var time) && time > TimeSpan.Zero ? time
        : throw new UserException($"--max-time ({text}) must be a duration such as 10m or 1h30m");
}
