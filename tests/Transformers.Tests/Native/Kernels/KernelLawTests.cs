using static TorchSharp.torch;

namespace Transformers.Tests.Native.Kernels;

/// <summary>What holds for all kernels: threads, micro-batches and padding change nothing, gradients add up, memory stays.</summary>
[Collection("engine")]
public sealed class KernelLawTests : TensorTest
{
    const int D = 48, H = 3, F = 96, V = 50;

    /// <summary>An encoder layer's parameters and an output layer, with dropout in all four uses.</summary>
    sealed class Layer
    {
        readonly bool bf16, causal;
        readonly double rate;
        internal readonly Tensor[] Parameters;

        internal Layer(bool bf16, double rate = 0, bool causal = true)
        {
            (this.bf16, this.rate, this.causal) = (bf16, rate, causal);
            manual_seed(3);
            long[][] shapes = [[D], [D], [3 * D, D], [3 * D], [D, D], [D], [F, D], [F], [D, F], [D], [V, D]];
            Parameters = [.. shapes.Select(shape => (randn(shape) * 0.3).requires_grad_(true))];
        }

        KernelDropout Drop(ulong use, long first) => new() { Rate = rate, Key = RandomPosition.Mix(use), FirstExample = first };

        internal Tensor Hidden(Tensor x, long firstExample = 0, Tensor? lengths = null)
        {
            var p = Parameters;
            var compute = bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
            x = AttentionSublayerFunction.Of(x, null, new(p[0], p[1], 1e-5, false, false, Drop(1, firstExample)), new(p[2], p[3], null, null, p[4], p[5]),
                new(causal, null, lengths, Dropout: Drop(2, firstExample)), H, H, compute);
            return FeedForwardFunction.Of(x, new(p[0], p[1], 1e-5, false, true, Drop(3, firstExample)), p[6], p[7], p[8], p[9], KernelActivation.Gelu, false, Drop(4, firstExample), compute);
        }

        internal Tensor Loss(Tensor x, Tensor targets, long firstExample = 0) =>
            LinearCrossEntropyFunction.Sum(Hidden(x, firstExample).view(-1, D), Parameters[10], null, targets, 0.1, bf16 ? ScalarType.BFloat16 : ScalarType.Float32).Loss;
    }

    static bool[] Types => KernelLibrary.MultipliesBFloat16 ? [false, true] : [false];

    static Tensor Classes(int count) => tensor(Enumerable.Range(0, count).Select(i => (long)(i * 7 % V)).ToArray());

    [KernelFact]
    public void Results_do_not_depend_on_the_number_of_threads()
    {
        var before = get_num_threads();
        var input = randn(5, 67, D);
        Tensor[] Run(int threads, bool bf16, int limit = int.MaxValue)
        {
            set_num_threads(threads);
            KernelLibrary.LimitThreads(limit);
            var layer = new Layer(bf16, rate: 0.1);
            var x = input.clone().requires_grad_(true);
            var loss = layer.Loss(x, Classes(5 * 67));
            Gradients.Backward(loss);
            return [loss, x.grad!, .. layer.Parameters.Select(p => p.grad!)];
        }
        try
        {
            foreach (var bf16 in Types)
            {
                var (one, many, limited) = (Run(1, bf16), Run(3, bf16), Run(3, bf16, limit: 2));
                for (var i = 0; i < one.Length; i++)
                {
                    Assert.True(one[i].eq(many[i]).all().item<bool>(), $"result {i} depends on the threads, bf16 {bf16}");
                    Assert.True(one[i].eq(limited[i]).all().item<bool>(), $"result {i} depends on the limit of threads, bf16 {bf16}");
                }
            }
        }
        finally
        {
            set_num_threads(before);
            KernelLibrary.LimitThreads(int.MaxValue);
        }
    }

    [KernelFact]
    public void Cutting_a_batch_in_two_changes_neither_what_drops_nor_the_sums_of_gradients()
    {
        foreach (var bf16 in Types)
        {
            var (input, targets) = (randn(6, 37, D), Classes(6 * 37));
            (Tensor hidden, Tensor dx, Tensor[] gradients) Run(params (long first, long count)[] cuts)
            {
                var layer = new Layer(bf16, rate: 0.2);
                var x = input.clone().requires_grad_(true);
                var hidden = new List<Tensor>();
                foreach (var (first, count) in cuts)
                {
                    var part = x.narrow(0, first, count);
                    Gradients.Backward(layer.Loss(part, targets.narrow(0, first * 37, count * 37), firstExample: 10 + first));
                    hidden.Add(layer.Hidden(part, firstExample: 10 + first).detach());
                }
                return (cat(hidden, 0), x.grad!, [.. layer.Parameters.Select(p => p.grad!)]);
            }
            var (whole, cut) = (Run((0, 6)), Run((0, 1), (1, 3), (4, 2)));
            Assert.True(whole.hidden.eq(cut.hidden).all().item<bool>(), $"the hidden vectors differ, bf16 {bf16}");
            Comparison.Near(cut.dx, whole.dx, bf16 ? 1e-3 : 1e-6, $"the input's gradient, bf16 {bf16}");
            for (var i = 0; i < whole.gradients.Length; i++) Comparison.Near(cut.gradients[i], whole.gradients[i], bf16 ? 5e-3 : 1e-5, $"gradient {i}, bf16 {bf16}");
        }
    }

    [KernelFact]
    public void Padding_to_another_length_changes_nothing_for_the_positions_that_were_there()
    {
        var x = randn(3, 20, D);
        var padded = cat([x, zeros(3, 9, D)], 1);
        var lengths = tensor(new[] { 20L, 20, 20 });
        var layer = new Layer(bf16: false, rate: 0.3, causal: false);
        var (plain, longer) = (layer.Hidden(x, 4, lengths), layer.Hidden(padded, 4, lengths).narrow(1, 0, 20));
        Comparison.Near(longer, plain.to(ScalarType.Float64), 1e-6, "padded");
    }

    [KernelFact]
    public void What_drops_is_what_the_header_says()
    {
        const double rate = 0.37;
        const ulong key = 0x123456789abcdef0;
        // The plain path computes the same masks in managed code.
        var x = ones(3, 7, 11);
        var mask = DropoutMask.Create([3, 7, 11], rate, key, 5);
        Assert.True(DropoutKernelFunction.Of(x, new() { Rate = rate, Key = key, FirstExample = 5 }).eq(mask).all().item<bool>());
        // Equal scores, and values that show which keys were kept.
        var (B, heads, T, S) = (2, 3, 5, 8);
        var (q, k, v) = (zeros(B, heads, T, S), zeros(B, heads, S, S), eye(S).expand(B, heads, S, S).contiguous());
        var kept = AttentionFunction.Of(q, k, v, new(Dropout: new() { Rate = rate, Key = key, FirstExample = 5 })) * S;
        Assert.True(kept.contiguous().allclose(DropoutMask.CreateForWeights([B, heads, T, S], rate, key, 5, 0), 1e-5));
    }

    [KernelFact]
    public void Gradients_add_to_those_that_are_there()
    {
        foreach (var bf16 in Types)
        {
            var layer = new Layer(bf16);
            var (x, targets) = (randn(2, 9, D), Classes(18));
            void Pass() => Gradients.Backward(layer.Loss(x, targets));
            Pass();
            Tensor[] once = [.. layer.Parameters.Select(p => p.grad!.clone())];
            Pass();
            for (var i = 0; i < once.Length; i++) Comparison.Near(layer.Parameters[i].grad!, once[i].to(ScalarType.Float64) * 2, 1e-5, $"gradient {i}, bf16 {bf16}");
        }
    }

    [KernelFact]
    public void What_the_caller_computed_may_be_disposed_of_before_the_backward_pass()
    {
        var leaf = randn(2, 6, D).requires_grad_(true);
        var (matrix, vector) = (randn(D, D).requires_grad_(true), ones(D).requires_grad_(true));
        var scores = randn(6, 6).requires_grad_(true);
        Tensor y;
        using (var inner = NewDisposeScope())
        {
            // Everything that goes in is computed here, and nothing but the result leaves.
            Tensor X() => leaf * 1.5;
            var x = LinearKernelFunction.Of(X(), matrix * 2, vector * 3, ScalarType.Float32, ScalarType.Float32);
            x = NormFunction.Of(x, vector * 2, vector * 1, 1e-5, false, ScalarType.Float32);
            x = ActivationFunction.Of(x * 1, KernelActivation.Gelu);
            x = DropoutKernelFunction.Of(x * 1, new() { Rate = 0.1, Key = 7 });
            x = FeedForwardFunction.Of(x, new(vector * 2, null, 1e-5, true, true), matrix * 1, vector * 1, matrix * 2, vector * 2, KernelActivation.Silu, false, default, ScalarType.Float32);
            x = AttentionSublayerFunction.Of(x, X(), new(vector * 2, vector * 1, 1e-5, false, false), new(matrix * 1, null, cat([matrix, matrix * 2], 0), null, matrix * 1, null), new(Bias: scores * 2), H, H, ScalarType.Float32);
            var heads = x.view(2, 6, H, D / H).transpose(1, 2);
            y = AttentionFunction.Of(heads * 1, heads * 2, heads * 3, new(true, scores * 1)).transpose(1, 2).reshape(12, D);
            y = LinearCrossEntropyFunction.Sum(y, matrix * 1, vector * 1, Classes(12) % D, 0, ScalarType.Float32).Loss.MoveToOuterDisposeScope();
        }
        Gradients.Backward(y);
        foreach (var tensor in new[] { leaf, matrix, vector, scores })
            Assert.True(tensor.grad!.isfinite().all().item<bool>() && tensor.grad!.abs().sum().item<float>() > 0);
    }

    [KernelFact]
    public void Arguments_that_do_not_fit_are_named_and_nothing_happens()
    {
        var (hidden, weight) = (randn(3, 4), randn(5, 4));
        var wrong = Assert.Throws<ArgumentException>(() => LinearCrossEntropyFunction.Sum(hidden, weight, null, tensor(new[] { 0L, 5, 1 }), 0, ScalarType.Float32));
        Assert.Contains("target", wrong.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => FeedForwardFunction.Of(randn(1, 2, 4), new(ones(4), null, 1e-5, false, false, new() { Rate = 1 }), randn(8, 4), null, randn(4, 8), null, KernelActivation.Relu, false, default, ScalarType.Float32));
    }

    [KernelFact]
    public void An_error_in_a_backward_pass_is_an_ordinary_exception()
    {
        var x = randn(2, 3, D).requires_grad_(true);
        var layer = new Layer(bf16: false);
        var failing = new FailingFunction().Of(layer.Hidden(x));
        Assert.Throws<InvalidOperationException>(() => Gradients.Backward(failing.sum()));
        // The next pass works.
        Gradients.Backward(layer.Hidden(x).sum());
        Assert.True(x.grad!.isfinite().all().item<bool>());
    }

    sealed class FailingFunction : KernelFunction
    {
        Tensor? x;
        internal Tensor Of(Tensor input) => Apply(x = input);
        protected override Tensor Forward(bool keep) => x!.clone();
        protected override Tensor?[] Backward(Tensor gradient) => throw new InvalidOperationException("this backward pass fails");
    }

    [KernelFact]
    public void Scratch_memory_goes_back_to_the_pool_of_tensors_or_is_kept_for_the_next_call()
    {
        var layer = new Layer(bf16: false);
        void Pass()
        {
            using var inner = NewDisposeScope();
            Gradients.Backward(layer.Loss(randn(4, 33, D), Classes(4 * 33)));
        }
        Pass();
        var first = KernelLibrary.TrimMemory();
        if (KernelLibrary.HasTensorMemory)
        {
            Assert.Equal(0, first);
            return;
        }
        Assert.True(first > 0);
        for (var i = 0; i < 20; i++) Pass();
        // Twenty passes keep what a few need: each call's memory in one piece, and no more pieces than calls at once.
        Assert.True(KernelLibrary.TrimMemory() <= 2 * first);
        Assert.Equal(0, KernelLibrary.TrimMemory());
    }
}
