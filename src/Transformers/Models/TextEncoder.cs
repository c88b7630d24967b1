using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Configs;
using Transformers.Data.Sentences;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>An encoder-only transformer, which attends in both directions; its head determines the task.</summary>
/// <remarks>Devlin et al. 2019, section 3. The defaults are BERT's: GELU, learned positions, post-norm, truncated normal weights. There are no segment embeddings: a text is one segment.</remarks>
[Kind("encoder")]
public sealed record EncoderConfig : TextTransformerConfig, IInnerDropoutConfig
{
    /// <summary>With the defaults of BERT.</summary>
    public EncoderConfig() => Norm = new LayerNormConfig { Placement = NormPlacement.Post };

    /// <summary>The maximum number of tokens of a text, including its two framing tokens; longer texts are truncated.</summary>
    [Between(3, 10_000_000)]
    public int Context { get; init; } = 512;

    /// <summary>The dropout rate of embeddings, of each sublayer's output, and of the vector that is classified.</summary>
    public override double Dropout { get; init; } = 0.1;

    /// <inheritdoc/>
    public double InnerDropout { get; init; }

    /// <summary>What the network predicts.</summary>
    public required HeadConfig Head { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "head"];

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        var (B, S, D) = (batch.Rows, batch.Source, Width);
        AddBlocks(products, B, S);
        var classifies = Head is ClassifyHeadConfig;
        products.Matrix(classifies ? B : batch.Targets, D, D);
        products.Matrix(classifies ? B : batch.Targets, D, classifies ? sizes.Classes : sizes.Vocabulary);
    }
}

/// <summary>What an encoder predicts.</summary>
public abstract record HeadConfig;

/// <summary>Masked tokens, for pretraining.</summary>
/// <remarks>Devlin et al. 2019, section 3.1; the defaults are theirs.</remarks>
[Kind("masked")]
public sealed record MaskedHeadConfig : HeadConfig, IChecked
{
    /// <summary>The fraction of a text's tokens that are masked, at least one.</summary>
    [Between(0.001, 0.9)]
    public double Share { get; init; } = 0.15;

    /// <summary>The fraction of these that are replaced by the mask token.</summary>
    [Between(0, 1)]
    public double Masked { get; init; } = 0.8;

    /// <summary>The fraction of these that are replaced by a random token; the rest stay as they are.</summary>
    [Between(0, 1)]
    public double Random { get; init; } = 0.1;

    /// <summary>Whether all tokens of a word are masked together.</summary>
    public bool WholeWords { get; init; }

    /// <summary>Whether the output layer has a bias, as in BERT.</summary>
    public bool Bias { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check) => check.That(Masked + Random <= 1, "random",
        FormattableString.Invariant($"({Random}) and {check.At("masked")} ({Masked}) must be at most 1 together"));

    /// <summary>How the tokens are masked.</summary>
    /// <param name="seed">The seed of the choice.</param>
    internal MaskingOptions Options(ulong seed) => new() { Fraction = Share, Masked = Masked, Random = Random, WholeWords = WholeWords, Seed = seed };
}

/// <summary>The class of a text.</summary>
[Kind("classify")]
public sealed record ClassifyHeadConfig : HeadConfig
{
    /// <summary>How a text's vectors are pooled into one.</summary>
    public Pooling Pool { get; init; }
}

/// <summary>How a text's vectors are pooled into one.</summary>
public enum Pooling
{
    /// <summary>The vector of the first token, BERT's CLS.</summary>
    Cls,
    /// <summary>The mean of all tokens' vectors.</summary>
    Mean,
    /// <summary>The vector of the last token.</summary>
    Last,
}

/// <summary>Reads a text in both directions: a vector for each token.</summary>
/// <remarks>
/// Devlin et al. 2019, section 3. With post-norm the embeddings are normalised, as in BERT's code; with pre-norm the output is.
/// </remarks>
public sealed class TextEncoder : nn.Module
{
    readonly EncoderConfig config;
    [ComponentName(Name = "tok_emb")]
    readonly Embedding tokens;
    [ComponentName(Name = "pos_emb")]
    readonly Positions positions;
    readonly Norm norm;
    readonly Dropout dropout;
    readonly ModuleList<Block> blocks;

    /// <summary>Creates an encoder; the model that contains it initialises the weights.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="vocabulary">The number of tokens V.</param>
    public TextEncoder(EncoderConfig config, int vocabulary) : base(nameof(TextEncoder))
    {
        this.config = config;
        tokens = nn.Embedding(vocabulary, config.Width);
        positions = Positions.Create(config.Positions, config.Context, config.Width, config.Heads);
        norm = new Norm(config.Norm, config.Width, config.Bias);
        dropout = new Dropout(config.Dropout);
        blocks = nn.ModuleList(Enumerable.Range(0, config.Layers).Select(_ => new Block(
            new Attention(config.Width, config.Heads, null, config.Bias, config.InnerDropout),
            new FeedForward(config.FeedForward, config.Width, config.Bias, config.InnerDropout),
            () => new Residual(config.Norm, config.Width, config.Bias, config.Dropout))).ToArray());
        RegisterComponents();
    }

    /// <summary>The maximum number of tokens of a text.</summary>
    public int Context => config.Context;

    /// <summary>The embeddings of tokens, [V, D].</summary>
    public Tensor TokenWeight => tokens.weight!;

    /// <summary>A vector for each token.</summary>
    /// <param name="ids">[B, S], whole numbers below V.</param>
    /// <param name="mask">Hides padding: <see cref="PaddingMask.Of"/>.</param>
    /// <param name="recorder">Records attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, S, D]; the vectors of padding are meaningless.</returns>
    /// <exception cref="ArgumentException">There are more tokens than the context holds.</exception>
    public Tensor forward(Tensor ids, PaddingMask? mask = null, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        var (_, S) = ids.Dims2();
        if (S > config.Context) throw new ArgumentException($"{S} tokens do not fit in the model's context of {config.Context}");
        var pre = config.Norm.Placement == NormPlacement.Pre;
        var x = positions.Embed(tokens.call(ids), 0);                                                   // [B, S, D]
        if (!pre) x = norm.call(x);
        x = dropout.forward(x, random);
        var bias = positions.Bias(S, S, x, bidirectional: true)?.unsqueeze(0);                          // [1, H, S, S]
        foreach (var block in blocks)
            x = block.forward(x, new AttentionInput(positions, Causal: false, bias, Recorder: recorder, Padding: mask, Random: random));
        return pre ? norm.call(x) : x;                                                                  // [B, S, D]
    }
}
