namespace Transformers.IO.Images;

/// <summary>Why an image file cannot be used.</summary>
public enum ImageFault
{
    /// <summary>None of JPEG, PNG, WebP, GIF and BMP.</summary>
    UnknownFormat = 1,
    /// <summary>The file ends before the picture does.</summary>
    Truncated = 2,
    /// <summary>The file contradicts its format.</summary>
    Corrupt = 3,
    /// <summary>A valid file of a kind that is not read, for example a 12-bit JPEG.</summary>
    Unsupported = 4,
    /// <summary>Beyond <see cref="ImageLimits"/>.</summary>
    TooLarge = 5,
    /// <summary>The file cannot be opened or read.</summary>
    Unreadable = 100,
}

/// <summary>An image file that cannot be used: broken, truncated, too large or of a kind that is not read.</summary>
public sealed class ImageException : UserException
{
    /// <summary>Why.</summary>
    public ImageFault Fault { get; }

    /// <summary>One fault of one file.</summary>
    /// <param name="fault">Why it cannot be used.</param>
    /// <param name="message">What is wrong, in a sentence.</param>
    /// <param name="file">The file's name, where it has one.</param>
    /// <param name="inner">What the system said, if anything.</param>
    public ImageException(ImageFault fault, string message, string? file = null, Exception? inner = null)
        : base([new Problem(message, file, Hint: HintFor(fault))], inner) => Fault = fault;

    /// <summary>The same fault with the name of its file.</summary>
    public ImageException Of(string file) => new(Fault, Problems[0].Message, file, InnerException);

    static string? HintFor(ImageFault fault) => fault switch
    {
        ImageFault.UnknownFormat => "JPEG, PNG, WebP, GIF and BMP are read",
        ImageFault.TooLarge => "make the picture smaller",
        _ => null,
    };
}
