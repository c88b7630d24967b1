using System.Text;
using Transformers.IO;

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

    internal int MergesWanted => VocabularySize - 256 - SpecialTokens.Count;

    internal void Check()
    {
        SpecialTokenNames.Check(SpecialTokens);
        if (MergesWanted < 0 || VocabularySize > TokenizerLimits.Ids)
            throw new UserException($"vocabulary ({VocabularySize}) must be between {256 + SpecialTokens.Count} (256 bytes, {SpecialTokens.Count} special) and {TokenizerLimits.Ids}");
        if (MinimumFrequency < 1) throw new UserException($"minimum frequency ({MinimumFrequency}) must be at least 1");
        if (Threads < 0) throw new UserException($"threads ({Threads}) must not be negative");
    }
}

/// <summary>The progress of training.</summary>
/// <param name="BytesRead">Bytes of text counted so far.</param>
/// <param name="DistinctPieces">Distinct pieces, 0 until all are counted.</param>
/// <param name="Merges">Merges learned so far.</param>
/// <param name="MergesWanted">Merges to learn in all.</param>
public readonly record struct BpeTrainingProgress(long BytesRead, long DistinctPieces, int Merges, int MergesWanted);
