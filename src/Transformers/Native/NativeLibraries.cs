using System.Runtime.InteropServices;
using TorchSharp;

namespace Transformers.Native;

/// <summary>Finds libtorch and loads it with TorchSharp's native part, in one place and before the first tensor.</summary>
/// <remarks>
/// TorchSharp looks libraries up by plain name, and the loader answers with what the process has already: whatever is loaded
/// here by full path is what TorchSharp gets, whichever libtorch the system has elsewhere.
/// </remarks>
public static class NativeLibraries
{
    static readonly Lock guard = new();
    static LoadedLibraries? loaded;

    /// <summary>What is loaded; null before <see cref="Load"/>.</summary>
    public static LoadedLibraries? Loaded => loaded;

    /// <summary>The processor as a device. TorchSharp's own constant loads whatever libtorch it finds first; this one loads ours before.</summary>
    public static TorchSharp.torch.Device Cpu
    {
        get
        {
            if (loaded is null) Load(cuda: false);
            return TorchSharp.torch.CPU;
        }
    }

    /// <summary>Loads libtorch once; later calls return what the first one loaded.</summary>
    /// <param name="cuda">Whether a libtorch with CUDA is wanted where the machine has a CUDA driver.</param>
    /// <exception cref="UserException">No usable libtorch is on this machine; the problems name each candidate, its fault and the remedy.</exception>
    public static LoadedLibraries Load(bool cuda = true)
    {
        lock (guard) return loaded ??= LoadOnce(cuda && CudaDriver.IsPresent);
    }

    static LoadedLibraries LoadOnce(bool cuda)
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
            catch (DllNotFoundException exception)
            {
                failed.Add(new(candidate, exception.Message, "install it again, or name another libtorch in LIBTORCH"));
                // Its files stay in the process, and a second libtorch beside them would be worse than none.
                throw NothingLoads(failed);
            }
        }
        throw NothingLoads(failed);
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
        // TorchSharp looks once for each device type; what it looks for is in the process now.
        TorchSharp.torch.InitializeDeviceType(DeviceType.CPU);
        if (candidate.HasCuda) TorchSharp.torch.TryInitializeDeviceType(DeviceType.CUDA);
        ProcessSettings.ApplyThreads();
        return new LoadedLibraries
        {
            Torch = torch,
            Version = candidate.Version!,
            Source = candidate.Source,
            HasCuda = candidate.HasCuda,
            Files = files,
            Changes = patch is null ? changes : [.. changes, patch.Explanation],
            Failed = failed,
        };
    }

    static UserException NothingLoads(IReadOnlyList<FailedCandidate> failed)
    {
        Problem[] problems = [.. failed.Select(one => new Problem($"{one.Candidate.Source}: {one.Reason}", one.Candidate.Folder, Hint: one.Remedy))];
        return new EngineMissingException(problems.Length > 0 ? problems :
            [new Problem($"no libtorch was found for {RuntimeInformation.RuntimeIdentifier}", Hint: "restore the package libtorch-cpu-<platform> with scripts/setup, or name a libtorch of version 2.10 or later in LIBTORCH")]);
    }
}

/// <summary>No usable libtorch is on this machine.</summary>
public sealed class EngineMissingException(IReadOnlyList<Problem> problems) : UserException(problems);

/// <summary>What was loaded, for <c>doctor</c> and reports.</summary>
public sealed record LoadedLibraries
{
    /// <summary>The handle of <c>torch_cpu</c>, whose C interface the dispatcher calls.</summary>
    public required IntPtr Torch { get; init; }
    /// <summary>libtorch's version.</summary>
    public required string Version { get; init; }
    /// <summary>Where it came from, in words.</summary>
    public required string Source { get; init; }
    /// <summary>Whether it has CUDA.</summary>
    public required bool HasCuda { get; init; }
    /// <summary>Every file loaded, in order.</summary>
    public required IReadOnlyList<string> Files { get; init; }
    /// <summary>What was changed for it and why: environment variables, memory settings, a patched copy.</summary>
    public required IReadOnlyList<string> Changes { get; init; }
    /// <summary>The candidates before it that could not be used.</summary>
    public required IReadOnlyList<FailedCandidate> Failed { get; init; }
}

/// <summary>A libtorch that could not be used.</summary>
/// <param name="Candidate">Where it is.</param>
/// <param name="Reason">Why it could not be used.</param>
/// <param name="Remedy">What would help.</param>
public sealed record FailedCandidate(TorchCandidate Candidate, string Reason, string Remedy);
