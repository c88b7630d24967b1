using TorchSharp;
using TorchSharp.Modules;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>The gradients of a model's parameters.</summary>
/// <remarks>
/// For libtorch's operators they are views of one flat buffer: zeroing them and their norm are one operation each. Kernels
/// write the first part of a gradient and add the others, so for them there is no gradient until the backward pass makes it:
/// nothing is zeroed, and the activations' memory and the gradients' are not needed at the same time.
/// </remarks>
sealed class GradientStore : IDisposable
{
    readonly IReadOnlyList<Parameter> parameters;
    readonly Tensor? flat;
    readonly Tensor[] views = [];

    internal GradientStore(IReadOnlyList<Parameter> parameters)
    {
        this.parameters = parameters;
        if (parameters.Count == 0 || KernelFunction.Takes(parameters[0])) return;
        using var plain = no_grad();
        flat = zeros([parameters.Sum(parameter => parameter.numel())], ScalarType.Float32, parameters[0].device).DetachFromDisposeScope();
        views = new Tensor[parameters.Count];
        long first = 0;
        for (var i = 0; i < views.Length; i++)
        {
            views[i] = flat.narrow(0, first, parameters[i].numel()).view(parameters[i].shape).DetachFromDisposeScope();
            parameters[i].grad = views[i];
            first += parameters[i].numel();
        }
    }

    /// <summary>The gradients, in the order of the parameters; a parameter that took no part in the loss has a gradient of 0.</summary>
    internal Tensor[] All() => flat is not null ? views : [.. parameters.Select(parameter => parameter.grad ?? zeros_like(parameter))];

    /// <summary>The Euclidean norm of all gradients together; not a number, or infinite, where an element is.</summary>
    internal double Norm() => flat is not null ? flat.norm().item<float>() : OptimizerKernels.Norm(All());

    /// <summary>The same as a scalar in 32 bits that stays on the device.</summary>
    internal Tensor DeviceNorm() => flat!.norm();

    /// <summary>Sets all gradients to 0.</summary>
    internal void Zero()
    {
        if (flat is not null) flat.zero_();
        else foreach (var parameter in parameters) parameter.grad = null;
    }

    public void Dispose()
    {
        foreach (var view in views) view.Dispose();
        flat?.Dispose();
    }
}
