using FsCheck;
using FsCheck.Fluent;
using static TorchSharp.torch;

namespace Transformers.Tests.Decoding;

[Collection("engine")]
public class TopTokensTests
{
    [Fact]
    public void The_best_tokens_are_those_of_sorting_with_log_probabilities_of_all()
    {
        // Few different logits, so that many are equal.
        var cases = from columns in Gen.Choose(1, 90) from more in Gen.Choose(0, 20) from k in Gen.Choose(1, 90) from levels in Gen.Choose(1, 60) from seed in Gen.Choose(0, 1_000_000) select (columns, more, k: Math.Min(k, columns), levels, seed);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(200).WithReplay(2, 1), Prop.ForAll(cases.ToArbitrary(), one =>
        {
            var random = new System.Random(one.seed);
            const int rows = 3;
            var width = one.columns + one.more;
            float[] logits = [.. Enumerable.Range(0, rows * width).Select(_ => random.Next(one.levels) / 4f - 5)];
            long[] banned = [random.Next(one.columns)];
            using var input = tensor(logits, [rows, width]);
            var (found, tokens) = TopTokens.Of(input, one.columns, one.k, banned);
            for (var row = 0; row < rows; row++)
            {
                var own = logits.AsSpan(row * width, one.columns).ToArray();
                var normaliser = Math.Log(own.Sum(logit => Math.Exp(logit)));
                var order = Enumerable.Range(0, one.columns).Where(id => id != banned[0]).OrderByDescending(id => own[id]).ThenBy(id => id).Take(one.k).ToList();
                for (var n = 0; n < order.Count; n++)
                {
                    Assert.Equal(order[n], tokens[row * one.k + n]);
                    Assert.Equal(own[order[n]] - normaliser, found[row * one.k + n], 1e-5);
                }
                // Where fewer are left than asked for, the others are impossible.
                for (var n = order.Count; n < one.k; n++) Assert.Equal(float.NegativeInfinity, found[row * one.k + n]);
            }
        }));
    }
}
