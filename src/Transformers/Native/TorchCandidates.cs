using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Transformers.Native;

/// <summary>Where a libtorch may be, in the order in which it is tried.</summary>
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
        ? named : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    /// <summary>The folders beside the program that its own native files are in.</summary>
    internal static IReadOnlyList<string> Application { get; } =
        [AppContext.BaseDirectory, Path.Combine(AppContext.BaseDirectory, "runtimes", Platform, "native"), .. AssemblyFolder()];

    /// <summary>The candidates; those that are plainly absent are left out, those the user named are not.</summary>
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

    // Asks each Python where its torch is; nothing of torch runs for the answer.
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
            return null; // No such Python.
        }
    }

    // A libtorch archive has its libraries in lib; a folder of libraries may be named as well.
    static string LibraryFolder(string named)
    {
        var full = Path.GetFullPath(named);
        return !Has(full, "torch_cpu") && Has(Path.Combine(full, "lib"), "torch_cpu") ? Path.Combine(full, "lib") : full;
    }

    static bool Has(string folder, string library) => File.Exists(Path.Combine(folder, SharedLibrary.FileName(library)));

    // Where this assembly is, which for a plug-in or a test host is not the base folder.
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
    /// <summary>Its file: beside the program, else in NuGet's folder.</summary>
    /// <exception cref="DllNotFoundException">It is nowhere.</exception>
    internal static string Find()
    {
        var version = typeof(TorchSharp.torch).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.107.0";
        var name = SharedLibrary.FileName("LibTorchSharp");
        string[] folders = [.. TorchCandidates.Application, Path.Combine(TorchCandidates.Packages, "torchsharp", version, "runtimes", TorchCandidates.Platform, "native")];
        return folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists)
            ?? throw new DllNotFoundException($"{name} of TorchSharp {version} is neither beside the program nor in {folders[^1]}");
    }
}
