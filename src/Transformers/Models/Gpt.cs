using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Configs;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A decoder-only transformer that predicts the next token.</summary>
/// <remarks>Radford et al. 2019, section 2.3. The defaults are GPT-2's, with exact GELU, without biases and without dropout.</remarks>
[Kind("gpt")]
public sealed record GptConfig : TextTransformerConfig
{
    /// <summary>With the defaults of GPT-2, without biases.</summary>
    public GptConfig() => (Bias, Init) = (false, new Gpt2InitConfig());

    /// <summary>The number of key/value heads K, each shared by H/K query heads; by default the number of heads. 1 is multi-query attention.</summary>
    [Between(1, 10_000)]
    public int? KeyValueHeads { get; init; }

    /// <summary>The number of tokens T that the model sees at once.</summary>
    [Between(1, 10_000_000)]
    public required int Context { get; init; }

    /// <summary>The dropout rate of embeddings, of attention weights and of each sublayer's output.</summary>
    public override double Dropout { get; init; }

    /// <summary>Whether the output layer uses the token embedding's matrix.</summary>
    public bool TieEmbeddings { get; init; } = true;

    /// <inheritdoc/>
    public override int? RowLength() => Context;

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        var (B, T) = (batch.Rows, batch.Source);
        AddBlocks(products, B, T, KeyValueHeads);
        products.Matrix(B * T, Width, sizes.Vocabulary);
    }

    /// <inheritdoc/>
    public override void Check(ConfigCheck check)
    {
        base.Check(check);
        if (KeyValueHeads is { } kvHeads)
            check.That(Heads % kvHeads == 0, "key_value_heads", $"({kvHeads}) must divide {check.At("heads")} ({Heads})");
    }
}

/// <summary>A decoder-only transformer: predicts the next token from those before it.</summary>
/// <remarks>
/// Radford et al. 2019, section 2.3. With post-norm it is the decoder of Vaswani et al. 2017 without its cross attention, as
/// Radford et al. 2018 describe.
/// </remarks>
public sealed class Gpt : nn.Module, ILanguageModel, IComputes
{
    readonly GptConfig config;
    [ComponentName(Name = "tok_emb")]
    readonly Embedding tokens;
    [ComponentName(Name = "pos_emb")]
    readonly Positions positions;
    readonly ModuleList<Block> blocks;
    readonly Dropout dropout;
    readonly Norm? norm;
    [ComponentName(Name = "head")]
    readonly Linear? output;

    /// <summary>Creates a model with freshly initialised weights.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="vocabulary">The number of tokens V.</param>
    /// <param name="generator">The random stream for the weights.</param>
    public Gpt(GptConfig config, int vocabulary, Generator? generator = null) : base(nameof(Gpt))
    {
        this.config = config;
        Vocabulary = vocabulary;
        tokens = nn.Embedding(vocabulary, config.Width);
        positions = Positions.Create(config.Positions, config.Context, config.Width, config.Heads);
        blocks = nn.ModuleList(Enumerable.Range(0, config.Layers).Select(_ => new Block(
            new Attention(config.Width, config.Heads, config.KeyValueHeads, config.Bias, config.Dropout),
            new FeedForward(config.FeedForward, config.Width, config.Bias),
            () => new Residual(config.Norm, config.Width, config.Bias, config.Dropout))).ToArray());
        dropout = new Dropout(config.Dropout);
        norm = config.Norm.Placement == NormPlacement.Pre ? new Norm(config.Norm, config.Width, config.Bias) : null;
        output = config.TieEmbeddings ? null : new Linear(config.Width, vocabulary, hasBias: false);
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, config.Layers, generator);
    }

    /// <inheritdoc/>
    public int Vocabulary { get; }

    /// <inheritdoc/>
    public int Context => config.Context;

    /// <inheritdoc/>
    public Tensor OutputWeight => output?.weight ?? tokens.weight!;

    /// <inheritdoc/>
    public ScalarType Compute { get; set; } = ScalarType.Float32;

    internal GptConfig Config => config;
    internal Positions Positions => positions;
    internal Tensor TokenWeight => tokens.weight!;

    /// <inheritdoc/>
    public KeyValueCache NewCache() => new(config.Layers);

    /// <summary>Logits of the next token after each token.</summary>
    /// <param name="ids">[B, T], whole numbers below V.</param>
    /// <returns>[B, T, V].</returns>
    public Tensor forward(Tensor ids) => Logits(Hidden(ids));

    /// <inheritdoc/>
    public Tensor Hidden(Tensor ids, KeyValueCache? cache = null, AttentionRecorder? recorder = null, Tensor? mask = null, RandomPosition random = default)
    {
        var (_, T) = ids.Dims2();
        var start = cache?.Length ?? 0;
        if (start + T > config.Context)
            throw new ArgumentException($"{start + T} tokens do not fit in the model's context of {config.Context}");

        var x = dropout.forward(positions.Embed(tokens.call(ids), start), random);                // [B, T, D]
        var bias = positions.Bias(T, start + T, x, bidirectional: false)?.unsqueeze(0);           // [1, H, T, S]
        if (mask is not null) bias = bias is null ? mask : bias.Plus(mask);
        for (var layer = 0; layer < config.Layers; layer++)
            x = blocks[layer].forward(x, new AttentionInput(positions, Causal: true, bias, cache?.Layers[layer], recorder, Random: random));
        return norm is null ? x : norm.call(x);                                                   // [B, T, D]
    }

    /// <inheritdoc/>
    public Tensor Logits(Tensor hidden) => LinearFunction.Of(hidden, OutputWeight, null, null, null, Compute);   // [B, T, V]
}
