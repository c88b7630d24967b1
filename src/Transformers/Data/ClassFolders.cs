namespace Transformers.Data;

/// <summary>The files of one kind in class folders, and what a user should know about the other files.</summary>
/// <remarks>Files and folders whose names start with a dot are skipped.</remarks>
sealed class ClassFolders
{
    const int MostNamed = 8;

    const int MaxDepth = 16;

    static readonly EnumerationOptions Visible = new() { IgnoreInaccessible = false };

    readonly string root, what;
    readonly SortedDictionary<string, int> others = new(StringComparer.Ordinal);
    readonly List<string> found = [], empty = [], circular = [];

    /// <summary>Looks through a folder.</summary>
    /// <param name="isWanted">Whether a file with this name is of the kind.</param>
    /// <param name="what">What the files are called, such as <c>images</c>.</param>
    /// <exception cref="UserException">It cannot be read.</exception>
    internal ClassFolders(string folder, Func<string, bool> isWanted, string what)
    {
        (root, this.what) = (folder, what);
        if (!Directory.Exists(folder)) throw new UserException([new Problem(File.Exists(folder) ? "is a file, but a folder of class folders is needed" : "the folder does not exist", folder)]);
        Find(folder, "", [SpecialFile.IdentityOf(folder)], isWanted);
        empty.Sort(StringComparer.Ordinal);
    }

    // Links to folders are followed, except one that leads to a folder above it, whose files would be found again and again.
    void Find(string folder, string below, List<(ulong, ulong)?> above, Func<string, bool> isWanted)
    {
        try
        {
            foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos("*", Visible))
            {
                var (name, before) = (below + entry.Name, found.Count);
                if (entry is DirectoryInfo inner)
                {
                    if (above.Count > MaxDepth) continue;
                    var identity = SpecialFile.IdentityOf(inner.FullName);
                    if (identity is not null && above.Contains(identity))
                    {
                        circular.Add(name);
                        continue;
                    }
                    Find(inner.FullName, name + "/", [.. above, identity], isWanted);
                    if (found.Count == before) empty.Add(name);
                }
                else if (isWanted(name)) found.Add(name);
                else
                {
                    Ignored++;
                    others[EndingOf(name)] = others.GetValueOrDefault(EndingOf(name)) + 1;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"the folder cannot be read: {InputFile.ReasonOf(exception)}", below.Length == 0 ? root : Path.Combine(root, below[..^1]))], exception);
        }
    }

    /// <summary>A file's extension, as reports count it.</summary>
    internal static string EndingOf(string path) => Path.GetExtension(path) is { Length: > 0 } ending ? ending.ToLowerInvariant() : "without extension";

    /// <summary>The files, relative to the folder and separated by <c>/</c>, in no particular order.</summary>
    internal IReadOnlyList<string> Found => found;

    /// <summary>The number of other files.</summary>
    internal int Ignored { get; private set; }

    /// <summary>Warnings about folders that are not classes, and about skipped files.</summary>
    internal IReadOnlyList<string> Warnings =>
    [
        .. empty.Take(MostNamed).Select(path => $"the folder {Path.Combine(root, path)} contains no {what}, so there is no class for it"),
        .. empty.Count > MostNamed ? [$"{empty.Count - MostNamed} more folders contain no {what}"] : Array.Empty<string>(),
        .. circular.Take(MostNamed).Select(path => $"the link {Path.Combine(root, path)} leads to a folder that contains it, and is not followed"),
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
