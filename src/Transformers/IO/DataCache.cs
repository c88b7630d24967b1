namespace Transformers.IO;

/// <summary>The folder of prepared data: generated and tokenized data, which are written again when they are needed.</summary>
public static class DataCache
{
    /// <summary>The environment variable that names another folder.</summary>
    public const string Variable = "TRANSFORMER_CACHE";

    /// <summary>The folder: the one that <see cref="Variable"/> names, otherwise <c>data/.cache</c> in the working directory.</summary>
    public static string Folder => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given ? given : Path.Combine("data", ".cache");

    /// <summary>Whether a path that could not be written is in the folder, or is one that had to be created for it.</summary>
    /// <param name="path">The path.</param>
    public static bool Concerns(string path)
    {
        var (cache, other) = (Path.GetFullPath(Folder) + Path.DirectorySeparatorChar, Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)) + Path.DirectorySeparatorChar);
        return other.StartsWith(cache, StringComparison.Ordinal) || cache.StartsWith(other, StringComparison.Ordinal) && !Directory.Exists(other);
    }
}
