using System.IO.Compression;
using System.Text;
using Transformers.IO;
using Transformers.Tokenizers.Formats;

namespace Transformers.Tokenizers.Bpe;

/// <summary>Trains byte-level BPE vocabularies.</summary>
/// <remarks>Ids 0 to 255 are the bytes by value, merges follow in the order they were learnt, special tokens come last.</remarks>
public static class BpeTrainer
{
    /// <summary>Trains on files of text, each one document; names that end in <c>.gz</c> are unpacked.</summary>
    /// <param name="paths">Files, read once, in order.</param>
    /// <param name="options">What to train.</param>
    /// <param name="progress">Told every megabyte of text and every hundred merges.</param>
    /// <param name="cancel">Stops the training.</param>
    /// <exception cref="UserException">The options contradict themselves, or a file cannot be read.</exception>
    public static ByteLevelBpeTokenizer Train(IEnumerable<string> paths, BpeTrainerOptions options,
        IProgress<BpeTrainingProgress>? progress = null, CancellationToken cancel = default) =>
        Train(paths.Select(Open), options, progress, cancel);

    /// <summary>Trains on streams of UTF-8 text, each one document, which are disposed as they are read.</summary>
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
        catch (Exception exception) when (TokenizerFile.IsUnreadable(exception))
        {
            throw new UserException($"the training text cannot be read: {exception.Message}", inner: exception);
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

    static Stream Open(string path)
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16, FileOptions.SequentialScan);
        return path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
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
