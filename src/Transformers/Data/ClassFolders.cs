using Transformers.IO;

namespace Transformers.Data;

/// <summary>The files of one kind in class folders, and what a user should know about the other files.</summary>
/// <remarks>Files and folders whose names start with a dot are skipped.</remarks>
sealed class ClassFolders
{
    const int MostNamed = 8;

    // A link to a parent folder would be followed forever.
    static readonly EnumerationOptions Below = new() { RecurseSubdirectories = true, MaxRecursionDepth = 16, IgnoreInaccessible = false };

    readonly string root, what;
    readonly SortedDictionary<string, int> others = new(StringComparer.Ordinal);
    readonly IReadOnlyList<string> empty;

    /// <summary>Looks through a folder.</summary>
    /// <param name="isWanted">Whether a file with this name is of the kind.</param>
    /// <param name="what">What the files are called, such as <c>images</c>.</param>
    /// <exception cref="UserException">It cannot be read.</exception>
    internal ClassFolders(string folder, Func<string, bool> isWanted, string what)
    {
        (root, this.what) = (folder, what);
        if (!Directory.Exists(folder)) throw new UserException([new Problem(File.Exists(folder) ? "is a file, but a folder of class folders is needed" : "the folder does not exist", folder)]);
        List<string> found = [];
        try
        {
            foreach (var path in Directory.EnumerateFiles(folder, "*", Below))
                if (isWanted(path)) found.Add(Relative(path));
                else
                {
                    Ignored++;
                    others[EndingOf(path)] = others.GetValueOrDefault(EndingOf(path)) + 1;
                }
            empty = [.. Directory.EnumerateDirectories(folder, "*", Below).Select(Relative).Where(path => !found.Exists(file => file.StartsWith(path + "/", StringComparison.Ordinal))).Order(StringComparer.Ordinal)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"the folder {folder} cannot be read: {exception.Message}", inner: exception);
        }
        Found = found;
    }

    string Relative(string path) => Path.GetRelativePath(root, path).Replace('\\', '/');

    static string EndingOf(string path) => Path.GetExtension(path) is { Length: > 0 } ending ? ending.ToLowerInvariant() : "without extension";

    /// <summary>The files, relative to the folder and separated by <c>/</c>, in no particular order.</summary>
    internal IReadOnlyList<string> Found { get; }

    /// <summary>The number of other files.</summary>
    internal int Ignored { get; }

    /// <summary>Warnings about folders that are not classes, and about skipped files.</summary>
    internal IReadOnlyList<string> Warnings =>
    [
        .. empty.Take(MostNamed).Select(path => $"the folder {Path.Combine(root, path)} contains no {what}, so there is no class for it"),
        .. empty.Count > MostNamed ? [$"{empty.Count - MostNamed} more folders contain no {what}"] : Array.Empty<string>(),
        .. Ignored > 0 ? [$"{Amount.Of(Ignored, "file")} skipped, not named like {what}: {string.Join(", ", others.OrderByDescending(ending => ending.Value).Take(MostNamed).Select(ending => $"{ending.Value} {ending.Key}"))}"] : Array.Empty<string>(),
    ];

    /// <summary>The classes that splits lack, one warning per split; empty splits are ignored.</summary>
    /// <param name="classes">The names of the classes.</param>
    /// <param name="labelOf">The class of an example.</param>
    /// <param name="example">What an example is called, such as <c>image</c>.</param>
    /// <param name="splits">The splits by name.</param>
    internal static IEnumerable<string> MissingClasses(IReadOnlyList<string> classes, Func<int, int> labelOf, string example, params (string Name, IReadOnlyCollection<int> Examples)[] splits)
    {
        foreach (var (name, examples) in splits.Where(split => split.Examples.Count > 0))
        {
            List<string> missing = [.. Enumerable.Range(0, classes.Count).Except(examples.Select(labelOf)).Order().Select(label => classes[label])];
            if (missing.Count > 0) yield return $"no {name} {example} is of class {string.Join(", ", missing.Take(MostNamed))}{(missing.Count > MostNamed ? $" and {missing.Count - MostNamed} more" : "")}";
        }
    }
}
