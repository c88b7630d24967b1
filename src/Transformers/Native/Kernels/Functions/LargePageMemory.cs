using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Memory for packed weights and for keys and values, from the pool of tensors: in large pages, where a freed block is used again.</summary>
/// <remarks>Generation reads all weights, keys and values at every token: through small pages it would wait for addresses to be translated.</remarks>
sealed unsafe class LargePageMemory : IDisposable
{
    readonly Tensor block;

    /// <summary>Memory that is not cleared.</summary>
    /// <param name="bytes">Its size.</param>
    internal LargePageMemory(long bytes)
    {
        Bytes = Math.Max(1, bytes);
        block = empty(Bytes, ScalarType.Byte).DetachFromDisposeScope();
        Address = (void*)Dispatcher.DataPointer(block);
    }

    /// <summary>Its size.</summary>
    internal long Bytes { get; }

    /// <summary>Where it begins; the object must be kept alive while the address is in use.</summary>
    internal void* Address { get; }

    /// <inheritdoc/>
    public void Dispose() => block.Dispose();
}
