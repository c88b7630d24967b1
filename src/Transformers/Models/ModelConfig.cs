using Transformers.Configs;
using Transformers.Data;
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
        : throw new UserException([new Problem($"model.vocabulary ({wanted}) must be at least the tokenizer's ({tokenizer.VocabularySize})", Path: "model.vocabulary", Hint: "raise it, or leave it out to use the tokenizer's")]);
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

/// <summary>A network built around a stack of transformer blocks that all have the same shape.</summary>
/// <remarks>
/// Settings that several kinds share are defined, documented and checked here. A kind sets its own defaults in its constructor, and
/// overrides a setting whose meaning differs.
/// </remarks>
public abstract record TransformerConfig : ModelConfig, IChecked
{
    /// <summary>The number of blocks L.</summary>
    [Between(1, 10_000)]
    public virtual required int Layers { get; init; }

    /// <summary>The number of attention heads H; it divides the width.</summary>
    [Between(1, 10_000)]
    public required int Heads { get; init; }

    /// <summary>The width D of the residual stream.</summary>
    [Between(1, 1_000_000)]
    public override required int Width { get; init; }

    /// <summary>The feed-forward network of a block.</summary>
    public FeedForwardConfig FeedForward { get; init; } = new GeluConfig();

    /// <summary>The normalisation.</summary>
    public NormConfig Norm { get; init; } = new LayerNormConfig();

    /// <summary>How weights are initialised.</summary>
    public InitConfig Init { get; init; } = new TruncatedNormalInitConfig();

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "layers"];

    /// <summary>Adds the products of the blocks: attention within rows of positions, and the feed-forward network.</summary>
    private protected void AddBlocks(ForwardProducts products, long rows, long positions, int? keyValueHeads = null)
    {
        products.SelfAttention(rows, positions, Width, Heads, keyValueHeads ?? Heads, Layers);
        products.FeedForward(rows * positions, Width, FeedForward, Layers);
    }

    /// <inheritdoc/>
    public virtual void Check(ConfigCheck check) =>
        check.That(Width % Heads == 0, "width", $"({Width}) must be divisible by {check.At("heads")} ({Heads})");
}

/// <summary>A transformer over sequences: of tokens, or of patches of a series.</summary>
public abstract record SequenceModelConfig : TransformerConfig
{
    /// <summary>How the model encodes positions: added to embeddings, or applied in attention.</summary>
    public PositionsConfig Positions { get; init; } = new LearnedPositionsConfig();

    /// <summary>The dropout rate of embeddings and of each sublayer's output.</summary>
    [Between(0, 1, Below = true)]
    public virtual double Dropout { get; init; }

    /// <inheritdoc/>
    public override void Check(ConfigCheck check)
    {
        base.Check(check);
        if (Width % Heads == 0 && Positions is RotaryPositionsConfig)
            check.That(Width / Heads % 2 == 0, "width", $"({Width}) over {check.At("heads")} ({Heads}) must give an even head width for rotary positions, not {Width / Heads}");
        if (Positions is SinusoidalPositionsConfig)
            check.That(Width % 2 == 0, "width", $"({Width}) must be even for sinusoidal positions");
    }
}

/// <summary>A setting of transformers with a separate dropout rate inside their sublayers.</summary>
interface IInnerDropoutConfig
{
    /// <summary>The dropout rate of attention weights and of hidden feed-forward activations.</summary>
    [Between(0, 1, Below = true)]
    double InnerDropout { get; }
}

/// <summary>A transformer over tokens.</summary>
public abstract record TextTransformerConfig : SequenceModelConfig, ITextModelConfig
{
    /// <inheritdoc/>
    public int? Vocabulary { get; init; }

    /// <summary>Whether linear layers and layer norms add a bias.</summary>
    public bool Bias { get; init; } = true;

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), .. Positions is LearnedPositionsConfig ? Array.Empty<string>() : ["context"]];
}

/// <summary>A transformer over a grid of patches that predicts a class: of an image, or of a spectrogram.</summary>
public abstract record PatchModelConfig : TransformerConfig
{
    /// <summary>With the norm of published vision transformers.</summary>
    protected PatchModelConfig() => Norm = new LayerNormConfig { Epsilon = 1e-6 };

    /// <summary>How the model encodes the positions of patches.</summary>
    public ImagePositionsConfig Positions { get; init; } = new LearnedImagePositionsConfig();

    /// <summary>The vector from which the class is predicted.</summary>
    public ImagePooling Pool { get; init; }

    /// <summary>What is dropped during training.</summary>
    public ImageDropConfig Drop { get; init; } = new();

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "pool"];

    /// <summary>The positions of the stack: a grid's patches, and the class token if there is one.</summary>
    internal long TokensOf(long patches) => patches + (Pool == ImagePooling.Cls ? 1 : 0);

    /// <summary>Adds all products: of the patches, of the blocks, and of the classes.</summary>
    private protected void AddAll(ForwardProducts products, long rows, long patches, long numbers, int classes)
    {
        products.Matrix(rows * patches, numbers, Width);
        AddBlocks(products, rows, TokensOf(patches));
        products.Matrix(rows, Width, classes);
    }

    /// <inheritdoc/>
    public override void Check(ConfigCheck check)
    {
        base.Check(check);
        if (Positions is SinusoidalImagePositionsConfig)
            check.That(Width % 4 == 0, "width", $"({Width}) must be divisible by 4 for sinusoidal positions in two dimensions");
    }
}

/// <summary>The vector from which the class of an image is predicted.</summary>
public enum ImagePooling
{
    /// <summary>A class token before the patches.</summary>
    Cls,
    /// <summary>The mean of all patches.</summary>
    Mean,
}

/// <summary>What an image model drops during training.</summary>
public sealed record ImageDropConfig
{
    /// <summary>The dropout rate of activations, after each dense layer except attention's first.</summary>
    [Between(0, 1, Below = true)]
    public double Activations { get; init; }

    /// <summary>The dropout rate of attention weights.</summary>
    [Between(0, 1, Below = true)]
    public double Attention { get; init; }

    /// <summary>Stochastic depth: the probability that an image skips a sublayer of the last block; it rises linearly from 0 at the first block.</summary>
    [Between(0, 1, Below = true)]
    public double Path { get; init; }

    /// <summary>The probability of skipping a sublayer of a block.</summary>
    /// <param name="block">The block, from 0.</param>
    /// <param name="blocks">The number of blocks.</param>
    public double PathAt(int block, int blocks) => blocks == 1 ? Path : Path * block / (blocks - 1);
}
