using Transformers.Configs;
using Transformers.Data.Sentences;
using Transformers.Layers;

namespace Transformers.Models;

/// <summary>An encoder-only transformer, which sees a text in both directions; its head says what it is for.</summary>
/// <remarks>Devlin et al. 2019, section 3. The defaults are BERT's: GELU, learned positions, post-norm, truncated normal weights. There are no segment embeddings: a text is one segment.</remarks>
[Kind("encoder")]
public sealed record EncoderConfig : TextModelConfig, IChecked
{
    /// <summary>The number of layers L.</summary>
    [Between(1, 10_000)]
    public required int Layers { get; init; }

    /// <summary>The number of attention heads H; it divides the width.</summary>
    [Between(1, 10_000)]
    public required int Heads { get; init; }

    /// <summary>The width D of the residual stream.</summary>
    [Between(1, 1_000_000)]
    public override required int Width { get; init; }

    /// <summary>The most tokens of a text, its two framing ones included; longer texts lose their end.</summary>
    [Between(3, 10_000_000)]
    public int Context { get; init; } = 512;

    /// <summary>The feed-forward network of a layer.</summary>
    public FeedForwardConfig FeedForward { get; init; } = new GeluConfig();

    /// <summary>How the model knows where a token stands.</summary>
    public PositionsConfig Positions { get; init; } = new LearnedPositions();

    /// <summary>The normalisation.</summary>
    public NormConfig Norm { get; init; } = new LayerNormConfig { Placement = NormPlacement.Post };

    /// <summary>Whether linear layers and layer norms add a bias.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>The share that training drops of embeddings, of each sublayer's output and of what is classified.</summary>
    [Between(0, 1, Below = true)]
    public double Dropout { get; init; } = 0.1;

    /// <summary>The share of attention weights and of hidden feed-forward activations that training drops.</summary>
    [Between(0, 1, Below = true)]
    public double InnerDropout { get; init; }

    /// <summary>What the network predicts.</summary>
    public required HeadConfig Head { get; init; }

    /// <summary>How weights start.</summary>
    public InitConfig Init { get; init; } = new TruncatedNormalInit();

    /// <inheritdoc/>
    public void Check(ConfigCheck check) => LayerChecks.Check(check, Width, Heads, Positions);
}

/// <summary>What an encoder predicts; closed by <c>kind</c>.</summary>
public abstract record HeadConfig;

/// <summary>Tokens that were hidden: pretraining.</summary>
/// <remarks>Devlin et al. 2019, section 3.1; the defaults are theirs.</remarks>
[Kind("masked")]
public sealed record MaskedHeadConfig : HeadConfig, IChecked
{
    /// <summary>The share of a text's tokens that are to be guessed, at least one.</summary>
    [Between(0.001, 0.9)]
    public double Share { get; init; } = 0.15;

    /// <summary>The share of these that are replaced by the mask token.</summary>
    [Between(0, 1)]
    public double Masked { get; init; } = 0.8;

    /// <summary>The share of these that are replaced by a random token; the rest stay as they are.</summary>
    [Between(0, 1)]
    public double Random { get; init; } = 0.1;

    /// <summary>Whether all tokens of a word are hidden together.</summary>
    public bool WholeWords { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check) => check.That(Masked + Random <= 1, "random",
        FormattableString.Invariant($"({Random}) and {check.At("masked")} ({Masked}) must be at most 1 together"));

    /// <summary>What hides the tokens.</summary>
    /// <param name="seed">The seed of the choice.</param>
    internal MaskingOptions Options(ulong seed) => new() { Fraction = Share, Masked = Masked, Random = Random, WholeWords = WholeWords, Seed = seed };
}

/// <summary>The class of a text.</summary>
[Kind("classify")]
public sealed record ClassifyHeadConfig : HeadConfig
{
    /// <summary>What stands for the whole text.</summary>
    public Pooling Pool { get; init; }
}

/// <summary>What stands for a whole text.</summary>
public enum Pooling
{
    /// <summary>The vector of the first token, BERT's CLS.</summary>
    Cls,
    /// <summary>The mean of all tokens' vectors.</summary>
    Mean,
    /// <summary>The vector of the last token.</summary>
    Last,
}
