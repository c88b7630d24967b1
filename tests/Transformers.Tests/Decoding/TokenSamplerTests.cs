namespace Transformers.Tests.Decoding;

public class TokenSamplerTests
{
    static readonly float[] Logits = [0f, 2f, 1f, -1f, 1.5f, float.NegativeInfinity];

    static Dictionary<int, double> Frequencies(GenerationOptions options, int draws = 20_000)
    {
        var sampler = new TokenSampler(options);
        var counts = new Dictionary<int, double>();
        for (var i = 0; i < draws; i++)
        {
            var (id, _) = sampler.Choose([.. Logits], []);
            counts[id] = counts.GetValueOrDefault(id) + 1.0 / draws;
        }
        return counts;
    }

    static double[] Softmax(double temperature)
    {
        var weights = Logits.Select(logit => Math.Exp(logit / temperature)).ToArray();
        return [.. weights.Select(weight => weight / weights.Sum())];
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0.5)]
    [InlineData(2)]
    public void Tokens_are_drawn_as_often_as_the_distribution_says(double temperature)
    {
        var expected = Softmax(temperature);
        var found = Frequencies(new GenerationOptions { Temperature = temperature });
        for (var id = 0; id < Logits.Length; id++) Assert.Equal(expected[id], found.GetValueOrDefault(id), 0.015);
    }

    [Fact]
    public void The_lowest_and_the_highest_temperatures_are_the_most_probable_token_and_all_that_are_possible()
    {
        Assert.Equal([1], Frequencies(new GenerationOptions { Temperature = 1e-300 }, 100).Keys.Order());
        Assert.Equal([0, 1, 2, 3, 4], Frequencies(new GenerationOptions { Temperature = 1e300 }, 500).Keys.Order());
    }

    [Fact]
    public void Top_k_keeps_the_k_most_probable() => Assert.Equal([1, 4], Frequencies(new GenerationOptions { TopK = 2 }, 500).Keys.Order());

    [Fact]
    public void Top_p_keeps_the_fewest_that_reach_the_mass()
    {
        var p = Softmax(1);
        Assert.Equal([1], Frequencies(new GenerationOptions { TopP = p[1] - 0.01 }, 500).Keys.Order());
        Assert.Equal([1, 4], Frequencies(new GenerationOptions { TopP = p[1] + 0.01 }, 500).Keys.Order());
        Assert.Equal([1, 2, 4], Frequencies(new GenerationOptions { TopP = p[1] + p[4] + 0.01 }, 500).Keys.Order());
    }

    [Fact]
    public void Min_p_keeps_those_near_the_most_probable() =>
        Assert.Equal([1, 2, 4], Frequencies(new GenerationOptions { MinP = Math.Exp(-1.01) }, 500).Keys.Order());

    [Fact]
    public void Greedy_takes_the_most_probable_token_and_returns_its_log_probability()
    {
        var (id, logProbability) = new TokenSampler(new GenerationOptions { Greedy = true }).Choose([.. Logits], []);
        Assert.Equal(1, id);
        Assert.Equal(Math.Log(Softmax(1)[1]), logProbability, 1e-6);
    }

    [Fact]
    public void The_repetition_penalty_lowers_what_was_seen()
    {
        var (id, _) = new TokenSampler(new GenerationOptions { Greedy = true, RepetitionPenalty = 2 }).Choose([.. Logits], [1, 1]);
        Assert.Equal(4, id);
    }

    [Fact]
    public void The_kth_largest_is_that_of_the_sorted_numbers()
    {
        var random = new Random(4);
        for (var round = 0; round < 200; round++)
        {
            var numbers = Enumerable.Range(0, random.Next(1, 60)).Select(_ => (float)random.Next(20)).ToArray();
            var k = random.Next(1, numbers.Length + 1);
            Assert.Equal(numbers.OrderDescending().ElementAt(k - 1), TokenSampler.LargestOf(numbers, k, new float[numbers.Length]));
        }
    }

    [Fact]
    public void The_nucleus_is_that_of_the_sorted_weights()
    {
        var random = new Random(5);
        for (var round = 0; round < 2_000; round++)
        {
            // Whole numbers: their sums are exact, so a sum that only just suffices does so in any order.
            var weights = Enumerable.Range(0, random.Next(1, 60)).Select(_ => (float)random.Next(1, 12)).ToArray();
            var needed = random.Next(1, (int)weights.Sum() + 1);
            var sorted = weights.OrderDescending().ToList();
            var count = 1;
            while (sorted.Take(count).Sum() < needed) count++;
            var (floor, equal) = TokenSampler.Cut([.. weights], needed);
            Assert.Equal(sorted[count - 1], floor);
            Assert.Equal(count, weights.Count(weight => weight > floor) + equal);
        }
    }

    [Fact]
    public void Filters_together_draw_from_what_all_of_them_keep()
    {
        var random = new Random(6);
        for (var round = 0; round < 300; round++)
        {
            var logits = Enumerable.Range(0, random.Next(2, 80)).Select(_ => (float)random.Next(-8, 9) / 2).ToArray();
            var options = new GenerationOptions { TopK = random.Next(1, 40), TopP = 0.05 + 0.9 * random.NextDouble(), MinP = 0.2 * random.NextDouble(), Temperature = 0.5 + random.NextDouble(), Seed = (ulong)round };
            var order = Enumerable.Range(0, logits.Length).OrderByDescending(id => logits[id]).ThenBy(id => id).Take(options.TopK!.Value)
                .Where(id => logits[id] - logits.Max() >= options.Temperature * Math.Log(options.MinP!.Value) - 1e-6).ToList();
            double Weight(int id) => Math.Exp((logits[id] - logits.Max()) / options.Temperature);
            var total = order.Sum(Weight);
            double sum = 0;
            var nucleus = order.TakeWhile(id => (sum += Weight(id)) - Weight(id) < options.TopP * total + 1e-6).ToHashSet();
            var sampler = new TokenSampler(options);
            for (var draw = 0; draw < 30; draw++) Assert.Contains(sampler.Choose([.. logits], []).id, nucleus);
        }
    }
}
