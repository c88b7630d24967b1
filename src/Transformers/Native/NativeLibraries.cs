using TorchSharp;

namespace Transformers.Native;

/// <summary>Finds libtorch and loads it together with TorchSharp's native part, before the first tensor.</summary>
/// <remarks>
/// TorchSharp looks up libraries by plain name, and the loader returns those that are already in the process: TorchSharp gets what is
/// loaded here by full path, whatever other libtorch the system has.
/// </remarks>
public static class NativeLibraries
{
    static readonly Lock guard = new();
    static LoadedLibraries? loaded;

    /// <summary>What is loaded; null before <see cref="Load"/>.</summary>
    public static LoadedLibraries? Loaded => loaded;

    /// <summary>The CPU as a device. TorchSharp's own constant loads the first libtorch that it finds; this property loads the right one
    /// before that.</summary>
    public static TorchSharp.torch.Device Cpu
    {
        get
        {
            if (loaded is null) Load(cuda: false);
            return TorchSharp.torch.CPU;
        }
    }

    /// <summary>Whether <see cref="Load"/> may fetch the platform's libtorch package through the .NET SDK if it finds no
    /// libtorch.</summary>
    public static bool FetchesPackage { get; set; } = true;

    /// <summary>Called with a line before the package is fetched; may be null.</summary>
    public static Action<string>? Notice { get; set; }

    /// <summary>Loads libtorch once; later calls return what the first one loaded.</summary>
    /// <param name="cuda">Whether a libtorch with CUDA is preferred if the machine has a CUDA driver.</param>
    /// <param name="fetch">Whether to fetch the platform's package if there is no libtorch and <see cref="FetchesPackage"/> allows
    /// it.</param>
    /// <exception cref="UserException">This machine has no usable libtorch; the problems name each candidate, its fault and the
    /// remedy.</exception>
    public static LoadedLibraries Load(bool cuda = true, bool fetch = true)
    {
        lock (guard) return loaded ??= LoadOnce(cuda && CudaDriver.IsPresent, fetch);
    }

    static LoadedLibraries LoadOnce(bool cuda, bool fetch)
    {
        var changes = ProcessSettings.Prepare();
        var failed = new List<FailedCandidate>();
        foreach (var candidate in TorchCandidates.All(cuda))
        {
            if (candidate.Fault() is { } fault)
            {
                failed.Add(new(candidate, fault.Reason, fault.Remedy));
                if (candidate.Required) throw NothingLoads(failed);
                continue;
            }
            try
            {
                return Open(candidate, changes, failed);
            }
            // BadImageFormatException: a library for another processor, on Windows and macOS.
            catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
            {
                failed.Add(new(candidate, exception.Message, "install it again, or name another libtorch in LIBTORCH"));
                // Its files stay in the process, and loading a second libtorch beside them would be unsafe.
                throw NothingLoads(failed);
            }
        }
        if (TorchPackage.Obstacle() is { } obstacle) throw NothingLoads(failed, obstacle);
        var package = TorchPackage.OfThisPlatform!;
        if (!fetch)
            throw NothingLoads(failed, new($"no libtorch was found; the first command that computes downloads {package.Id} {package.Version} through the .NET SDK", Hint: $"name another libtorch of version {TorchCandidate.Oldest} or later in LIBTORCH"), willBeFetched: true);
        Notice?.Invoke($"downloading libtorch {package.Version} into {package.Root}, once: this may take a minute");
        return Open(package.Fetch(DotNetSdk.Find()!, Environment.CurrentDirectory), changes, failed);
    }

    static LoadedLibraries Open(TorchCandidate candidate, IReadOnlyList<string> changes, List<FailedCandidate> failed)
    {
        var files = new List<string>();
        var torch = IntPtr.Zero;
        foreach (var file in candidate.Files())
        {
            var handle = SharedLibrary.Open(file);
            if (Path.GetFileName(file).Contains("torch_cpu", StringComparison.Ordinal)) torch = handle;
            files.Add(file);
        }
        var binding = TorchSharpBinding.Find();
        var patch = SystemLibraries.LacksIostreamsOfGcc13() ? PatchedLibrary.Create(binding) : null;
        files.Add(patch?.Path ?? binding);
        SharedLibrary.Open(files[^1]);
        // TorchSharp looks up the libraries once per device type; by now they are in the process.
        TorchSharp.torch.InitializeDeviceType(DeviceType.CPU);
        if (candidate.HasCuda) TorchSharp.torch.TryInitializeDeviceType(DeviceType.CUDA);
        ProcessSettings.ApplyThreads();
        return new LoadedLibraries(
            Torch: torch,
            Version: candidate.Version!,
            Source: candidate.Source,
            HasCuda: candidate.HasCuda,
            Files: files,
            Changes: patch is null ? changes : [.. changes, patch.Explanation],
            Failed: failed);
    }

    static EngineMissingException NothingLoads(IReadOnlyList<FailedCandidate> failed, Problem? last = null, bool willBeFetched = false)
    {
        var problems = failed.Select(one => new Problem($"{one.Candidate.Source}: {one.Reason}", one.Candidate.Folder, Hint: one.Remedy));
        return new EngineMissingException([.. last is null ? problems : problems.Append(last)]) { WillBeFetched = willBeFetched };
    }
}

/// <summary>This machine has no usable libtorch.</summary>
public sealed class EngineMissingException(IReadOnlyList<Problem> problems) : UserException(problems)
{
    /// <summary>Whether the first call that may fetch the platform's package will do so.</summary>
    public bool WillBeFetched { get; init; }
}

/// <summary>The loaded libraries, for <c>doctor</c> and reports.</summary>
/// <param name="Torch">The handle of <c>torch_cpu</c>, whose C interface the dispatcher calls.</param>
/// <param name="Version">libtorch's version.</param>
/// <param name="Source">Where it came from, in words.</param>
/// <param name="HasCuda">Whether it has CUDA.</param>
/// <param name="Files">Every file loaded, in order.</param>
/// <param name="Changes">What was changed for it, and why: environment variables, memory settings, a patched copy.</param>
/// <param name="Failed">The candidates tried before it that could not be used.</param>
public sealed record LoadedLibraries(
    IntPtr Torch, string Version, string Source, bool HasCuda, IReadOnlyList<string> Files, IReadOnlyList<string> Changes,
    IReadOnlyList<FailedCandidate> Failed);

/// <summary>A libtorch that could not be used.</summary>
/// <param name="Candidate">Where it is.</param>
/// <param name="Reason">Why it could not be used.</param>
/// <param name="Remedy">What would help.</param>
public sealed record FailedCandidate(TorchCandidate Candidate, string Reason, string Remedy);
