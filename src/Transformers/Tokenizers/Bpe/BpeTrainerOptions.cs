using Transformers.IO;

namespace Transformers.Tokenizers.Bpe;

/// <summary>What a byte-level BPE is trained to be.</summary>
public sealed record BpeTrainerOptions
{
    /// <summary>Number of ids wanted: 256 bytes, the merges and the special tokens. Fewer result where the corpus offers no more merges.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>How text is cut into pieces.</summary>
    public SplitPattern Pattern { get; init; } = SplitPattern.Gpt2;

    /// <summary>A pair must occur at least this often to be merged.</summary>
    public long MinimumFrequency { get; init; } = 2;

    /// <summary>Special tokens, which get the last ids in this order; the corpus is not searched for them.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = [TextTokenizer.DefaultEndOfText];

    /// <summary>Threads that count pieces, 0 for one a processor. The result does not depend on it.</summary>
    public int Threads { get; init; }

    internal int MergesWanted => VocabularySize - 256 - SpecialTokens.Count;

    internal void Check()
    {
        SpecialTokenNames.Check(SpecialTokens);
        if (MergesWanted < 0 || VocabularySize > TokenizerLimits.Ids)
            throw new UserException($"vocabulary ({VocabularySize}) must lie between {256 + SpecialTokens.Count} (256 bytes, {SpecialTokens.Count} special) and {TokenizerLimits.Ids}");
        if (MinimumFrequency < 1) throw new UserException($"minimum frequency ({MinimumFrequency}) must be at least 1");
        if (Threads < 0) throw new UserException($"threads ({Threads}) must not be negative");
    }
}

/// <summary>How far a training has come.</summary>
/// <param name="BytesRead">Bytes of text counted so far.</param>
/// <param name="DistinctPieces">Distinct pieces, 0 until all are counted.</param>
/// <param name="Merges">Merges learnt so far.</param>
/// <param name="MergesWanted">Merges asked for.</param>
public readonly record struct BpeTrainingProgress(long BytesRead, long DistinctPieces, int Merges, int MergesWanted);

/// <summary>Checks lists of special tokens.</summary>
static class SpecialTokenNames
{
    internal static void Check(IReadOnlyList<string> names)
    {
        if (names.Count > TokenizerLimits.SpecialTokens)
            throw new UserException($"the vocabulary asks for {names.Count} special tokens, more than {TokenizerLimits.SpecialTokens}");
        var seen = new HashSet<string>();
        foreach (var name in names)
        {
            if (name.Length is 0 or > TokenizerLimits.SpecialTokenLength)
                throw new UserException($"special token '{name}' must have 1 to {TokenizerLimits.SpecialTokenLength} characters");
            if (!seen.Add(name)) throw new UserException($"special token '{name}' is given twice");
        }
    }
}

/// <summary>Bounds on what files and options may ask for, far above every published tokenizer.</summary>
static class TokenizerLimits
{
    /// <summary>Bytes of a tokenizer file.</summary>
    internal const int FileBytes = 64 << 20;
    /// <summary>Ids of a vocabulary.</summary>
    internal const int Ids = 1 << 20;
    /// <summary>Merges of a vocabulary; several pairs may make the same token.</summary>
    internal const int Merges = 1 << 22;
    /// <summary>Special and added tokens.</summary>
    internal const int SpecialTokens = 1 << 16;
    /// <summary>Characters of a special token.</summary>
    internal const int SpecialTokenLength = 1024;
    /// <summary>Nesting of JSON.</summary>
    internal const int Depth = 64;
    /// <summary>Bytes of a piece that training takes whole; longer ones are cut.</summary>
    internal const int TrainingPiece = 64 * 1024;
}
