using Transformers.Configs;
using Transformers.Data;
using Transformers.Layers;
using Transformers.Models;

namespace Transformers.Interchange.HuggingFace;

/// <summary>The sizes of a model that its config may leave to the data.</summary>
/// <param name="Vocabulary">The number of tokens V.</param>
/// <param name="Classes">The number of classes N.</param>
/// <param name="Image">The input of an image model.</param>
readonly record struct LayoutSizes(int Vocabulary = 0, int Classes = 0, ImageShape Image = default);

/// <summary>The model that a foreign folder describes.</summary>
/// <param name="Config">The model.</param>
/// <param name="Sizes">Its sizes.</param>
/// <param name="Rows">The table of its weights.</param>
sealed record ForeignModel(ModelConfig Config, LayoutSizes Sizes, IReadOnlyList<WeightRow> Rows)
{
    /// <summary>Names of tensors that a file may have in addition to the table's, and that this program ignores.</summary>
    public Regex? Ignored { get; init; }
}

/// <summary>The contents of a folder other than the model: the files of a run, and a matching data config.</summary>
/// <param name="Data">The data config, without any data yet.</param>
/// <param name="Files">The tokenizer, the classes or the image transform, by name.</param>
sealed record ForeignInput(DataConfig Data, IReadOnlyDictionary<string, byte[]> Files)
{
    /// <summary>What is read differently from what a user might expect.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The path in the config for data not named yet; in messages, it gives the remedy.</summary>
    internal const string NoData = "nothing (an imported model has no data; name a data set with --data)";
}

/// <summary>How Hugging Face's transformers library stores a kind of model.</summary>
abstract class HuggingFaceLayout
{
    /// <summary>All layouts that can be read.</summary>
    static readonly HuggingFaceLayout[] All = [new Gpt2Layout(), new LlamaLayout(), new BertLayout(), new VitLayout(), new SwinLayout(), new MarianLayout(), new TimmVitLayout(), new TimmSwinLayout()];

    /// <summary>The name of the layout: the config's <c>model_type</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether a config is of this layout.</summary>
    public virtual bool Knows(ForeignConfig config) => config.Text("model_type") == Name;

    /// <summary>Reads the model that a config describes.</summary>
    /// <param name="weights">The weights, whose names may differ in a prefix.</param>
    /// <exception cref="UserException">It has a part that this program does not support.</exception>
    public abstract ForeignModel Read(ForeignConfig config, WeightFiles weights);

    /// <summary>Reads the preprocessing.</summary>
    /// <param name="output">The run's folder.</param>
    /// <exception cref="UserException">It is missing, damaged, or does not fit the model.</exception>
    public abstract ForeignInput ReadInput(string folder, ForeignConfig config, ForeignModel model, string output);

    /// <summary>The layout of a config.</summary>
    /// <exception cref="UserException">There is none for it.</exception>
    public static HuggingFaceLayout Of(ForeignConfig config) => All.FirstOrDefault(layout => layout.Knows(config))
        ?? throw config.Error("model_type", $"({MessageText.Escape(config.Text("model_type") ?? "not given")}) must be one of {string.Join(", ", All.Select(layout => layout.Name))}");

    /// <summary>The prefix of the names in a file: files with a head have it, files of the base model do not.</summary>
    private protected static string PrefixOf(WeightFiles weights, string prefix) => weights.Names.Any(name => name.StartsWith(prefix, StringComparison.Ordinal)) ? prefix : "";
}

/// <summary>The layout of one kind of model, in both directions.</summary>
/// <typeparam name="TModel">Its config.</typeparam>
abstract class HuggingFaceLayout<TModel> : HuggingFaceLayout where TModel : ModelConfig
{
    /// <summary>What a model has that the layout does not support; empty if it fits.</summary>
    public abstract IEnumerable<string> Misfits(TModel model, LayoutSizes sizes);

    /// <summary>The config of a model, except for what depends on its tokenizer or its classes.</summary>
    public abstract JsonObject Describe(TModel model, LayoutSizes sizes);

    /// <summary>The table of a model's weights.</summary>
    /// <param name="prefix">The prefix of the names of the base model.</param>
    public abstract IEnumerable<WeightRow> Rows(TModel model, LayoutSizes sizes, string prefix);

    /// <summary>The prefix of names that an export writes.</summary>
    public abstract string Prefix { get; }
}

/// <summary>Settings that several layouts share.</summary>
static class Shared
{
    /// <summary>The feed-forward network with a named activation.</summary>
    /// <param name="key">The key of the activation.</param>
    /// <param name="standard">The activation if the key is missing.</param>
    /// <param name="hidden">The hidden width F.</param>
    /// <param name="width">The model's width D.</param>
    internal static FeedForwardConfig FeedForward(ForeignConfig config, string key, string standard, int hidden, int width)
    {
        int? given = hidden == 4 * width ? null : hidden;
        return (config.Text(key) ?? standard) switch
        {
            "gelu" => new GeluConfig { Width = given },
            "gelu_new" or "gelu_pytorch_tanh" => new GeluConfig { Width = given, Tanh = true },
            "relu" => new ReluConfig { Width = given },
            "silu" or "swish" => new SiluConfig { Width = given },
            var other => throw config.Error(key, $"({MessageText.Escape(other)}) must be gelu, gelu_new, gelu_pytorch_tanh, relu, silu or swish"),
        };
    }

    /// <summary>The name of a feed-forward network's activation; null for gated networks, which have none there.</summary>
    internal static string? Activation(FeedForwardConfig network) => network switch
    {
        GeluConfig { Tanh: true } => "gelu_new",
        GeluConfig => "gelu",
        ReluConfig => "relu",
        SiluConfig => "silu",
        _ => null,
    };

    /// <summary>The error for a setting that a layout supports in only one form.</summary>
    internal static IEnumerable<string> Unless(bool holds, string misfit) => holds ? [] : [misfit];

    /// <summary>A setting's kind, as named in a config.</summary>
    internal static string KindOf(object setting) => KindAttribute.Of(setting);

    /// <summary>Requires that a head is a classifier: a single output predicts a number, and several may be independent labels.</summary>
    /// <returns>The number of classes.</returns>
    internal static int Classes(ForeignConfig config, int outputs)
    {
        config.Require("problem_type", "single_label_classification", "single_label_classification");
        return outputs > 1 ? outputs : throw config.Error("id2label", "has one class, which transformers treats as regression: classifiers have at least 2");
    }

    /// <summary>Names of classes as two objects, as in such configs.</summary>
    internal static void AddLabels(JsonObject config, IReadOnlyList<string> labels)
    {
        config["id2label"] = new JsonObject(labels.Select((label, id) => KeyValuePair.Create($"{id}", (JsonNode?)label)));
        config["label2id"] = new JsonObject(labels.Select((label, id) => KeyValuePair.Create(label, (JsonNode?)id)));
    }
}
