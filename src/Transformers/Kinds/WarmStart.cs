using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.Evaluation;
using Transformers.Layers;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Starts a model from another run's weights, and freezes parameters.</summary>
public static class WarmStart
{
    static readonly string[] HeadNames = ["head.", "pooler."];

    // Sizes that the tensors' shapes show: if a config leaves them out, the tensors are compared.
    static readonly string[] Sizes = ["vocabulary", "feed_forward.width", "key_value_heads"];

    /// <summary>Checks that the model of a config matches that of the run whose weights it starts from.</summary>
    /// <param name="name">Its name, for messages.</param>
    /// <exception cref="UserException">The models differ in what the weights mean.</exception>
    public static void CheckModel(TrainedRun run, string name, RunConfig config)
    {
        var free = config.Model.FreeSettings();
        var problems = ConfigDifferences.Of(run.Config.Model, config.Model, "model").Where(different => !IsFree(different, free)).ToList();
        // Only the kind is reported: the other settings of another kind of model do not correspond.
        if (problems.Find(different => different.Path == "model.kind") is { } kind) problems = [kind];
        if (problems.Count > 0)
            throw new UserException([.. problems.Select(different => new Problem(
                $"{different.Path} ({different.New ?? "not set"}) must be {different.Old ?? "left out"}, as in {name}: the loaded weights were trained with it", Path: different.Path,
                Hint: different is { Old: { } old, Path: not "model.kind" } ? $"--set {different.Path}={old.Trim('"')}, or leave --from out" : "or leave --from out"))]);
    }

    static bool IsFree(DifferentSetting different, IReadOnlyList<string> free)
    {
        var path = different.Path["model.".Length..];
        return free.Any(one => path == one || path.StartsWith(one + ".", StringComparison.Ordinal)) || ((different.Old is null || different.New is null) && Sizes.Contains(path));
    }

    /// <summary>The settings of the model, and of its input, that differ from those of a run that it starts from, as the end of a sentence; empty if there are none.</summary>
    internal static string Differences(TrainedRun run, RunConfig config)
    {
        string[] seen = [.. config.Data.InputSettings().Select(setting => $"data.{setting}")];
        var differences = ConfigDifferences.Of(run.Config.Model, config.Model, "model").Concat(run.Config.Data.GetType() != config.Data.GetType() ? []
            : ConfigDifferences.Of(run.Config.Data, config.Data, "data").Where(one => seen.Any(setting => one.Path == setting || one.Path.StartsWith(setting + ".", StringComparison.Ordinal))
                // The mean and standard deviation are those of the other run.
                && !one.Path.StartsWith("data.input.normalize", StringComparison.Ordinal))).ToList();
        return differences.Count == 0 ? "" : $"; settings that differ: {string.Join(", ", differences.Select(one => $"{one.Path} ({one.New ?? "not set"}, there {one.Old ?? "not set"})"))}";
    }

    /// <summary>The image input with the mean and standard deviation of the run whose weights are loaded, since they were trained with them.</summary>
    /// <param name="input">The config's image input.</param>
    /// <param name="saved">How the run's images were transformed.</param>
    /// <param name="from">The run, for messages.</param>
    /// <exception cref="UserException">The config asks for a different mean, standard deviation or number of channels.</exception>
    internal static ImageInputConfig Statistics(ImageInputConfig input, ImageTransform saved, string from)
    {
        if (saved.Channels != input.Channels)
            throw new UserException([new Problem($"data.input.channels ({input.Channels}) must be {saved.Channels}, as in {from}, whose weights are used", Path: "data.input.channels", Hint: "or leave --from out")]);
        var asked = input.Normalize switch
        {
            GivenStatisticsConfig given => (given.Mean, given.Std),
            ImageNetStatisticsConfig => ImageTransform.ImageNetStatistics,
            _ => (saved.Mean, saved.Std),
        };
        if (!asked.Item1.SequenceEqual(saved.Mean) || !asked.Item2.SequenceEqual(saved.Std))
            throw new UserException([new Problem($"data.input.normalize must be that of {from}, whose weights are used: mean [{Shown(saved.Mean)}], std [{Shown(saved.Std)}]", Path: "data.input.normalize",
                Hint: "leave it out, or set kind: measured, to use the run's; or leave --from out")]);
        return input with { Normalize = new GivenStatisticsConfig { Mean = saved.Mean, Std = saved.Std } };

        static string Shown(IEnumerable<double> values) => string.Join(", ", values.Select(value => FormattableString.Invariant($"{value:0.####}")));
    }

    /// <summary>The tokenizer that belongs to the weights of <c>--from</c>.</summary>
    /// <param name="from">The run or checkpoint that the option names.</param>
    /// <param name="asked">The tokenizer that the config asks for.</param>
    /// <param name="ofRun">The one in the other run's config; null if its data have none.</param>
    /// <param name="setting">The setting of the tokenizer.</param>
    /// <param name="taken">The other run's tokenizer; by default its first.</param>
    /// <exception cref="UserException">The config asks for another tokenizer.</exception>
    internal static TextTokenizer Tokenizer(string from, TokenizerConfig asked, Func<RunConfig, TokenizerConfig?> ofRun, string setting = "data.tokenizer", TextTokenizer? taken = null)
    {
        var run = TrainedRun.Open(from);
        taken ??= run.LoadTokenizer();
        if (ofRun(run.Config) is not { } there || ConfigDifferences.Of(there, asked, setting) is not { Count: > 0 } differences) return taken;
        if (asked is FileTokenizerConfig file && TokenizerFile.Load(file.Path, file.Pattern).Hash == taken.Hash) return taken;
        // Only the kind is reported: the other settings of another kind of tokenizer do not correspond.
        if (differences.FirstOrDefault(different => different.Path == $"{setting}.kind") is { } kind) differences = [kind];
        throw new UserException([.. differences.Select(different => new Problem(
            $"{different.Path} ({different.New ?? "not set"}) must be {different.Old ?? "left out"}, as in {from}: the loaded embeddings are those of its tokens", Path: different.Path,
            Hint: $"leave {setting} as it is in that run, or name the run: --set '{setting}={{ kind: file, path: {from} }}'"))]);
    }

    /// <summary>Copies every tensor that the other run has under the same name. One of another shape is adapted if the model supports it, for example to another resolution.</summary>
    /// <param name="model">The model, with freshly initialised weights.</param>
    /// <param name="run">The other run.</param>
    /// <param name="labels">The names of the model's classes; if the run has others, the head keeps its initial values.</param>
    /// <param name="config">The config; if its model pools differently from the run's, the head keeps its initial values.</param>
    /// <returns>Which tensors were loaded and which were not.</returns>
    /// <exception cref="UserException">A tensor has another shape that cannot be adapted, or none is shared.</exception>
    public static TakenWeights From(nn.Module model, TrainedRun run, IReadOnlyList<string>? labels = null, RunConfig? config = null)
    {
        using var plain = no_grad();
        var name = run.Checkpoint.WeightsFile;
        var path = run.Checkpoint.PathOf(name);
        using var file = run.Checkpoint.OpenTensors(name);
        var (taken, resized, fresh) = (new List<string>(), new List<string>(), new List<string>());
        var keepsHead = (labels is null || LabelsOf(run) is not { } there || there.SequenceEqual(labels, StringComparer.Ordinal))
            && (config is null || !ConfigDifferences.Of(run.Config.Model, config.Model, "model").Any(different => different.Path is "model.pool" or "model.head.pool"));
        var state = model.state_dict();
        foreach (var (parameter, tensor) in state)
        {
            if (!file.Header.TryFind(parameter, out var stored) || (!keepsHead && HeadNames.Any(head => parameter.StartsWith(head, StringComparison.Ordinal))))
            {
                fresh.Add(parameter);
                continue;
            }
            using var scope = NewDisposeScope();
            var loaded = ModelTensors.Load(file, stored, path);
            if (!stored.Shape.SequenceEqual(tensor.shape))
            {
                if (model is not IAdaptsWeights adapting)
                    throw new CheckpointException(path, $"{parameter} is [{string.Join(", ", stored.Shape)}] but the model needs [{string.Join(", ", tensor.shape)}]",
                        $"give the model the same shape as the run that it starts from{(config is null ? "" : Differences(run, config))}");
                if (adapting.Adapt(parameter, loaded, tensor.shape) is not { } adapted)
                {
                    fresh.Add(parameter);
                    continue;
                }
                loaded = adapted;
                resized.Add(parameter);
            }
            tensor.copy_(loaded);
            taken.Add(parameter);
        }
        if (taken.Count == 0) throw new CheckpointException(path, "has no tensor in common with the model", "start from a run of the same kind of model");
        var left = file.Tensors.Select(stored => stored.Name).Where(stored => !state.Keys.Any(parameter => file.Header.TryFind(parameter, out var found) && found.Name == stored));
        return new TakenWeights(taken, resized, fresh, [.. left]);
    }

    static IReadOnlyList<string>? LabelsOf(TrainedRun run) =>
        run.Checkpoint.Has(CheckpointFiles.Classes) ? run.LoadClasses()
        : run.Checkpoint.Has(ImageInput.FileName) ? ImageInput.Parse(run.Checkpoint.ReadText(ImageInput.FileName), run.Checkpoint.PathOf(ImageInput.FileName)).Classes
        : null;

    /// <summary>Freezes the parameters whose name matches a pattern, in which <c>*</c> matches any text.</summary>
    /// <param name="patterns">The patterns, such as <c>encoder.tok_emb.*</c>.</param>
    /// <returns>The number of frozen parameters.</returns>
    /// <exception cref="UserException">A pattern matches nothing, or nothing is left to train.</exception>
    public static int Freeze(nn.Module model, IReadOnlyList<string> patterns)
    {
        var parameters = model.named_parameters().ToList();
        var held = Matches([.. parameters.Select(named => named.name)], patterns);
        foreach (var (name, parameter) in parameters)
            if (held.Contains(name)) parameter.requires_grad = false;
        return held.Count;
    }

    /// <summary>The parameters that patterns of <c>training.freeze</c> match.</summary>
    /// <exception cref="UserException">A pattern matches nothing, or nothing is left to train.</exception>
    internal static HashSet<string> Matches(IReadOnlyList<string> names, IReadOnlyList<string> patterns)
    {
        var held = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < patterns.Count; i++)
        {
            var pattern = new Regex($"^{Regex.Escape(TensorNames.Current(patterns[i])).Replace(@"\*", ".*")}$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
            var matched = names.Where(name => pattern.IsMatch(name)).ToList();
            if (matched.Count == 0)
                throw new UserException([new Problem($"({patterns[i]}) matches no parameter", Path: $"training.freeze[{i}]",
                    Hint: $"there are {string.Join(", ", names.Take(3))}, …, {names[^1]}")]);
            held.UnionWith(matched);
        }
        if (held.Count == names.Count) throw new UserException([new Problem("leaves nothing to train", Path: "training.freeze")]);
        return held;
    }
}

/// <summary>Which of another run's weights a model has loaded.</summary>
/// <param name="Taken">The loaded tensors, including those that were resized.</param>
/// <param name="Resized">The tensors that were adapted to another input size.</param>
/// <param name="Fresh">The model's tensors that the run lacks, or has for other classes: they keep their initial values.</param>
/// <param name="Left">The run's tensors that the model does not use.</param>
public sealed record TakenWeights(IReadOnlyList<string> Taken, IReadOnlyList<string> Resized, IReadOnlyList<string> Fresh, IReadOnlyList<string> Left)
{
    /// <summary>Such as <c>14 of 16 tensors were loaded; new: head.weight, head.bias</c>.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"{Taken.Count} of {Taken.Count + Fresh.Count} tensors were loaded") + Part("resized", Resized) + Part("new", Fresh) + Part("not used", Left);

    // Blocks as a whole: blocks.3.* rather than each of its tensors.
    static string Part(string what, IReadOnlyList<string> names) => names.Count == 0 ? "" : $"; {what}: {string.Join(", ", names.Select(name => Block().Replace(name, "$1*")).Distinct())}";

    static Regex Block() => new(@"((?:^|\.)[a-z_]+\.[0-9]+\.).*$", RegexOptions.CultureInvariant);
}
