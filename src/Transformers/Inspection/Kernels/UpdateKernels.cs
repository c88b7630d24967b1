using TorchSharp;
using TorchSharp.Modules;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Inspection.Kernels;

/// <summary>What follows the backward pass: the gradient's norm, the optimizer's step, the weight average.</summary>
/// <param name="Parameters">The sizes of all parameters.</param>
/// <param name="Config">The optimizer.</param>
/// <param name="Average">The decay of the weight average; null for none.</param>
sealed record UpdateKernel(IReadOnlyList<ParameterShape> Parameters, OptimizerConfig Config, double? Average) : Kernel
{
    internal override string Name => $"update of {Parameters.Count} tensors";
    internal override KernelKind Kind => KernelKind.Update;
    internal override double Numbers => 12.0 * Parameters.Sum(one => one.Count);

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        long all = Parameters.Sum(one => one.Count), taken = 0;
        // The largest come first in few tensors; every so-manieth one of the list is like the whole.
        var step = Math.Max(1, (int)(1 / share));
        var some = Parameters.Where((_, i) => i % step == step / 2).ToList();
        taken = some.Sum(one => one.Count);
        return taken == 0 ? (this, 1) : (this with { Parameters = some }, (double)taken / all);
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var model = new Held(Parameters.Select(one => new Parameter(place.Constant(true, [.. one.Shape]))));
        var optimizer = Optimizer.Create(Config with { LayerDecay = 1 }, model);
        var average = Average is { } decay ? new WeightAverage(model, decay) : null;
        var gradients = Parameters.Select(one => place.Constant(true, [.. one.Shape])).ToList();
        var parameters = model.parameters().ToList();
        long step = 0;
        return new(() =>
        {
            for (var i = 0; i < parameters.Count; i++) parameters[i].grad = gradients[i];
            optimizer.GradientNorm();
            optimizer.Step(1e-9);
            optimizer.ZeroGradients();
            average?.Update(++step);
            return [];
        }, [], model, optimizer, average);
    }

    sealed class Held : nn.Module
    {
        readonly ParameterList list;

        internal Held(IEnumerable<Parameter> parameters) : base(nameof(Held))
        {
            list = new ParameterList([.. parameters]);
            RegisterComponents();
        }
    }
}

/// <summary>Adding a gradient to one that is there: of a second micro-batch, or of a matrix that is used twice.</summary>
/// <param name="Count">Numbers.</param>
sealed record AccumulateKernel(long Count) : Kernel
{
    internal override string Name => $"sum of gradients of {Count}";
    internal override KernelKind Kind => KernelKind.Memory;
    internal override double Numbers => 3.0 * Count;

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        var (count, real) = Fewer(Count, share);
        return (new AccumulateKernel(count), real);
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var (into, more) = (place.Constant(true, Count), place.Constant(true, Count));
        return new(() =>
        {
            into.add_(more);
            return [];
        }, []);
    }
}
