using System.Diagnostics;
using TorchSharp;
using Transformers.Configs;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Inspection.Kernels;

/// <summary>Measures kernels, forwards and backwards, each alone and at the sizes it has in a step.</summary>
/// <remarks>
/// In a step a kernel finds little of what it needs in the caches: many others run before it, and all of the forward pass lies
/// between it and its backward. So several copies with inputs of their own run forwards, then all of them backwards.
/// </remarks>
sealed class KernelClock(Device device, Precision precision)
{
    // A kernel is tried on at most so much work, so that inspecting a large model takes no minutes.
    const double MostFlops = 1e9, MostNumbers = 3e7, CacheNumbers = 8e6;
    const int MostCopies = 8, MostTries = 200;
    static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(40);

    readonly KernelPlace place = new(device, precision == Precision.Bf16);
    readonly Dictionary<Kernel, double> known = [];

    /// <summary>Seconds of one kernel, forwards and backwards.</summary>
    internal double Seconds(Kernel kernel)
    {
        if (known.TryGetValue(kernel, out var seconds)) return seconds;
        var (tried, share) = kernel.Shortened(Math.Min(1, Math.Min(MostFlops / Math.Max(1, kernel.Flops), MostNumbers / Math.Max(1, kernel.Numbers))));
        return known[kernel] = Measure(tried) / share;
    }

    double Measure(Kernel kernel)
    {
        using var scope = NewDisposeScope();
        var copies = (int)Math.Clamp(CacheNumbers / Math.Max(1, kernel.Numbers), 2, MostCopies);
        var calls = Enumerable.Range(0, copies).Select(_ => kernel.Make(place)).ToList();
        try
        {
            var times = new List<double>();
            var started = Stopwatch.GetTimestamp();
            // The first try warms caches and threads up and does not count.
            for (var i = 0; i < MostTries && (i < 4 || Stopwatch.GetElapsedTime(started) < Limit); i++) times.Add(Try(calls) / copies);
            times.RemoveAt(0);
            times.Sort();
            // What else the machine does makes a try slower and never faster.
            return times[times.Count / 4];
        }
        finally
        {
            foreach (var owned in calls.SelectMany(call => call.Owned)) owned?.Dispose();
        }
    }

    double Try(List<KernelCall> calls)
    {
        using var scope = NewDisposeScope();
        var roots = new List<Tensor>();
        var start = Stopwatch.GetTimestamp();
        foreach (var call in calls)
        {
            foreach (var module in call.Owned.OfType<nn.Module>()) Precisions.Apply(module, precision);
            roots.AddRange(call.Forward());
        }
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (roots.Count > 0)
        {
            var gradients = roots.Select(root => ones_like(root)).ToList();
            if (device.type == DeviceType.CUDA) Wait(gradients[0]);
            start = Stopwatch.GetTimestamp();
            autograd.backward(roots, gradients);
            if (device.type == DeviceType.CUDA) Wait(gradients[0]);
            seconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
            foreach (var leaf in calls.SelectMany(call => call.Leaves)) leaf.grad = null;
        }
        return seconds;
    }

    // Reading a number back waits for a device that works on its own.
    static void Wait(Tensor tensor) => tensor.flatten()[0].to(ScalarType.Float32).item<float>();
}
