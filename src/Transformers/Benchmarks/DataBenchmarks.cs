using Transformers.Data.Images;
using Transformers.IO.Images;
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

/// <summary>The speed at which one core makes training images of 224 pixels from JPEG files of 500 x 375, in images per second of processor time.</summary>
/// <param name="FileBytes">The mean size of the files.</param>
/// <param name="DecodePerSecond">Files decoded in full.</param>
/// <param name="TrainPerSecond">Decoded, cropped at random, resized, flipped, normalised.</param>
/// <param name="RandAugmentPerSecond">The same with <c>rand-m9-mstd0.5</c> and random filters.</param>
public sealed record ImageBenchmarkResult(double FileBytes, double DecodePerSecond, double TrainPerSecond, double RandAugmentPerSecond);

/// <summary>Measures <see cref="ImageBenchmarkResult"/> on generated pictures.</summary>
public static class ImageBenchmark
{
    /// <summary>Measures on the calling thread; nothing else in the process may run meanwhile.</summary>
    /// <param name="seconds">Processor time for each of the three.</param>
    public static ImageBenchmarkResult Run(double seconds = 2)
    {
        var files = Enumerable.Range(0, 16).Select(i => ImageCodec.EncodeJpeg(Picture(500, 375, i), 90)).ToArray();
        var transform = new ImageTransform { Size = 224, Mean = ImageTransform.ImageNetStatistics.Mean, Std = ImageTransform.ImageNetStatistics.Std };
        var config = new AugmentConfig { Crop = (0.08, 1), Flip = 0.5 };
        var plain = new ImageAugmentation(config, transform);
        var heavy = new ImageAugmentation(config with { RandAugment = "rand-m9-mstd0.5" }, transform) { RandomFilter = true };
        var decoded = new RgbImage(500, 375);
        var target = new float[transform.Values];
        return new ImageBenchmarkResult(
            files.Average(f => f.Length),
            Rate(seconds, i => ImageCodec.DecodeInto(files[i % files.Length], decoded)),
            Rate(seconds, i => plain.Apply(files[i % files.Length], transform, new SampleRandom(1, (ulong)i), target, ImageLimits.Default)),
            Rate(seconds, i => heavy.Apply(files[i % files.Length], transform, new SampleRandom(1, (ulong)i), target, ImageLimits.Default)));
    }

    static double Rate(double seconds, Action<int> action)
    {
        for (var i = 0; i < 50; i++) action(i); // compiles the code and warms the caches
        // Processor time, so that other programs do not count.
        var start = Environment.CpuUsage.TotalTime;
        var done = 0;
        double spent;
        do action(done++);
        while ((spent = (Environment.CpuUsage.TotalTime - start).TotalSeconds) < seconds);
        return done / spent;
    }

    // Shades, edges and grain, so that the files are about as large as photographs.
    static RgbImage Picture(int width, int height, int seed)
    {
        var random = new SampleRandom((ulong)seed);
        var image = new RgbImage(width, height);
        for (var i = 0; i < image.Pixels.Length; i++)
        {
            var (x, y, c) = (i / 3 % width, i / 3 / width, i % 3);
            var value = 128 + 60 * Math.Sin(x / (13.0 + c + seed)) * Math.Cos(y / (17.0 + seed)) + (x / 40 + y / 30) % 2 * 30 + 6 * random.Normal();
            image.Pixels[i] = (byte)Math.Clamp(value, 0, 255);
        }
        return image;
    }
}
