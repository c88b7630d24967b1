using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Sources;

/// <summary>Image files in a folder for each class, with or without <c>train/</c> and <c>test/</c> above them.</summary>
public sealed class FolderSource : ImageSource
{
    readonly string root;
    readonly string[] paths;
    readonly ClassLayout layout;

    /// <summary>Lists a folder; no image is opened.</summary>
    /// <exception cref="UserException">The folder cannot be read, holds no images or no class folders.</exception>
    public FolderSource(string folder)
    {
        root = folder;
        // A link that leads back up would be followed for ever.
        var options = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 16, IgnoreInaccessible = false };
        List<string> found = [];
        try
        {
            foreach (var path in Directory.EnumerateFiles(folder, "*", options))
                if (ImageFiles.HasImageName(path)) found.Add(Path.GetRelativePath(folder, path).Replace('\\', '/'));
                else ignored++;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"the folder {folder} cannot be read: {exception.Message}", inner: exception);
        }
        layout = ClassLayout.Of(found, folder);
        paths = [.. layout.Order.Select(i => found[i])];
    }

    readonly int ignored;

    /// <inheritdoc/>
    public override string Kind => "class folders";
    /// <inheritdoc/>
    public override IReadOnlyList<string> Classes => layout.Classes;
    /// <inheritdoc/>
    public override int Count => paths.Length;
    /// <inheritdoc/>
    public override int IgnoredFiles => ignored;
    /// <inheritdoc/>
    public override int LabelOf(int index) => layout.Labels[index];
    /// <inheritdoc/>
    public override ImageSplit SplitOf(int index) => layout.Splits[index];
    /// <inheritdoc/>
    public override string NameOf(int index) => Path.Combine(root, paths[index]);
    /// <inheritdoc/>
    public override byte[] ReadFile(int index, long maxBytes) => ImageFiles.ReadAll(NameOf(index), maxBytes);
}
