using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>An encoder-decoder transformer, which turns one sequence into another.</summary>
/// <remarks>Vaswani et al. 2017, section 3. The defaults are the paper's: ReLU, sinusoidal positions, post-norm, one matrix for all embeddings.</remarks>
[Kind("seq2seq")]
public sealed record Seq2SeqConfig : TextModelConfig, IChecked
{
    /// <summary>The number of encoder layers, and of decoder layers where these are not given.</summary>
    [Between(1, 10_000)]
    public required int Layers { get; init; }

    /// <summary>The number of decoder layers; by default as many as the encoder has.</summary>
    [Between(1, 10_000)]
    public int? DecoderLayers { get; init; }

    /// <summary>The number of attention heads H; it divides the width.</summary>
    [Between(1, 10_000)]
    public required int Heads { get; init; }

    /// <summary>The width D of the residual stream.</summary>
    [Between(1, 1_000_000)]
    public override required int Width { get; init; }

    /// <summary>The most tokens of a source or a target, their begin or end included.</summary>
    [Between(2, 10_000_000)]
    public int Context { get; init; } = 1024;

    /// <summary>The feed-forward network of a layer.</summary>
    public FeedForwardConfig FeedForward { get; init; } = new ReluConfig();

    /// <summary>How the model encodes positions: added to embeddings, or acting in self-attention.</summary>
    public PositionsConfig Positions { get; init; } = new SinusoidalPositionsConfig();

    /// <summary>The normalisation.</summary>
    public NormConfig Norm { get; init; } = new LayerNormConfig { Placement = NormPlacement.Post };

    /// <summary>Whether linear layers and layer norms add a bias.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>The dropout rate of embeddings and of each sublayer's output, as in section 5.4 of the paper.</summary>
    [Between(0, 1, Below = true)]
    public double Dropout { get; init; } = 0.1;

    /// <summary>The dropout rate of attention weights and of hidden feed-forward activations.</summary>
    [Between(0, 1, Below = true)]
    public double InnerDropout { get; init; }

    /// <summary>Which matrices of embeddings there are.</summary>
    public EmbeddingsConfig Embeddings { get; init; } = new();

    /// <summary>How weights start.</summary>
    public InitConfig Init { get; init; } = new XavierInitConfig();

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "layers", "decoder_layers", .. Positions is LearnedPositionsConfig ? Array.Empty<string>() : ["context"]];

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        var (B, S, T, D, layers) = (batch.Rows, batch.Source, batch.Target, Width, DecoderLayers ?? Layers);
        products.SelfAttention(B, S, D, Heads, Heads, Layers);
        products.FeedForward(B * S, D, FeedForward, Layers);
        products.SelfAttention(B, T, D, Heads, Heads, layers);
        products.CrossAttention(B, T, S, D, layers);
        products.FeedForward(B * T, D, FeedForward, layers);
        products.Matrix(batch.Targets, D, sizes.Vocabulary);
    }

    /// <inheritdoc/>
    public void Check(ConfigCheck check) => LayerChecks.Check(check, Width, Heads, Positions);
}

/// <summary>Which matrices of embeddings an encoder-decoder has.</summary>
/// <remarks>Vaswani et al. 2017, section 3.4: one matrix for sources, targets and the output layer, its rows times √D where they are read.</remarks>
public sealed record EmbeddingsConfig
{
    /// <summary>Whether source and target tokens have one matrix; it takes one vocabulary. By default so where there is one.</summary>
    public bool? Shared { get; init; }

    /// <summary>Whether the output layer uses the target tokens' matrix.</summary>
    public bool TieOutput { get; init; } = true;

    /// <summary>Whether embeddings are multiplied by √D.</summary>
    public bool Scale { get; init; } = true;

    /// <summary>Whether the output layer has a bias, as published translation models of Marian have.</summary>
    public bool OutputBias { get; init; }
}

/// <summary>Checks of all models that consist of blocks.</summary>
static class LayerChecks
{
    internal static void Check(ConfigCheck check, int width, int heads, PositionsConfig positions)
    {
        check.That(width % heads == 0, "width", $"({width}) must be divisible by {check.At("heads")} ({heads})");
        if (width % heads == 0 && positions is RotaryPositionsConfig)
            check.That(width / heads % 2 == 0, "width", $"({width}) over {check.At("heads")} ({heads}) must give an even head width for rotary positions, not {width / heads}");
        if (positions is SinusoidalPositionsConfig)
            check.That(width % 2 == 0, "width", $"({width}) must be even for sinusoidal positions");
    }
}

/// <summary>An encoder-decoder transformer: reads a source, then predicts each next token of a target.</summary>
/// <remarks>
/// Vaswani et al. 2017, section 3. With pre-norm, encoder and decoder each end in one more norm (Xiong et al. 2020, figure
/// 1b); with post-norm they do not, as in the paper. Rotary, ALiBi and relative positions act in self-attention alone; the
/// encoder's see both directions.
/// </remarks>
public sealed class Seq2Seq : nn.Module, IComputes
{
    readonly Seq2SeqConfig config;
    [ComponentName(Name = "src_emb")]
    readonly Embedding sourceTokens;
    [ComponentName(Name = "tgt_emb")]
    readonly Embedding? targetTokens;
    [ComponentName(Name = "src_pos_emb")]
    readonly Positions encoderPositions;
    [ComponentName(Name = "tgt_pos_emb")]
    readonly Positions decoderPositions;
    readonly Dropout sourceDropout, targetDropout;
    readonly ModuleList<Block> encoder;
    [ComponentName(Name = "encoder_norm")]
    readonly Norm? encoderNorm;
    readonly ModuleList<DecoderBlock> decoder;
    [ComponentName(Name = "decoder_norm")]
    readonly Norm? decoderNorm;
    [ComponentName(Name = "head")]
    readonly Linear? output;
    [ComponentName(Name = "output_bias")]
    readonly Parameter? outputBias;

    /// <summary>A model with fresh weights.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="sourceVocabulary">The number of source tokens.</param>
    /// <param name="targetVocabulary">The number of target tokens V.</param>
    /// <param name="shared">Whether both sides have one vocabulary; decides whether they share a matrix where the config leaves it open.</param>
    /// <param name="generator">The stream that weights are drawn from.</param>
    /// <exception cref="UserException">The config wants one matrix for two vocabularies.</exception>
    public Seq2Seq(Seq2SeqConfig config, int sourceVocabulary, int targetVocabulary, bool shared, Generator? generator = null) : base(nameof(Seq2Seq))
    {
        this.config = config;
        if (config.Embeddings.Shared == true && !shared)
            throw new UserException("model.embeddings.shared must be false where source and target have tokenizers of their own");
        (SourceVocabulary, Vocabulary) = (sourceVocabulary, targetVocabulary);
        sourceTokens = nn.Embedding(sourceVocabulary, config.Width);
        targetTokens = config.Embeddings.Shared ?? shared ? null : nn.Embedding(targetVocabulary, config.Width);
        encoderPositions = Positions.Create(config.Positions, config.Context, config.Width, config.Heads);
        decoderPositions = Positions.Create(config.Positions, config.Context, config.Width, config.Heads);
        sourceDropout = new Dropout(config.Dropout);
        targetDropout = new Dropout(config.Dropout);
        encoder = nn.ModuleList(Repeat(config.Layers, () => new Block(NewAttention(), NewFeedForward(), NewResidual)));
        decoder = nn.ModuleList(Repeat(DecoderLayers, () => new DecoderBlock(NewAttention(), NewAttention(cross: true), NewFeedForward(), NewResidual)));
        if (config.Norm.Placement == NormPlacement.Pre)
        {
            encoderNorm = new Norm(config.Norm, config.Width, config.Bias);
            decoderNorm = new Norm(config.Norm, config.Width, config.Bias);
        }
        output = config.Embeddings.TieOutput ? null : new Linear(config.Width, targetVocabulary, hasBias: false);
        outputBias = config.Embeddings.OutputBias ? nn.Parameter(zeros(targetVocabulary)) : null;
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, config.Layers, generator);
    }

    static T[] Repeat<T>(int count, Func<T> make) => [.. Enumerable.Range(0, count).Select(_ => make())];
    Attention NewAttention(bool cross = false) => new(config.Width, config.Heads, null, config.Bias, config.InnerDropout, cross);
    FeedForward NewFeedForward() => new(config.FeedForward, config.Width, config.Bias, config.InnerDropout);
    Residual NewResidual() => new(config.Norm, config.Width, config.Bias, config.Dropout);

    /// <summary>The number of source tokens.</summary>
    public int SourceVocabulary { get; }

    /// <summary>The number of target tokens V.</summary>
    public int Vocabulary { get; }

    /// <summary>The most tokens of a side.</summary>
    public int Context => config.Context;

    /// <summary>The matrix that turns hidden vectors into logits, [V, D].</summary>
    public Tensor OutputWeight => output?.weight ?? Targets.weight!;

    /// <summary>What is added to logits, [V]; null for nothing.</summary>
    public Tensor? OutputBias => outputBias;

    /// <inheritdoc/>
    public ScalarType Compute { get; set; } = ScalarType.Float32;

    /// <summary>An empty cache for generation.</summary>
    public DecoderCache NewCache() => new(DecoderLayers);

    internal Seq2SeqConfig Config => config;
    internal Positions TargetPositions => decoderPositions;
    internal Tensor TargetWeight => Targets.weight!;

    Embedding Targets => targetTokens ?? sourceTokens;
    int DecoderLayers => config.DecoderLayers ?? config.Layers;

    /// <summary>Logits of the next target token after each target token.</summary>
    /// <param name="source">[B, S], whole numbers.</param>
    /// <param name="target">[B, T], whole numbers below V.</param>
    /// <param name="sourceMask">Hides the source's padding: <see cref="PaddingMask.Of"/>.</param>
    /// <returns>[B, T, V]. A target needs no mask of its own: its padding comes last, and no token sees what follows it.</returns>
    public Tensor forward(Tensor source, Tensor target, PaddingMask? sourceMask = null) =>
        Logits(Decode(target, Encode(source, sourceMask), sourceMask));

    /// <summary>Reads sources.</summary>
    /// <param name="source">[B, S], whole numbers.</param>
    /// <param name="mask">Hides padding: <see cref="PaddingMask.Of"/>.</param>
    /// <param name="recorder">Takes the attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>The memory, [B, S, D].</returns>
    /// <exception cref="ArgumentException">More tokens than the context holds.</exception>
    public Tensor Encode(Tensor source, PaddingMask? mask = null, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        var (_, S) = source.Dims2();
        var x = sourceDropout.forward(Embed(sourceTokens, source, encoderPositions, 0), random);               // [B, S, D]
        var bias = encoderPositions.Bias(S, S, x, bidirectional: true)?.unsqueeze(0);                          // [1, H, S, S]
        foreach (var layer in encoder)
            x = layer.forward(x, new AttentionInput(encoderPositions, Causal: false, bias, Recorder: recorder, Padding: mask, Random: random));
        return encoderNorm is null ? x : encoderNorm.call(x);                                                  // [B, S, D]
    }

    /// <summary>The hidden vector of each target token, ready for the output layer.</summary>
    /// <param name="target">[B, T], whole numbers below V; with a cache, the tokens that follow those in it.</param>
    /// <param name="memory">[B, S, D], or null where the cache holds the source already.</param>
    /// <param name="memoryMask">Hides the source's padding.</param>
    /// <param name="cache">Keys and values of earlier tokens and of the source; extended by this call.</param>
    /// <param name="recorder">Takes the attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, T, D].</returns>
    /// <exception cref="ArgumentException">More tokens than the context holds.</exception>
    public Tensor Decode(Tensor target, Tensor? memory, PaddingMask? memoryMask = null, DecoderCache? cache = null, Seq2SeqRecorder? recorder = null, RandomPosition random = default)
    {
        var (_, T) = target.Dims2();
        var start = cache?.Length ?? 0;
        var x = targetDropout.forward(Embed(Targets, target, decoderPositions, start), random);                // [B, T, D]
        var bias = decoderPositions.Bias(T, start + T, x, bidirectional: false)?.unsqueeze(0);                 // [1, H, T, start + T]
        for (var layer = 0; layer < DecoderLayers; layer++)
            x = decoder[layer].forward(x,
                new AttentionInput(decoderPositions, Causal: true, bias, cache?.Target.Layers[layer], recorder?.Decoder, Random: random), memory,
                new AttentionInput(null, Causal: false, null, cache?.Source.Layers[layer], recorder?.Cross, memoryMask, random));
        return decoderNorm is null ? x : decoderNorm.call(x);                                                  // [B, T, D]
    }

    /// <summary>Logits of hidden vectors.</summary>
    /// <param name="hidden">[…, D].</param>
    /// <returns>[…, V].</returns>
    public Tensor Logits(Tensor hidden) => LinearFunction.Of(hidden, OutputWeight, outputBias, null, null, Compute);

    Tensor Embed(Embedding tokens, Tensor ids, Positions positions, long start)
    {
        var (_, T) = ids.Dims2();
        if (start + T > config.Context)
            throw new ArgumentException($"{start + T} tokens do not fit the model's context of {config.Context}");
        var x = tokens.call(ids);                                                                              // [B, T, D]
        if (config.Embeddings.Scale) x = x * Scalars.Of(Math.Sqrt(config.Width));
        return positions.Embed(x, start);
    }
}
