using System.Diagnostics;
using TorchSharp;
using Transformers.Configs;
using Transformers.Layers;
using Transformers.Native;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Benchmarks;

/// <summary>Seconds that single products and sums take, the best of several tries.</summary>
/// <remarks>They are computed as layers and optimizers compute them: by kernels where there are kernels.</remarks>
static class KernelTimes
{
    /// <summary>Attention, forwards: queries, keys and values of [B, H, T, E].</summary>
    internal static double Attention(Device device, Precision precision, long B, long H, long T, long E, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var type = precision == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        var q = ones([B, H, T, E], device: device).to(type);
        return BestTime.Seconds(device, limit, () => AttentionFormulas.Attend(q, q, q, new AttentionInput(Causal: true), new Dropout(0)));
    }

    /// <summary>Bytes a second that an addition of long vectors reads and writes.</summary>
    internal static double BytesPerSecond(Device device, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        const long count = 1 << 23; // 32 MiB a vector: more than caches hold
        var a = ones(count, device: device);
        var b = ones(count, device: device);
        return 3.0 * sizeof(float) * count / BestTime.Seconds(device, limit, () => a.add_(b));
    }

    /// <summary>A layer norm of [rows, width] in 32-bit floats.</summary>
    internal static double LayerNorm(Device device, long rows, long width, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var x = ones(rows, width, device: device);
        using var norm = new Norm(new LayerNormConfig(), (int)width).to(device);
        return BestTime.Seconds(device, limit, () => norm.call(x));
    }

    /// <summary>A step of AdamW over a matrix of parameters.</summary>
    internal static double AdamW(Device device, long rows, long width, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        using var layer = new Linear((int)width, (int)rows, hasBias: false).to(device);
        using var optimizer = Optimizer.Create(new AdamWConfig { Lr = 1e-3, WeightDecay = 0.1 }, layer);
        layer.weight.grad ??= ones_like(layer.weight);
        return BestTime.Seconds(device, limit, () =>
        {
            optimizer.Step(1e-3);
            return null;
        });
    }

    /// <summary>What an operation costs however small it is.</summary>
    internal static double Operation(Device device)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        const int operations = 100;
        var a = ones(8, device: device);
        return BestTime.Seconds(device, TimeSpan.FromMilliseconds(20), () =>
        {
            for (var i = 0; i < operations; i++) a.add_(1);
            return null;
        }) / operations;
    }
}
