using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>The optimizer's kernels over tensors.</summary>
static unsafe class OptimizerKernels
{
    /// <summary>The Euclidean norm of all tensors together; not a number, or infinite, where an element is. The order of its sums does not depend on the threads.</summary>
    internal static double Norm(Tensor[] tensors)
    {
        var dense = Dense(tensors);
        var norm = AdamWKernel.Norm([.. dense.Select(tensor => new KernelArray { Data = KernelTensors.At(tensor), Size = tensor.numel(), Type = KernelTensors.TypeOf(tensor.dtype) })]);
        GC.KeepAlive(dense);
        return norm;
    }

    /// <summary>One step of AdamW over all parameters.</summary>
    /// <param name="parameters">Changed in place.</param>
    /// <param name="gradients">Of the parameters' shapes.</param>
    /// <param name="first">First moments, changed in place.</param>
    /// <param name="second">Second moments, changed in place.</param>
    /// <param name="rates">The learning rate of each parameter.</param>
    /// <param name="decays">The weight decay of each parameter.</param>
    /// <param name="betas">The decays of the moments.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="step">The step, from 1.</param>
    /// <param name="scale">What gradients are multiplied by first.</param>
    internal static void AdamW(Tensor[] parameters, Tensor[] gradients, Tensor[] first, Tensor[] second, double[] rates, double[] decays,
        (double First, double Second) betas, double epsilon, long step, double scale)
    {
        var dense = Dense(gradients);
        var tensors = new AdamWTensor[parameters.Length];
        for (var i = 0; i < tensors.Length; i++)
            tensors[i] = new()
            {
                Parameter = KernelTensors.At(parameters[i]), ParameterType = KernelTensors.TypeOf(parameters[i].dtype),
                Gradient = KernelTensors.At(dense[i]), GradientType = KernelTensors.TypeOf(dense[i].dtype),
                FirstMoment = KernelTensors.Floats(first[i]), SecondMoment = KernelTensors.Floats(second[i]),
                Size = parameters[i].numel(), Rate = rates[i], Decay = decays[i],
            };
        AdamWKernel.Step(tensors, betas.First, betas.Second, epsilon, step, scale);
        GC.KeepAlive((parameters, dense, first, second));
    }

    // libtorch's own backward functions may give a gradient in another order of dimensions.
    static Tensor[] Dense(Tensor[] gradients) => [.. gradients.Select(gradient => gradient.contiguous())];
}
