namespace Transformers.Tokenizers.Bpe;

/// <summary>Trains byte-level BPE vocabularies.</summary>
/// <remarks>Ids 0 to 255 are the bytes by value, merges follow in the order in which they were learned, special tokens come last.</remarks>
public static class BpeTrainer
{
    /// <summary>Trains on files of text, each one document; names that end in <c>.gz</c> are decompressed.</summary>
    /// <param name="paths">Files, read once, in order.</param>
    /// <param name="options">What to train.</param>
    /// <param name="progress">Called every megabyte of text and every hundred merges.</param>
    /// <param name="cancel">Cancels the training.</param>
    /// <exception cref="UserException">The options contradict themselves, or a file cannot be read.</exception>
    public static ByteLevelBpeTokenizer Train(IEnumerable<string> paths, BpeTrainerOptions options,
        IProgress<BpeTrainingProgress>? progress = null, CancellationToken cancel = default) =>
        Train(paths.Select(path => InputFile.Open(path)), options, progress, cancel);

    /// <summary>Trains on streams of UTF-8 text, each one document, which are disposed of as they are read.</summary>
    /// <inheritdoc cref="Train(IEnumerable{string}, BpeTrainerOptions, IProgress{BpeTrainingProgress}, CancellationToken)"/>
    public static ByteLevelBpeTokenizer Train(IEnumerable<Stream> documents, BpeTrainerOptions options,
        IProgress<BpeTrainingProgress>? progress = null, CancellationToken cancel = default)
    {
        options.Check();
        var threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        var read = new LatestProgress(progress);
        try
        {
            var counts = new PieceCounter(options.Pattern, threads, read, options.MergesWanted, cancel).Count(documents);
            return Learn(counts, options, read, cancel);
        }
        catch (Exception exception) when (InputFile.IsUnreadable(exception))
        {
            throw new UserException($"the training text cannot be read: {InputFile.ReasonOf(exception)}", inner: exception);
        }
    }

    static ByteLevelBpeTokenizer Learn(PieceCounts counts, BpeTrainerOptions options, LatestProgress progress, CancellationToken cancel)
    {
        var learner = new MergeLearner(counts, options.MergesWanted, options.MinimumFrequency,
            options.SpecialTokens.Select(name => Encoding.UTF8.GetBytes(name)));
        var merges = new List<Merge>(options.MergesWanted);
        while (merges.Count < options.MergesWanted && learner.TryLearn(out var merge))
        {
            merges.Add(merge);
            if (merges.Count % 100 != 0) continue;
            cancel.ThrowIfCancellationRequested();
            progress.Report(new(progress.Latest.BytesRead, counts.Distinct, merges.Count, options.MergesWanted));
        }
        progress.Report(new(progress.Latest.BytesRead, counts.Distinct, merges.Count, options.MergesWanted));

        var tokens = new byte[]?[learner.Tokens.Count + options.SpecialTokens.Count];
        for (var id = 0; id < learner.Tokens.Count; id++) tokens[id] = learner.Tokens[id];
        return new ByteLevelBpeTokenizer(new BpeDefinition
        {
            Tokens = tokens,
            Merges = merges,
            Special = options.SpecialTokens.Select((name, i) => (name, id: learner.Tokens.Count + i)).ToDictionary(token => token.name, token => token.id),
            Pattern = options.Pattern,
        });
    }

    sealed class LatestProgress(IProgress<BpeTrainingProgress>? next) : IProgress<BpeTrainingProgress>
    {
        internal BpeTrainingProgress Latest { get; private set; }

        public void Report(BpeTrainingProgress value)
        {
            Latest = value;
            next?.Report(value);
        }
    }
}

/// <summary>The settings of a byte-level BPE's training.</summary>
public sealed record BpeTrainerOptions
{
    /// <summary>The number of ids: 256 bytes, the merges and the special tokens. There are fewer if the corpus offers no more merges.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>How text is cut into pieces.</summary>
    public SplitPattern Pattern { get; init; } = SplitPattern.Gpt2;

    /// <summary>A pair must occur at least this often to be merged.</summary>
    public long MinimumFrequency { get; init; } = 2;

    /// <summary>Special tokens, which get the last ids in this order; the corpus is not searched for them.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = [TextTokenizer.DefaultEndOfText];

    /// <summary>Threads that count pieces, 0 for one per processor. The result does not depend on it.</summary>
    public int Threads { get; init; }

    const int MostThreads = 1024;

    internal int MergesWanted => VocabularySize - 256 - SpecialTokens.Count;

    internal void Check()
    {
        SpecialTokenNames.Check(SpecialTokens);
        if (MergesWanted < 0 || VocabularySize > TokenizerLimits.Ids)
            throw new UserException($"vocabulary ({VocabularySize}) must be between {256 + SpecialTokens.Count} (256 bytes, {SpecialTokens.Count} special) and {TokenizerLimits.Ids}");
        if (MinimumFrequency < 1) throw new UserException($"minimum frequency ({MinimumFrequency}) must be at least 1");
        if (Threads is < 0 or > MostThreads) throw new UserException($"threads ({Threads}) must be between 0 and {MostThreads}", "0 means one per processor");
    }
}

/// <summary>The progress of training.</summary>
/// <param name="BytesRead">Bytes of text counted so far.</param>
/// <param name="DistinctPieces">Distinct pieces, 0 until all are counted.</param>
/// <param name="Merges">Merges learned so far.</param>
/// <param name="MergesWanted">Merges to learn in all.</param>
public readonly record struct BpeTrainingProgress(long BytesRead, long DistinctPieces, int Merges, int MergesWanted);

/// <summary>Everything that decides the ids of a byte-level BPE, as read from a file or trained.</summary>
sealed class BpeDefinition
{
    /// <summary>The bytes of each id; null if the id is that of a special token or unused.</summary>
    internal required byte[]?[] Tokens { get; init; }
    internal required IReadOnlyList<Merge> Merges { get; init; }
    /// <summary>Special tokens, matched only where they are allowed.</summary>
    internal required IReadOnlyDictionary<string, int> Special { get; init; }
    /// <summary>Added tokens that are always matched, regardless of the pieces; their bytes are in <see cref="Tokens"/>.</summary>
    internal IReadOnlyDictionary<string, int> AlwaysMatched { get; init; } = new Dictionary<string, int>();
    /// <summary>The rules for added tokens, including special ones, that are not matched literally.</summary>
    internal IReadOnlyDictionary<string, AddedRule> Rules { get; init; } = new Dictionary<string, AddedRule>();
    internal required SplitPattern Pattern { get; init; }
    /// <summary>The patterns that cut the text before <see cref="Pattern"/>, each within the pieces of the one before.</summary>
    internal IReadOnlyList<PieceScanner> CutBefore { get; init; } = [];
    /// <summary>Whether a text, or a piece of <see cref="CutBefore"/>, gets a space in front if it has none.</summary>
    internal bool PrefixSpace { get; init; }
    /// <summary>Whether text is converted to Unicode's normal form C.</summary>
    internal bool Composes { get; init; }
    /// <summary>The pre-tokenizer of the file that this was read from, as JSON; null if the pattern describes it completely.</summary>
    internal string? PreTokenizer { get; init; }
    /// <summary>The special tokens that the post-processor puts before and after a text.</summary>
    internal (int[] Before, int[] After) Frame { get; init; } = ([], []);
    /// <summary>Whether a piece that is a token is that token even if no merges lead to it.</summary>
    internal bool WholePiecesFirst { get; init; }
    /// <summary>The post-processor of a Hugging Face file, as JSON, to be written again: it only puts special tokens around the ids (<see cref="Frame"/>).</summary>
    internal string? PostProcessor { get; init; }

    internal string Hash()
    {
        var hash = new CanonicalHash("bpe");
        hash.Add(SplitPatterns.NameOf(Pattern));
        hash.Add(WholePiecesFirst ? 1 : 0);
        hash.AddTokens(Tokens);
        hash.Add(Merges.Count);
        foreach (var (left, right, result) in Merges)
        {
            hash.Add(left);
            hash.Add(right);
            hash.Add(result);
        }
        hash.AddNames(Special);
        hash.AddNames(AlwaysMatched);
        // Only if it differs from what every file once had to have, so that the hashes of those files do not change.
        if (Composes) hash.Add("nfc");
        if (PrefixSpace) hash.Add("prefix space");
        if (PreTokenizer is { } preTokenizer) hash.Add(preTokenizer);
        var orderMatters = Composes || AlwaysMatched.Keys.Select(name => Rules.GetValueOrDefault(name).Normalized).Distinct().Count() > 1;
        foreach (var (name, given) in Rules.OrderBy(rule => rule.Key, StringComparer.Ordinal))
        {
            var rule = given with { Normalized = given.Normalized && orderMatters };
            if (rule == default) continue;
            hash.Add(name);
            hash.Add((rule.SingleWord ? 1 : 0) | (rule.StripLeft ? 2 : 0) | (rule.StripRight ? 4 : 0) | (rule.Normalized ? 8 : 0));
        }
        return hash.Finish();
    }
}

/// <summary>GPT-2's way of writing bytes as visible characters: printable Latin-1 as itself, the other 68 bytes from U+0100 on.</summary>
static class ByteAlphabet
{
    static readonly char[] CharOfByte = new char[256];
    static readonly short[] ByteOfChar = new short[0x144];

    static ByteAlphabet()
    {
        Array.Fill(ByteOfChar, (short)-1);
        var next = 0x100;
        for (var b = 0; b < 256; b++)
        {
            var printable = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
            CharOfByte[b] = (char)(printable ? b : next++);
            ByteOfChar[CharOfByte[b]] = (short)b;
        }
    }

    internal static string ToText(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (var b in bytes) text.Append(CharOfByte[b]);
        return text.ToString();
    }

    /// <summary>The bytes that a text of the alphabet encodes, or null if it has another character.</summary>
    internal static byte[]? ToBytes(ReadOnlySpan<char> text)
    {
        var bytes = new byte[text.Length];
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] >= ByteOfChar.Length || ByteOfChar[text[i]] < 0) return null;
            bytes[i] = (byte)ByteOfChar[text[i]];
        }
        return bytes;
    }
}
