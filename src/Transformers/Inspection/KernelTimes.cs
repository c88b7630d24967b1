using System.Diagnostics;
using TorchSharp;
using Transformers.Configs;
using Transformers.Models;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Inspection;

/// <summary>Seconds that single products and sums take, the best of several tries.</summary>
/// <remarks>They are computed as layers and optimizers compute them: by kernels where there are kernels.</remarks>
static class KernelTimes
{
    const int MostTries = 400;

    /// <summary>A product of a linear layer: [rows, in] by [out, in].</summary>
    internal static double Linear(Device device, Precision precision, long rows, long @in, long @out, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var type = precision == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        var x = ones(rows, @in, device: device).to(type);
        var weight = ones(@out, @in, device: device);
        var copy = weight.to(type);
        return Best(device, limit, () => LinearFunction.Of(x, weight, null, copy, null, type));
    }

    /// <summary>Attention, forwards: queries, keys and values of [B, H, T, E].</summary>
    internal static double Attention(Device device, Precision precision, long B, long H, long T, long E, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var type = precision == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        var q = ones([B, H, T, E], device: device).to(type);
        return Best(device, limit, () => AttentionFormulas.Attend(q, q, q, new AttentionInput(Causal: true), new Dropout(0)));
    }

    /// <summary>Bytes a second that an addition of long vectors reads and writes.</summary>
    internal static double BytesPerSecond(Device device, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        const long count = 1 << 23; // 32 MiB a vector: more than caches hold
        var a = ones(count, device: device);
        var b = ones(count, device: device);
        return 3.0 * sizeof(float) * count / Best(device, limit, () => a.add_(b));
    }

    /// <summary>A layer norm of [rows, width] in 32-bit floats.</summary>
    internal static double LayerNorm(Device device, long rows, long width, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var x = ones(rows, width, device: device);
        using var norm = new Norm(new LayerNormConfig(), (int)width).to(device);
        return Best(device, limit, () => norm.call(x));
    }

    /// <summary>A step of AdamW over a matrix of parameters.</summary>
    internal static double AdamW(Device device, long rows, long width, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        using var layer = new Linear((int)width, (int)rows, hasBias: false).to(device);
        using var optimizer = Optimizer.Create(new AdamWConfig { Lr = 1e-3, WeightDecay = 0.1 }, layer);
        layer.weight.grad ??= ones_like(layer.weight);
        return Best(device, limit, () =>
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
        return Best(device, TimeSpan.FromMilliseconds(20), () =>
        {
            for (var i = 0; i < operations; i++) a.add_(1);
            return null;
        }) / operations;
    }

    static double Best(Device device, TimeSpan limit, Func<Tensor?> kernel)
    {
        var best = double.PositiveInfinity;
        var started = Stopwatch.GetTimestamp();
        // The first try warms caches and threads up; it counts only where one try takes the whole limit.
        for (var i = 0; i < MostTries && (i < 2 || Stopwatch.GetElapsedTime(started) < limit); i++)
        {
            using var scope = NewDisposeScope();
            var start = Stopwatch.GetTimestamp();
            var result = kernel();
            // Reading a number back waits for a device that works on its own.
            if (device.type == DeviceType.CUDA) (result ?? ones(1, device: device)).flatten()[0].to(ScalarType.Float32).item<float>();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }
}
