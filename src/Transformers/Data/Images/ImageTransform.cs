using System.Text.Json.Serialization;
using Transformers.IO.Images;

namespace Transformers.Data.Images;

/// <summary>The deterministic part of turning an image into a model's input; checkpoints contain it, so that evaluation matches training.</summary>
/// <remarks>
/// The shorter side is resized to <see cref="Resize"/> (both sides if <see cref="KeepRatio"/> is off), the central square
/// of side <see cref="Size"/> is cropped, and bytes become floats: (value / 255 - mean) / std.
/// </remarks>
public sealed record ImageTransform
{
    /// <summary>Side of the square that the model sees, in pixels.</summary>
    public required int Size { get; init; }

    /// <summary>The length to which the shorter side is resized before cropping, at least <see cref="Size"/>; null for <see cref="Size"/> itself.</summary>
    public int? Resize { get; init; }

    /// <summary>Whether the image keeps its aspect ratio and is cropped to a square, or is stretched to one.</summary>
    public bool KeepRatio { get; init; } = true;

    /// <summary>The resampling filter.</summary>
    public ResizeFilter Filter { get; init; } = ResizeFilter.Bicubic;

    /// <summary>3: red, green, blue. 1: luma.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>A mean for each channel, of values from 0 to 1.</summary>
    public required IReadOnlyList<double> Mean { get; init; }

    /// <summary>A standard deviation for each channel, of values from 0 to 1.</summary>
    public required IReadOnlyList<double> Std { get; init; }

    /// <summary>The colour behind transparent pixels, 0xRRGGBB.</summary>
    public int Background { get; init; } = 0xFFFFFF;

    /// <summary>Validates the record: one from a checkpoint may have been edited.</summary>
    /// <exception cref="UserException">A value is out of range or a list has the wrong length.</exception>
    public ImageTransform Checked()
    {
        var problems = new List<Problem>();
        void Require(bool holds, string message)
        {
            if (!holds) problems.Add(new Problem(message, Path: "transform"));
        }
        Require(Size is >= 1 and <= 4096, $"size ({Size}) must be from 1 to 4096");
        Require(Resize is null || (Resize >= Size && Resize <= 8192), $"resize ({Resize}) must be from size ({Size}) to 8192");
        Require(Channels is 1 or 3, $"channels ({Channels}) must be 1 or 3");
        Require(Mean.Count == Channels && Std.Count == Channels, $"mean and std must have {Channels} numbers each, as channels says");
        Require(Mean.All(double.IsFinite) && Std.All(s => double.IsFinite(s) && s > 0), "mean must be finite and std above 0");
        return problems.Count == 0 ? this : throw new UserException(problems);
    }

    /// <summary>The image, resized and cropped, still in bytes.</summary>
    public RgbImage Fit(RgbImage image)
    {
        var side = Resize ?? Size;
        if (!KeepRatio) image = ImageResize.Resize(image, side, side, Filter);
        else
        {
            // The longer side is truncated, not rounded: torchvision's rule, on which timm's results depend.
            var shorter = Math.Min(image.Width, image.Height);
            var width = (int)Math.Clamp((long)side * image.Width / shorter, 1, 1 << 16);
            var height = (int)Math.Clamp((long)side * image.Height / shorter, 1, 1 << 16);
            if ((width, height) != (image.Width, image.Height)) image = ResizeCut(image, width, height);
        }
        return (image.Width, image.Height) == (Size, Size) ? image : ImageGeometry.CenterCrop(image, Size, Size);
    }

    // A 1 x 60,000 image would grow to 13 million pixels, nearly all of which are then cropped, so crop what is far outside first.
    RgbImage ResizeCut(RgbImage image, int width, int height)
    {
        var longest = 4L * Math.Max(Resize ?? Size, Size);
        if (Math.Max(width, height) <= longest) return ImageResize.Resize(image, width, height, Filter);
        var wide = width > height;
        var shorter = Math.Min(image.Width, image.Height);
        var box = wide ? ImageGeometry.CenterBox(image.Width, image.Height, 4 * shorter, image.Height)
            : ImageGeometry.CenterBox(image.Width, image.Height, image.Width, 4 * shorter);
        var side = Resize ?? Size;
        return wide ? ImageResize.Resize(image, box, 4 * side, side, Filter) : ImageResize.Resize(image, box, side, 4 * side, Filter);
    }

    /// <summary>The model's input for one image.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="target">[C, Y, X], <see cref="Values"/> long.</param>
    public void Apply(RgbImage image, Span<float> target) => Normalize(Fit(image), target);

    /// <summary>The model's input for one image, [C, Y, X].</summary>
    public float[] Apply(RgbImage image)
    {
        var target = new float[Values];
        Apply(image, target);
        return target;
    }

    /// <summary>Floats per image: C * Y * X.</summary>
    public int Values => Channels * Size * Size;

    /// <summary>Converts bytes to normalised floats, in one plane per channel.</summary>
    /// <param name="image">An image of <see cref="Size"/> x <see cref="Size"/>.</param>
    /// <param name="target">[C, Y, X].</param>
    public void Normalize(RgbImage image, Span<float> target)
    {
        if ((image.Width, image.Height) != (Size, Size)) throw new ArgumentException($"the image is not {Size} x {Size}");
        var pixels = image.Span;
        // A channel has only 256 results, so a lookup is cheaper than the arithmetic.
        Span<float> table = stackalloc float[256];
        for (var c = 0; c < Channels; c++)
        {
            for (var v = 0; v < 256; v++) table[v] = (float)((v / 255.0 - Mean[c]) / Std[c]);
            var plane = target.Slice(c * Size * Size, Size * Size);
            if (Channels == 1)
                for (int i = 0, p = 0; i < plane.Length; i++, p += 3)
                    plane[i] = table[ImageEnhance.Luma(pixels[p], pixels[p + 1], pixels[p + 2])];
            else
                for (int i = 0, p = c; i < plane.Length; i++, p += 3) plane[i] = table[pixels[p]];
        }
    }

    /// <summary>The transform that a config describes.</summary>
    /// <param name="input">The config.</param>
    /// <param name="measure">Measures the mean and standard deviation of the training images, if the config says so.</param>
    internal static ImageTransform Of(ImageInputConfig input, Func<ImageTransform, (IReadOnlyList<double> Mean, IReadOnlyList<double> Std)> measure)
    {
        var transform = new ImageTransform
        {
            Size = input.Size, Resize = input.Resize, KeepRatio = input.KeepRatio, Filter = input.Filter, Channels = input.Channels,
            Mean = new double[input.Channels], Std = [.. Enumerable.Repeat(1.0, input.Channels)],
        };
        var (mean, std) = input.Normalize switch
        {
            GivenStatisticsConfig given => (given.Mean, given.Std),
            ImageNetStatisticsConfig => ImageNetStatistics,
            _ => measure(transform),
        };
        return transform with { Mean = mean, Std = std };
    }

    /// <summary>The statistics of ImageNet's training images, which most published weights expect.</summary>
    public static (IReadOnlyList<double> Mean, IReadOnlyList<double> Std) ImageNetStatistics { get; } =
        ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
}

/// <summary>How files become a model's input and its output becomes labels; stored in checkpoints.</summary>
/// <param name="Transform">The model's view of an image.</param>
/// <param name="Classes">The names of the N classes, in the order of the model's scores.</param>
public sealed record ImageInput(ImageTransform Transform, IReadOnlyList<string> Classes)
{
    /// <summary>The file's name in a checkpoint and in a run folder.</summary>
    public const string FileName = "image_transform.json";

    const string CurrentSchema = "transformer.image-transform/1";

    /// <summary>The name and version of the document.</summary>
    [JsonPropertyOrder(-1)]
    public string Schema { get; init; } = CurrentSchema;

    /// <summary>The file's text.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, JsonStyle.Strict) + "\n";

    /// <summary>Reads a file's text.</summary>
    /// <param name="json">The text.</param>
    /// <param name="file">Its file, for messages.</param>
    /// <exception cref="UserException">It is not such a file, or a value is out of range.</exception>
    public static ImageInput Parse(string json, string file)
    {
        var input = InputDocument.Parse<ImageInput>(json, file, CurrentSchema, one =>
            one is { Schema: CurrentSchema, Transform: { Mean: not null, Std: not null }, Classes: { Count: > 0 } classes } && !classes.Any(string.IsNullOrEmpty));
        if (input.Classes.Distinct(StringComparer.Ordinal).Count() != input.Classes.Count) throw InputDocument.Wrong("contains a class twice", file);
        input.Transform.Checked();
        return input;
    }
}
