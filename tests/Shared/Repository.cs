using System.Runtime.CompilerServices;

namespace TestSupport;

/// <summary>Finds files of the checkout from wherever the tests run.</summary>
public static class Repository
{
    /// <summary>The checkout's root folder: the first one upwards that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A path below the root.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>A path below the folder of values and runs that others made.</summary>
    public static string Golden(params string[] parts) => PathOf(["tests", "Golden", .. parts]);

    /// <summary>A path below the folder of real data beside the checkout, whether or not it exists.</summary>
    public static string SharedData(params string[] parts) => Path.GetFullPath(Path.Combine([Root, "..", "shared", "data", .. parts]));

    /// <summary>What the tests were built as, Debug or Release: the last folder of their output's path.</summary>
    public static string Configuration { get; } = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)) == "debug" ? "Debug" : "Release";

    static string FindRoot()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "TransformerCli.sln"))) return folder;
        throw new InvalidOperationException("The tests must run inside a checkout: no TransformerCli.sln above " + AppContext.BaseDirectory);
    }
}

/// <summary>A test that needs real data that the repository does not hold; skipped, saying so, where it is absent.</summary>
public sealed class SharedDataFactAttribute : Xunit.FactAttribute
{
    public SharedDataFactAttribute(string path, [CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line)
    {
        var full = Repository.SharedData(path);
        if (!File.Exists(full) && !Directory.Exists(full)) Skip = $"needs ../shared/data/{path}, which is not on this machine";
    }
}
