namespace Transformers.Tests.Data;

public class CounterRandomTests
{
    [Fact]
    public void Any_place_of_the_stream_is_reached_by_its_counter()
    {
        var random = new CounterRandom(1, 2);
        var first = Enumerable.Range(0, 100).Select(_ => random.NextUInt64()).ToArray();
        random.Counter = 41;
        Assert.Equal(first[41], random.NextUInt64());
        Assert.Equal(100, first.Distinct().Count());
        Assert.NotEqual(first[0], new CounterRandom(1, 3).NextUInt64());
        Assert.NotEqual(first[0], new CounterRandom(2, 2).NextUInt64());
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(7), InlineData(1000)]
    public void Numbers_below_a_bound_are_all_drawn_about_equally_often(int bound)
    {
        var random = new CounterRandom(5, 0);
        var counts = new int[bound];
        for (var i = 0; i < 200 * bound; i++) counts[random.Next(bound)]++;
        Assert.All(counts, c => Assert.InRange(c, 120, 280));
    }

    [Fact]
    public void Fractions_fill_the_unit_interval_evenly()
    {
        var random = new CounterRandom(5, 0);
        var draws = Enumerable.Range(0, 20_000).Select(_ => random.NextDouble()).ToArray();
        Assert.All(draws, d => Assert.InRange(d, 0, 1 - 1e-16));
        Assert.InRange(draws.Average(), 0.49, 0.51);
        Assert.InRange(draws.Count(d => d < 0.1), 1_800, 2_200);
    }
}
