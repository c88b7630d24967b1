using Transformers.Tokenizers;

namespace Transformers.Data.Text;

/// <summary>What to prepare.</summary>
/// <param name="Source">The text.</param>
/// <param name="Tokenizer">The tokenizer that encodes it.</param>
/// <param name="Holdout">The fraction held out for validation, from 0 to below 1, of the characters (tail) or of the documents; not used if <paramref name="Validation"/> is given.</param>
/// <param name="Mode">Which part that is.</param>
/// <param name="Validation">Separate validation text.</param>
/// <param name="Threads">How many threads tokenize, 0 for one per core. The result does not depend on it.</param>
public sealed record PreparationOptions(TextSource Source, TextTokenizer Tokenizer, double Holdout, HoldoutMode Mode = HoldoutMode.Auto, TextSource? Validation = null, int Threads = 0);

/// <summary>The progress of preparation.</summary>
/// <param name="Bytes">The number of bytes of text tokenized so far.</param>
/// <param name="TotalBytes">The total number of bytes of text.</param>
public readonly record struct PreparationProgress(long Bytes, long TotalBytes);

/// <summary>Tokenizes text once, into a folder of shards whose name is a hash of what it is made from.</summary>
public static class DataPreparation
{
    // From this many documents on, whole documents are held out.
    const int EnoughDocuments = 100;

    // Part of each folder's name, so that data prepared by older versions of this code are not used.
    const string Version = "1";

    /// <summary>The folder's name: a hash of source, tokenizer and split.</summary>
    /// <param name="options">What to prepare.</param>
    /// <exception cref="UserException">A file does not exist.</exception>
    public static string KeyOf(PreparationOptions options)
    {
        var fraction = options.Holdout.ToString("R", CultureInfo.InvariantCulture);
        var split = options.Validation is { } own ? $"source {own.Fingerprint}" : $"{options.Mode} {fraction}";
        var parts = string.Join('\n', Version, options.Source.Fingerprint, options.Tokenizer.Hash, split);
        return $"text-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(parts)))[..20]}";
    }

    /// <summary>The preparation that a config describes.</summary>
    /// <param name="data">The config.</param>
    /// <param name="source">Its text.</param>
    public static PreparationOptions OptionsOf(TextDataConfig data, TextSource source, TextTokenizer tokenizer) =>
        new(source, tokenizer, data.Holdout, data.HoldoutMode);

    /// <summary>Opens the prepared data, preparing them first if they are not in the cache.</summary>
    /// <param name="options">What to prepare.</param>
    /// <param name="cache">The folder that holds prepared folders; created if it does not exist.</param>
    /// <param name="progress">Called about once per mebibyte.</param>
    /// <param name="cancel">Cancels preparation, and leaves nothing behind.</param>
    /// <exception cref="UserException">The text cannot be read or tokenized, or there is too little of it to hold something out.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static PreparedData Prepare(PreparationOptions options, string cache, IProgress<PreparationProgress>? progress = null, CancellationToken cancel = default)
    {
        if (!(options.Holdout is >= 0 and < 1)) throw new UserException($"holdout ({options.Holdout}) must be at least 0 and below 1");
        var folder = Path.Combine(cache, KeyOf(options));
        if (Directory.Exists(folder)) return PreparedData.Open(folder, options.Tokenizer);
        using (var partial = PartialFolder.Create(folder))
        {
            Write(options, partial.Path, progress, cancel);
            partial.Complete();
        }
        return PreparedData.Open(folder, options.Tokenizer);
    }

    static void Write(PreparationOptions options, string folder, IProgress<PreparationProgress>? progress, CancellationToken cancel)
    {
        var (source, tokenizer) = (options.Source, options.Tokenizer);
        var scan = new SourceScan(source, options.Holdout, cancel);
        if (scan.Counts.Documents == 0) throw new UserException([new Problem("the text is empty", source.Description)]);
        var mode = options.Mode != HoldoutMode.Auto ? options.Mode : scan.Counts.Documents < EnoughDocuments ? HoldoutMode.Tail : HoldoutMode.Documents;
        // nanoGPT's int(n * 0.9).
        var cut = (long)(scan.Counts.Characters * (1 - options.Holdout));

        using var splitter = new Splitter(folder);
        var (counts, validationCounts) = (new TextCounts(), new TextCounts());
        var pieces = options.Validation is { } own
            ? splitter.Whole(source.Read(counts), Split.Train).Concat(splitter.Whole(own.Read(validationCounts), Split.Validation))
            : mode == HoldoutMode.Tail ? splitter.Tail(source.Read(counts), cut) : splitter.ByDocument(source.Read(counts), scan);
        using var train = new ShardWriter(folder, PreparedData.TrainSplit, tokenizer.VocabularySize, tokenizer.Hash);
        using var validation = new ShardWriter(folder, PreparedData.ValidationSplit, tokenizer.VocabularySize, tokenizer.Hash);
        long reported = 0;
        new ParallelEncoder(tokenizer, options.Threads > 0 ? options.Threads : Environment.ProcessorCount).Run(pieces, (split, ids, start, count, ends) =>
        {
            var writer = split == Split.Train ? train : validation;
            writer.Append(CollectionsMarshal.AsSpan(ids).Slice(start, count));
            if (ends) writer.EndDocument();
            if (counts.Bytes - reported < 1 << 20) return;
            reported = counts.Bytes;
            progress?.Report(new(reported, scan.Counts.Bytes));
        }, cancel);
        if (counts.Documents != scan.Counts.Documents || counts.Bytes != scan.Counts.Bytes)
            throw new UserException([new Problem("the text changed while it was read", source.Description)]);
        Close(train);
        Close(validation);
        tokenizer.Save(Path.Combine(folder, tokenizer.FileName));
        new DataManifest(DataManifest.CurrentSchema, source.Description, tokenizer.Hash, tokenizer.VocabularySize,
            options.Validation is null ? mode.ToString().ToLowerInvariant() : "source", options.Holdout,
            Summary(train, splitter.Sizes[0]), Summary(validation, splitter.Sizes[1]), counts, splitter.FindDuplicates()).Save(folder);
        progress?.Report(new(scan.Counts.Bytes, scan.Counts.Bytes));
    }

    static void Close(ShardWriter writer)
    {
        // The part of a document before the cut is a document of the training split, though the text continues.
        if (writer.Tokens > writer.LastDocumentEnd) writer.EndDocument();
        writer.Finish();
    }

    static SplitSummary Summary(ShardWriter writer, (long Bytes, long Characters) size) =>
        new(writer.Tokens, writer.Documents, size.Bytes, size.Characters);
}

/// <summary>Tokenizes pieces on several threads and passes on the ids in the order of the pieces.</summary>
sealed class ParallelEncoder(TextTokenizer tokenizer, int threads)
{
    // Large enough to make the cost of handing over a job negligible, and small enough for a short queue.
    const int JobBytes = 256 * 1024;

    readonly ConcurrentBag<List<int>> spare = [];

    /// <summary>Encodes all pieces; <paramref name="write"/> is called on this thread.</summary>
    public void Run(IEnumerable<SplitPiece> pieces, Action<Split, List<int>, int, int, bool> write, CancellationToken cancel)
    {
        // A queue of running jobs, at most two per thread.
        var running = new Queue<Task<Job>>();
        var job = new Job([], []);
        var bytes = 0;
        foreach (var piece in pieces)
        {
            cancel.ThrowIfCancellationRequested();
            job.Pieces.Add(piece);
            bytes += piece.Piece.Utf8.Length + 64;
            if (bytes < JobBytes) continue;
            Start(job);
            (job, bytes) = (new Job([], []), 0);
        }
        Start(job);
        while (running.Count > 0) Write(running.Dequeue());

        void Start(Job next)
        {
            while (running.Count >= 2 * threads) Write(running.Dequeue());
            running.Enqueue(Task.Run(() => Encode(next), cancel));
        }

        void Write(Task<Job> task)
        {
            var done = task.GetAwaiter().GetResult();
            var start = 0;
            for (var i = 0; i < done.Pieces.Count; i++)
            {
                write(done.Pieces[i].Split, done.Ids, start, done.Ends[i] - start, done.Pieces[i].Piece.EndsDocument);
                start = done.Ends[i];
            }
            done.Ids.Clear();
            spare.Add(done.Ids);
        }
    }

    Job Encode(Job job)
    {
        if (!spare.TryTake(out var ids)) ids = [];
        foreach (var (piece, _) in job.Pieces)
        {
            try
            {
                tokenizer.EncodeToIds(piece.Utf8.Span, ids);
            }
            catch (UserException exception)
            {
                throw new UserException([.. exception.Problems.Select(p => p with { File = p.File ?? piece.Origin })], exception);
            }
            if (piece.EndsDocument && tokenizer.EndOfTextId is { } end) ids.Add(end);
            job.Ends.Add(ids.Count);
        }
        return job with { Ids = ids };
    }

    sealed record Job(List<SplitPiece> Pieces, List<int> Ends)
    {
        public List<int> Ids { get; init; } = [];
    }
}
