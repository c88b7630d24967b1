using Transformers.IO;

namespace Transformers.Data.Images.Sources;

/// <summary>Reads classes and splits from paths such as <c>cifar10/train/cat/0001.jpg</c>.</summary>
/// <remarks>
/// Folders that all paths share come off first. If every path then starts with a split's name (train, val, valid,
/// validation, test), that is its split; the next folder is its class. Classes and paths are in ordinal order.
/// </remarks>
sealed class ClassLayout
{
    public required string[] Classes { get; init; }
    /// <summary>The order of the paths given: which of them is image 0, 1, …</summary>
    public required int[] Order { get; init; }
    public required int[] Labels { get; init; }
    public required ImageSplit[] Splits { get; init; }

    /// <param name="paths">Relative, with forward slashes.</param>
    /// <param name="where">What the paths lie in, for messages.</param>
    /// <exception cref="UserException">There are no images, or no class folders.</exception>
    public static ClassLayout Of(IReadOnlyList<string> paths, string where)
    {
        if (paths.Count == 0)
            throw new UserException($"{where} holds no images", "images are .jpg, .jpeg, .png and .webp files in a folder for each class");
        var folders = paths.Select(p => p.Split('/')[..^1]).ToArray();
        var shared = 0;
        while (folders.All(f => f.Length > shared + 1 && f[shared] == folders[0][shared])) shared++;
        var split = folders.All(f => f.Length > shared + 1 && SplitNamed(f[shared]) != ImageSplit.None);
        var at = split ? shared + 1 : shared;
        if (Array.FindIndex(folders, f => f.Length <= at) is var bare and >= 0)
            throw new UserException($"{where}: {paths[bare]} does not lie in a class folder",
                "the folder above an image names its class: CLASS/FILE, or train/CLASS/FILE and test/CLASS/FILE");
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
