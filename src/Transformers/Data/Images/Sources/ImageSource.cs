using Transformers.IO.Images;

namespace Transformers.Data.Images.Sources;

/// <summary>The part of a data set that an image belongs to by where it lies.</summary>
public enum ImageSplit
{
    /// <summary>The source does not say.</summary>
    None,
    /// <summary>For training.</summary>
    Train,
    /// <summary>To choose by.</summary>
    Validation,
    /// <summary>To be looked at once.</summary>
    Test,
}

/// <summary>Labelled images by number, wherever they lie. Safe to use from several threads.</summary>
public abstract class ImageSource : IDisposable
{
    /// <summary>What it is, in a word or two: "class folders", "CIFAR binary", …</summary>
    public abstract string Kind { get; }

    /// <summary>Names of the classes; a label is an index into them.</summary>
    public abstract IReadOnlyList<string> Classes { get; }

    /// <summary>Number of images.</summary>
    public abstract int Count { get; }

    /// <summary>The class of an image.</summary>
    public abstract int LabelOf(int index);

    /// <summary>The part that an image belongs to.</summary>
    public abstract ImageSplit SplitOf(int index);

    /// <summary>A name that a person can find the image by: a path, or a file and a position.</summary>
    public abstract string NameOf(int index);

    /// <summary>The file of an image as it is stored, or null where pixels are stored instead.</summary>
    /// <exception cref="ImageException">It cannot be read; the message names it.</exception>
    public abstract byte[]? ReadFile(int index, long maxBytes);

    /// <summary>The pixels of an image, where <see cref="ReadFile"/> gives null.</summary>
    public virtual RgbImage ReadPixels(int index) => throw new NotSupportedException($"{Kind} hold files, not pixels");

    /// <summary>Files that lay among the images and are none, and so were passed over.</summary>
    public virtual int IgnoredFiles => 0;

    /// <summary>One image, decoded.</summary>
    /// <exception cref="ImageException">It cannot be read or decoded; the message names it.</exception>
    public RgbImage Load(int index, ImageDecodeOptions options)
    {
        if (ReadFile(index, options.Limits.MaxBytes) is not { } file) return ReadPixels(index);
        try
        {
            return ImageCodec.Decode(file, options);
        }
        catch (ImageException exception)
        {
            throw exception.Of(NameOf(index));
        }
    }

    /// <summary>Closes what is open.</summary>
    public virtual void Dispose() => GC.SuppressFinalize(this);
}
