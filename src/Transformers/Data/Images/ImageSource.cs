using Transformers.Configs;
using Transformers.IO.Images;

namespace Transformers.Data.Images;

/// <summary>The split that an image belongs to by its path.</summary>
enum ImageSplit
{
    /// <summary>The source has no splits.</summary>
    None,
    /// <summary>Training.</summary>
    Train,
    /// <summary>Validation.</summary>
    Validation,
    /// <summary>Test.</summary>
    Test,
}

/// <summary>Labelled images by index, however they are stored. Safe to use from several threads.</summary>
abstract class ImageSource : IDisposable
{
    /// <summary>What it is, in a word or two: "class folders", "CIFAR binary", …</summary>
    public abstract string Kind { get; }

    /// <summary>Names of the classes; a label is an index into them.</summary>
    public abstract IReadOnlyList<string> Classes { get; }

    /// <summary>The number of images.</summary>
    public abstract int Count { get; }

    /// <summary>The class of an image.</summary>
    public abstract int LabelOf(int index);

    /// <summary>The split of an image.</summary>
    public abstract ImageSplit SplitOf(int index);

    /// <summary>A name by which a user can find the image: a path, or a file and a position.</summary>
    public abstract string NameOf(int index);

    /// <summary>The file of an image as it is stored, or null if pixels are stored instead.</summary>
    public abstract byte[]? ReadFile(int index, long maxBytes);

    /// <summary>The pixels of an image, if <see cref="ReadFile"/> returns null.</summary>
    public virtual RgbImage ReadPixels(int index) => throw new NotSupportedException($"{Kind} hold files, not pixels");

    /// <summary>The number of files that are not images and are ignored.</summary>
    public virtual int IgnoredFiles => 0;

    /// <summary>What a user should know before training on the images: what was skipped, and classes without images.</summary>
    public virtual IReadOnlyList<string> Warnings => [];

    /// <summary>The classes that splits lack, one warning per split.</summary>
    /// <param name="train">Training images.</param>
    /// <param name="others">The other splits by name; empty ones are ignored.</param>
    internal IEnumerable<string> ClassWarnings(IReadOnlyCollection<int> train, params (string Name, IReadOnlyCollection<int> Images)[] others) =>
        ClassFolders.MissingClasses(Classes, LabelOf, "image", [("training", train), .. others]);

    /// <summary>One image, decoded.</summary>
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

/// <summary>Opens the source at a path, of whatever kind.</summary>
static class ImageSources
{
    /// <summary>Opens a folder (class folders, CIFAR binary, MNIST IDX), a tar archive or a CSV or TSV table.</summary>
    public static ImageSource Open(string path)
    {
        if (SpecialFile.IsAt(path)) throw new UserException([SpecialFile.Problem(path, "write it to a file first")]);
        if (File.Exists(path))
            return Path.GetExtension(path).ToLowerInvariant() switch
            {
                ".tar" => new TarSource(path),
                ".csv" or ".tsv" => new CsvSource(path),
                ".gz" or ".tgz" or ".zip" or ".xz" or ".bz2" => throw new UserException(
                    [new Problem("a compressed archive cannot be read in place", path, Hint: "unpack it; a plain .tar is read as it is")]),
                _ => throw new UserException([new Problem("the file is not a supported image source", path,
                    Hint: "give a folder of class folders, of CIFAR .bin files or of MNIST IDX files, a .tar archive, or a .csv or .tsv table")]),
            };
        if (!Directory.Exists(path)) throw new UserException([new Problem("the file or folder does not exist", path, Hint: Suggestion.ForPath(path))]);
        try
        {
            if (IdxSource.ImageFilesIn(path).Count > 0) return new IdxSource(path);
            if (CifarSource.BatchesIn(path).Count > 0) return new CifarSource(path);
            return new FolderSource(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"the folder cannot be read: {InputFile.ReasonOf(exception)}", path)], exception);
        }
    }
}

/// <summary>Reads classes and splits from paths such as <c>cifar10/train/cat/0001.jpg</c>.</summary>
/// <remarks>
/// Folders that all paths share are removed first. If every path then starts with a split's name (train, val, valid,
/// validation, test), that is its split; the next folder is its class. Classes and paths are in ordinal order.
/// </remarks>
sealed class ClassLayout
{
    public required string[] Classes { get; init; }
    /// <summary>Which of the given paths is image 0, 1, …</summary>
    public required int[] Order { get; init; }
    public required int[] Labels { get; init; }
    public required ImageSplit[] Splits { get; init; }

    public static ClassLayout Of(IReadOnlyList<string> paths, string where)
    {
        if (paths.Count == 0)
            throw new UserException($"{where} contains no images", "images are .jpg, .png, .webp, .gif and .bmp files, in one folder per class");
        var folders = paths.Select(p => p.Split('/')[..^1]).ToArray();
        var shared = 0;
        while (folders.All(f => f.Length > shared + 1 && f[shared] == folders[0][shared])) shared++;
        var split = folders.All(f => f.Length > shared + 1 && SplitNamed(f[shared]) != ImageSplit.None);
        var at = split ? shared + 1 : shared;
        if (Array.FindIndex(folders, f => f.Length <= at) is var bare and >= 0)
            throw new UserException($"{where}: {paths[bare]} is not in a class folder",
                "the uppermost folder is the class, whatever folders are in it: CLASS/FILE, or train/CLASS/FILE and test/CLASS/FILE");
        var classes = folders.Select(f => f[at]).Distinct().Order(StringComparer.Ordinal).ToArray();
        var number = classes.Index().ToDictionary(c => c.Item, c => c.Index);
        var order = Enumerable.Range(0, paths.Count).ToArray();
        Array.Sort(paths.ToArray(), order, StringComparer.Ordinal);
        return new ClassLayout
        {
            Classes = classes,
            Order = order,
            Labels = [.. order.Select(i => number[folders[i][at]])],
            Splits = [.. order.Select(i => split ? SplitNamed(folders[i][shared]) : ImageSplit.None)],
        };
    }

    public static ImageSplit SplitNamed(string name) => name.ToLowerInvariant() switch
    {
        "train" or "training" => ImageSplit.Train,
        "val" or "valid" or "validation" or "dev" => ImageSplit.Validation,
        "test" or "testing" => ImageSplit.Test,
        _ => ImageSplit.None,
    };
}
