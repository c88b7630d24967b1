using TorchSharp;
using Transformers.Configs;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Inspection;

/// <summary>How long a step will take, from kernels measured one by one; the model itself never runs.</summary>
/// <param name="Products">Seconds of the linear layers' products.</param>
/// <param name="Attention">Seconds of attention.</param>
/// <param name="Memory">Seconds of everything that only reads and writes memory: norms, residuals, loss, optimizer.</param>
/// <param name="Operations">Seconds of starting operations.</param>
public sealed record StepPrediction(double Products, double Attention, double Memory, double Operations)
{
    // A kernel is tried on at most so many operations, so that inspecting a large model takes no minutes.
    const double MostFlops = 3e8;
    const long FewestRows = 256;
    static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(60);

    /// <summary>Seconds a step.</summary>
    public double Seconds => Products + Attention + Memory + Operations;

    /// <summary>Measures kernels of a model's sizes and adds them up.</summary>
    /// <param name="shape">The model.</param>
    /// <param name="cost">What it costs.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="rows">Sequences of a micro-batch.</param>
    /// <param name="passes">Micro-batches a step.</param>
    /// <param name="optimizerAccesses">How often a step reads or writes as many numbers as there are parameters.</param>
    /// <param name="precision">The type of products.</param>
    /// <param name="device">The device.</param>
    internal static StepPrediction Measure(GptConfig shape, ModelCost cost, int vocabulary, long rows, long passes, int optimizerAccesses, Precision precision, Device device)
    {
        var tokens = rows * shape.Context;
        double products = 0;
        foreach (var one in cost.Products)
        {
            var tried = Math.Min(tokens, Math.Max(FewestRows, (long)(MostFlops / (2.0 * one.In * one.Out))));
            // One product forwards and two backwards.
            products += 3.0 * one.Times * tokens / tried * KernelTimes.Linear(device, precision, tried, one.In, one.Out, Limit);
        }
        var triedRows = (long)Math.Clamp(MostFlops / (4.0 * shape.Context * shape.Context * shape.Width), 1, rows);
        // Backwards, the scores are made again and four products follow where two were: 2.5 times.
        var attention = 3.5 * shape.Layers * rows / triedRows
            * KernelTimes.Attention(device, precision, triedRows, shape.Heads, shape.Context, shape.Width / shape.Heads, Limit);
        var bandwidth = KernelTimes.BytesPerSecond(device, Limit);
        var size = precision == Precision.Bf16 ? 2 : 4;
        // What is kept is written once and read once; its gradient is written and read too.
        var activations = 4.0 * MemoryPlan.ActivationsOf(shape, vocabulary, tokens, size) + 6.0 * tokens * vocabulary * size;
        var weights = precision == Precision.Bf16 ? 6.0 * cost.MatrixParameters : 0;
        var memory = (passes * (activations + weights) + 4.0 * optimizerAccesses * cost.Parameters) / bandwidth;
        // About so many operations a block, forwards and backwards.
        var operations = passes * (30.0 * shape.Layers + 40) * KernelTimes.Operation(device);
        return new(passes * products, passes * attention, memory, operations);
    }
}
