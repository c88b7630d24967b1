using TorchSharp;
using static TorchSharp.torch;
#if !TORCHSHARP_PACKAGE
using TorchSharp.Extensions;
#endif

namespace Transformers.Models;

/// <summary>
/// What this project's own binding adds to TorchSharp, each with a plain fallback for the package build. Nothing else in
/// this library may use <c>TorchSharp.Extensions</c>.
/// </summary>
public static class Engine
{
    /// <summary>Loads the engine and prepares its memory; the first tensor does it too, but not before its cost is felt.</summary>
    public static void Load()
    {
#if TORCHSHARP_PACKAGE
        InitializeDeviceType(DeviceType.CPU);
#else
        TorchSharp.Extensions.Engine.Load();
#endif
    }

    /// <summary>The number of native tensors that are held; 0 where the engine does not count them.</summary>
    public static long LiveHandles =>
#if TORCHSHARP_PACKAGE
        0;
#else
        NativeHandles.Live;
#endif

    /// <summary>Mixed precision until the result is disposed of; null where the engine has none.</summary>
    public static IDisposable? Autocast(DeviceType device, ScalarType type)
    {
#if TORCHSHARP_PACKAGE
        return null;
#else
        return TorchSharp.Extensions.Autocast.Enter(device, type);
#endif
    }

    /// <summary>Whether <see cref="Autocast"/> does anything.</summary>
    public static bool HasAutocast =>
#if TORCHSHARP_PACKAGE
        false;
#else
        true;
#endif

    /// <summary>Attention without the matrix of weights in memory, where there is a kernel for it.</summary>
    /// <remarks>Parameters as in <see cref="Models.Attention.Plain"/>.</remarks>
    public static Tensor Attention(Tensor q, Tensor k, Tensor v, bool causal, Tensor? mask, double dropout) =>
        Models.Attention.Plain(q, k, v, causal, mask, dropout);

    /// <summary>GELU, exact or by the tanh approximation.</summary>
    public static Tensor Gelu(Tensor x, bool tanh) =>
        tanh ? nn.functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh) : nn.functional.gelu(x);

    /// <summary>SiLU of the first half of the last dimension, times the second.</summary>
    public static Tensor SwiGlu(Tensor x)
    {
        var halves = x.chunk(2, -1);
        return nn.functional.silu(halves[0]) * halves[1];
    }

    /// <summary>x / √(mean(x²) + ε) · weight over the last dimension.</summary>
    public static Tensor RmsNorm(Tensor x, Tensor weight, double epsilon)
    {
        var wide = x.to(ScalarType.Float32);
        var scale = (wide * wide).mean([-1L], keepdim: true).add(epsilon).rsqrt();
        return (wide * scale).to(x.dtype) * weight.to(x.dtype);
    }

    /// <summary>The sum of the cross entropies of logits, and the number of targets that count.</summary>
    /// <param name="hidden">[N, D].</param>
    /// <param name="weight">[V, D].</param>
    /// <param name="targets">[N], whole numbers below V, or -100 for a place that does not count.</param>
    /// <param name="smoothing">The share of the probability spread over all tokens.</param>
    /// <returns>One number: the sum in nats.</returns>
    public static Tensor LinearCrossEntropySum(Tensor hidden, Tensor weight, Tensor targets, double smoothing = 0) =>
        nn.functional.cross_entropy(nn.functional.linear(hidden, weight).to(ScalarType.Float32), targets,
            ignore_index: -100, reduction: nn.Reduction.Sum, label_smoothing: smoothing);

    /// <summary>The Euclidean norm of all tensors together; not a number, or infinite, where an element is.</summary>
    public static double GradientNorm(Tensor[] gradients)
    {
        var squares = stack(gradients.Select(gradient => gradient.to(ScalarType.Float32).norm().square()));
        return Math.Sqrt(squares.sum().to(ScalarType.Float64).item<double>());
    }

    /// <summary>One step of Adam over all parameters.</summary>
    /// <param name="parameters">Changed in place.</param>
    /// <param name="gradients">Of the parameters' shapes.</param>
    /// <param name="first">First moments, changed in place.</param>
    /// <param name="second">Second moments, changed in place.</param>
    /// <param name="decays">The weight decay of each parameter.</param>
    /// <param name="lr">The learning rate.</param>
    /// <param name="beta1">The decay of the first moment.</param>
    /// <param name="beta2">The decay of the second moment.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="step">The step, from 1.</param>
    /// <param name="scale">What gradients are multiplied by first.</param>
    /// <param name="decoupled">Whether weight decay acts on the parameter and not through the gradient.</param>
    public static void AdamStep(Tensor[] parameters, Tensor[] gradients, Tensor[] first, Tensor[] second, double[] decays,
        double lr, double beta1, double beta2, double epsilon, long step, double scale, bool decoupled)
    {
        var stepSize = lr / (1 - Math.Pow(beta1, step));
        var root = Math.Sqrt(1 - Math.Pow(beta2, step));
        for (var i = 0; i < parameters.Length; i++)
        {
            using var scope = NewDisposeScope();
            var gradient = scale == 1 ? gradients[i] : gradients[i] * scale;
            if (decays[i] > 0)
            {
                if (decoupled) parameters[i].mul_(1 - lr * decays[i]);
                else gradient = gradient + parameters[i] * decays[i];
            }
            first[i].mul_(beta1).add_(gradient, 1 - beta1);
            second[i].mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
            parameters[i].addcdiv_(first[i], (second[i].sqrt() / root).add_(epsilon), -stepSize);
        }
    }
}
