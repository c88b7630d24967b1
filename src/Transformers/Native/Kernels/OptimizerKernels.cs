using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>The optimizer's kernels over tensors.</summary>
static unsafe class OptimizerKernels
{
    /// <summary>Whether the kernels update these parameters: all in 32 bits, in the processor's memory, without gaps.</summary>
    internal static bool Takes(Tensor[] parameters) =>
        KernelFunction.Takes(parameters) && Array.TrueForAll(parameters, parameter => parameter.dtype == ScalarType.Float32 && parameter.is_contiguous());

    /// <summary>The Euclidean norm of all tensors together; not a number, or infinite, where an element is.</summary>
    internal static double Norm(Tensor[] tensors)
    {
        KernelFunction.UseThreads();
        Tensor[] dense = [.. tensors.Select(tensor => tensor.to(ScalarType.Float32).contiguous())];
        KernelArray[] arrays = [.. dense.Select(tensor => new KernelArray { Data = (void*)Dispatcher.DataPointer(tensor), Size = tensor.numel(), Type = KernelType.Float32 })];
        var norm = AdamWKernel.Norm(arrays);
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
        KernelFunction.UseThreads();
        Tensor[] dense = [.. gradients.Select(gradient => gradient.to(ScalarType.Float32).contiguous())];
        var tensors = new AdamWTensor[parameters.Length];
        for (var i = 0; i < tensors.Length; i++)
            tensors[i] = new()
            {
                Parameter = (void*)Dispatcher.DataPointer(parameters[i]), Gradient = (void*)Dispatcher.DataPointer(dense[i]),
                FirstMoment = (float*)Dispatcher.DataPointer(first[i]), SecondMoment = (float*)Dispatcher.DataPointer(second[i]),
                Size = parameters[i].numel(), Rate = rates[i], Decay = decays[i],
            };
        AdamWKernel.Step(tensors, betas.First, betas.Second, epsilon, step, scale);
        GC.KeepAlive((parameters, dense, first, second));
    }
}
