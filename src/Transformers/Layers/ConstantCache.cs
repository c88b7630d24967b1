using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>Tensors that follow from sizes alone, such as masks and sine tables: made once, kept until disposed of.</summary>
/// <remarks>They are no part of a model's state, so they are not registered as buffers.</remarks>
sealed class ConstantCache : IDisposable
{
    const int MostEntries = 32;

    readonly Dictionary<(long, long, long, Device, ScalarType), Tensor> entries = [];

    /// <summary>The constant for a key, made on the CPU in 32-bit floats at its first use and then moved.</summary>
    internal Tensor Get(long a, long b, long c, Device device, ScalarType type, Func<Tensor> make)
    {
        if (entries.TryGetValue((a, b, c, device, type), out var known)) return known;
        // Generation asks for a new size at every step; what is old is not asked for again.
        if (entries.Count >= MostEntries) Clear();
        using var scope = NewDisposeScope();
        // What is made while generating may be used in training later, which refuses tensors of inference mode.
        using var ordinary = inference_mode(false);
        using var plain = no_grad();
        var made = make().to(type, device).DetachFromDisposeScope();
        return entries[(a, b, c, device, type)] = made;
    }

    void Clear()
    {
        foreach (var tensor in entries.Values) tensor.Dispose();
        entries.Clear();
    }

    public void Dispose() => Clear();
}
