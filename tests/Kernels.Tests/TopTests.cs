using FsCheck;
using FsCheck.Fluent;
using Transformers.Native;

namespace Kernels.Tests;

/// <summary>The most probable columns against sorting.</summary>
[Collection("kernels")]
public unsafe class TopTests
{
    [Fact]
    public void The_best_columns_are_those_of_sorting_with_log_probabilities_of_all()
    {
        // Few different logits, so that many are equal.
        var cases = from rows in Gen.Choose(1, 5) from columns in Gen.Choose(1, 90) from more in Gen.Choose(0, 20) from k in Gen.Choose(1, 90) from levels in Gen.Choose(1, 60) from seed in Gen.Choose(0, 1_000_000)
                    select (rows, columns, more, k: Math.Min(k, columns), levels, seed);
        TestLibrary.ForEachSet(set => Prop.ForAll(cases.ToArbitrary(), one =>
        {
            var random = new Random(one.seed);
            var stride = one.columns + one.more;
            var logits = Memory.Pinned(Enumerable.Range(0, one.rows * stride).Select(_ => random.Next(one.levels) / 4f - 5));
            var banned = Memory.Pinned((long)random.Next(one.columns));
            var (given, values, ids) = (logits.ToArray(), Memory.Zeros<float>(one.rows * one.k), Memory.Zeros<long>(one.rows * one.k));
            DecoderKernels.Top(new TopColumns
            {
                Logits = Memory.At(logits), Rows = one.rows, RowStride = stride, Columns = one.columns, K = one.k, Banned = Memory.At(banned), BannedCount = 1,
                Values = Memory.At(values), Ids = Memory.At(ids),
            });
            for (var row = 0; row < one.rows; row++)
            {
                var own = given[(row * stride)..(row * stride + one.columns)];
                var normaliser = Math.Log(own.Sum(logit => Math.Exp(logit)));
                var order = Enumerable.Range(0, one.columns).Where(id => id != banned[0]).OrderByDescending(id => own[id]).ThenBy(id => id).Take(one.k).ToList();
                for (var n = 0; n < order.Count; n++)
                {
                    Assert.Equal(order[n], ids[row * one.k + n]);
                    Assert.Equal(own[order[n]] - normaliser, values[row * one.k + n], 1e-5);
                }
                // Where fewer are left than asked for, the others are impossible.
                for (var n = order.Count; n < one.k; n++) Assert.Equal(float.NegativeInfinity, values[row * one.k + n]);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60).WithReplay(2, 1)));
    }

    [Fact]
    public void More_than_there_are_columns_is_refused()
    {
        var (logits, ids) = (Memory.Zeros<float>(8), Memory.Zeros<long>(8));
        var top = new TopColumns { Logits = Memory.At(logits), Rows = 1, RowStride = 8, Columns = 4, K = 5, Values = Memory.At(logits), Ids = Memory.At(ids) };
        Assert.Throws<ArgumentException>(() => DecoderKernels.Top(top));
        Assert.Throws<ArgumentException>(() => DecoderKernels.Top(top with { K = 2, Columns = 9 }));
    }
}
