using Transformers.Configs;
using Transformers.IO;
using Transformers.Tokenizers;

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

    /// <summary>The vocabulary of a model with a tokenizer: the config's, or as many tokens as the tokenizer has.</summary>
    /// <exception cref="UserException">The config's is smaller than the tokenizer's.</exception>
    internal int VocabularyFor(TextTokenizer tokenizer) =>
        Vocabulary is not { } wanted ? tokenizer.VocabularySize
        : wanted >= tokenizer.VocabularySize ? wanted
        : throw new UserException($"model.vocabulary ({wanted}) must be at least the tokenizer's ({tokenizer.VocabularySize})");
}
