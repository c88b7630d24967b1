using Transformers.Data.Images;
using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Benchmarks;

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
