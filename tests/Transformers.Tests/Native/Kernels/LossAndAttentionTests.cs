using static TorchSharp.torch;

namespace Transformers.Tests.Native.Kernels;

/// <summary>The loss and attention equal their formulas, forwards and backwards, for random shapes with each instruction set.</summary>
[Collection("engine")]
public sealed class LossAndAttentionTests
{
    // The sum over the targets that are not -100.
    static Tensor CrossEntropy(Tensor logits, Tensor targets, double smoothing)
    {
        var logProbabilities = logits.log_softmax(-1);
        var counted = targets.ne(-100).to(logits.dtype);
        var chosen = logProbabilities.gather(1, targets.clamp(0L).unsqueeze(1)).squeeze(1);
        return -((chosen * (1 - smoothing) + logProbabilities.mean([1L]) * smoothing) * counted).sum();
    }

    static Tensor Targets(System.Random random, int rows, int classes) =>
        tensor(Enumerable.Range(0, rows).Select(_ => random.Next(4) == 0 ? -100L : random.Next(classes)).ToArray());

    static ScalarType Compute(System.Random random) => KernelLibrary.MultipliesBFloat16 && random.Next(2) == 0 ? ScalarType.BFloat16 : ScalarType.Float32;

    static double Tolerance(ScalarType compute) => compute == ScalarType.BFloat16 ? 0.02 : 1e-4;

    [KernelFact]
    public void Cross_entropy_equals_its_formula() => Comparison.ForRandomShapes((random, what) =>
    {
        var compute = Compute(random);
        var (rows, classes, width, biased) = (random.Next(1, 200), random.Next(1, 300), random.Next(1, 80), random.Next(3) == 0);
        var smoothing = random.Next(2) == 0 ? 0 : 0.1;
        var targets = Targets(random, rows, classes);
        Tensor[] inputs = [randn(rows, width) / Math.Sqrt(width), randn(classes, width), .. biased ? new[] { randn(classes) } : []];
        Tensor Logits(Tensor[] p) => nn.functional.linear(p[0], p[1], biased ? p[2] : null);
        what = $"{what}, [{rows}, {width}] by {classes}, {compute}, smoothing {smoothing}, bias {biased}";
        Comparison.Same(inputs, p => LinearCrossEntropyFunction.Sum(p[0], p[1], biased ? p[2] : null, targets, smoothing, compute).Loss,
            p => CrossEntropy(Logits(p), targets, smoothing), Tolerance(compute), what);
        var plain = LinearCrossEntropyFunction.Sum(inputs[0], inputs[1], biased ? inputs[2] : null, targets, smoothing, compute).Plain;
        Comparison.Near(tensor(plain), CrossEntropy(Logits([.. inputs.Select(input => input.to(ScalarType.Float64))]), targets, 0), Tolerance(compute), $"{what}, without smoothing");
    }, 20);

    [KernelFact]
    public void Cross_entropy_over_many_classes_takes_the_rows_in_chunks()
    {
        using var scope = NewDisposeScope();
        foreach (var compute in KernelLibrary.MultipliesBFloat16 ? new[] { ScalarType.Float32, ScalarType.BFloat16 } : [ScalarType.Float32])
        {
            manual_seed(1);
            var (rows, classes, width) = (150, 66_001, 6); // more rows than a chunk has, for either type of products
            var targets = Targets(new System.Random(1), rows, classes);
            Comparison.Same([randn(rows, width), randn(classes, width), randn(classes)], p => LinearCrossEntropyFunction.Sum(p[0], p[1], p[2], targets, 0.1, compute).Loss,
                p => CrossEntropy(nn.functional.linear(p[0], p[1], p[2]), targets, 0.1), Tolerance(compute), $"{compute}");
        }
    }

    [KernelFact]
    public void Attention_equals_its_formula_with_grouped_heads_masks_and_rows_that_see_nothing() => Comparison.ForRandomShapes((random, what) =>
    {
        var groups = random.Next(1, 4);
        var heads = groups * random.Next(1, 3);
        var (B, T, E, S) = (random.Next(1, 4), random.Next(1, 230), random.Next(1, 40), random.Next(1, 230));
        var causal = random.Next(2) == 0;
        var lengths = random.Next(2) == 0 ? tensor(Enumerable.Range(0, B).Select(_ => (long)random.Next(0, S + 1)).ToArray()) : null;
        var mask = random.Next(2) == 0 ? randn(random.Next(2) == 0 ? 1 : B, random.Next(2) == 0 ? 1 : heads, random.Next(2) == 0 ? 1 : T, random.Next(2) == 0 ? 1 : S) : null;
        if (mask is not null && random.Next(3) == 0) mask = mask[0, 0]; // [T or 1, S or 1]
        var bf16 = random.Next(3) == 0;
        Tensor Typed(Tensor x) => bf16 ? x.to(ScalarType.BFloat16) : x;
        Tensor[] inputs = [Typed(randn(B, T, heads * E)), Typed(randn(B, S, 2 * groups * E)), .. mask is null ? [] : new[] { mask }];
        Tensor Heads(Tensor x, int first, int count) => x.narrow(-1, first * E, count * E).view(B, -1, count, E).transpose(1, 2);
        Comparison.Same(inputs,
            p => AttentionFunction.Of(Heads(p[0], 0, heads), Heads(p[1], 0, groups), Heads(p[1], groups, groups), new(causal, p.Length > 2 ? p[2] : null, lengths)),
            p =>
            {
                var k = Heads(p[1], 0, groups).repeat_interleave(heads / groups, 1);
                var v = Heads(p[1], groups, groups).repeat_interleave(heads / groups, 1);
                return Formula(Heads(p[0], 0, heads), k, v, p.Length > 2 ? p[2] : null, lengths, causal);
            }, bf16 ? 0.03 : 2e-4, $"{what}, B {B}, T {T}, S {S}, H {heads}, K {groups}, E {E}, bf16 {bf16}, causal {causal}, mask {mask is not null}, lengths {lengths is not null}");
    }, 20);

    // A query that sees nothing gives zeros.
    internal static Tensor Formula(Tensor q, Tensor k, Tensor v, Tensor? bias, Tensor? lengths, bool causal)
    {
        var (B, _, T, E) = (q.size(0), q.size(1), q.size(2), q.size(3));
        var S = k.size(2);
        var scores = q.matmul(k.transpose(-2, -1)) / Math.Sqrt(E);
        if (bias is not null) scores = scores + bias;
        var (row, column) = (arange(S - T, S).unsqueeze(1), arange(S).unsqueeze(0));
        var hidden = zeros([B, 1, T, S], ScalarType.Bool);
        if (causal) hidden = hidden.logical_or(column.gt(row));
        if (lengths is not null) hidden = hidden.logical_or(column.view(1, 1, 1, S).ge(lengths.view(B, 1, 1, 1)));
        return scores.masked_fill(hidden, -1e30).softmax(-1).masked_fill(hidden, 0).matmul(v);
    }
}
