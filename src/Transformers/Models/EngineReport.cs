using TorchSharp;
#if !TORCHSHARP_PACKAGE
using Native = TorchSharp.Extensions.Engine;
#endif

namespace Transformers.Models;

/// <summary>What engine is in use, for <c>doctor</c> and reports.</summary>
/// <param name="Version">libtorch's version.</param>
/// <param name="Path">The native library's file, where it is known.</param>
/// <param name="BlasKernel">The kernel set that OpenBLAS chose, if there is OpenBLAS.</param>
/// <param name="BlasLibrary">The BLAS library that was loaded ahead of the system's choice, if any.</param>
/// <param name="HasOpenBlas">Whether libtorch says it was built for, or found, a fast BLAS.</param>
/// <param name="HasOneDnn">Whether oneDNN is built in.</param>
/// <param name="CpuCapability">The instruction set that libtorch uses.</param>
/// <param name="Changes">What was changed in the environment and why.</param>
public sealed record EngineReport(string Version, string? Path, string? BlasKernel, string? BlasLibrary, bool HasOpenBlas, bool HasOneDnn, string CpuCapability, IReadOnlyList<string> Changes)
{
    /// <summary>Reads it off the loaded engine.</summary>
    public static EngineReport Read()
    {
#if TORCHSHARP_PACKAGE
        return new(torch.__version__, null, null, null, true, true, "unknown", []);
#else
        var build = Native.BuildDescription;
        var line = build.Split('\n').FirstOrDefault(text => text.Contains("CPU capability usage:", StringComparison.Ordinal));
        return new(torch.__version__, Native.LibraryPath, Native.BlasKernel, Native.PreloadedBlas,
            build.Contains("BLAS_INFO=mkl", StringComparison.Ordinal) || build.Contains("Intel(R) oneAPI Math Kernel", StringComparison.Ordinal), Native.HasOneDnn,
            line?.Split(':')[1].Trim() ?? "unknown",
            [.. Native.EnvironmentChanges.Select(change => $"{change.variable}={change.after}{(change.before is null ? "" : $" instead of {change.before}")}: {change.reason}")]);
#endif
    }
}
