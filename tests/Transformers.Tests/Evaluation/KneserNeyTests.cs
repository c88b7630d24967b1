using Transformers.IO;
using Transformers.Metrics;

namespace Transformers.Tests.Evaluation;

public class KneserNeyTests
{
    static int[] Text(int length, int vocabulary, ulong seed)
    {
        // Tokens that depend on the two before, so that every order has something to say.
        var random = new CounterRandom(seed, 0);
        var text = new int[length];
        for (var i = 0; i < length; i++)
            text[i] = i >= 2 && random.Next(3) > 0 ? (text[i - 1] * 3 + text[i - 2]) % vocabulary : random.Next(vocabulary);
        return text;
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(5)]
    public void The_probabilities_of_all_tokens_add_up_to_one_after_every_context(int order)
    {
        var model = new KneserNey(12, order);
        model.Add(Text(2_000, 10, 1));
        var reader = model.Read();
        foreach (var token in Text(50, 12, 2))
        {
            Assert.Equal(1, Enumerable.Range(0, 12).Sum(reader.Probability), 1e-9);
            Assert.All(Enumerable.Range(0, 12), t => Assert.True(reader.Probability(t) > 0));
            reader.Next(token);
        }
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(4)]
    public void Probabilities_are_those_of_the_formula_computed_from_counted_strings(int order)
    {
        var (train, test) = (Text(800, 6, 3), Text(60, 6, 4));
        var model = new KneserNey(6, order);
        model.Add(train.AsSpan(0, 300));
        model.Add(train.AsSpan(300));
        var reference = new ByStrings(train, 6, order);
        var reader = model.Read();
        for (var i = 0; i < test.Length; i++)
        {
            var context = test[Math.Max(0, i - order + 1)..i];
            for (var t = 0; t < 6; t++) Assert.Equal(reference.Probability(context, t), reader.Probability(t), 1e-9);
            reader.Next(test[i]);
        }
        Assert.Equal(test.Select((t, i) => -Math.Log(reference.Probability(test[Math.Max(0, i - order + 1)..i], t))).Average(), model.MeanLoss(test), 1e-9);
    }

    [Fact]
    public void More_context_helps_where_the_text_has_it()
    {
        var losses = new[] { 1, 2, 3 }.Select(order =>
        {
            var model = new KneserNey(10, order);
            model.Add(Text(20_000, 10, 5));
            return model.MeanLoss(Text(2_000, 10, 6));
        }).ToArray();
        // One token before says nothing, two say nearly all.
        Assert.True(losses[0] > losses[2] + 0.9 && losses[1] > losses[2] + 0.9, string.Join(' ', losses));
    }

    [Fact]
    public void Wrong_uses_are_refused()
    {
        var model = new KneserNey(4);
        Assert.Throws<InvalidOperationException>(() => model.MeanLoss([1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Add([4]));
        model.Add([1, 2, 3]);
        Assert.Throws<ArgumentException>(() => model.MeanLoss([]));
        model.MeanLoss([1]);
        Assert.Throws<InvalidOperationException>(() => model.Add([1]));
    }

    // Chen and Goodman's equations on dictionaries of strings.
    sealed class ByStrings
    {
        readonly Dictionary<string, int>[] counts;      // By order: adjusted counts of n-grams.
        readonly double[][] discounts;
        readonly int vocabulary;

        public ByStrings(int[] train, int vocabulary, int order)
        {
            this.vocabulary = vocabulary;
            counts = new Dictionary<string, int>[order + 1];
            for (var n = 1; n <= order; n++)
            {
                // The highest order counts occurrences; a lower one counts the different n-grams of the next order that end in it.
                var grams = Enumerable.Range(0, train.Length - n + 1).Select(i => Key(train[i..(i + n)]));
                counts[n] = n == order ? grams.CountBy(g => g).ToDictionary()
                    : Enumerable.Range(0, train.Length - n).Select(i => Key(train[i..(i + n + 1)])).Distinct().CountBy(g => g[(g.IndexOf(' ') + 1)..]).ToDictionary();
            }
            discounts = [.. counts.Select(c =>
            {
                if (c is null) return [];
                double N(int k) => c.Values.Count(v => v == k);
                var y = N(1) == 0 || N(2) == 0 ? 0.5 : N(1) / (N(1) + 2 * N(2));
                return new[] { 1, 2, 3 }.Select(k => N(k) == 0 || k - (k + 1) * y * N(k + 1) / N(k) is <= 0 ? y : k - (k + 1) * y * N(k + 1) / N(k)).Prepend(0).ToArray();
            })];
        }

        public double Probability(int[] context, int token)
        {
            var n = context.Length + 1;
            var lower = context.Length == 0 ? 1.0 / vocabulary : Probability(context[1..], token);
            var following = Enumerable.Range(0, vocabulary).Select(t => counts[n].GetValueOrDefault(Key([.. context, t]))).ToArray();
            var total = following.Sum();
            if (total == 0) return lower;
            double D(int count) => discounts[n][Math.Min(count, 3)];
            return (following[token] - D(following[token]) + following.Sum(D) * lower) / total;
        }

        static string Key(int[] tokens) => string.Join(' ', tokens);
    }
}
