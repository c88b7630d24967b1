using static TorchSharp.torch;

namespace Transformers.Tests.Native.Kernels;

/// <summary>Norms, activations, dropout and linear layers equal their formulas, forwards and backwards.</summary>
[Collection("engine")]
public sealed class ElementwiseTests
{
    internal static Tensor Activation(Tensor x, KernelActivation kind) => kind switch
    {
        KernelActivation.Gelu => nn.functional.gelu(x),
        KernelActivation.GeluTanh => x * 0.5 * (1 + ((x + x * x * x * 0.044715) * Math.Sqrt(2 / Math.PI)).tanh()),
        KernelActivation.Relu => nn.functional.relu(x),
        _ => nn.functional.silu(x),
    };

    internal static Tensor Normed(Tensor x, Tensor weight, Tensor? bias, bool rms)
    {
        var centred = rms ? x : x - x.mean([-1L], keepdim: true);
        var y = centred * (centred * centred).mean([-1L], keepdim: true).add(1e-5).rsqrt() * weight;
        return bias is null ? y : y + bias;
    }

    [KernelFact]
    public void Activations_equal_their_formulas() => Comparison.ForRandomShapes((random, what) =>
    {
        var kind = (KernelActivation)random.Next(4);
        var (rows, width) = (random.Next(1, 40), random.Next(1, 70));
        Comparison.Same([randn(rows, width) * 3], p => ActivationFunction.Of(p[0], kind), p => Activation(p[0], kind), 1e-5, $"{what}, {kind} [{rows}, {width}]");
    }, 20);

    [KernelFact]
    public void Gated_activations_equal_their_formula() => Comparison.ForRandomShapes((random, what) =>
    {
        var kind = random.Next(2) == 0 ? KernelActivation.Silu : KernelActivation.Gelu;
        var (rows, width) = (random.Next(1, 40), random.Next(1, 70));
        Comparison.Same([randn(rows, 2 * width) * 2], p => ActivationFunction.Gated(p[0], kind),
            p => Activation(p[0].narrow(-1, 0, width), kind) * p[0].narrow(-1, width, width), 1e-5, $"{what}, {kind} [{rows}, {width}]");
    }, 20);

    [KernelFact]
    public void Activations_and_their_slopes_are_finite_for_any_finite_number() => Comparison.ForEachSet(set =>
    {
        float[] sizes = [0, 1e-45f, 1e-30f, 1, 9, 30, 89, 104, 1e4f, 1e15f, 1e19f, 1e20f, 1e30f, 2e38f, float.MaxValue];
        float[] numbers = [.. sizes, .. sizes.Select(size => -size)];
        foreach (var kind in Enum.GetValues<KernelActivation>())
        {
            using var scope = NewDisposeScope();
            var x = tensor(numbers).requires_grad_(true);
            var y = ActivationFunction.Of(x, kind);
            Gradients.Backward(y.sum());
            for (var i = 0; i < numbers.Length; i++)
            {
                var (value, slope) = (y[i].item<float>(), x.grad![i].item<float>());
                Assert.True(float.IsFinite(value) && float.IsFinite(slope), $"{set}: {kind}({numbers[i]}) is {value}, its slope {slope}");
                if (Math.Abs(numbers[i]) <= 25) continue;
                Assert.Equal(numbers[i] > 0 ? numbers[i] : 0, value, Math.Abs(numbers[i]) * 1e-6 + 1e-7);
                Assert.Equal(numbers[i] > 0 ? 1 : 0, slope, 1e-6);
            }
            Assert.True(float.IsNaN(ActivationFunction.Of(tensor(new[] { float.NaN }), kind)[0].item<float>()) || kind == KernelActivation.Relu, $"{set}: {kind} hides NaN");
        }
    });

    [KernelFact]
    public void Norms_equal_their_formulas() => Comparison.ForRandomShapes((random, what) =>
    {
        var (rows, width, biased) = (random.Next(1, 60), random.Next(1, 70), random.Next(2) == 0);
        Comparison.Same([randn(rows, width), rand(width) + 0.5],
            p => NormFunction.Of(p[0], p[1], null, 1e-5, rms: true, ScalarType.Float32), p => Normed(p[0], p[1], null, rms: true), 1e-4, $"{what}, rms [{rows}, {width}]");
        Tensor[] inputs = [randn(rows, width) + 3, rand(width) + 0.5, .. biased ? new[] { randn(width) } : []];
        Comparison.Same(inputs, p => NormFunction.Of(p[0], p[1], biased ? p[2] : null, 1e-5, rms: false, ScalarType.Float32),
            p => Normed(p[0], p[1], biased ? p[2] : null, rms: false), width == 1 ? 0.05 : 2e-4, $"{what}, layer norm [{rows}, {width}], bias {biased}");
    }, 20);

    [KernelFact]
    public void Norms_read_and_write_bfloat16() => Comparison.ForRandomShapes((random, what) =>
    {
        var (rows, width) = (random.Next(1, 30), random.Next(8, 70));
        Comparison.Same([randn(rows, width).to(ScalarType.BFloat16), rand(width) + 0.5],
            p => NormFunction.Of(p[0], p[1], null, 1e-5, rms: false, ScalarType.BFloat16), p => Normed(p[0], p[1], null, rms: false), 0.03, $"{what}, [{rows}, {width}]");
    }, 5);

    [KernelFact]
    public void Dropout_keeps_its_rate_scales_what_stays_and_sends_the_gradient_to_the_same_elements() => Comparison.ForRandomShapes((random, what) =>
    {
        var rate = random.NextDouble() * 0.9;
        var x = ones(random.Next(2, 5), random.Next(1000, 3000)).requires_grad_(true);
        var dropout = new KernelDropout { Rate = rate, Key = (ulong)random.NextInt64(), FirstExample = random.Next(100) };
        var y = DropoutKernelFunction.Of(x, dropout);
        Gradients.Backward(y.sum());
        var kept = y.gt(0.5).to(ScalarType.Float32);
        Assert.True(Math.Abs(kept.mean().item<float>() - (1 - rate)) < 0.06, what);
        Comparison.Near(y, kept / (1 - rate), 1e-5, what);
        Comparison.Near(x.grad!, kept / (1 - rate), 1e-5, what);
    }, 8);

    [KernelFact]
    public void Linear_layers_equal_their_formula() => Comparison.ForRandomShapes((random, what) =>
    {
        var bf16 = KernelLibrary.MultipliesBFloat16 && random.Next(2) == 0;
        // Odd widths end in the middle of a pair; deep ones are summed in parts.
        var (rows, inputs, outputs, biased) = (random.Next(1, 150), random.Next(1, 700), random.Next(1, 150), random.Next(2) == 0);
        var compute = bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        var type = bf16 && random.Next(2) == 0 ? ScalarType.BFloat16 : ScalarType.Float32;
        Tensor[] all = [randn(rows, inputs).to(bf16 && random.Next(2) == 0 ? ScalarType.BFloat16 : ScalarType.Float32), randn(outputs, inputs) / Math.Sqrt(inputs), .. biased ? new[] { randn(outputs) } : []];
        Comparison.Same(all, p => LinearKernelFunction.Of(p[0], p[1], biased ? p[2] : null, compute, type),
            p => nn.functional.linear(p[0], p[1], biased ? p[2] : null), bf16 ? 0.02 : 1e-5, $"{what}, [{rows}, {inputs}] to {outputs}, bias {biased}, {compute}, {type}");
    }, 20);
}
