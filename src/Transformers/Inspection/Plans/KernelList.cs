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
    internal double AttentionFlops => uses.Where(use => use.Kernel is AttentionKernel).Sum(use => use.Times * use.Kernel.Flops);

    internal void Add(Kernel kernel, int times = 1) => uses.Add(new(kernel, times, Block: false));

    /// <summary>Self-attention of a block, its linear layers and what is around it.</summary>
    internal void SelfAttention(AttentionKernel core, ResidualKernel around, bool bias, int times)
    {
        var (rows, D) = (core.B * core.T, around.D);
        // What a norm gives is as wide as the stream; after the norm of a post-norm block it is the stream itself.
        InBlock(new LinearKernel(rows, D, (core.H + 2 * core.K) * core.E, bias, around.Wide), times);
        InBlock(core, times);
        InBlock(new LinearKernel(rows, core.H * core.E, D, bias, Wide: false), times);
        InBlock(around, times);
    }

    /// <summary>Attention to another sequence.</summary>
    internal void CrossAttention(AttentionKernel core, ResidualKernel around, bool bias, int times)
    {
        var D = around.D;
        InBlock(new LinearKernel(core.B * core.T, D, core.H * core.E, bias, around.Wide), times);
        InBlock(new LinearKernel(core.B * core.S, D, 2 * core.K * core.E, bias, Wide: true), times);
        InBlock(core, times);
        InBlock(new LinearKernel(core.B * core.T, core.H * core.E, D, bias, Wide: false), times);
        InBlock(around, times);
    }

    /// <summary>The feed-forward network of a block and what is around it.</summary>
    internal void FeedForward(FeedForwardConfig config, ResidualKernel around, bool bias, double dropout, int times)
    {
        var (rows, D) = (around.B * around.T, around.D);
        long F = Models.FeedForward.HiddenWidth(config, (int)D);
        InBlock(new LinearKernel(rows, D, config is SwiGluConfig ? 2 * F : F, bias, around.Wide), times);
        InBlock(new ActivationKernel(rows, F, config, dropout), times);
        InBlock(new LinearKernel(rows, F, D, bias, Wide: false), times);
        InBlock(around, times);
    }

    internal void InBlock(Kernel kernel, int times) => uses.Add(new(kernel, times, Block: true));
}
