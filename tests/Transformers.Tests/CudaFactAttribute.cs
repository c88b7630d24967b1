using System.Runtime.CompilerServices;
using TorchSharp;

namespace Transformers.Tests;

/// <summary>A test that needs a CUDA device; skipped, saying so, if there is none.</summary>
public sealed class CudaFactAttribute : FactAttribute
{
    public CudaFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line)
    {
        if (!torch.cuda.is_available()) Skip = "needs a CUDA device, and there is none";
    }
}
