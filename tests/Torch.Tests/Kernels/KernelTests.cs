using FsCheck;
using FsCheck.Fluent;
using TorchSharp;
using TorchSharp.Extensions;
using TorchSharp.Interop;
using static TorchSharp.torch;

namespace Torch.Tests.Kernels;

/// <summary>Each fused kernel equals its formula, forwards and backwards, for random shapes with each instruction set.</summary>
public sealed class KernelTests
{
    static readonly Op dropout_add = Op.Find("transformer::dropout_add");
    static readonly Op embedding = Op.Find("transformer::embedding");
    static readonly Op softmax_cross_entropy = Op.Find("transformer::softmax_cross_entropy");
    static readonly Op layer_norm = Op.Find("transformer::layer_norm");
    static readonly Op packed_attention = Op.Find("transformer::packed_attention");
    static readonly Op attention = Op.Find("transformer::attention");

    static void Check(Action<System.Random, string> test, int count = 20)
    {
        var seeds = ArbMap.Default.GeneratorFor<int>().ToArbitrary();
        KernelSets.ForEach(set => Prop.ForAll(seeds, seed =>
        {
            using var scope = NewDisposeScope();
            manual_seed(seed);
            test(new System.Random(seed), $"{set}, seed {seed}");
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(1, 1)));
    }

    static Tensor Activation(Tensor x, string kind) => kind switch
    {
        "gelu" => nn.functional.gelu(x),
        "gelu_tanh" => x * 0.5 * (1 + ((x + x * x * x * 0.044715) * Math.Sqrt(2 / Math.PI)).tanh()),
        "relu" => nn.functional.relu(x),
        _ => nn.functional.silu(x),
    };

    static Tensor Normed(Tensor x, Tensor weight, Tensor? bias, bool rms)
    {
        var centred = rms ? x : x - x.mean([-1L], keepdim: true);
        var y = centred * (centred * centred).mean([-1L], keepdim: true).add(1e-5).rsqrt() * weight;
        return bias is null ? y : y + bias;
    }

    [Fact]
    public void Activations_equal_their_formulas() => Check((random, what) =>
    {
        string[] kinds = ["gelu", "gelu_tanh", "relu", "silu"];
        var kind = kinds[random.Next(kinds.Length)];
        var (rows, width) = (random.Next(1, 40), random.Next(1, 70));
        Tensor[] inputs = random.Next(2) == 0 ? [randn(rows, width) * 3] : [randn(rows, width) * 3, randn(width)];
        Comparison.Same(inputs, p => FusedKernels.BiasActivation(p[0], p.Length > 1 ? p[1] : null, kind),
            p => Activation(p.Length > 1 ? p[0] + p[1] : p[0], kind), 1e-5, $"{what}, {kind} [{rows}, {width}]");
    });

    [Fact]
    public void Gated_activations_equal_their_formula() => Check((random, what) =>
    {
        var kind = random.Next(2) == 0 ? "silu" : "gelu";
        var (rows, width) = (random.Next(1, 40), random.Next(1, 70));
        Comparison.Same([randn(rows, 2 * width) * 2], p => FusedKernels.GatedActivation(p[0], kind),
            p => Activation(p[0].narrow(-1, 0, width), kind) * p[0].narrow(-1, width, width), 1e-5, $"{what}, {kind} [{rows}, {width}]");
    });

    [Theory]
    [InlineData("gelu")]
    [InlineData("gelu_tanh")]
    [InlineData("relu")]
    [InlineData("silu")]
    public void Activations_of_any_finite_number_are_numbers_and_so_are_their_slopes(string kind) => KernelSets.ForEach(set =>
    {
        using var scope = NewDisposeScope();
        float[] sizes = [0, 1e-45f, 1e-30f, 1, 9, 30, 89, 104, 1e4f, 1e15f, 1e19f, 1e20f, 1e30f, 2e38f, float.MaxValue];
        float[] numbers = [.. sizes, .. sizes.Select(size => -size)];
        var x = tensor(numbers).requires_grad_(true);
        var y = FusedKernels.BiasActivation(x, null, kind);
        y.sum().backward();
        for (var i = 0; i < numbers.Length; i++)
        {
            var (value, slope) = (y[i].item<float>(), x.grad![i].item<float>());
            var far = Math.Abs(numbers[i]) > 25;
            Assert.True(float.IsFinite(value) && float.IsFinite(slope), $"{set}: {kind}({numbers[i]}) is {value}, its slope {slope}");
            if (far) Assert.Equal(numbers[i] > 0 ? numbers[i] : 0, value, Math.Abs(numbers[i]) * 1e-6 + 1e-7);
            if (far) Assert.Equal(numbers[i] > 0 ? 1 : 0, slope, 1e-6);
        }
        Assert.True(float.IsNaN(FusedKernels.BiasActivation(tensor(new[] { float.NaN }), null, kind)[0].item<float>()) || kind == "relu", $"{set}: {kind} hides what is not a number");
    });

    [Fact]
    public void Norms_equal_their_formulas_with_a_residual_sum_and_without() => Check((random, what) =>
    {
        var (rows, width, biased, added) = (random.Next(1, 60), random.Next(1, 70), random.Next(2) == 0, random.Next(2) == 0);
        Comparison.Same([randn(rows, width), rand(width) + 0.5],
            p => FusedKernels.RmsNorm(p[0], p[1], 1e-5), p => Normed(p[0], p[1], null, rms: true), 1e-4, $"{what}, rms [{rows}, {width}]");
        Tensor[] inputs = [randn(rows, width) + 3, rand(width) + 0.5, .. biased ? new[] { randn(width) } : [], .. added ? new[] { randn(rows, width) } : []];
        Comparison.Same(inputs, p =>
            {
                var both = layer_norm.CallMany(p[0], added ? p[^1] : Value.None, p[1], biased ? p[2] : Value.None, 1e-5);
                return added ? both[0] + both[1] * 0.5 : both[0];
            },
            p =>
            {
                var sum = added ? p[0] + p[^1] : p[0];
                var y = Normed(sum, p[1], biased ? p[2] : null, rms: false);
                return added ? y + sum * 0.5 : y;
            }, width == 1 ? 0.05 : 2e-4, $"{what}, layer norm [{rows}, {width}], {biased} {added}");
    });

    // The sum over the targets that are not -100.
    static Tensor CrossEntropy(Tensor logits, Tensor targets, double smoothing)
    {
        var chances = logits.log_softmax(-1);
        var counted = targets.ne(-100).to(logits.dtype);
        var chosen = chances.gather(1, targets.clamp(0L).unsqueeze(1)).squeeze(1);
        return -((chosen * (1 - smoothing) + chances.mean([1L]) * smoothing) * counted).sum();
    }

    static Tensor Targets(Random random, int rows, int classes) =>
        tensor(Enumerable.Range(0, rows).Select(_ => random.Next(4) == 0 ? -100L : random.Next(classes)).ToArray());

    [Fact]
    public void Cross_entropy_from_narrow_products_equals_its_formula() => Check((random, what) =>
    {
        // Even widths have a way of their own; an odd number of classes or rows ends in the middle of a pair.
        var (rows, classes, width) = (random.Next(1, 200), random.Next(1, 300), random.Next(1, 80));
        var smoothing = random.Next(2) == 0 ? 0 : 0.1;
        var targets = Targets(random, rows, classes);
        var type = random.Next(3) == 0 ? ScalarType.BFloat16 : ScalarType.Float32;
        Comparison.Same([(randn(rows, width) / Math.Sqrt(width)).to(type), randn(classes, width).to(type)],
            p => FusedKernels.LinearCrossEntropySum(p[0], p[1], targets, smoothing, bf16: true).Objective,
            p => CrossEntropy(p[0].matmul(p[1].t()), targets, smoothing), 0.02, $"{what}, [{rows}, {width}] by {classes}, {type}");
    });

    [Theory]
    [InlineData(true, 0.02)]
    [InlineData(false, 1e-4)]
    public void Cross_entropy_over_many_classes_takes_the_rows_in_parts(bool bf16, double tolerance)
    {
        manual_seed(1);
        var (rows, classes, width) = (150, 66_001, 6); // more rows than a part has, for either type of products
        var targets = Targets(new Random(1), rows, classes);
        Comparison.Same([randn(rows, width), randn(classes, width)], p => FusedKernels.LinearCrossEntropySum(p[0], p[1], targets, 0.1, bf16).Objective,
            p => CrossEntropy(p[0].matmul(p[1].t()), targets, 0.1), tolerance, $"bf16 {bf16}");
    }

    [Fact]
    public void Cross_entropy_equals_its_formula_from_logits_and_from_hidden_vectors() => Check((random, what) =>
    {
        var (rows, classes, width) = (random.Next(1, 50), random.Next(1, 90), random.Next(1, 40));
        var smoothing = random.Next(2) == 0 ? 0 : 0.1;
        var targets = Targets(random, rows, classes);
        Tensor Formula(Tensor logits) => CrossEntropy(logits, targets, smoothing);
        Comparison.Same([randn(rows, classes) * 3], p => softmax_cross_entropy.CallMany(p[0], targets, -100, smoothing)[0], p => Formula(p[0]), 1e-4, $"{what}, [{rows}, {classes}]");
        Comparison.Same([randn(rows, width), randn(classes, width)], p => FusedKernels.LinearCrossEntropySum(p[0], p[1], targets, smoothing, bf16: false).Objective,
            p => Formula(p[0].matmul(p[1].t())), 1e-4, $"{what}, [{rows}, {width}] by {classes}");
        // The second result is the sum without smoothing.
        Tensor logits = randn(rows, classes) * 3, hidden = randn(rows, width), weight = randn(classes, width);
        var smoothed = (softmax_cross_entropy.CallMany(logits, targets, -100, smoothing)[1], FusedKernels.LinearCrossEntropySum(hidden, weight, targets, smoothing, bf16: false).CrossEntropy);
        smoothing = 0;
        Comparison.Near(smoothed.Item1, Formula(logits), 1e-4, what);
        Comparison.Near(smoothed.Item2, Formula(hidden.matmul(weight.t())), 1e-4, what);
    });

    [Fact]
    public void Attention_equals_its_formula_with_grouped_heads_windows_masks_and_rows_that_see_nothing() => Check((random, what) =>
    {
        var groups = random.Next(1, 4);
        var heads = groups * random.Next(1, 3);
        var (B, T, E) = (random.Next(1, 4), random.Next(1, 230), random.Next(1, 40));
        var packed = random.Next(2) == 0;
        var S = packed ? T : random.Next(1, 230);
        var (causal, window) = (random.Next(2) == 0, random.Next(3) == 0 ? random.Next(1, S + 1) : 0);
        var lengths = random.Next(2) == 0 ? tensor(Enumerable.Range(0, B).Select(_ => (long)random.Next(0, S + 1)).ToArray()) : null;
        var mask = random.Next(2) == 0 ? randn(random.Next(2) == 0 ? 1 : B, random.Next(2) == 0 ? 1 : heads, random.Next(2) == 0 ? 1 : T, random.Next(2) == 0 ? 1 : S) : null;
        var queries = randn(B, T, heads * E);
        var keys = randn(B, S, 2 * groups * E);
        Tensor Heads(Tensor x, int first, int count) => x.narrow(-1, first * E, count * E).view(B, -1, count, E).transpose(1, 2);
        Tensor[] inputs = [queries, keys, .. mask is null ? [] : new[] { mask }];
        Comparison.Same(inputs, p => packed
                ? packed_attention.Call(cat([p[0], p[1]], -1), heads, groups, p.Length > 2 ? p[2] : null, lengths, causal, Value.None, window)
                : attention.Call(Heads(p[0], 0, heads), Heads(p[1], 0, groups), Heads(p[1], groups, groups), p.Length > 2 ? p[2] : null, lengths, causal, Value.None, window)
                    .transpose(1, 2).reshape(B, T, heads * E),
            p =>
            {
                var k = Heads(p[1], 0, groups).repeat_interleave(heads / groups, 1);
                var v = Heads(p[1], groups, groups).repeat_interleave(heads / groups, 1);
                var scores = Heads(p[0], 0, heads).matmul(k.transpose(-2, -1)) / Math.Sqrt(E);
                if (p.Length > 2) scores = scores + p[2];
                var (row, column) = (arange(S - T, S).unsqueeze(1), arange(S).unsqueeze(0));
                var hidden = zeros(B, 1, T, S, dtype: ScalarType.Bool);
                if (causal) hidden = hidden.logical_or(column.gt(row));
                if (window > 0) hidden = hidden.logical_or(column.le(row - window));
                if (lengths is not null) hidden = hidden.logical_or(column.view(1, 1, 1, S).ge(lengths.view(B, 1, 1, 1)));
                var weights = scores.masked_fill(hidden, -1e30).softmax(-1).masked_fill(hidden, 0);
                return weights.matmul(v).transpose(1, 2).reshape(B, T, heads * E);
            }, 2e-4, $"{what}, B {B}, T {T}, S {S}, H {heads}, K {groups}, E {E}, packed {packed}, causal {causal}, window {window}, mask {mask is not null}, lengths {lengths is not null}");
    });

    [Fact]
    public void The_embedding_and_its_gradient_equal_their_formula() => Check((random, what) =>
    {
        var (classes, width, count) = (random.Next(1, 40), random.Next(1, 70), random.Next(1, 200));
        var indices = tensor(Enumerable.Range(0, count).Select(_ => (long)random.Next(classes)).ToArray());
        Comparison.Same([randn(classes, width)], p => embedding.Call(p[0], indices), p => p[0].index_select(0, indices), 1e-5, $"{what}, [{classes}, {width}], {count}");
    });

    [Fact]
    public void Dropout_keeps_its_share_scales_what_stays_and_sends_the_gradient_the_same_way() => Check((random, what) =>
    {
        var p = random.NextDouble() * 0.9;
        var x = ones(random.Next(2000, 6000)).requires_grad_(true);
        var residual = randn(x.size(0));
        var y = random.Next(2) == 0 ? FusedKernels.Dropout(x, p) : dropout_add.Call(x, residual, p) - residual;
        y.sum().backward();
        var kept = y.gt(0.5).to(ScalarType.Float32);
        Assert.True(Math.Abs(kept.mean().item<float>() - (1 - p)) < 0.06, what);
        Comparison.Near(y, kept / (1 - p), 1e-5, what);
        Comparison.Near(x.grad!, kept / (1 - p), 1e-5, what);
    }, count: 8);

    [Fact]
    public void AdamW_over_all_parameters_equals_its_formula() => Check((random, what) =>
    {
        long[][] shapes = [[random.Next(1, 40), random.Next(1, 40)], [random.Next(1, 100)], [20_000]];
        Tensor[] Make() => [.. shapes.Select(shape => randn(shape))];
        var (parameters, gradients) = (Make(), Make());
        Tensor[] first = [.. Make().Select(m => m * 0.1)], second = [.. Make().Select(v => v * v * 0.1)];
        double[] rates = [1e-2, 2e-2, 1e-3], decays = [0.1, 0, 0.05];
        var step = random.Next(1, 50);
        const double clip = 0.7, beta1 = 0.9, beta2 = 0.99;
        var expected = new Tensor[3];
        for (var i = 0; i < 3; i++)
        {
            Tensor Wide(Tensor t) => t.to(ScalarType.Float64);
            var g = Wide(gradients[i]) * clip;
            var (m, v) = (Wide(first[i]) * beta1 + g * (1 - beta1), Wide(second[i]) * beta2 + g * g * (1 - beta2));
            expected[i] = Wide(parameters[i]) * (1 - rates[i] * decays[i]) -
                m / (1 - Math.Pow(beta1, step)) * rates[i] / ((v / (1 - Math.Pow(beta2, step))).sqrt() + 1e-8);
        }
        Comparison.Near(FusedKernels.GradientNorm(gradients), cat([.. gradients.Select(g => g.flatten())]).to(ScalarType.Float64).norm(), 1e-5, $"{what}, norm");
        FusedKernels.AdamWStep(parameters, gradients, first, second, rates, decays, beta1, beta2, 1e-8, step, clip);
        for (var i = 0; i < 3; i++) Comparison.Near(parameters[i], expected[i], 1e-5, $"{what}, parameter {i}");
    });
}
