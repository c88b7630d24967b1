using Transformers.IO.Images;

namespace Transformers.Data.Images;

/// <summary>A source divided into training, validation and test splits, with a cache and a list of broken files.</summary>
public sealed class ImageDataset : IDisposable
{
    readonly PixelCache? cache;

    /// <summary>Opens the images at a path and divides them.</summary>
    /// <param name="path">Anything that <see cref="ImageSources.Open"/> opens.</param>
    /// <param name="test">How to choose the test split if the source has none; null for no test split.</param>
    /// <param name="validation">How to choose the validation split from the remaining training images if the source has none; null for no validation split.</param>
    /// <param name="seed">The seed for drawing the splits.</param>
    /// <param name="broken">What happens when a file cannot be used.</param>
    /// <param name="cacheBytes">How many bytes of decoded images may be kept in memory; a set that needs more is not kept at all.</param>
    /// <param name="limit">The number of training images, evenly over classes; null for all.</param>
    /// <exception cref="UserException">The path is not a source, a split would be empty, or there are fewer images than the limit.</exception>
    public static ImageDataset Open(string path, ImageHoldoutConfig? test = null, ImageHoldoutConfig? validation = null, ulong seed = 0,
        BrokenFilePolicy broken = BrokenFilePolicy.Skip, long cacheBytes = 512L << 20, long? limit = null)
    {
        var source = ImageSources.Open(path);
        try
        {
            return new ImageDataset(source, test, validation, seed, broken, cacheBytes, limit);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    ImageDataset(ImageSource source, ImageHoldoutConfig? testRule, ImageHoldoutConfig? validationRule, ulong seed, BrokenFilePolicy broken, long cacheBytes, long? limit)
    {
        Source = source;
        Broken = new BrokenFiles(broken);
        var by = Enumerable.Range(0, source.Count).ToLookup(source.SplitOf);
        // Without splits, all images are for training until some are held out.
        int[] train = [.. by[ImageSplit.None].Concat(by[ImageSplit.Train]).Order()], validation = [.. by[ImageSplit.Validation]], test = [.. by[ImageSplit.Test]];
        if (test.Length == 0 && testRule is not null) (train, test) = testRule.Divide(train, source.LabelOf, seed, "data.test");
        if (validation.Length == 0 && validationRule is not null) (train, validation) = validationRule.Divide(train, source.LabelOf, seed ^ 0x76616C);
        (Train, Validation, Test) = (DataLimit.Draw(train, source.LabelOf, limit, seed, "images"), validation, test);
        if (DecodedBytes() <= cacheBytes) cache = new();
    }

    // The decoded size of all images, estimated from the headers of a few; a source of pixels is already in memory.
    double DecodedBytes()
    {
        const int sample = 64;
        var count = Math.Min(Source.Count, sample);
        var (sum, seen) = (0.0, 0);
        for (var i = 0; i < count; i++)
            try
            {
                if (Source.ReadFile((int)((long)i * Source.Count / count), ImageLimits.Default.MaxBytes) is not { } file) return double.PositiveInfinity;
                var info = ImageCodec.Probe(file);
                sum += 3.0 * info.Width * info.Height;
                seen++;
            }
            catch (ImageException)
            {
                // Counted when it is loaded.
            }
        return seen == 0 ? 0 : sum / seen * Source.Count;
    }

    /// <summary>The source of the images.</summary>
    internal ImageSource Source { get; }
    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> Classes => Source.Classes;
    /// <summary>Indices of the training images.</summary>
    public int[] Train { get; }
    /// <summary>Indices of the validation images.</summary>
    public int[] Validation { get; }
    /// <summary>Indices of the test images.</summary>
    public int[] Test { get; }
    /// <summary>What a user should know before training on them.</summary>
    public IEnumerable<string> Warnings => [.. Source.Warnings, .. Source.ClassWarnings(Train, ("validation", Validation), ("test", Test))];
    /// <summary>The images that could not be used so far.</summary>
    public BrokenFiles Broken { get; }
    /// <summary>Whether decoded images are kept in memory.</summary>
    public bool Cached => cache is not null;

    /// <summary>The images of a split by its name.</summary>
    /// <exception cref="UserException">The split is empty or unknown; the message names the others.</exception>
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
        throw new UserException($"the images have no split \"{name}\"", $"the splits are {string.Join(", ", there)}");
    }

    /// <summary>One decoded image, from the cache if it is there; do not modify it. Null if it is broken and skipped.</summary>
    /// <exception cref="ImageException">It is broken and the policy is to fail.</exception>
    public RgbImage? Load(int index)
    {
        if (Broken.Contains(index)) return null;
        if (cache?.Find(index) is { } cached) return cached;
        try
        {
            var image = Source.Load(index, ImageDecodeOptions.Default);
            cache?.Keep(index, image);
            return image;
        }
        catch (ImageException exception)
        {
            Broken.Add(index, exception);
            return null;
        }
    }

    /// <summary>Loads, augments and normalises one image.</summary>
    /// <param name="index">Its index in the source.</param>
    /// <param name="transform">Size and statistics.</param>
    /// <param name="augmentation">The random augmentation; null for none.</param>
    /// <param name="random">The source of randomness.</param>
    /// <param name="target">[C, Y, X].</param>
    /// <returns>False if the image is broken and skipped.</returns>
    /// <exception cref="ImageException">It is broken and the policy is to fail.</exception>
    public bool Load(int index, ImageTransform transform, ImageAugmentation? augmentation, SampleRandom random, Span<float> target)
    {
        // A random crop needs only some of a large file's pixels, so it is decoded from the file, unless decoded images are kept.
        if (augmentation is { Crops: true } && !Cached) return LoadCropped(index, transform, augmentation, random, target);
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
            if (Source.ReadFile(index, ImageLimits.Default.MaxBytes) is { } file) augmentation.Apply(file, transform, random, target, ImageLimits.Default);
            else augmentation.Apply(Source.ReadPixels(index), transform, random, target);
            return true;
        }
        catch (ImageException exception)
        {
            Broken.Add(index, exception.Problems[0].File is null ? exception.Of(Source.NameOf(index)) : exception);
            return false;
        }
    }

    /// <summary>The mean and standard deviation of each channel, from 0 to 1, over images as <see cref="ImageTransform.Fit"/> returns them.</summary>
    /// <param name="indices">The images; if there are more than 10,000, evenly spaced ones are used.</param>
    /// <param name="transform">Its statistics are not used.</param>
    /// <exception cref="UserException">No image can be used.</exception>
    public (double[] Mean, double[] Std) MeasureStatistics(IReadOnlyList<int> indices, ImageTransform transform)
    {
        const int most = 10_000;
        var count = Math.Min(indices.Count, most);
        var sums = new PixelSums(transform.Channels);
        AllCores.For(count, i =>
        {
            if (Load(indices[(int)((long)i * indices.Count / count)]) is { } image) sums.Add(transform.Fit(image).Span);
        });
        if (sums.Pixels == 0) throw new UserException("the statistics cannot be measured: no image could be used");
        // A single colour everywhere has no standard deviation to divide by.
        return sums.Statistics(leastDeviation: 1);
    }

    /// <summary>Closes the source.</summary>
    public void Dispose() => Source.Dispose();
}

/// <summary>Keeps decoded images as bytes; grey ones take a third.</summary>
sealed class PixelCache
{
    readonly record struct Entry(int Width, int Height, byte[] Bytes);

    readonly ConcurrentDictionary<int, Entry> entries = new();

    public RgbImage? Find(int index)
    {
        if (!entries.TryGetValue(index, out var entry)) return null;
        // Callers must not write to a cached image; grey ones are copies anyway.
        return entry.Bytes.Length == entry.Width * entry.Height
            ? RgbImage.FromGrey(entry.Bytes, entry.Width, entry.Height)
            : new RgbImage(entry.Width, entry.Height, entry.Bytes);
    }

    public void Keep(int index, RgbImage image) =>
        entries.TryAdd(index, new Entry(image.Width, image.Height, image.IsGrey() ? Grey(image) : image.Span.ToArray()));

    static byte[] Grey(RgbImage image)
    {
        var bytes = new byte[image.Width * image.Height];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = image.Pixels[3 * i];
        return bytes;
    }
}

/// <summary>What happens when an image file cannot be used.</summary>
public enum BrokenFilePolicy
{
    /// <summary>It is skipped, counted and named.</summary>
    Skip,
    /// <summary>It ends the run.</summary>
    Fail,
}

/// <summary>The images that could not be used, each counted once. Safe to use from several threads.</summary>
public sealed class BrokenFiles(BrokenFilePolicy policy)
{
    readonly ConcurrentDictionary<int, ImageException> faults = new();

    /// <summary>How many there are.</summary>
    public int Count => faults.Count;

    /// <summary>Why each cannot be used, by its index; the messages name the files.</summary>
    public IReadOnlyList<(int Index, ImageException Fault)> All => [.. faults.OrderBy(f => f.Key).Select(f => (f.Key, f.Value))];

    /// <summary>Whether an image is known to be broken.</summary>
    public bool Contains(int index) => faults.ContainsKey(index);

    /// <summary>Records a broken image, or throws if the policy is to fail.</summary>
    /// <exception cref="ImageException">The policy is <see cref="BrokenFilePolicy.Fail"/>.</exception>
    public void Add(int index, ImageException fault)
    {
        if (policy == BrokenFilePolicy.Fail) throw fault;
        faults.TryAdd(index, fault);
    }
}

/// <summary>Sums over the pixels of many images; being whole numbers, they do not depend on the order in which threads add.</summary>
sealed class PixelSums(int channels)
{
    readonly long[] sums = new long[channels], squares = new long[channels];

    public long Pixels { get; private set; }

    /// <summary>Adds an image; safe to call from several threads.</summary>
    public void Add(ReadOnlySpan<byte> rgb)
    {
        Span<long> one = stackalloc long[channels], two = stackalloc long[channels];
        for (var p = 0; p < rgb.Length; p += 3)
            for (var c = 0; c < channels; c++)
            {
                long v = channels == 1 ? ImageEnhance.Luma(rgb[p], rgb[p + 1], rgb[p + 2]) : rgb[p + c];
                one[c] += v;
                two[c] += v * v;
            }
        lock (sums)
        {
            Pixels += rgb.Length / 3;
            for (var c = 0; c < channels; c++) (sums[c], squares[c]) = (sums[c] + one[c], squares[c] + two[c]);
        }
    }

    /// <summary>The mean and standard deviation of each channel, from 0 to 1.</summary>
    /// <param name="leastDeviation">The minimum standard deviation, on the scale from 0 to 255.</param>
    public (double[] Mean, double[] Std) Statistics(double leastDeviation = 0)
    {
        if (Pixels == 0) return (new double[channels], new double[channels]);
        var mean = sums.Select(sum => (double)sum / Pixels).ToArray();
        var std = mean.Select((m, c) => Math.Max(Math.Sqrt(Math.Max((double)squares[c] / Pixels - m * m, 0)), leastDeviation)).ToArray();
        return ([.. mean.Select(m => m / 255)], [.. std.Select(s => s / 255)]);
    }
}
