namespace Transformers.Native;

/// <summary>A NuGet package with a platform's libtorch, in a folder of restored packages.</summary>
/// <param name="Platform">The platform as packages spell it, for instance <c>linux-x64</c>.</param>
/// <param name="Version">The package's version.</param>
/// <param name="Root">The folder of restored packages, with a subfolder per package and version.</param>
sealed partial record TorchPackage(string Platform, string Version, string Root)
{
    /// <summary>The environment variable that switches fetching off: <c>off</c> or <c>0</c>.</summary>
    internal const string Variable = "TRANSFORMER_FETCH";

    /// <summary>The package of this machine's platform; null if there is none.</summary>
    internal static TorchPackage? OfThisPlatform { get; } =
        TorchCandidates.Platform is "linux-x64" or "win-x64" or "osx-arm64" && !UsesMusl ? new(TorchCandidates.Platform, TorchCandidates.PackageVersion, TorchCandidates.Packages) : null;

    /// <summary>The package's name.</summary>
    internal string Id => $"libtorch-cpu-{Platform}";

    /// <summary>The folder of its libraries.</summary>
    internal string Folder => Path.Combine(Root, Id, Version, "runtimes", Platform, "native");

    // NuGet writes this file last: without it, unpacking was interrupted.
    bool IsComplete => File.Exists(Path.Combine(Root, Id, Version, ".nupkg.metadata")) && File.Exists(Path.Combine(Folder, SharedLibrary.FileName("torch_cpu")));

    /// <summary>The package as a libtorch to load; null if it is absent or incomplete.</summary>
    internal TorchCandidate? Candidate => IsComplete ? new("NuGet's package", Folder, Version, HasCuda: false) : null;

    /// <summary>Why nothing can be fetched on this machine, with the remedy; null if it can.</summary>
    internal static Problem? Obstacle()
    {
        if (OfThisPlatform is null)
            return new($"no libtorch was found, and there is no package for {RuntimeInformation.RuntimeIdentifier}", Hint: $"name a libtorch of version {TorchCandidate.Oldest} or later in LIBTORCH");
        var needs = $"no libtorch was found, and {OfThisPlatform.Id} {OfThisPlatform.Version}";
        if (!NativeLibraries.FetchesPackage || Environment.GetEnvironmentVariable(Variable) is "off" or "0")
            return new($"{needs} may not be downloaded: that is switched off", Hint: $"unset {Variable}, reference the package, or name a libtorch of version {TorchCandidate.Oldest} or later in LIBTORCH");
        return DotNetSdk.Find() is not null ? null
            : new($"{needs} cannot be downloaded: there is no .NET SDK on this machine", Hint: $"install the .NET SDK {Environment.Version.Major}, or name a libtorch of version {TorchCandidate.Oldest} or later in LIBTORCH");
    }

    /// <summary>Restores the package through the SDK, with the user's NuGet settings, to the folder of restored packages.</summary>
    /// <param name="sdk">The <c>dotnet</c> to run.</param>
    /// <param name="settings">The folder whose NuGet.config, and those above it, apply in addition to the user's own.</param>
    /// <returns>The package as a libtorch to load.</returns>
    /// <remarks>NuGet locks the package while it unpacks it, so processes that start at the same time fetch it once.</remarks>
    /// <exception cref="EngineMissingException">It cannot be fetched; the message is NuGet's.</exception>
    internal TorchCandidate Fetch(string sdk, string settings)
    {
        var work = Directory.CreateTempSubdirectory("transformer-fetch-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(work, "global.json"), "{}"); // Any SDK will do, whatever the folders above require.
            var project = Path.Combine(work, "fetch.csproj");
            File.WriteAllText(project, $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup>
                    <TargetFramework>net{Environment.Version.Major}.0</TargetFramework>
                    <NuGetAudit>false</NuGetAudit>
                  </PropertyGroup>
                  <ItemGroup>
                    <PackageDownload Include="{Id}" Version="[{Version}]" />
                  </ItemGroup>
                </Project>
                """);
            var (code, text) = Restore(sdk, project, settings);
            if (code == 0 && Candidate is { } candidate) return candidate;
            throw new EngineMissingException([new Problem($"no libtorch was found, and {Id} {Version} could not be downloaded: {Reason(text)}",
                Hint: $"check the network and NuGet's sources (dotnet nuget list source), or name a libtorch of version {TorchCandidate.Oldest} or later in LIBTORCH")]);
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    (int Code, string Text) Restore(string sdk, string project, string settings)
    {
        string[] isolated = ["-p:ImportDirectoryBuildProps=false", "-p:ImportDirectoryBuildTargets=false", "-p:ImportDirectoryPackagesProps=false"];
        var start = new ProcessStartInfo(sdk, ["restore", project, "-nologo", "-v:quiet", .. isolated])
        {
            WorkingDirectory = Path.GetDirectoryName(project), RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["NUGET_PACKAGES"] = Path.GetFullPath(Root);
        start.Environment["RestoreRootConfigDirectory"] = Path.GetFullPath(settings); // MSBuild reads it as a property.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DOTNET_GENERATE_ASPNET_CERTIFICATE"] = "false";
        try
        {
            using var process = Process.Start(start)!;
            process.StandardInput.Close();
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, $"{output}\n{error.Result}");
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            return (-1, exception.Message);
        }
    }

    // The errors of a restore, without the project's path and without repetitions.
    static string Reason(string text)
    {
        var errors = ErrorLine().Matches(text).Select(match => match.Groups[1].Value.Trim()).Distinct().Take(2).ToList();
        return errors.Count > 0 ? string.Join("; ", errors) : text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault(line => !line.StartsWith("at ", StringComparison.Ordinal)) ?? "the SDK did not say why";
    }

    // The packages are built for glibc.
    static bool UsesMusl => RuntimeInformation.RuntimeIdentifier is var name && (name.Contains("musl", StringComparison.Ordinal) || name.StartsWith("alpine", StringComparison.Ordinal));

    [GeneratedRegex(@"error ((?:NU|MSB|NETSDK)\d+:.*?)(?: \[[^\]]*proj\])?\r?$", RegexOptions.Multiline)]
    private static partial Regex ErrorLine();
}

/// <summary>The .NET SDK of this machine.</summary>
static class DotNetSdk
{
    static string Executable => OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet";

    /// <summary>A <c>dotnet</c> that has an SDK: the one on the path, else that of the running runtime; null if there is none.</summary>
    internal static string? Find()
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        string?[] roots = [.. path, Environment.GetEnvironmentVariable("DOTNET_ROOT"), Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..")];
        return roots.OfType<string>().Where(root => root.Length > 0).Select(root => Path.Combine(root, Executable)).FirstOrDefault(HasSdk);
    }

    static bool HasSdk(string file)
    {
        try
        {
            if (!File.Exists(file)) return false;
            var real = File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? Path.GetFullPath(file);
            var sdks = Path.Combine(Path.GetDirectoryName(real)!, "sdk");
            return Directory.Exists(sdks) && Directory.EnumerateDirectories(sdks).Any();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
