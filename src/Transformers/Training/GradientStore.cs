using TorchSharp;
using TorchSharp.Modules;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>The gradients of a model's parameters as views of one flat buffer: zeroing them and their norm are one operation each.</summary>
sealed class GradientStore : IDisposable
{
    readonly Tensor flat;
    readonly Tensor[] views;

    internal GradientStore(IReadOnlyList<Parameter> parameters)
    {
        using var plain = no_grad();
        flat = zeros([parameters.Sum(parameter => parameter.numel())], ScalarType.Float32, parameters.Count > 0 ? parameters[0].device : CPU).DetachFromDisposeScope();
        views = new Tensor[parameters.Count];
        long first = 0;
        for (var i = 0; i < views.Length; i++)
        {
            views[i] = flat.narrow(0, first, parameters[i].numel()).view(parameters[i].shape).DetachFromDisposeScope();
            parameters[i].grad = views[i];
            first += parameters[i].numel();
        }
    }

    /// <summary>The gradients, in the order of the parameters.</summary>
    internal Tensor[] All() => views;

    /// <summary>The Euclidean norm of all gradients together; not a number, or infinite, where an element is.</summary>
    /// <returns>A scalar that stays on the device.</returns>
    internal Tensor Norm() => flat.norm();

    /// <summary>The same as a number, once the device has it. The order of its sums does not depend on the threads.</summary>
    internal unsafe double NormNow()
    {
        if (KernelTensors.Fit(flat)) return AdamWKernel.Norm([new() { Data = KernelTensors.At(flat), Size = flat.numel(), Type = KernelType.Float32 }]);
        using var norm = Norm();
        return norm.item<float>();
    }

    /// <summary>Sets all gradients to 0.</summary>
    internal void Zero() => flat.zero_();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var view in views) view.Dispose();
        flat.Dispose();
    }
}
