using FsCheck;
using FsCheck.Fluent;
using TorchSharp;
using TorchSharp.Extensions;
using TorchSharp.Interop;
using static TorchSharp.torch;

namespace Torch.Tests.Kernels;

/// <summary>Whole sublayers as one operator equal their formula, for random shapes, norms, biases and masks.</summary>
public sealed class SublayerTests
{
    sealed record Norm(Tensor[] Parameters, bool Rms, bool Post)
    {
        internal Tensor Before(Tensor x, Tensor[] p) => Post ? x : Of(x, p);
        internal Tensor After(Tensor x, Tensor z, Tensor[] p) => Post ? Of(x + z, p) : x + z;

        Tensor Of(Tensor x, Tensor[] p)
        {
            var centred = Rms ? x : x - x.mean([-1L], keepdim: true);
            var y = centred * (centred * centred).mean([-1L], keepdim: true).add(1e-5).rsqrt() * p[0];
            return p.Length > 1 ? y + p[1] : y;
        }
    }

    // Inputs of unit size would make a product's rounding look small beside the residual stream.
    static Tensor Random(params long[] shape) => randn(shape) * 0.7;

    static Norm RandomNorm(System.Random random, int width)
    {
        var rms = random.Next(2) == 0;
        return new(rms || random.Next(2) == 0 ? [rand(width) + 0.5] : [rand(width) + 0.5, Random(width)], rms, random.Next(2) == 0);
    }

    // A norm of a few numbers is all but their signs: its slope, where they are nearly equal, is beyond bfloat16, so few numbers
    // are drawn far apart.
    static Tensor Stream(bool bf16, params long[] shape) =>
        bf16 && shape[^1] < 8 ? Random(shape) * 0.3 + linspace(-4, 4, shape[^1]) : Random(shape);

    static int Even(System.Random random, int most) => 2 * random.Next(1, most / 2 + 1);

    // The expected values are of 64 bits: in bfloat16 each of some ten roundings, the one before a cancellation in the
    // softmax backward included, is worth up to 0.4 %.
    static double Tolerance(bool bf16) => bf16 ? 0.05 : 2e-4;

    static void Check(Action<System.Random, string> test)
    {
        var seeds = ArbMap.Default.GeneratorFor<int>().ToArbitrary();
        KernelSets.ForEach(set => Prop.ForAll(seeds, seed =>
        {
            using var scope = NewDisposeScope();
            manual_seed(seed);
            test(new System.Random(seed), $"{set}, seed {seed}");
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(25).WithReplay(1, 1)));
    }

    [Fact]
    public void Feed_forward_equals_its_formula() => Check((random, what) =>
    {
        var bf16 = FusedKernels.HasBFloat16Products && random.Next(3) > 0;
        var (rows, D, F) = (random.Next(1, 150), bf16 ? Even(random, 80) : random.Next(1, 80), bf16 ? Even(random, 150) : random.Next(1, 150));
        var norm = RandomNorm(random, D);
        string[] kinds = ["gelu", "gelu_tanh", "relu", "silu", "swiglu"];
        var kind = kinds[random.Next(kinds.Length)];
        var biased = random.Next(2) == 0;
        var up = Random(kind == "swiglu" ? 2 * F : F, D) / Math.Sqrt(D);
        Tensor[] inputs = [Stream(bf16, 1, rows, D), up, Random(D, F) / Math.Sqrt(F), .. norm.Parameters, .. biased ? new[] { Random(up.size(0)), Random(D) } : []];
        var first = 3 + norm.Parameters.Length;
        Comparison.Same(inputs,
            p => FusedKernels.FeedForward(p[0], p[3], norm.Parameters.Length > 1 ? p[4] : null, 1e-5, norm.Rms, norm.Post,
                p[1], biased ? p[first] : null, p[2], biased ? p[first + 1] : null, kind, bf16, 0, 0),
            p =>
            {
                var hidden = nn.functional.linear(norm.Before(p[0], p[3..first]), p[1], biased ? p[first] : null);
                hidden = kind switch
                {
                    "gelu" => nn.functional.gelu(hidden),
                    "gelu_tanh" => hidden * 0.5 * (1 + ((hidden + hidden * hidden * hidden * 0.044715) * Math.Sqrt(2 / Math.PI)).tanh()),
                    "relu" => nn.functional.relu(hidden),
                    "silu" => nn.functional.silu(hidden),
                    _ => nn.functional.silu(hidden.chunk(2, -1)[0]) * hidden.chunk(2, -1)[1],
                };
                return norm.After(p[0], nn.functional.linear(hidden, p[2], biased ? p[first + 1] : null), p[3..first]);
            }, kind == "relu" && bf16 ? 0.2 : Tolerance(bf16), $"{what}, {kind}, {rows} rows, {D} by {F}, bf16 {bf16}, {norm.Rms} {norm.Post}");
    });

    [Fact]
    public void Attention_equals_its_formula() => Check((random, what) =>
    {
        var bf16 = FusedKernels.HasBFloat16Products && random.Next(3) > 0;
        var cross = random.Next(2) == 0;
        var groups = random.Next(1, 4);
        var heads = groups * random.Next(1, 4);
        var E = random.Next(1, 20) * 2;
        var (B, T, D) = (random.Next(1, 4), random.Next(1, 70), bf16 ? Even(random, 80) : random.Next(1, 80));
        var S = cross ? random.Next(1, 70) : T;
        var norm = RandomNorm(random, D);
        var causal = !cross && random.Next(2) == 0;
        var (biased, masked, turned, padded) = (random.Next(2) == 0, random.Next(2) == 0, !cross && random.Next(2) == 0, random.Next(2) == 0);
        var lengths = padded ? tensor(Enumerable.Range(0, B).Select(_ => (long)random.Next(0, S + 1)).ToArray()) : null;
        var mask = masked ? Random(random.Next(2) == 0 ? 1 : B, random.Next(2) == 0 ? 1 : heads, random.Next(2) == 0 ? 1 : T, random.Next(2) == 0 ? 1 : S) : null;
        var angles = rand(T, E / 2) * 6;
        var (cosine, sine) = (cat([angles.cos(), angles.cos()], -1), cat([angles.sin(), angles.sin()], -1));
        Tensor Weight(long rows, long columns) => Random(rows, columns) / Math.Sqrt(columns);
        var query = Weight((cross ? heads : heads + 2 * groups) * E, D);
        var inputs = new List<Tensor> { Stream(bf16, B, T, D), query, Weight(D, heads * E) };
        inputs.AddRange(norm.Parameters);
        int Add(Tensor? input)
        {
            if (input is null) return -1;
            inputs.Add(input);
            return inputs.Count - 1;
        }
        var (source, key) = (Add(cross ? Random(B, S, D) : null), Add(cross ? Weight(2 * groups * E, D) : null));
        var (queryBias, keyBias, outputBias) = (Add(biased ? Random(query.size(0)) : null), Add(biased && cross ? Random(2 * groups * E) : null), Add(biased ? Random(D) : null));
        var bias = Add(mask);
        var first = 3 + norm.Parameters.Length;
        Tensor? At(Tensor[] p, int i) => i < 0 ? null : p[i];
        Tensor Turn(Tensor x)
        {
            if (!turned) return x;
            var halves = x.chunk(2, -1);
            return x * cosine.to(x.dtype) + cat([-halves[1], halves[0]], -1) * sine.to(x.dtype);
        }
        Comparison.Same([.. inputs],
            p => FusedKernels.AttentionSublayer(p[0], At(p, source), p[3], norm.Parameters.Length > 1 ? p[4] : null, 1e-5, norm.Rms, norm.Post, p[1], At(p, queryBias),
                At(p, key), At(p, keyBias), p[2], At(p, outputBias), At(p, bias), lengths, turned ? cosine : null, turned ? sine : null, heads, groups, causal, bf16, 0, 0),
            p =>
            {
                var n = norm.Before(p[0], p[3..first]);
                var q = nn.functional.linear(n, p[1], At(p, queryBias));
                Tensor kv;
                if (cross) kv = nn.functional.linear(p[source], p[key], At(p, keyBias));
                else (q, kv) = (q.narrow(-1, 0, heads * E), q.narrow(-1, heads * E, 2 * groups * E));
                Tensor Heads(Tensor x, long count) => x.view(B, -1, count, E).transpose(1, 2);
                var (qh, kh, vh) = (Turn(Heads(q.contiguous(), heads)), Heads(kv.narrow(-1, 0, groups * E).contiguous(), groups), Heads(kv.narrow(-1, groups * E, groups * E).contiguous(), groups));
                kh = Turn(kh).repeat_interleave(heads / groups, 1);
                vh = vh.repeat_interleave(heads / groups, 1);
                var scores = qh.matmul(kh.transpose(-2, -1)) / Math.Sqrt(E);
                if (bias >= 0) scores = scores + p[bias];
                var places = arange(S);
                var hidden = zeros(B, 1, T, S, dtype: ScalarType.Bool);
                if (causal) hidden = hidden.logical_or(places.unsqueeze(0).gt(arange(T).unsqueeze(1)));
                if (lengths is not null) hidden = hidden.logical_or(places.view(1, 1, 1, S).ge(lengths.view(B, 1, 1, 1)));
                // A query that sees nothing takes nothing.
                var weights = scores.masked_fill(hidden, -1e30).softmax(-1).masked_fill(hidden, 0);
                var mixed = weights.matmul(vh).transpose(1, 2).reshape(B, T, heads * E);
                return norm.After(p[0], nn.functional.linear(mixed, p[2], At(p, outputBias)), p[3..first]);
            }, Tolerance(bf16), $"{what}, B {B}, T {T}, S {S}, D {D}, H {heads}, K {groups}, E {E}, bf16 {bf16}, cross {cross}, causal {causal}, masked {masked}, turned {turned}, padded {padded}, {norm.Rms} {norm.Post}");
    });

    [Fact]
    public void Results_do_not_depend_on_the_threads()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var before = get_num_threads();
        Tensor[] inputs = [Random(3, 67, 48), Random(192, 48), Random(48, 192), rand(48), Random(48), Random(192), Random(48), Random(144, 48), Random(48, 48)];
        Tensor[] Run(int threads, bool bf16)
        {
            set_num_threads(threads);
            Tensor[] p = [.. inputs.Select(input => input.detach().clone().requires_grad_(true))];
            var x = FusedKernels.AttentionSublayer(p[0], null, p[3], p[4], 1e-5, false, false, p[7], null, null, null, p[8], null, null, null, null, null, 3, 3, true, bf16, 0, 0);
            x = FusedKernels.FeedForward(x, p[3], p[4], 1e-5, false, false, p[1], p[5], p[2], p[6], "gelu", bf16, 0, 0);
            (x * x).sum().backward();
            return [x, .. p.Select(leaf => leaf.grad!)];
        }
        try
        {
            foreach (var bf16 in FusedKernels.HasBFloat16Products ? new[] { false, true } : [false])
            {
                var (one, many) = (Run(1, bf16), Run(3, bf16));
                for (var i = 0; i < one.Length; i++) Assert.True(one[i].eq(many[i]).all().item<bool>(), $"result {i} depends on the threads, bf16 {bf16}");
            }
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Fact]
    public void Dropout_drops_its_share_and_the_gradient_follows_the_same_elements()
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        var x = zeros(1, 200, 64).requires_grad_(true);
        var (up, down) = (zeros(64, 64), zeros(64, 64));
        var bias = ones(64).requires_grad_(true);
        // What is added is the last bias alone, dropped or scaled: its gradient counts what stayed.
        var y = FusedKernels.FeedForward(x, ones(64), null, 1e-5, false, false, up, null, down, bias, "relu", false, 0, 0.25);
        var kept = y.ne(0).to(ScalarType.Float32);
        Assert.InRange(kept.mean().item<float>(), 0.70f, 0.80f);
        Assert.True(y.allclose(kept / 0.75, 1e-6));
        y.sum().backward();
        Assert.True(bias.grad!.allclose(kept.sum([0L, 1L]) / 0.75, 1e-4));
    }
}
