using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Transformers.Configs;
using Transformers.Data;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Models;

namespace Transformers.Interchange.HuggingFace;

/// <summary>The sizes of a model that its config may leave to the data.</summary>
/// <param name="Vocabulary">The number of tokens V.</param>
/// <param name="Classes">The number of classes N.</param>
/// <param name="Image">What a network over images reads.</param>
readonly record struct LayoutSizes(int Vocabulary = 0, int Classes = 0, ImageShape Image = default);

/// <summary>What a foreign folder says of its model.</summary>
/// <param name="Config">The model.</param>
/// <param name="Sizes">Its sizes.</param>
/// <param name="Rows">The table of its weights.</param>
sealed record ForeignModel(ModelConfig Config, LayoutSizes Sizes, IReadOnlyList<WeightRow> Rows)
{
    /// <summary>Names that a file may have besides those of the table, and that mean nothing here.</summary>
    public Regex? Ignored { get; init; }
}

/// <summary>What a folder holds besides the model: the files of a run, and a config of data that fits them.</summary>
/// <param name="Data">The data, of which nothing is there yet.</param>
/// <param name="Files">The tokenizer, the classes or the image transform, by name.</param>
sealed record ForeignInput(DataConfig Data, IReadOnlyDictionary<string, byte[]> Files)
{
    /// <summary>What is read otherwise than a user might expect.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The path in the config of data that nobody has named yet; in a message it says what to do.</summary>
    internal const string NoData = "nothing (an imported model has no data; name a data set with --data)";
}

/// <summary>A kind of model as Hugging Face's transformers library stores it.</summary>
abstract class HuggingFaceLayout
{
    /// <summary>All layouts that are read.</summary>
    static readonly HuggingFaceLayout[] All = [new Gpt2Layout(), new LlamaLayout(), new BertLayout(), new VitLayout(), new SwinLayout(), new MarianLayout(), new TimmVitLayout(), new TimmSwinLayout()];

    /// <summary>The name of the layout: the config's <c>model_type</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether a config is of this layout.</summary>
    public virtual bool Knows(ForeignConfig config) => config.Text("model_type") == Name;

    /// <summary>Reads the model that a config describes.</summary>
    /// <param name="config">The config.</param>
    /// <param name="weights">The weights, whose names may differ in a prefix.</param>
    /// <exception cref="UserException">It has a part that models here do not have.</exception>
    public abstract ForeignModel Read(ForeignConfig config, WeightFiles weights);

    /// <summary>Reads what turns input into numbers.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="config">The config.</param>
    /// <param name="model">The model.</param>
    /// <param name="output">The run's folder.</param>
    /// <exception cref="UserException">It is missing, damaged, or does not fit the model.</exception>
    public abstract ForeignInput ReadInput(string folder, ForeignConfig config, ForeignModel model, string output);

    /// <summary>The layout of a config.</summary>
    /// <exception cref="UserException">There is none for it.</exception>
    public static HuggingFaceLayout Of(ForeignConfig config) => All.FirstOrDefault(layout => layout.Knows(config))
        ?? throw config.Error("model_type", $"({MessageText.Escape(config.Text("model_type") ?? "not given")}) must be one of {string.Join(", ", All.Select(layout => layout.Name))}");

    /// <summary>The prefix that the names of a file begin with: a head's file has it, and that of the bare model has not.</summary>
    private protected static string PrefixOf(WeightFiles weights, string prefix) => weights.Names.Any(name => name.StartsWith(prefix, StringComparison.Ordinal)) ? prefix : "";
}

/// <summary>A layout of one kind of model, in both directions.</summary>
/// <typeparam name="TModel">Its config.</typeparam>
abstract class HuggingFaceLayout<TModel> : HuggingFaceLayout where TModel : ModelConfig
{
    /// <summary>What a model has that the layout cannot express; empty where it fits.</summary>
    public abstract IEnumerable<string> Misfits(TModel model, LayoutSizes sizes);

    /// <summary>The config of a model, without what depends on its tokenizer or its classes.</summary>
    public abstract JsonObject Describe(TModel model, LayoutSizes sizes);

    /// <summary>The table of a model's weights.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sizes">Its sizes.</param>
    /// <param name="prefix">What names of the model without its head begin with.</param>
    public abstract IEnumerable<WeightRow> Rows(TModel model, LayoutSizes sizes, string prefix);

    /// <summary>The prefix of names that an export writes.</summary>
    public abstract string Prefix { get; }
}

/// <summary>Settings that several layouts have, under one name here and one there.</summary>
static class Shared
{
    /// <summary>The feed-forward network of an activation's name.</summary>
    /// <param name="config">The config.</param>
    /// <param name="key">The key of the activation.</param>
    /// <param name="standard">The activation where the key is missing.</param>
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

    /// <summary>The name of a feed-forward network's activation; null where it has none there, because one half gates the other.</summary>
    internal static string? Activation(FeedForwardConfig network) => network switch
    {
        GeluConfig { Tanh: true } => "gelu_new",
        GeluConfig => "gelu",
        ReluConfig => "relu",
        SiluConfig => "silu",
        _ => null,
    };

    /// <summary>The problem of a setting that a layout has in one form alone.</summary>
    internal static IEnumerable<string> Unless(bool holds, string misfit) => holds ? [] : [misfit];

    /// <summary>A setting's kind as a config names it.</summary>
    internal static string KindOf(object setting) => KindAttribute.Of(setting);

    /// <summary>Names of classes as two objects, the way configs have them.</summary>
    internal static void AddLabels(JsonObject config, IReadOnlyList<string> labels)
    {
        config["id2label"] = new JsonObject(labels.Select((label, id) => KeyValuePair.Create($"{id}", (JsonNode?)label)));
        config["label2id"] = new JsonObject(labels.Select((label, id) => KeyValuePair.Create(label, (JsonNode?)id)));
    }
}
