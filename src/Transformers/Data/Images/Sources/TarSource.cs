using Microsoft.Win32.SafeHandles;
using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Sources;

/// <summary>Image files inside an uncompressed tar archive, laid out as <see cref="FolderSource"/>'s; read in place, never unpacked.</summary>
public sealed class TarSource : ImageSource
{
    readonly string path;
    readonly SafeFileHandle file;
    readonly TarIndex.Entry[] entries;
    readonly ClassLayout layout;
    readonly int ignored;

    /// <summary>Reads the archive's headers.</summary>
    /// <exception cref="UserException">The file cannot be read, is no tar archive, or holds no images in class folders.</exception>
    public TarSource(string path)
    {
        this.path = path;
        try
        {
            file = File.OpenHandle(path);
            var all = TarIndex.Read(file, path);
            // Macs put a "._name" beside every file.
            var images = all.Where(e => ImageFiles.HasImageName(e.Name) && !Path.GetFileName(e.Name).StartsWith('.')).ToList();
            ignored = all.Count - images.Count;
            layout = ClassLayout.Of([.. images.Select(e => e.Name.StartsWith("./", StringComparison.Ordinal) ? e.Name[2..] : e.Name)], path);
            entries = [.. layout.Order.Select(i => images[i])];
        }
        catch (Exception exception)
        {
            file?.Dispose();
            if (exception is IOException or UnauthorizedAccessException)
                throw new UserException($"the archive {path} cannot be read: {exception.Message}", inner: exception);
            throw;
        }
    }

    /// <inheritdoc/>
    public override string Kind => "tar archive";
    /// <inheritdoc/>
    public override IReadOnlyList<string> Classes => layout.Classes;
    /// <inheritdoc/>
    public override int Count => entries.Length;
    /// <inheritdoc/>
    public override int IgnoredFiles => ignored;
    /// <inheritdoc/>
    public override int LabelOf(int index) => layout.Labels[index];
    /// <inheritdoc/>
    public override ImageSplit SplitOf(int index) => layout.Splits[index];
    /// <inheritdoc/>
    public override string NameOf(int index) => $"{path}:{entries[index].Name}";

    /// <inheritdoc/>
    public override byte[] ReadFile(int index, long maxBytes)
    {
        var entry = entries[index];
        if (entry.Size > maxBytes)
            throw new ImageException(ImageFault.TooLarge, $"the file has {entry.Size} bytes, the limit is {maxBytes}", NameOf(index));
        try
        {
            var bytes = new byte[entry.Size];
            TarIndex.ReadExactly(file, bytes, entry.Offset);
            return bytes;
        }
        catch (IOException exception)
        {
            throw new ImageException(ImageFault.Unreadable, $"the file cannot be read: {exception.Message}", NameOf(index), exception);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        file.Dispose();
        base.Dispose();
    }
}
