using System.Reflection;

namespace Transformers.Native;

/// <summary>The installations of libtorch that may be used, in the order in which they are tried.</summary>
static class TorchCandidates
{
    /// <summary>The libtorch that TorchSharp's package was built for; packages state it in their path.</summary>
    internal const string PackageVersion = "2.10.0";

    static readonly TimeSpan PythonLimit = TimeSpan.FromSeconds(10);

    /// <summary>The platform as packages spell it, for instance <c>linux-x64</c>.</summary>
    internal static string Platform { get; } =
        $"{(OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux")}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";

    /// <summary>NuGet's folder of restored packages.</summary>
    internal static string Packages { get; } = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } named
        ? named : Path.Combine(UserCache.Home, ".nuget", "packages");

    /// <summary>The folders of the program's own native files.</summary>
    internal static IReadOnlyList<string> Application { get; } =
        [AppContext.BaseDirectory, Path.Combine(AppContext.BaseDirectory, "runtimes", Platform, "native"), .. AssemblyFolder()];

    /// <summary>The candidates; absent ones are left out, unless the user named them.</summary>
    /// <param name="cuda">Whether a libtorch with CUDA comes first.</param>
    internal static IEnumerable<TorchCandidate> All(bool cuda)
    {
        if (Environment.GetEnvironmentVariable("LIBTORCH") is { Length: > 0 } named)
        {
            var folder = LibraryFolder(named);
            yield return new("LIBTORCH", folder, TorchCandidate.VersionBeside(folder), cuda && Has(folder, "torch_cuda"), Required: true);
            yield break;
        }
        if (cuda)
        {
            foreach (var folder in Application.Where(folder => Has(folder, "torch_cuda")))
                yield return new("the CUDA libtorch beside the program", folder, PackageVersion, HasCuda: true);
            foreach (var candidate in Pythons()) yield return candidate;
        }
        foreach (var folder in Application.Where(folder => Has(folder, "torch_cpu")))
            yield return new("the libtorch beside the program", folder, PackageVersion, HasCuda: false);
        if (TorchPackage.OfThisPlatform?.Candidate is { } package) yield return package;
    }

    // Asks each Python where its torch is, without running torch.
    static IEnumerable<TorchCandidate> Pythons()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var python in new[] { "python3", "/usr/bin/python3", "python" })
        {
            if (Ask(python, "import importlib.util as u; s = u.find_spec('torch'); print(list(s.submodule_search_locations)[0] if s else '')") is not { Length: > 0 } folder) continue;
            var libraries = Path.Combine(folder, "lib");
            if (seen.Add(libraries)) yield return new($"the torch of {python}", libraries, TorchCandidate.VersionBeside(libraries), HasCuda: true);
        }
    }

    static string? Ask(string python, string program)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(python, ["-c", program]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true });
            if (process is null) return null;
            process.StandardInput.Close();
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            var answer = process.StandardOutput.ReadToEndAsync();
            if (!process.WaitForExit(PythonLimit))
            {
                process.Kill(entireProcessTree: true);
                return null;
            }
            return process.ExitCode == 0 ? answer.Result.Trim() : null;
        }
        catch (Exception exception) when (exception is System.ComponentModel.Win32Exception or IOException or InvalidOperationException)
        {
            return null; // This Python does not exist.
        }
    }

    // A libtorch archive has its libraries in lib; a folder of libraries may be named as well.
    static string LibraryFolder(string named)
    {
        var full = Path.GetFullPath(named);
        return !Has(full, "torch_cpu") && Has(Path.Combine(full, "lib"), "torch_cpu") ? Path.Combine(full, "lib") : full;
    }

    static bool Has(string folder, string library) => File.Exists(Path.Combine(folder, SharedLibrary.FileName(library)));

    // The folder of this assembly, which is not the base folder in a plug-in or a test host.
    static IEnumerable<string> AssemblyFolder()
    {
        if (Assembly.GetExecutingAssembly().Location is not { Length: > 0 } location || Path.GetDirectoryName(location) is not { } folder || folder == Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)) yield break;
        yield return folder;
        yield return Path.Combine(folder, "runtimes", Platform, "native");
    }
}

/// <summary>TorchSharp's native part.</summary>
static class TorchSharpBinding
{
    /// <summary>Finds its file: beside the program, else in NuGet's folder.</summary>
    /// <exception cref="DllNotFoundException">It is not found.</exception>
    internal static string Find()
    {
        var version = typeof(TorchSharp.torch).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.107.0";
        var name = SharedLibrary.FileName("LibTorchSharp");
        string[] folders = [.. TorchCandidates.Application, Path.Combine(TorchCandidates.Packages, "torchsharp", version, "runtimes", TorchCandidates.Platform, "native")];
        return folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists)
            ?? throw new DllNotFoundException($"{name} of TorchSharp {version} is neither beside the program nor in {folders[^1]}");
    }
}

/// <summary>A folder that may contain a libtorch.</summary>
/// <param name="Source">Where it comes from, in words.</param>
/// <param name="Folder">The folder of the libraries.</param>
/// <param name="Version">Its version as the installation states it; null if it does not.</param>
/// <param name="HasCuda">Whether it is a candidate because of its CUDA support.</param>
/// <param name="Required">Whether the user named it, so that nothing else may be tried instead.</param>
public sealed partial record TorchCandidate(string Source, string Folder, string? Version, bool HasCuda, bool Required = false)
{
    /// <summary>The oldest libtorch that TorchSharp's native part and the dispatcher work with.</summary>
    public static readonly Version Oldest = new(2, 10);

    /// <summary>Why this libtorch cannot be used; null if no reason is found. Loads nothing.</summary>
    internal (string Reason, string Remedy)? Fault()
    {
        if (!Directory.Exists(Folder)) return ("the folder does not exist", "name a folder that has libtorch's libraries");
        if (!File.Exists(Path.Combine(Folder, SharedLibrary.FileName("torch_cpu"))))
            return ($"the folder has no {SharedLibrary.FileName("torch_cpu")}", "name the folder of libtorch, or its lib folder");
        if (HasCuda && !File.Exists(Path.Combine(Folder, SharedLibrary.FileName("torch_cuda"))))
            return ($"it has no {SharedLibrary.FileName("torch_cuda")}: it was built without CUDA", "install a torch with CUDA, or use --device cpu");
        if (Version is null) return ("its version is unknown: neither build-version nor version.py is beside it", $"name a libtorch of version {Oldest} or later");
        if (Parse(Version) is not { } version) return ($"its version ({Version}) cannot be read", $"name a libtorch of version {Oldest} or later");
        if (version < Oldest) return ($"version {Version} is too old: {Oldest} or later is needed", $"install torch {Oldest} or later there, or leave it out");
        return null;
    }

    /// <summary>The libraries to load, in order; each needs only those before it.</summary>
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
