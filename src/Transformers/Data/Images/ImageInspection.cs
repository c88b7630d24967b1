using Transformers.IO.Images;

namespace Transformers.Data.Images;

/// <summary>One class of a set.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Train">Training images.</param>
/// <param name="Validation">Validation images.</param>
/// <param name="Test">Test images.</param>
/// <param name="Unsplit">Images without a split.</param>
public sealed record ImageClassReport(string Name, int Train, int Validation, int Test, int Unsplit);

/// <summary>One image that cannot be used.</summary>
/// <param name="Name">Its path or position.</param>
/// <param name="Fault">Why, in a word.</param>
/// <param name="Message">Why, in a sentence.</param>
public sealed record ImageFaultReport(string Name, string Fault, string Message);

/// <summary>Two images with the same pixels.</summary>
/// <param name="First">The path or position of one.</param>
/// <param name="Second">The path or position of the other.</param>
/// <param name="AcrossSplits">Whether they are in different splits.</param>
/// <param name="LabelsDiffer">Whether they are in different classes.</param>
public sealed record ImageDuplicateReport(string First, string Second, bool AcrossSplits, bool LabelsDiffer);

/// <summary>What a set of images contains; lists are limited to the first <see cref="ImageInspection.Named"/>, counts are complete.</summary>
/// <param name="Path">What was inspected.</param>
/// <param name="Kind">The kind of source.</param>
/// <param name="Images">The total number of images, including broken ones.</param>
/// <param name="Classes">The classes in the order of labels.</param>
/// <param name="Formats">The number of images of each file format, such as PNG; "pixels" if images are not files.</param>
/// <param name="MinWidth">The smallest width, in pixels.</param>
/// <param name="MaxWidth">The largest width, in pixels.</param>
/// <param name="MinHeight">The smallest height, in pixels.</param>
/// <param name="MaxHeight">The largest height, in pixels.</param>
/// <param name="Sizes">The most frequent sizes, as <c>32x32</c>, with their counts.</param>
/// <param name="Grey">Images whose three channels are equal.</param>
/// <param name="Mean">Mean of red, green and blue over all pixels, 0 to 1.</param>
/// <param name="Std">Their standard deviations.</param>
/// <param name="IgnoredFiles">The number of files that are not images, by name.</param>
/// <param name="Unreadable">The number of images that cannot be used.</param>
/// <param name="UnreadableFiles">Which images, and why.</param>
/// <param name="Duplicates">The number of images whose pixels equal those of an earlier image.</param>
/// <param name="DuplicatesAcrossSplits">The number of those whose earlier image is in another split.</param>
/// <param name="DuplicatePairs">Which images, those across splits first.</param>
public sealed record ImageReport(
    string Path, string Kind, int Images, IReadOnlyList<ImageClassReport> Classes, IReadOnlyDictionary<string, int> Formats,
    int MinWidth, int MaxWidth, int MinHeight, int MaxHeight, IReadOnlyDictionary<string, int> Sizes, int Grey,
    IReadOnlyList<double> Mean, IReadOnlyList<double> Std, int IgnoredFiles, int Unreadable, IReadOnlyList<ImageFaultReport> UnreadableFiles,
    int Duplicates, int DuplicatesAcrossSplits, IReadOnlyList<ImageDuplicateReport> DuplicatePairs)
{
    /// <summary>The warnings of training on the set: what was skipped, and classes that a split lacks.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}

/// <summary>Decodes every image of a set once and reports on it.</summary>
public static class ImageInspection
{
    /// <summary>How many broken files and duplicates are named.</summary>
    public const int Named = 100;

    sealed record Seen(int Width, int Height, string Format, bool Grey, UInt128 Hash);

    /// <summary>Whether a file is a table of the paths and labels of images.</summary>
    public static bool IsTable(string path) => CsvSource.IsAt(path);

    /// <summary>Inspects a folder, an archive or a table: anything that <see cref="ImageSources.Open"/> opens.</summary>
    /// <param name="path">The source.</param>
    /// <param name="progress">Receives the fraction done so far, on any thread.</param>
    /// <exception cref="UserException">There is no source at the path. Broken images are reported, not thrown.</exception>
    public static ImageReport Inspect(string path, Action<double>? progress = null)
    {
        var done = 0;
        using var source = ImageSources.Open(path);
        var options = ImageDecodeOptions.Default;
        var seen = new Seen?[source.Count];
        var faults = new ConcurrentDictionary<int, ImageException>();
        var sums = new PixelSums(channels: 3);
        AllCores.For(source.Count, i =>
        {
            try
            {
                var (image, format) = Load(source, i, options);
                sums.Add(image.Span);
                // Pixels, not files: the same image saved twice is still the same image.
                Span<byte> hash = stackalloc byte[32];
                SHA256.HashData(image.Span, hash);
                seen[i] = new Seen(image.Width, image.Height, format, image.IsGrey(), BitConverter.ToUInt128(hash));
            }
            catch (ImageException exception)
            {
                faults[i] = exception;
            }
            var number = Interlocked.Increment(ref done);
            progress?.Invoke((double)number / source.Count);
        });
        return Report(path, source, seen, faults, sums);
    }

    static (RgbImage Image, string Format) Load(ImageSource source, int index, ImageDecodeOptions options)
    {
        if (source.ReadFile(index, options.Limits.MaxBytes) is not { } file) return (source.ReadPixels(index), "pixels");
        try
        {
            return (ImageCodec.Decode(file, options), ImageFiles.NameOf(ImageCodec.Probe(file, options.Limits).Format));
        }
        catch (ImageException exception)
        {
            throw exception.Of(source.NameOf(index));
        }
    }

    static ImageReport Report(string path, ImageSource source, Seen?[] seen, ConcurrentDictionary<int, ImageException> faults, PixelSums sums)
    {
        var counts = new int[source.Classes.Count, 4];
        for (var i = 0; i < source.Count; i++) counts[source.LabelOf(i), (int)source.SplitOf(i)]++;
        var good = seen.OfType<Seen>().ToList();
        var (duplicates, across, pairs) = Duplicates(source, seen);
        var (mean, std) = sums.Statistics();
        return new ImageReport(
            path, source.Kind, source.Count,
            [.. source.Classes.Select((name, c) => new ImageClassReport(name,
                counts[c, (int)ImageSplit.Train], counts[c, (int)ImageSplit.Validation], counts[c, (int)ImageSplit.Test], counts[c, (int)ImageSplit.None]))],
            good.CountBy(s => s.Format).OrderByDescending(f => f.Value).ToDictionary(),
            good.Select(s => s.Width).DefaultIfEmpty().Min(), good.Select(s => s.Width).DefaultIfEmpty().Max(),
            good.Select(s => s.Height).DefaultIfEmpty().Min(), good.Select(s => s.Height).DefaultIfEmpty().Max(),
            good.CountBy(s => $"{s.Width}x{s.Height}").OrderByDescending(s => s.Value).ThenBy(s => s.Key, StringComparer.Ordinal).Take(10).ToDictionary(),
            good.Count(s => s.Grey), mean, std, source.IgnoredFiles, faults.Count,
            [.. faults.OrderBy(f => f.Key).Take(Named).Select(f => new ImageFaultReport(source.NameOf(f.Key), f.Value.Fault.ToString(), f.Value.Problems[0].Message))],
            duplicates, across, pairs)
        {
            Warnings = [.. source.Warnings, .. source.ClassWarnings([.. Of(ImageSplit.None), .. Of(ImageSplit.Train)], ("validation", Of(ImageSplit.Validation)), ("test", Of(ImageSplit.Test)))],
        };

        int[] Of(ImageSplit split) => [.. Enumerable.Range(0, source.Count).Where(i => source.SplitOf(i) == split)];
    }

    static (int Count, int Across, IReadOnlyList<ImageDuplicateReport> Pairs) Duplicates(ImageSource source, Seen?[] seen)
    {
        var first = new Dictionary<(UInt128, int, int), int>();
        var pairs = new List<ImageDuplicateReport>();
        for (var i = 0; i < seen.Length; i++)
        {
            if (seen[i] is not { } image || first.TryAdd((image.Hash, image.Width, image.Height), i)) continue;
            var other = first[(image.Hash, image.Width, image.Height)];
            pairs.Add(new ImageDuplicateReport(source.NameOf(other), source.NameOf(i),
                source.SplitOf(other) != source.SplitOf(i), source.LabelOf(other) != source.LabelOf(i)));
        }
        return (pairs.Count, pairs.Count(p => p.AcrossSplits), [.. pairs.OrderByDescending(p => p.AcrossSplits).Take(Named)]);
    }
}
