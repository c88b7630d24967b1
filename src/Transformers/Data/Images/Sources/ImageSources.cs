using Transformers.IO;

namespace Transformers.Data.Images.Sources;

/// <summary>Tells by what lies at a path which kind of source it is.</summary>
public static class ImageSources
{
    /// <summary>Opens a folder (class folders, CIFAR binary, MNIST IDX), a tar archive or a CSV or TSV table.</summary>
    /// <exception cref="UserException">There is nothing at the path, or nothing that is understood.</exception>
    public static ImageSource Open(string path)
    {
        if (File.Exists(path))
            return Path.GetExtension(path).ToLowerInvariant() switch
            {
                ".tar" => new TarSource(path),
                ".csv" or ".tsv" => new CsvSource(path),
                ".gz" or ".tgz" or ".zip" or ".xz" or ".bz2" => throw new UserException(
                    [new Problem("a compressed archive cannot be read in place", path, Hint: "unpack it; a plain .tar is read as it is")]),
                _ => throw new UserException([new Problem("the file is not a source of images", path,
                    Hint: "give a folder of class folders, of CIFAR .bin or of MNIST idx files, a .tar archive, or a .csv or .tsv table")]),
            };
        if (!Directory.Exists(path)) throw new UserException([new Problem("there is no such file or folder", path)]);
        try
        {
            if (IdxSource.ImageFilesIn(path).Count > 0) return new IdxSource(path);
            if (CifarSource.BatchesIn(path).Count > 0) return new CifarSource(path);
            return new FolderSource(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"the folder cannot be read: {exception.Message}", path)], exception);
        }
    }
}
