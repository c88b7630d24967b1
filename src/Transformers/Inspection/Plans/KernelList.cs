using Transformers.Inspection.Kernels;
using Transformers.Models;

namespace Transformers.Inspection.Plans;

/// <summary>A kernel and how often a step runs it.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Times">How often in a micro-batch; 0 where it runs once a step.</param>
/// <param name="Block">Whether it belongs to a block, whose results are freed when the next one starts.</param>
sealed record KernelUse(Kernel Kernel, int Times, bool Block);

/// <summary>The kernels of a forward and backward pass, in the order of the model.</summary>
sealed class KernelList
{
    readonly List<KernelUse> uses = [];

    internal IReadOnlyList<KernelUse> Uses => uses;

    /// <summary>Operations forwards.</summary>
    internal double Flops => uses.Sum(use => use.Times * use.Kernel.Flops);

    /// <summary>Operations of attention's own products, forwards.</summary>
    internal double AttentionFlops => uses.Sum(use => use.Times * (use.Kernel switch
    {
        AttentionSublayerKernel sublayer => sublayer.Core.Flops,
        AttentionKernel core => core.Flops,
        _ => 0,
    }));

    internal void Add(Kernel kernel, int times = 1) => uses.Add(new(kernel, times, Block: false));

    /// <summary>A sublayer of attention, within a sequence or to another.</summary>
    internal void Attention(AttentionKernel core, ResidualKernel around, bool bias, int times) => InBlock(new AttentionSublayerKernel(core, around, bias), times);

    /// <summary>A sublayer of the feed-forward network.</summary>
    internal void FeedForward(FeedForwardConfig config, ResidualKernel around, bool bias, double dropout, int times) =>
        InBlock(new FeedForwardSublayerKernel(config, around, bias, dropout), times);

    internal void InBlock(Kernel kernel, int times) => uses.Add(new(kernel, times, Block: true));
}
