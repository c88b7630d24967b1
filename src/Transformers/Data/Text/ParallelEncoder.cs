using System.Collections.Concurrent;
using Transformers.IO;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;

namespace Transformers.Data.Text;

/// <summary>Tokenizes pieces on several threads and hands the ids on in the order of the pieces.</summary>
sealed class ParallelEncoder(TextTokenizer tokenizer, int threads)
{
    // Enough text that handing a job over costs nothing, little enough that what waits stays small.
    const int JobBytes = 256 * 1024;

    readonly ConcurrentBag<List<int>> spare = [];

    /// <summary>Encodes all pieces; <paramref name="write"/> is called on this thread.</summary>
    public void Run(IEnumerable<SplitPiece> pieces, Action<Split, List<int>, int, int, bool> write, CancellationToken cancel)
    {
        // A queue of running jobs: at most two a thread, taken off in the order in which they were put on.
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
