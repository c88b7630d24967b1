using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Configs;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>An encoder-decoder transformer, which turns one sequence into another.</summary>
/// <remarks>Vaswani et al. 2017, section 3. The defaults are the paper's: ReLU, sinusoidal positions, post-norm, one matrix for all embeddings.</remarks>
[Kind("seq2seq")]
public sealed record Seq2SeqConfig : TextTransformerConfig, IInnerDropoutConfig
{
    /// <summary>With the defaults of the paper.</summary>
    public Seq2SeqConfig() =>
        (FeedForward, Positions, Norm, Dropout, Init) = (new ReluConfig(), new SinusoidalPositionsConfig(), new LayerNormConfig { Placement = NormPlacement.Post }, 0.1, new XavierInitConfig());

    /// <summary>The number of encoder layers, and of decoder layers if these are not given.</summary>
    public override required int Layers { get; init; }

    /// <summary>The number of decoder layers; by default as many as the encoder has.</summary>
    [Between(1, 10_000)]
    public int? DecoderLayers { get; init; }

    /// <summary>The maximum number of tokens of a source or a target, including their begin or end tokens.</summary>
    [Between(2, 10_000_000)]
    public int Context { get; init; } = 1024;

    /// <inheritdoc/>
    public double InnerDropout { get; init; }

    /// <summary>Which embedding matrices the model has.</summary>
    public EmbeddingsConfig Embeddings { get; init; } = new();

    /// <inheritdoc/>
    public override IReadOnlyList<string> FreeSettings() => [.. base.FreeSettings(), "decoder_layers"];

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        var (B, S, T, D, layers) = (batch.Rows, batch.Source, batch.Target, Width, DecoderLayers ?? Layers);
        AddBlocks(products, B, S);
        products.SelfAttention(B, T, D, Heads, Heads, layers);
        products.CrossAttention(B, T, S, D, layers);
        products.FeedForward(B * T, D, FeedForward, layers);
        products.Matrix(batch.Targets, D, sizes.Vocabulary);
    }
}

/// <summary>Which embedding matrices an encoder-decoder has.</summary>
/// <remarks>Vaswani et al. 2017, section 3.4: one matrix for sources, targets and the output layer, its rows times √D where they are read.</remarks>
public sealed record EmbeddingsConfig
{
    /// <summary>Whether source and target tokens share one matrix, which requires a shared vocabulary. By default true if the vocabulary is shared.</summary>
    public bool? Shared { get; init; }

    /// <summary>Whether the output layer uses the target tokens' matrix.</summary>
    public bool TieOutput { get; init; } = true;

    /// <summary>Whether embeddings are multiplied by √D.</summary>
    public bool Scale { get; init; } = true;

    /// <summary>Whether the output layer has a bias, as in Marian's published translation models.</summary>
    public bool OutputBias { get; init; }
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

    /// <summary>Creates a model with freshly initialised weights.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="sourceVocabulary">The number of source tokens.</param>
    /// <param name="targetVocabulary">The number of target tokens V.</param>
    /// <param name="shared">Whether both sides have one vocabulary; decides whether they share a matrix if the config leaves this open.</param>
    /// <param name="generator">The random stream for the weights.</param>
    /// <exception cref="UserException">The config wants one matrix for two vocabularies.</exception>
    public Seq2Seq(Seq2SeqConfig config, int sourceVocabulary, int targetVocabulary, bool shared, Generator? generator = null) : base(nameof(Seq2Seq))
    {
        this.config = config;
        if (config.Embeddings.Shared == true && !shared)
            throw new UserException([new Problem("model.embeddings.shared must be false if source and target have separate tokenizers", Path: "model.embeddings.shared", Hint: "set it to false, or leave it out")]);
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

    /// <summary>The maximum number of tokens on each side.</summary>
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
    /// <param name="recorder">Records attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>The memory, [B, S, D].</returns>
    /// <exception cref="ArgumentException">There are more tokens than the context holds.</exception>
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
    /// <param name="memory">[B, S, D], or null if the cache holds the source already.</param>
    /// <param name="memoryMask">Hides the source's padding.</param>
    /// <param name="cache">Keys and values of earlier tokens and of the source; extended by this call.</param>
    /// <param name="recorder">Records attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, T, D].</returns>
    /// <exception cref="ArgumentException">There are more tokens than the context holds.</exception>
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
            throw new ArgumentException($"{start + T} tokens do not fit in the model's context of {config.Context}");
        var x = tokens.call(ids);                                                                              // [B, T, D]
        if (config.Embeddings.Scale) x = x * Scalars.Of(Math.Sqrt(config.Width));
        return positions.Embed(x, start);
    }
}
