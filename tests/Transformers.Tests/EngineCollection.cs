using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Tests;

/// <summary>Tests that compute with libtorch run one at a time: its random generator and its threads are the process's.</summary>
[CollectionDefinition("engine", DisableParallelization = true)]
public class EngineCollection;

/// <summary>Tests whose tensors are freed at the end of each.</summary>
public abstract class TensorTest : IDisposable
{
    readonly DisposeScope scope = NewDisposeScope();

    public void Dispose()
    {
        scope.Dispose();
        GC.SuppressFinalize(this);
    }
}
