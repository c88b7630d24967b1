using static TorchSharp.torch;

namespace Transformers.Tests.Native.Kernels;

/// <summary>Whole sublayers equal their formula, for random shapes, norms, biases and masks, in both types of products.</summary>
[Collection("engine")]
public sealed class SublayerTests
{
    sealed record Norm(Tensor[] Parameters, bool Rms, bool Post)
    {
        internal SublayerNorm Of(Tensor weight, Tensor? bias) => new(weight, bias, 1e-5, Rms, Post);
        internal Tensor Before(Tensor x, Tensor[] p) => Post ? x : ElementwiseTests.Normed(x, p[0], p.Length > 1 ? p[1] : null, Rms);
        internal Tensor After(Tensor x, Tensor z, Tensor[] p) => Post ? ElementwiseTests.Normed(x + z, p[0], p.Length > 1 ? p[1] : null, Rms) : x + z;
    }

    // Inputs of unit size would make a product's rounding look small beside the residual stream.
    static Tensor Random(params long[] shape) => randn(shape) * 0.7;

    static Norm RandomNorm(System.Random random, int width)
    {
        var rms = random.Next(2) == 0;
        return new(rms || random.Next(2) == 0 ? [rand(width) + 0.5] : [rand(width) + 0.5, Random(width)], rms, random.Next(2) == 0);
    }

    // The norm of a few numbers is little but their signs: its slope, where they are nearly equal, is beyond bfloat16, so few
    // numbers are drawn far apart.
    static Tensor Stream(bool bf16, params long[] shape) =>
        bf16 && shape[^1] < 8 ? Random(shape) * 0.3 + linspace(-4, 4, shape[^1]) : Random(shape);

    static int Even(System.Random random, int most) => 2 * random.Next(1, most / 2 + 1);

    // In bfloat16 each of some ten roundings, the one before a cancellation in the softmax backward included, is worth up to 0.4 %.
    static double Tolerance(bool bf16) => bf16 ? 0.05 : 2e-4;

    static ScalarType Type(bool bf16) => bf16 ? ScalarType.BFloat16 : ScalarType.Float32;

    [KernelFact]
    public void Feed_forward_equals_its_formula() => Comparison.ForRandomShapes((random, what) =>
    {
        var bf16 = KernelLibrary.MultipliesBFloat16 && random.Next(2) > 0;
        var (rows, D, F) = (random.Next(1, 150), bf16 ? Even(random, 80) : random.Next(1, 80), bf16 ? Even(random, 150) : random.Next(1, 150));
        var norm = RandomNorm(random, D);
        var (kind, gated, biased) = ((KernelActivation)random.Next(4), random.Next(4) == 0, random.Next(2) == 0);
        var up = Random(gated ? 2 * F : F, D) / Math.Sqrt(D);
        Tensor[] inputs = [Stream(bf16, 1, rows, D), up, Random(D, F) / Math.Sqrt(F), .. norm.Parameters, .. biased ? new[] { Random(up.size(0)), Random(D) } : []];
        var first = 3 + norm.Parameters.Length;
        Tensor Act(Tensor x) => ElementwiseTests.Activation(x, kind);
        Comparison.Same(inputs,
            p => FeedForwardFunction.Of(p[0], norm.Of(p[3], norm.Parameters.Length > 1 ? p[4] : null), p[1], biased ? p[first] : null, p[2], biased ? p[first + 1] : null, kind, gated, default, Type(bf16)),
            p =>
            {
                var hidden = nn.functional.linear(norm.Before(p[0], p[3..first]), p[1], biased ? p[first] : null);
                hidden = gated ? Act(hidden.narrow(-1, 0, F)) * hidden.narrow(-1, F, F) : Act(hidden);
                return norm.After(p[0], nn.functional.linear(hidden, p[2], biased ? p[first + 1] : null), p[3..first]);
            }, kind == KernelActivation.Relu && bf16 ? 0.2 : Tolerance(bf16), $"{what}, {kind}, gated {gated}, {rows} rows, {D} by {F}, bf16 {bf16}, rms {norm.Rms}, post {norm.Post}");
    }, 25);

    [KernelFact]
    public void Attention_equals_its_formula() => Comparison.ForRandomShapes((random, what) =>
    {
        var bf16 = KernelLibrary.MultipliesBFloat16 && random.Next(2) > 0;
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
        var inputs = new List<Tensor> { Stream(bf16, B, T, D), Weight((cross ? heads : heads + 2 * groups) * E, D), Weight(D, heads * E) };
        inputs.AddRange(norm.Parameters);
        int Add(Tensor? input)
        {
            if (input is null) return -1;
            inputs.Add(input);
            return inputs.Count - 1;
        }
        var (source, key) = (Add(cross ? Random(B, S, D) : null), Add(cross ? Weight(2 * groups * E, D) : null));
        var (queryBias, keyBias, outputBias) = (Add(biased ? Random(inputs[1].size(0)) : null), Add(biased && cross ? Random(2 * groups * E) : null), Add(biased ? Random(D) : null));
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
            p => AttentionSublayerFunction.Of(p[0], At(p, source), norm.Of(p[3], norm.Parameters.Length > 1 ? p[4] : null),
                new(p[1], At(p, queryBias), At(p, key), At(p, keyBias), p[2], At(p, outputBias)),
                new(causal, At(p, bias), lengths, turned ? cosine : null, turned ? sine : null), heads, groups, Type(bf16)),
            p =>
            {
                var q = nn.functional.linear(norm.Before(p[0], p[3..first]), p[1], At(p, queryBias));
                Tensor kv;
                if (cross) kv = nn.functional.linear(p[source], p[key], At(p, keyBias));
                else (q, kv) = (q.narrow(-1, 0, heads * E), q.narrow(-1, heads * E, 2 * groups * E));
                Tensor Heads(Tensor x, long count) => x.reshape(B, -1, count, E).transpose(1, 2);
                var k = Turn(Heads(kv.narrow(-1, 0, groups * E), groups)).repeat_interleave(heads / groups, 1);
                var v = Heads(kv.narrow(-1, groups * E, groups * E), groups).repeat_interleave(heads / groups, 1);
                var mixed = LossAndAttentionTests.Formula(Turn(Heads(q, heads)), k, v, At(p, bias), lengths, causal).transpose(1, 2).reshape(B, T, heads * E);
                return norm.After(p[0], nn.functional.linear(mixed, p[2], At(p, outputBias)), p[3..first]);
            }, Tolerance(bf16), $"{what}, B {B}, T {T}, S {S}, D {D}, H {heads}, K {groups}, E {E}, bf16 {bf16}, cross {cross}, causal {causal}, masked {masked}, turned {turned}, padded {padded}, rms {norm.Rms}, post {norm.Post}");
    }, 25);
}
