using Transformers.Configs;
using Transformers.Layers;

namespace Transformers.Models;

/// <summary>A decoder-only transformer that predicts the next token.</summary>
/// <remarks>Radford et al. 2019, section 2.3. The defaults are GPT-2's, with exact GELU, without biases and without dropout.</remarks>
[Kind("gpt")]
public sealed record GptConfig : TextModelConfig, IChecked
{
    /// <summary>The number of blocks L.</summary>
    [Between(1, 10_000)]
    public required int Layers { get; init; }

    /// <summary>The number of attention heads H; it divides the width.</summary>
    [Between(1, 10_000)]
    public required int Heads { get; init; }

    /// <summary>The number of key/value heads K, each shared by H/K query heads; by default as many as heads. 1 is multi-query attention.</summary>
    [Between(1, 10_000)]
    public int? KeyValueHeads { get; init; }

    /// <summary>The width D of the residual stream.</summary>
    [Between(1, 1_000_000)]
    public override required int Width { get; init; }

    /// <summary>The number of tokens T that the model sees at once.</summary>
    [Between(1, 10_000_000)]
    public required int Context { get; init; }

    /// <summary>The feed-forward network of a block.</summary>
    public FeedForwardConfig FeedForward { get; init; } = new GeluConfig();

    /// <summary>How the model knows where a token stands.</summary>
    public PositionsConfig Positions { get; init; } = new LearnedPositions();

    /// <summary>The normalisation.</summary>
    public NormConfig Norm { get; init; } = new LayerNormConfig();

    /// <summary>Whether linear layers and layer norms add a bias.</summary>
    public bool Bias { get; init; }

    /// <summary>The share of activations that training drops.</summary>
    [Between(0, 1, Below = true)]
    public double Dropout { get; init; }

    /// <summary>Whether the output layer uses the token embedding's matrix.</summary>
    public bool TieEmbeddings { get; init; } = true;

    /// <summary>How weights start.</summary>
    public InitConfig Init { get; init; } = new Gpt2Init();

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Width % Heads == 0, "width", $"({Width}) must be divisible by {check.At("heads")} ({Heads})");
        if (KeyValueHeads is { } groups)
            check.That(Heads % groups == 0, "key_value_heads", $"({groups}) must divide {check.At("heads")} ({Heads})");
        if (Width % Heads == 0 && Positions is RotaryPositions)
            check.That(Width / Heads % 2 == 0, "width", $"({Width}) over {check.At("heads")} ({Heads}) must give an even head width for rotary positions, not {Width / Heads}");
        if (Positions is SinusoidalPositions)
            check.That(Width % 2 == 0, "width", $"({Width}) must be even for sinusoidal positions");
    }
}
