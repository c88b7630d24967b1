using Transformers.Configs;
using Transformers.Data;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>The network.</summary>
public abstract record ModelConfig
{
    /// <summary>The width D of the residual stream.</summary>
    public abstract int Width { get; init; }

    /// <summary>The number of tokens of every row of a batch; null if rows differ, and for images.</summary>
    public virtual int? RowLength() => null;

    /// <summary>Checks that the data suit the model.</summary>
    public virtual void CheckData(ConfigCheck check, DataConfig data) { }

    /// <summary>The config with the settings that it leaves to the data, as far as the data's config gives them.</summary>
    public virtual ModelConfig WithData(DataConfig data) => this;

    /// <summary>Settings in which a model may differ from that of the run whose weights it starts from: what the weights mean does not depend on them.</summary>
    /// <remarks>A name includes all settings below it. By default, initialisation and dropout may differ.</remarks>
    public virtual IReadOnlyList<string> FreeSettings() => ["init", "dropout", "inner_dropout", "drop"];

    /// <summary>Adds the products of a forward pass.</summary>
    /// <exception cref="UserException">They cannot be counted.</exception>
    internal virtual void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes) =>
        throw new UserException($"the operations of a model of kind {KindAttribute.Of(this)} cannot be counted");
}

/// <summary>The settings that a network over tokens can take from its tokenizer. Their rules and documentation apply to every record that has them.</summary>
public interface ITextModelConfig
{
    /// <summary>The number of tokens V of the model; by default that of the tokenizer. A larger number pads the vocabulary, because some hardware multiplies certain sizes faster.</summary>
    [Between(2, 10_000_000)]
    int? Vocabulary { get; }
}

/// <summary>A network over tokens.</summary>
public abstract record TextModelConfig : ModelConfig, ITextModelConfig
{
    /// <inheritdoc/>
    public int? Vocabulary { get; init; }
}

/// <summary>Sizes that follow from a tokenizer.</summary>
static class TextModelSizes
{
    /// <summary>The vocabulary of a model with a tokenizer: the config's, or as many tokens as the tokenizer has.</summary>
    /// <exception cref="UserException">The config's is smaller than the tokenizer's.</exception>
    internal static int VocabularyFor(this ITextModelConfig model, TextTokenizer tokenizer) =>
        model.Vocabulary is not { } wanted ? tokenizer.VocabularySize
        : wanted >= tokenizer.VocabularySize ? wanted
        : throw new UserException($"model.vocabulary ({wanted}) must be at least the tokenizer's ({tokenizer.VocabularySize})");
}

/// <summary>A model that predicts the next token: what training, evaluation and generation require.</summary>
public interface ILanguageModel
{
    /// <summary>The number of tokens V.</summary>
    int Vocabulary { get; }

    /// <summary>The maximum number of tokens that the model sees at once.</summary>
    int Context { get; }

    /// <summary>The matrix that turns hidden vectors into logits, [V, D].</summary>
    Tensor OutputWeight { get; }

    /// <summary>The type that products are computed in.</summary>
    ScalarType Compute { get; }

    /// <summary>An empty cache of the right number of layers.</summary>
    KeyValueCache NewCache();

    /// <summary>The hidden vector of each token, ready for the output layer.</summary>
    /// <param name="ids">[B, T], whole numbers below V; with a cache, the tokens that follow those in it.</param>
    /// <param name="cache">Keys and values of earlier tokens; extended by this call.</param>
    /// <param name="recorder">Records attention weights.</param>
    /// <param name="mask">Added to attention scores, broadcasts to [B, H, T, S]; the causal mask is always applied.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, T, D].</returns>
    /// <exception cref="ArgumentException">There are more tokens than the context holds.</exception>
    Tensor Hidden(Tensor ids, KeyValueCache? cache = null, AttentionRecorder? recorder = null, Tensor? mask = null, RandomPosition random = default);

    /// <summary>Logits of hidden vectors.</summary>
    /// <param name="hidden">[…, D].</param>
    /// <returns>[…, V].</returns>
    Tensor Logits(Tensor hidden);
}
