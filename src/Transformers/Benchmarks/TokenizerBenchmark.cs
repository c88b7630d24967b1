using System.Diagnostics;
using Transformers.IO;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Bpe;
using Transformers.Tokenizers.Formats;

namespace Transformers.Benchmarks;

/// <summary>One measurement.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Threads">The number of threads.</param>
/// <param name="Bytes">Bytes of text.</param>
/// <param name="Seconds">Seconds by the clock.</param>
/// <param name="CpuSeconds">Seconds of processor time of the whole process, the fairer figure on a busy machine.</param>
public sealed record TokenizerTiming(string Name, int Threads, long Bytes, double Seconds, double CpuSeconds)
{
    /// <summary>Megabytes (10^6 bytes) per second by the clock.</summary>
    public double MegabytesPerSecond => Bytes / 1e6 / Seconds;

    /// <summary>Megabytes per second of processor time.</summary>
    public double MegabytesPerCpuSecond => Bytes / 1e6 / CpuSeconds;
}

/// <summary>The result of a benchmark.</summary>
/// <param name="Bytes">Bytes of text.</param>
/// <param name="DistinctPieces">Distinct pieces of the text under the pattern: a short text repeated would be encoded from the
/// cache.</param>
/// <param name="Tokens">Tokens of the text.</param>
/// <param name="Timings">The measurements.</param>
public sealed record TokenizerBenchmarkResult(long Bytes, long DistinctPieces, long Tokens, IReadOnlyList<TokenizerTiming> Timings);

/// <summary>Measures training and encoding on given files of text.</summary>
public static class TokenizerBenchmark
{
    // Each thread takes the next part: small enough to keep all threads busy, large enough for little overhead.
    const int Part = 1 << 20;

    /// <summary>Trains a vocabulary on one and on several threads, then encodes the files with it, or with a given tokenizer.</summary>
    /// <param name="paths">Files of text, unpacked; held in memory while they are encoded.</param>
    /// <param name="options">What to train; its threads are not used.</param>
    /// <param name="threads">The second number of threads to measure with.</param>
    /// <param name="tokenizer">The tokenizer to encode with, or null for the one that was trained.</param>
    /// <param name="repeats">How often each is measured; the fastest counts.</param>
    /// <param name="cancel">Stops between measurements and within training.</param>
    /// <exception cref="UserException">A file cannot be read, the options contradict themselves, or the given tokenizer cannot encode the text.</exception>
    public static TokenizerBenchmarkResult Run(IReadOnlyList<string> paths, BpeTrainerOptions options, int threads = 2,
        TextTokenizer? tokenizer = null, int repeats = 3, CancellationToken cancel = default)
    {
        var distinct = new LastProgress();
        var timings = new List<TokenizerTiming>();
        ByteLevelBpeTokenizer? trained = null;
        foreach (var count in Counts(threads))
            timings.Add(Best("train", count, repeats, () => trained = BpeTrainer.Train(paths, options with { Threads = count }, distinct, cancel)) with { Bytes = distinct.Value.BytesRead });

        tokenizer ??= trained!;
        var parts = paths.SelectMany(Parts).ToList();
        var bytes = parts.Sum(part => (long)part.Length);
        long tokens = 0;
        foreach (var count in Counts(threads))
        {
            cancel.ThrowIfCancellationRequested();
            timings.Add(Best("encode", count, repeats, () => tokens = Encode(tokenizer, parts, count)) with { Bytes = bytes });
        }
        return new(bytes, distinct.Value.DistinctPieces, tokens, timings);
    }

    static IEnumerable<int> Counts(int threads) => threads > 1 ? [1, threads] : [1];

    static TokenizerTiming Best(string name, int threads, int repeats, Action action)
    {
        TokenizerTiming? best = null;
        for (var i = 0; i < Math.Max(1, repeats); i++)
        {
            var (clock, cpu) = (Stopwatch.StartNew(), CpuTime());
            action();
            var timing = new TokenizerTiming(name, threads, 0, clock.Elapsed.TotalSeconds, (CpuTime() - cpu).TotalSeconds);
            if (best is null || timing.Seconds < best.Seconds) best = timing;
        }
        return best!;
    }

    static TimeSpan CpuTime()
    {
        using var process = Process.GetCurrentProcess();
        return process.TotalProcessorTime;
    }

    static long Encode(TextTokenizer tokenizer, List<byte[]> parts, int threads)
    {
        var next = -1;
        long tokens = 0;
        var workers = Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(() =>
        {
            var ids = new List<int>();
            for (int i; (i = Interlocked.Increment(ref next)) < parts.Count; ids.Clear())
            {
                tokenizer.EncodeToIds(parts[i], ids);
                Interlocked.Add(ref tokens, ids.Count);
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        Task.WhenAll(workers).GetAwaiter().GetResult();
        return tokens;
    }

    static IEnumerable<byte[]> Parts(string path)
    {
        var file = TokenizerFile.Reading(path, () => new FileStream(path, FileMode.Open, FileAccess.Read));
        using (file)
        {
            var block = new byte[Part];
            for (int kept = 0, read; ; )
            {
                read = TokenizerFile.Reading(path, () => file.ReadAtLeast(block.AsSpan(kept), Part - kept, throwOnEndOfStream: false));
                var filled = kept + read;
                var newline = filled < Part ? filled : block.AsSpan(0, filled).LastIndexOf((byte)'\n') + 1;
                var end = newline > 0 ? newline : filled;
                if (end > 0) yield return block[..end];
                if (filled < Part) yield break;
                block.AsSpan(end, filled - end).CopyTo(block);
                kept = filled - end;
            }
        }
    }

    sealed class LastProgress : IProgress<BpeTrainingProgress>
    {
        internal BpeTrainingProgress Value { get; private set; }
        public void Report(BpeTrainingProgress value) => Value = value;
    }
}
