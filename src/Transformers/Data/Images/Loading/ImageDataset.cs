using Transformers.Data.Images.Sources;
using Transformers.Data.Images.Transforms;
using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Loading;

/// <summary>How a set of images is opened.</summary>
public sealed record ImageDatasetOptions
{
    /// <summary>What is tested on where the source has no test split; null: nothing.</summary>
    public SplitRule? Test { get; init; }

    /// <summary>What is chosen by where the source has no validation split, taken from what is left for training; null: nothing.</summary>
    public SplitRule? Validation { get; init; }

    /// <summary>Decides the draws of the rules.</summary>
    public ulong Seed { get; init; }

    /// <summary>What happens when a file cannot be used.</summary>
    public BrokenFilePolicy Broken { get; init; } = BrokenFilePolicy.Skip;

    /// <summary>Bytes of decoded pictures that may be kept in memory. A set that would need more is not kept at all.</summary>
    public long CacheBytes { get; init; } = 512L << 20;

    /// <summary>What one file may cost.</summary>
    public ImageLimits Limits { get; init; } = ImageLimits.Default;

    /// <summary>0xRRGGBB under transparent pixels.</summary>
    public int Background { get; init; } = 0xFFFFFF;
}

/// <summary>A source divided into what is trained on, chosen by and tested on, with a cache and a list of broken files.</summary>
public sealed class ImageDataset : IDisposable
{
    readonly PixelCache cache;
    readonly ImageDecodeOptions decoding;

    /// <summary>Opens what lies at a path and divides it.</summary>
    /// <exception cref="UserException">There is no source at the path, or a rule leaves a side empty.</exception>
    public static ImageDataset Open(string path, ImageDatasetOptions? options = null) => new(ImageSources.Open(path), options);

    /// <summary>Divides a source, which is then the set's to dispose.</summary>
    /// <exception cref="UserException">A rule leaves a side empty.</exception>
    public ImageDataset(ImageSource source, ImageDatasetOptions? options = null)
    {
        Source = source;
        Options = options ??= new ImageDatasetOptions();
        Broken = new BrokenFiles(options.Broken);
        decoding = new ImageDecodeOptions { Limits = options.Limits, Background = options.Background };
        var by = Enumerable.Range(0, source.Count).ToLookup(source.SplitOf);
        // A source without splits is all for training until a rule takes its part.
        int[] train = [.. by[ImageSplit.None].Concat(by[ImageSplit.Train]).Order()], validation = [.. by[ImageSplit.Validation]], test = [.. by[ImageSplit.Test]];
        if (test.Length == 0 && options.Test is not null) (train, test) = options.Test.Divide(train, source.LabelOf, options.Seed);
        if (validation.Length == 0 && options.Validation is not null)
            (train, validation) = options.Validation.Divide(train, source.LabelOf, options.Seed ^ 0x76616C);
        (Train, Validation, Test) = (train, validation, test);
        Cached = DecodedBytes() <= options.CacheBytes;
        cache = new PixelCache(Cached ? long.MaxValue : 0);
    }

    // The size of all pictures decoded, from the headers of a few; a source of pixels is in memory as it is.
    double DecodedBytes()
    {
        const int sample = 64;
        var count = Math.Min(Source.Count, sample);
        var (sum, seen) = (0.0, 0);
        for (var i = 0; i < count; i++)
            try
            {
                if (Source.ReadFile((int)((long)i * Source.Count / count), Options.Limits.MaxBytes) is not { } file) return double.PositiveInfinity;
                var info = ImageCodec.Probe(file, Options.Limits);
                sum += 3.0 * info.Width * info.Height;
                seen++;
            }
            catch (ImageException)
            {
                // Counted when it is loaded.
            }
        return seen == 0 ? 0 : sum / seen * Source.Count;
    }

    /// <summary>Where the images lie.</summary>
    public ImageSource Source { get; }
    /// <summary>How the set was opened.</summary>
    public ImageDatasetOptions Options { get; }
    /// <summary>Names of the classes.</summary>
    public IReadOnlyList<string> Classes => Source.Classes;
    /// <summary>Numbers of the images that are trained on.</summary>
    public int[] Train { get; }
    /// <summary>Numbers of the images that are chosen by.</summary>
    public int[] Validation { get; }
    /// <summary>Numbers of the images that are tested on.</summary>
    public int[] Test { get; }
    /// <summary>The images that could not be used so far.</summary>
    public BrokenFiles Broken { get; }
    /// <summary>Whether pictures are kept decoded in memory once they were read.</summary>
    public bool Cached { get; }
    /// <summary>Bytes of decoded pictures in memory.</summary>
    public long CachedBytes => cache.Bytes;

    /// <summary>The images of a split by its name.</summary>
    /// <exception cref="UserException">The split is empty or unknown; the message tells those that are not.</exception>
    public int[] Split(string name)
    {
        var split = ClassLayout.SplitNamed(name) switch
        {
            ImageSplit.Train => Train,
            ImageSplit.Validation => Validation,
            ImageSplit.Test => Test,
            _ => [],
        };
        if (split.Length > 0) return split;
        var there = new[] { ("train", Train), ("validation", Validation), ("test", Test) }.Where(s => s.Item2.Length > 0).Select(s => s.Item1);
        throw new UserException($"the images have no split \"{name}\"", $"there are: {string.Join(", ", there)}");
    }

    /// <summary>One decoded image, from the cache where it is there; not to be written into. Null where it is broken and skipped.</summary>
    /// <exception cref="ImageException">It is broken and the policy is to fail.</exception>
    public RgbImage? Load(int index)
    {
        if (Broken.Contains(index)) return null;
        if (cache.Find(index) is { } cached) return cached;
        try
        {
            var image = Source.Load(index, decoding);
            cache.Keep(index, image);
            return image;
        }
        catch (ImageException exception)
        {
            Broken.Add(index, exception);
            return null;
        }
    }

    /// <summary>Loads, augments and normalises one image.</summary>
    /// <param name="index">Its number in the source.</param>
    /// <param name="transform">Size and statistics.</param>
    /// <param name="augmentation">What is random; null: nothing is.</param>
    /// <param name="random">Decides what is random.</param>
    /// <param name="target">[C, Y, X].</param>
    /// <returns>False where the image is broken and skipped.</returns>
    /// <exception cref="ImageException">It is broken and the policy is to fail.</exception>
    public bool Load(int index, ImageTransform transform, ImageAugmentation? augmentation, SampleRandom random, Span<float> target)
    {
        // A random crop of a large file needs only part of its pixels, so it goes from the file, unless all are kept anyway.
        if (augmentation?.Crop is not null && !Cached) return LoadCropped(index, transform, augmentation, random, target);
        if (Load(index) is not { } image) return false;
        if (augmentation is null) transform.Apply(image, target);
        else augmentation.Apply(image, transform, random, target);
        return true;
    }

    bool LoadCropped(int index, ImageTransform transform, ImageAugmentation augmentation, SampleRandom random, Span<float> target)
    {
        if (Broken.Contains(index)) return false;
        try
        {
            if (Source.ReadFile(index, Options.Limits.MaxBytes) is { } file) augmentation.Apply(file, transform, random, target, Options.Limits);
            else augmentation.Apply(Source.ReadPixels(index), transform, random, target);
            return true;
        }
        catch (ImageException exception)
        {
            Broken.Add(index, exception.Problems[0].File is null ? exception.Of(Source.NameOf(index)) : exception);
            return false;
        }
    }

    /// <summary>Mean and deviation of each channel over images as <see cref="ImageTransform.Fit"/> shows them, values from 0 to 1.</summary>
    /// <param name="indices">The images; of more than <paramref name="most"/>, evenly spaced ones are looked at.</param>
    /// <param name="transform">Its statistics are not used.</param>
    /// <param name="most">How many to look at.</param>
    /// <exception cref="UserException">No image can be used.</exception>
    public (double[] Mean, double[] Std) MeasureStatistics(IReadOnlyList<int> indices, ImageTransform transform, int most = 10_000)
    {
        var count = Math.Min(indices.Count, most);
        // Whole numbers: the sums do not depend on the order in which threads add them.
        var (sum, squares, pixels) = (new long[3], new long[3], 0L);
        var guard = new Lock();
        AllCores.For(count, i =>
        {
            if (Load(indices[(int)((long)i * indices.Count / count)]) is not { } image) return;
            var bytes = transform.Fit(image).Span;
            Span<long> one = stackalloc long[3], two = stackalloc long[3];
            for (var p = 0; p < bytes.Length; p += 3)
                for (var c = 0; c < transform.Channels; c++)
                {
                    long v = transform.Channels == 1 ? ImageEnhance.Luma(bytes[p], bytes[p + 1], bytes[p + 2]) : bytes[p + c];
                    one[c] += v;
                    two[c] += v * v;
                }
            lock (guard)
            {
                pixels += bytes.Length / 3;
                for (var c = 0; c < 3; c++) (sum[c], squares[c]) = (sum[c] + one[c], squares[c] + two[c]);
            }
        });
        if (pixels == 0) throw new UserException("the statistics cannot be measured: no image could be used");
        var mean = Enumerable.Range(0, transform.Channels).Select(c => (double)sum[c] / pixels).ToArray();
        // One colour everywhere has no deviation to divide by.
        var std = mean.Select((m, c) => Math.Max(Math.Sqrt(Math.Max((double)squares[c] / pixels - m * m, 0)), 1)).ToArray();
        return ([.. mean.Select(m => m / 255)], [.. std.Select(s => s / 255)]);
    }

    /// <summary>Closes the source.</summary>
    public void Dispose() => Source.Dispose();
}
