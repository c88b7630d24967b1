using Transformers.Configs;
using Transformers.Layers;

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

    /// <summary>How the model knows where a token stands: added to embeddings, or acting in self-attention.</summary>
    public PositionsConfig Positions { get; init; } = new SinusoidalPositions();

    /// <summary>The normalisation.</summary>
    public NormConfig Norm { get; init; } = new LayerNormConfig { Placement = NormPlacement.Post };

    /// <summary>Whether linear layers and layer norms add a bias.</summary>
    public bool Bias { get; init; } = true;

    /// <summary>The share that training drops of embeddings and of each sublayer's output, as in section 5.4 of the paper.</summary>
    [Between(0, 1, Below = true)]
    public double Dropout { get; init; } = 0.1;

    /// <summary>The share of attention weights and of hidden feed-forward activations that training drops.</summary>
    [Between(0, 1, Below = true)]
    public double InnerDropout { get; init; }

    /// <summary>Which matrices of embeddings there are.</summary>
    public EmbeddingsConfig Embeddings { get; init; } = new();

    /// <summary>How weights start.</summary>
    public InitConfig Init { get; init; } = new XavierInit();

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
}

/// <summary>Checks that all models of blocks share.</summary>
static class LayerChecks
{
    internal static void Check(ConfigCheck check, int width, int heads, PositionsConfig positions)
    {
        check.That(width % heads == 0, "width", $"({width}) must be divisible by {check.At("heads")} ({heads})");
        if (width % heads == 0 && positions is RotaryPositions)
            check.That(width / heads % 2 == 0, "width", $"({width}) over {check.At("heads")} ({heads}) must give an even head width for rotary positions, not {width / heads}");
        if (positions is SinusoidalPositions)
            check.That(width % 2 == 0, "width", $"({width}) must be even for sinusoidal positions");
    }
}
