using Transformers.Configs;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers;

/// <summary>How text becomes token ids.</summary>
public abstract record TokenizerConfig;

/// <summary>Byte-level byte-pair encoding, trained on the data.</summary>
[Kind("bpe")]
public sealed record BpeTokenizerConfig : TokenizerConfig
{
    /// <summary>The number of tokens, including the 256 bytes and the special tokens.</summary>
    [Between(257, 1_000_000)]
    public required int Vocabulary { get; init; }

    /// <summary>How text is split into words; no token spans two words.</summary>
    public SplitPattern Pattern { get; init; } = SplitPattern.Gpt2;

    /// <summary>How often a pair must occur to become a token.</summary>
    [AtLeast(1)]
    public int MinFrequency { get; init; } = 2;

    /// <summary>How much of the training text the vocabulary is trained on; all of it by default.</summary>
    [AtLeast(1)]
    public ByteSize? Sample { get; init; }
}

/// <summary>One token for each character that occurs in the data.</summary>
[Kind("characters")]
public sealed record CharacterTokenizerConfig : TokenizerConfig;

/// <summary>One token for each byte.</summary>
[Kind("bytes")]
public sealed record ByteTokenizerConfig : TokenizerConfig;

/// <summary>One token for each word of the data, split at white space; for copying, reversing and similar tasks.</summary>
[Kind("words")]
public sealed record WordTokenizerConfig : TokenizerConfig;

/// <summary>An existing tokenizer.</summary>
[Kind("file")]
public sealed record FileTokenizerConfig : TokenizerConfig
{
    /// <summary>A <c>tokenizer.json</c>, a <c>.tiktoken</c> file, a SentencePiece <c>.model</c>, a WordPiece <c>vocab.txt</c>, a folder with one of these or with GPT-2's vocabulary and merges, or a run.</summary>
    [NotEmpty]
    public required string Path { get; init; }

    /// <summary>How text is split into words, for vocabularies that do not specify it.</summary>
    public SplitPattern? Pattern { get; init; }
}
