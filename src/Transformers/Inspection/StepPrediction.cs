using Transformers.Configs;
using Transformers.Inspection.Kernels;
using Transformers.Inspection.Plans;
using static TorchSharp.torch;

namespace Transformers.Inspection;

/// <summary>A kernel of a step and its measured time.</summary>
/// <param name="Name">What it is, at which sizes.</param>
/// <param name="Times">How often a step runs it.</param>
/// <param name="Seconds">Seconds once, forwards and backwards.</param>
/// <param name="FlopsPerSecond">The operations a second that it reaches; 0 where it has none to speak of.</param>
public sealed record KernelTime(string Name, long Times, double Seconds, double FlopsPerSecond);

/// <summary>How long a step will take, from kernels measured one by one; the model itself never runs.</summary>
public sealed record StepPrediction
{
    /// <summary>Seconds of products with matrices of weights.</summary>
    public required double Products { get; init; }
    /// <summary>Seconds of attention.</summary>
    public required double Attention { get; init; }
    /// <summary>Seconds of what only reads and writes memory: norms, activations, dropout, sums, embeddings.</summary>
    public required double Memory { get; init; }
    /// <summary>Seconds of the loss.</summary>
    public required double Loss { get; init; }
    /// <summary>Seconds of gradient norm, optimizer and weight average.</summary>
    public required double Update { get; init; }
    /// <summary>Seconds that making batches ready takes away from computing.</summary>
    public required double Data { get; init; }
    /// <summary>The kernels, in the order of the model.</summary>
    public required IReadOnlyList<KernelTime> Kernels { get; init; }

    /// <summary>Seconds a step.</summary>
    public double Seconds => Products + Attention + Memory + Loss + Update + Data;

    /// <summary>Measures the kernels of a model's sizes and adds them up.</summary>
    /// <param name="plan">The model and its data.</param>
    /// <param name="shape">The micro-batch.</param>
    /// <param name="passes">Micro-batches a step.</param>
    /// <param name="update">What follows the backward pass.</param>
    /// <param name="units">Units a step.</param>
    /// <param name="precision">The type of products.</param>
    /// <param name="device">The device.</param>
    internal static StepPrediction Measure(ModelPlan plan, BatchShape shape, long passes, UpdateKernel update, long units, Precision precision, Device device)
    {
        var clock = new KernelClock(device, precision);
        var uses = plan.Kernels(shape).Uses.Select(use => (use.Kernel, Times: use.Times * passes)).ToList();
        uses.Add((update, 1));
        // Each micro-batch after the first adds to gradients that are there.
        if (passes > 1) uses.Add((new AccumulateKernel(update.Parameters.Sum(one => one.Count)), passes - 1));
        var seconds = uses.GroupBy(use => use.Kernel.Kind).ToDictionary(group => group.Key, group => group.Sum(use => use.Times * clock.Seconds(use.Kernel)));
        double Of(KernelKind kind) => seconds.GetValueOrDefault(kind);
        return new StepPrediction
        {
            Products = Of(KernelKind.Product), Attention = Of(KernelKind.Attention), Memory = Of(KernelKind.Memory), Loss = Of(KernelKind.Loss), Update = Of(KernelKind.Update),
            // Computing waits for its slowest thread, and that one shares its core with the thread that makes batches.
            Data = units * plan.Data.SecondsPerUnit / plan.Data.Threads,
            Kernels = [.. uses.GroupBy(use => use.Kernel).Select(group => new KernelTime(group.Key.Name, group.Sum(use => use.Times), clock.Seconds(group.Key),
                3 * group.Key.Flops / clock.Seconds(group.Key)))],
        };
    }
}
