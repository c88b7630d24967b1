using System.CommandLine;
using System.CommandLine.Completions;
using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Processes;
using Transformers.Runs;
using Transformers.Training;
using static TorchSharp.torch;

namespace TransformerCli;

/// <summary>The arguments and options that several commands have, and the reading of their values.</summary>
static class CommonOptions
{
    internal static Argument<string> Run() => new("RUN") { Description = "A run folder or a checkpoint folder", HelpName = "RUN", CompletionSources = { Completions.Runs } };

    internal static Argument<string[]> Runs() =>
        new("RUN") { Description = "Run folders; several are compared", HelpName = "RUN", Arity = ArgumentArity.OneOrMore, CompletionSources = { Completions.Runs } };

    internal static Argument<string[]> Configs() => new("CONFIG")
    {
        Description = "Config files (YAML or JSON) or names of ready-made configs; later ones override earlier ones", HelpName = "CONFIG",
        Arity = ArgumentArity.OneOrMore, CompletionSources = { Completions.Configs },
    };

    /// <summary>As <see cref="Configs"/>, or a run to continue.</summary>
    internal static Argument<string[]> ConfigsOrRun()
    {
        var argument = Configs();
        argument.Description += "; or the folder of a run, to continue it with its own config";
        argument.CompletionSources.Add(Completions.Runs);
        return argument;
    }

    internal static Argument<string> ConfigOrRun() => new("CONFIG|RUN")
    {
        Description = "A config file, the name of a ready-made config, or a run folder", HelpName = "CONFIG|RUN", CompletionSources = { Completions.Configs, Completions.Runs },
    };

    internal static Option<string[]> Sets() => new("--set")
    {
        Description = "Change a setting, such as model.layers=12; may be repeated", HelpName = "k=v", AllowMultipleArgumentsPerToken = true, CompletionSources = { Completions.Settings },
    };

    internal static Option<string?> Data(string description = "Read the data from this file or folder instead") => new("--data") { Description = description, HelpName = "PATH" };

    internal static Option<string[]> Include() => new("--include")
    {
        Description = "Which files in folders to read as text, such as '**/*.cs'; may be repeated [default: those whose content is text]", HelpName = "PATTERN",
    };

    /// <summary>The patterns that were given; null for none.</summary>
    internal static IReadOnlyList<string>? Patterns(this ParseResult parse, Option<string[]> include) => parse.GetValue(include) is { Length: > 0 } patterns ? patterns : null;

    internal static Option<string?> Checkpoint() => new("--checkpoint")
    {
        Description = "best, latest or a step [default: best, else latest]", HelpName = "best|latest|N", CompletionSources = { "best", "latest" },
    };

    internal static Option<string?> Output(string description, string form = "FILE") => new("--output") { Description = description, HelpName = form };

    internal static Option<string> Output(string description, string form, string path) => new("--output") { Description = description, HelpName = form, DefaultValueFactory = _ => path };

    internal static Option<string[]> Expect(string example, string more = "") =>
        new("--expect") { Description = $"Exit with 3 unless a result satisfies this rule, such as {example}{more}; may be repeated", HelpName = "RULE", AllowMultipleArgumentsPerToken = true };

    internal static Option<int?> Processes() => new("--nproc") { Description = "Start N processes on this machine with mpirun, which divide the work", HelpName = "N" };

    /// <summary>If the user asks for several processes and no launcher has started them, starts them and waits for them.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="context">Where to print.</param>
    /// <param name="count">The option.</param>
    /// <param name="saves">As for <see cref="LocalLaunch.Run"/>.</param>
    /// <param name="check">Finds mistakes before they are reported by every process.</param>
    /// <returns>Their exit code; null if this process does the work.</returns>
    /// <exception cref="UserException">The number is below 1, or a launcher has already started several processes.</exception>
    internal static int? StartsSeveral(this ParseResult parse, CliContext context, Option<int?> count, bool saves = false, Action? check = null)
    {
        if (parse.AtLeast(1, count) is not { } processes || processes == 1) return null;
        var launch = Launch.Read();
        if (LocalLaunch.HasStartedThis)
        {
            if (launch is not null) return null;
            // The program that started the processes reports this, once.
            context.Muted = true;
            throw new UserException("the launcher did not give this process a rank");
        }
        if (launch is not null) throw new UserException($"--nproc ({processes}): {launch.Launcher} has already started {launch.Size} processes", "leave --nproc out");
        check?.Invoke();
        return LocalLaunch.Run(context, parse, processes, saves);
    }

    internal static Option<string> Device() => new("--device")
    {
        Description = "Where to compute: auto, cpu, cuda or cuda:N", HelpName = "DEVICE", DefaultValueFactory = _ => "auto", CompletionSources = { "auto", "cpu", "cuda" },
    };

    /// <param name="standard">The default in words, such as <c>the run's</c>.</param>
    internal static Option<string?> Precision(string standard = "auto") => new Option<string?>("--precision") { Description = $"The number format of matrix products: auto, fp32 or bf16 [default: {standard}]", HelpName = "PRECISION" }.OneOf("auto", "fp32", "bf16");

    internal static Option<string?> Quantize() => new Option<string?>("--quantize") { Description = "Keep the weight matrices in 8 bits (int8), on the CPU", HelpName = "int8" }.OneOf("int8");

    /// <summary>Limits an option to a few words, which shells complete.</summary>
    internal static Option<T> OneOf<T>(this Option<T> option, params string[] words)
    {
        option.CompletionSources.Add(words);
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
                if (!words.Contains(token.Value)) result.AddError($"{option.Name} ({token.Value}) must be one of {string.Join(", ", words)}");
        });
        return option;
    }

    /// <summary>Opens a run, and reports on standard error which checkpoint is used if the user named none.</summary>
    /// <exception cref="UserException">The run or checkpoint does not exist or is damaged.</exception>
    internal static TrainedRun OpenRun(this ParseResult parse, CliContext context, string path, Option<string?> checkpoint)
    {
        var run = TrainedRun.Open(path, parse.GetValue(checkpoint));
        if (run.Choice is { } choice && !parse.GetValue(context.QuietOption)) context.Announcement = $"using {choice}";
        return run;
    }

    /// <summary>The value of a numeric option, checked against its lower bound.</summary>
    /// <exception cref="UserException">It is below the bound.</exception>
    internal static T? AtLeast<T>(this ParseResult parse, T bound, Option<T?> option, string? hint = null) where T : struct, INumber<T> =>
        parse.GetValue(option) is { } value ? Checked(value, bound, option, hint) : null;

    /// <inheritdoc cref="AtLeast{T}(ParseResult, T, Option{T?}, string?)"/>
    internal static T AtLeast<T>(this ParseResult parse, T bound, Option<T> option, string? hint = null) where T : struct, INumber<T> => Checked(parse.GetValue(option), bound, option, hint);

    static T Checked<T>(T value, T bound, Option option, string? hint) where T : struct, INumber<T> =>
        value >= bound ? value : throw new UserException($"{option.Name} ({value}) must be at least {bound}", hint);

    /// <summary>Whether the user gave an option, rather than leaving it at its default.</summary>
    internal static bool Has(this ParseResult parse, Option option) => parse.GetResult(option) is { Implicit: false };

    /// <summary>Refuses options that a run's kind of model does not use.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="options">The options of another kind.</param>
    /// <param name="kinds">The kinds that use them.</param>
    /// <param name="model">The run's model.</param>
    /// <exception cref="UserException">With a problem for each option that was given.</exception>
    internal static void Refuse(this ParseResult parse, IEnumerable<Option> options, string kinds, ModelConfig model)
    {
        List<Problem> problems = [.. options.Where(option => parse.Has(option))
            .Select(option => new Problem($"{option.Name} is for {kinds}, but the run is of kind {KindAttribute.Of(model)}", Hint: "leave it out"))];
        if (problems.Count > 0) throw new UserException(problems);
    }

    /// <summary>The type of matrix products that the user asks for, resolved for a device.</summary>
    internal static Precision ResolvePrecision(string? asked, Device device, Precision standard = Transformers.Configs.Precision.Auto) =>
        Precisions.Resolve(asked is null ? standard : Enum.Parse<Precision>(asked, ignoreCase: true), device);

    /// <summary>Loads libtorch and returns the device that the user asks for; warns if that is the CPU and the kernels are
    /// missing.</summary>
    /// <exception cref="UserException">The device does not exist.</exception>
    internal static Device ResolveDevice(this ParseResult parse, CliContext context, Option<string> option)
    {
        var device = DeviceNamed(parse.GetValue(option));
        if (device.type == DeviceType.CPU && !KernelReport.IsSwitchedOff && KernelReport.Missing is { } missing && !parse.GetValue(context.QuietOption))
            context.Error.WriteLine($"warning: {missing}");
        return device;
    }

    static Device DeviceNamed(string? asked)
    {
        var wanted = 0;
        var known = asked is null or "auto" or "cpu" or "cuda"
            || (asked.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(asked.AsSpan(5), NumberStyles.None, null, out wanted));
        if (!known) throw new UserException($"--device ({asked}) must be auto, cpu, cuda or cuda:N");
        if (asked == "cpu")
        {
            NativeLibraries.Load(cuda: false);
            return CPU;
        }
        var count = NativeLibraries.Load().HasCuda ? cuda.device_count() : 0;
        if (asked is null or "auto") return count > 0 ? CUDA : CPU;
        if (count == 0) throw new UserException($"--device {asked}: no CUDA device was found", "use --device cpu, or see transformer doctor");
        return wanted < count ? new Device(DeviceType.CUDA, wanted)
            : throw new UserException($"--device {asked}: there are {count} CUDA devices, numbered from 0");
    }

    /// <summary>The config of a run or checkpoint, of a file, or a ready-made one by name.</summary>
    /// <param name="name">What the user gave.</param>
    /// <param name="sets">Settings that override a config's.</param>
    /// <returns>A <see cref="RunConfig"/>, or a <see cref="ModelFragment"/> if the config has only a model.</returns>
    internal static object LoadConfig(string name, IReadOnlyList<string>? sets)
    {
        if (!Directory.Exists(name)) return ModelFragment.LoadOrRun([name], sets);
        // The run's own copy exists from the first step on, before any checkpoint.
        var file = Path.Combine(name, CheckpointFiles.Config);
        return File.Exists(file) ? ModelFragment.LoadOrRun([file], sets) : TrainedRun.Open(name, null).Config;
    }
}

/// <summary>Completions for configs, runs and settings; System.CommandLine has the rest.</summary>
static class Completions
{
    const int MostRuns = 200;

    /// <summary>Names of the ready-made configs; shells add file names themselves.</summary>
    internal static IEnumerable<string> Configs(CompletionContext _) => ReadyConfigs.List().Select(config => config.Name);

    /// <summary>Run folders below <c>runs</c>.</summary>
    internal static IEnumerable<string> Runs(CompletionContext _) => !Directory.Exists("runs") ? []
        : Directory.EnumerateDirectories("runs").Where(folder => Directory.Exists(Path.Combine(folder, RunFolder.CheckpointsFolder))).Order(StringComparer.Ordinal).Take(MostRuns);

    /// <summary>The settings of the configs on the line, as <c>--set</c> names them.</summary>
    internal static IEnumerable<string> Settings(CompletionContext context)
    {
        var given = context.ParseResult.CommandResult.Children.OfType<System.CommandLine.Parsing.ArgumentResult>().SelectMany(argument => argument.Tokens).Select(token => token.Value).ToList();
        try
        {
            return given.Count == 0 ? [] : Leaves(ConfigWriter.ToJson(ModelFragment.LoadOrRun(given)), "").Select(path => path + "=");
        }
        catch (UserException)
        {
            return [];
        }
    }

    static IEnumerable<string> Leaves(JsonNode? node, string path) => node is JsonObject mapping
        ? mapping.SelectMany(entry => Leaves(entry.Value, path.Length == 0 ? entry.Key : $"{path}.{entry.Key}"))
        : [path];
}

/// <summary>The options that decide how a language model's next token is chosen.</summary>
sealed class SamplingOptions
{
    readonly Option<bool> greedy = new("--greedy") { Description = "Always take the most probable token" };
    readonly Option<double> temperature = new("--temperature") { Description = "Below 1 makes the distribution sharper, above 1 flatter", HelpName = "T", DefaultValueFactory = _ => 1 };
    readonly Option<int?> topK = new("--top-k") { Description = "Sample from the K most probable tokens", HelpName = "K" };
    readonly Option<double?> topP = new("--top-p") { Description = "Sample from the smallest set of tokens whose probabilities add up to P", HelpName = "P" };
    readonly Option<double?> minP = new("--min-p") { Description = "Sample from tokens with at least P times the probability of the most probable one", HelpName = "P" };
    readonly Option<double> repetitionPenalty = new("--repetition-penalty") { Description = "Above 1 makes tokens that have already occurred less probable", HelpName = "R", DefaultValueFactory = _ => 1 };
    readonly Option<int> maxNewTokens = new("--max-new-tokens") { Description = "The maximum number of tokens to add", HelpName = "N", DefaultValueFactory = _ => 200 };
    readonly Option<string[]> stop = new("--stop") { Description = "Stop before this text; may be repeated", HelpName = "TEXT" };
    readonly Option<ulong> seed = new("--seed") { Description = "Seed of the random numbers", HelpName = "N", DefaultValueFactory = _ => 1 };

    internal IReadOnlyList<Option> All => [greedy, temperature, topK, topP, minP, repetitionPenalty, maxNewTokens, stop, seed];

    /// <summary>The options that a beam search does not use.</summary>
    internal IEnumerable<Option> ForSampling => All.Where(option => option != maxNewTokens);

    /// <summary>The limit that the user gave; null if the model decides.</summary>
    internal int? LimitOf(ParseResult parse) => parse.Has(maxNewTokens) ? parse.GetValue(maxNewTokens) : null;

    internal GenerationOptions Read(ParseResult parse) => new()
    {
        Greedy = parse.GetValue(greedy),
        Temperature = parse.GetValue(temperature),
        TopK = parse.GetValue(topK),
        TopP = parse.GetValue(topP),
        MinP = parse.GetValue(minP),
        RepetitionPenalty = parse.GetValue(repetitionPenalty),
        MaxNewTokens = parse.GetValue(maxNewTokens),
        Stop = parse.GetValue(stop) ?? [],
        Seed = parse.GetValue(seed),
    };
}

/// <summary>The options of an encoder-decoder's beam search.</summary>
sealed class SearchOptions
{
    readonly Option<int> beams = new("--beams") { Description = "Number of hypotheses that beam search keeps (encoder-decoders); 1 is greedy", HelpName = "N", DefaultValueFactory = _ => 1 };
    readonly Option<double> alpha = new("--length-penalty") { Description = "The exponent A of the length penalty; larger values favour longer translations", HelpName = "A", DefaultValueFactory = _ => 1 };
    readonly Option<string> penalty = new Option<string>("--penalty") { Description = "Divide scores by length^A, or by GNMT's ((5 + length)/6)^A", HelpName = "length|gnmt", DefaultValueFactory = _ => "length" }.OneOf("length", "gnmt");
    readonly Option<string> stop = new Option<string>("--beam-stop") { Description = "Stop when no better hypothesis is possible (bound), when enough have finished (first), or when all have (never)", HelpName = "bound|first|never", DefaultValueFactory = _ => "bound" }.OneOf("bound", "first", "never");

    internal IReadOnlyList<Option> All => [beams, alpha, penalty, stop];

    internal TranslationOptions Read(ParseResult parse, int num = 1) => new TranslationOptions
    {
        Beams = parse.GetValue(beams),
        Alpha = parse.GetValue(alpha),
        Penalty = Enum.Parse<LengthPenalty>(parse.GetValue(penalty)!, ignoreCase: true),
        Stop = Enum.Parse<BeamStop>(parse.GetValue(stop)!, ignoreCase: true),
        NBest = num,
    }.Checked();
}
