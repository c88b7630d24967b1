using Transformers.Configs;

namespace Transformers.Models;

/// <summary>The network; closed by <c>kind</c>.</summary>
public abstract record ModelConfig
{
    /// <summary>The width D of the residual stream.</summary>
    public abstract int Width { get; init; }
}

/// <summary>A network over tokens.</summary>
public abstract record TextModelConfig : ModelConfig
{
    /// <summary>The number of tokens V that the model tells apart; by default as many as the tokenizer has. More leaves room, which some hardware multiplies faster.</summary>
    [Between(2, 10_000_000)]
    public int? Vocabulary { get; init; }
}
