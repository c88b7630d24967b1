using Transformers.Configs;
using Transformers.Generators.Drawing;

namespace Transformers.Data.Images;

/// <summary>Labelled images, for models that classify them.</summary>
[Kind("images")]
public sealed record ImageDataConfig : DataConfig
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> InputSettings() => ["input"];

    /// <summary>Where the images come from: a generator or a path.</summary>
    public required ImageSourceConfig Source { get; init; }

    /// <summary>How an image is turned into the model's input; stored in the checkpoint, so that evaluation does the same.</summary>
    public required ImageInputConfig Input { get; init; }

    /// <summary>The test split, if the source has none.</summary>
    public ImageHoldoutConfig? Test { get; init; }

    /// <summary>The validation split, if the source has none; taken from the training images.</summary>
    public ImageHoldoutConfig? Holdout { get; init; }

    /// <summary>The random augmentation of training images.</summary>
    public AugmentConfig Augment { get; init; } = new();

    /// <summary>What happens when a file cannot be decoded.</summary>
    public BrokenFilePolicy Broken { get; init; }

    /// <summary>The memory in which decoded images are cached; a data set that needs more is decoded again every epoch.</summary>
    public ByteSize Cache { get; init; } = new(512 << 20);

    /// <summary>The number of threads that decode and augment; by default one less than the number of cores, at most 8.</summary>
    [Between(1, 256)]
    public int? Threads { get; init; }
}

/// <summary>Where images come from: a generator or a path.</summary>
public abstract record ImageSourceConfig;

/// <summary>Images that the program draws, the same on every machine.</summary>
[ByKey("generator")]
public sealed record GeneratedImagesConfig : ImageSourceConfig
{
    /// <summary>What is drawn.</summary>
    public required DrawingKind Generator { get; init; }

    /// <summary>The number of images; every sixth of each class is for testing.</summary>
    [Between(156, 10_000_000)]
    public int Count { get; init; } = 12_000;

    /// <summary>The side, in pixels.</summary>
    [Between(8, 1024)]
    public int Side { get; init; } = 32;

    /// <summary>The seed of the images; separate from the run's seed, so that runs with several seeds train on the same images.</summary>
    public ulong Seed { get; init; } = 1;
}

/// <summary>Images that are read from files.</summary>
[ByKey("path")]
public sealed record ImageFilesConfig : ImageSourceConfig
{
    /// <summary>A folder of class folders, of CIFAR's binary batches or of MNIST's IDX files, a tar archive, or a CSV or TSV table of paths and labels.</summary>
    [NotEmpty]
    public required string Path { get; init; }
}

/// <summary>How an image is turned into a model's input.</summary>
public sealed record ImageInputConfig : IChecked
{
    /// <summary>The side, in pixels.</summary>
    [Between(1, 4096)]
    public required int Size { get; init; }

    /// <summary>3: red, green, blue. 1: grey.</summary>
    [Between(1, 3)]
    public int Channels { get; init; } = 3;

    /// <summary>The length of the shorter side before the centre is cropped; by default the size itself.</summary>
    [Between(1, 8192)]
    public int? Resize { get; init; }

    /// <summary>Whether an image keeps its aspect ratio and is cropped to a square, or is stretched to one.</summary>
    public bool KeepRatio { get; init; } = true;

    /// <summary>The resampling filter.</summary>
    public ResizeFilter Filter { get; init; } = ResizeFilter.Bicubic;

    /// <summary>The mean and standard deviation by which each channel's values are normalised.</summary>
    public NormalizeConfig Normalize { get; init; } = new MeasuredStatisticsConfig();

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Channels is 1 or 3, "channels", $"({Channels}) must be 1 or 3");
        check.That(Resize is null || Resize >= Size, "resize", $"({Resize}) must be at least {check.At("size")} ({Size})");
        if (Normalize is GivenStatisticsConfig given)
            check.That(given.Mean.Count == Channels && given.Std.Count == Channels, "normalize",
                $"must give {Channels} means and {Channels} standard deviations, as many as {check.At("channels")} says");
        check.That(Channels == 3 || Normalize is not ImageNetStatisticsConfig, "normalize", "of kind imagenet needs 3 channels");
    }
}

/// <summary>Mean and standard deviation of each channel, of values from 0 to 1.</summary>
public abstract record NormalizeConfig;

/// <summary>Measured on the training images.</summary>
[Kind("measured")]
public sealed record MeasuredStatisticsConfig : NormalizeConfig;

/// <summary>Those of ImageNet, which most published weights expect.</summary>
[Kind("imagenet")]
public sealed record ImageNetStatisticsConfig : NormalizeConfig;

/// <summary>Given numbers.</summary>
[Kind("given")]
public sealed record GivenStatisticsConfig : NormalizeConfig
{
    /// <summary>A mean for each channel.</summary>
    [Between(0, 1)]
    public required IReadOnlyList<double> Mean { get; init; }

    /// <summary>A standard deviation for each channel.</summary>
    [Positive]
    public required IReadOnlyList<double> Std { get; init; }
}

/// <summary>Which images are held out: every n-th, a number, or a fraction.</summary>
public abstract record ImageHoldoutConfig
{
    /// <summary>Divides images into two parts.</summary>
    /// <param name="indices">The images, in order.</param>
    /// <param name="labelOf">The class of an image.</param>
    /// <param name="seed">The seed of the draw.</param>
    /// <param name="setting">The setting that holds them out, for messages.</param>
    /// <returns>What stays and what is held out, both in the order given.</returns>
    /// <exception cref="UserException">One of the two would be empty.</exception>
    public (int[] Kept, int[] Held) Divide(IReadOnlyList<int> indices, Func<int, int> labelOf, ulong seed, string setting = "data.holdout")
    {
        var held = Choose(indices, labelOf, seed, setting);
        if (held.Count == 0 || held.Count >= indices.Count) throw OneSided(held.Count, indices.Count, setting);
        return ([.. Enumerable.Range(0, indices.Count).Where(i => !held.Contains(i)).Select(i => indices[i])],
            [.. held.Order().Select(i => indices[i])]);
    }

    private protected abstract HashSet<int> Choose(IReadOnlyList<int> indices, Func<int, int> labelOf, ulong seed, string setting);

    private protected static HashSet<int> Draw(IReadOnlyList<int> indices, Func<int, int> labelOf, int count, ulong seed, string setting)
    {
        if (count < 1 || count >= indices.Count) throw OneSided(count, indices.Count, setting);
        var groups = Enumerable.Range(0, indices.Count).GroupBy(i => labelOf(indices[i])).OrderBy(g => g.Key).Select(g => g.ToArray()).ToArray();
        // The whole part of each class's quota first, then one more for the classes with the largest remainders.
        var quotas = groups.Select(g => (double)count * g.Length / indices.Count).ToArray();
        var takes = quotas.Select(s => (int)s).ToArray();
        foreach (var g in Enumerable.Range(0, groups.Length).OrderByDescending(g => quotas[g] - takes[g]).ThenBy(g => g).Take(count - takes.Sum()))
            takes[g]++;
        var held = new HashSet<int>();
        for (var g = 0; g < groups.Length; g++)
        {
            new SampleRandom(seed, 0x686F6C64, (ulong)g).Shuffle(groups[g].AsSpan());
            held.UnionWith(groups[g].Take(takes[g]));
        }
        return held;
    }

    static UserException OneSided(int held, int count, string setting) => new([new Problem($"holding out {held} of {Amount.Of(count, "image")} leaves one side empty", Path: setting, Hint: "hold out fewer or more, or use more images")]);
}

/// <summary>Images by their position: <c>{ every: 5, remainder: 4 }</c> holds out 4, 9, 14, ….</summary>
[ByKey("every")]
public sealed record HoldoutEveryConfig : ImageHoldoutConfig, IChecked
{
    /// <summary>n: one image in n.</summary>
    [AtLeast(2)]
    public required int Every { get; init; }

    /// <summary>The remainder of the position divided by n.</summary>
    [AtLeast(0)]
    public int Remainder { get; init; }

    /// <inheritdoc/>
    public void Check(ConfigCheck check) =>
        check.That(Remainder < Every, "remainder", $"({Remainder}) must be below {check.At("every")} ({Every})");

    private protected override HashSet<int> Choose(IReadOnlyList<int> indices, Func<int, int> labelOf, ulong seed, string setting) =>
        [.. Enumerable.Range(0, indices.Count).Where(i => i % Every == Remainder)];
}

/// <summary>A number of images, drawn with the run's seed in proportion to the classes.</summary>
[ByKey("count")]
public sealed record HoldoutCountConfig : ImageHoldoutConfig
{
    /// <summary>The number.</summary>
    [AtLeast(1)]
    public required int Count { get; init; }

    private protected override HashSet<int> Choose(IReadOnlyList<int> indices, Func<int, int> labelOf, ulong seed, string setting) => Draw(indices, labelOf, Count, seed, setting);
}

/// <summary>A fraction of the images, drawn with the run's seed in proportion to the classes.</summary>
[ByKey("fraction")]
public sealed record HoldoutFractionConfig : ImageHoldoutConfig
{
    /// <summary>The fraction.</summary>
    [Between(0.0001, 0.9)]
    public required double Fraction { get; init; }

    private protected override HashSet<int> Choose(IReadOnlyList<int> indices, Func<int, int> labelOf, ulong seed, string setting) =>
        Draw(indices, labelOf, (int)Math.Round(Fraction * indices.Count), seed, setting);
}
