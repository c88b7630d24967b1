using System.Globalization;
using System.Text.RegularExpressions;

namespace Transformers.Native;

/// <summary>A folder that may hold a libtorch.</summary>
/// <param name="Source">Where it comes from, in words.</param>
/// <param name="Folder">The folder of the libraries.</param>
/// <param name="Version">Its version as the installation states it; null where it does not.</param>
/// <param name="HasCuda">Whether it is wanted for its CUDA.</param>
/// <param name="Required">Whether the user named it: then nothing else is tried in its place.</param>
public sealed partial record TorchCandidate(string Source, string Folder, string? Version, bool HasCuda, bool Required = false)
{
    /// <summary>The oldest libtorch that TorchSharp's native part and the dispatcher work with.</summary>
    public static readonly Version Oldest = new(2, 10);

    /// <summary>Why this libtorch cannot be used; null where nothing speaks against it. Nothing is loaded for the answer.</summary>
    internal (string Reason, string Remedy)? Fault()
    {
        if (!Directory.Exists(Folder)) return ("there is no such folder", "name a folder that has libtorch's libraries");
        if (!File.Exists(Path.Combine(Folder, SharedLibrary.FileName("torch_cpu"))))
            return ($"the folder has no {SharedLibrary.FileName("torch_cpu")}", "name the folder of libtorch, or its lib folder");
        if (HasCuda && !File.Exists(Path.Combine(Folder, SharedLibrary.FileName("torch_cuda"))))
            return ($"it has no {SharedLibrary.FileName("torch_cuda")}: it was built without CUDA", "install a torch with CUDA, or use --device cpu");
        if (Version is null) return ("its version is unknown: neither build-version nor version.py is beside it", $"name a libtorch of version {Oldest} or later");
        if (Parse(Version) is not { } version) return ($"its version ({Version}) cannot be read", $"name a libtorch of version {Oldest} or later");
        if (version < Oldest) return ($"version {Version} is too old: {Oldest} or later is needed", $"install torch {Oldest} or later there, or leave it out");
        return null;
    }

    /// <summary>The libraries to load, in order; each finds those before it.</summary>
    internal IEnumerable<string> Files()
    {
        // libtorch's own OpenMP runtime first: one pool of threads for it and for the kernels.
        foreach (var pattern in new[] { "libgomp*", "libiomp*", "libomp*" })
            foreach (var openmp in Directory.EnumerateFiles(Folder, pattern).Where(file => !file.EndsWith(".lib", StringComparison.Ordinal)).Order(StringComparer.Ordinal)) yield return openmp;
        string[] names = HasCuda ? ["c10", "c10_cuda", "torch_cpu", "torch_cuda", "torch"] : ["c10", "torch_cpu", "torch"];
        foreach (var name in names)
            if (Path.Combine(Folder, SharedLibrary.FileName(name)) is var file && File.Exists(file)) yield return file;
    }

    /// <summary>The version that an installation states beside its libraries.</summary>
    /// <param name="folder">The folder of the libraries.</param>
    internal static string? VersionBeside(string folder)
    {
        foreach (var root in new[] { folder, Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(folder)) })
        {
            if (root is null) continue;
            if (ReadText(Path.Combine(root, "build-version")) is { } text) return text.Trim();
            if (ReadText(Path.Combine(root, "version.py")) is { } python && PythonVersion().Match(python) is { Success: true } match) return match.Groups[1].Value;
        }
        return null;
    }

    static Version? Parse(string text) =>
        Numbers().Match(text) is { Success: true } match
            ? new Version(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture))
            : null;

    static string? ReadText(string path)
    {
        try
        {
            return File.Exists(path) && new FileInfo(path).Length < 1 << 16 ? File.ReadAllText(path) : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"^(\d+)\.(\d+)")]
    private static partial Regex Numbers();

    [GeneratedRegex(@"^__version__\s*(?::\s*\w+\s*)?=\s*['""]([^'""]+)['""]", RegexOptions.Multiline)]
    private static partial Regex PythonVersion();
}
