namespace Transformers.Tests.Training;

public sealed class GradientLayoutTests
{
    // An embedding, three blocks of two parameters, a last norm.
    static readonly long[] Sizes = [1000, 100, 10, 100, 10, 100, 10, 7];
    static readonly int?[] Blocks = [null, 0, 0, 1, 1, 2, 2, null];

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 200)]
    [InlineData(4, 100_000)]
    public void Buckets_hold_every_parameter_once_and_divide_among_the_processes(int processes, long bucketNumbers)
    {
        var layout = new GradientLayout(Sizes, Blocks, processes, bucketNumbers);
        long next = 0;
        foreach (var bucket in layout.Buckets)
        {
            Assert.Equal(next, bucket.Start);
            Assert.Equal(0, bucket.Count % processes);
            next += bucket.Count;
        }
        Assert.Equal(layout.Total, next);
        var ranges = Sizes.Select((size, i) => (First: layout.Starts[i], End: layout.Starts[i] + size)).Order().ToList();
        Assert.All(ranges.Zip(ranges.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.First));
        Assert.All(ranges, range => Assert.Single(layout.Buckets, bucket => bucket.Start <= range.First && range.End <= bucket.Start + bucket.Count));
    }

    [Fact]
    public void The_last_block_goes_first_and_what_is_in_no_block_last()
    {
        var layout = new GradientLayout(Sizes, Blocks, 2, bucketNumbers: 1);
        Assert.Equal([2, 1, 0, null], layout.Buckets.Select(bucket => bucket.Border));
        Assert.True(layout.Starts[5] < layout.Starts[3] && layout.Starts[3] < layout.Starts[1] && layout.Starts[1] < layout.Starts[0]);
    }

    [Fact]
    public void Small_blocks_share_a_bucket_that_is_complete_with_the_earliest_of_them()
    {
        Assert.Equal([1, 0, null], new GradientLayout(Sizes, Blocks, 2, bucketNumbers: 150).Buckets.Select(bucket => bucket.Border));
        Assert.Equal([0, null], new GradientLayout(Sizes, Blocks, 2, bucketNumbers: 100_000).Buckets.Select(bucket => bucket.Border));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void The_pieces_of_all_processes_are_every_number_once(int processes)
    {
        var layout = new GradientLayout(Sizes, Blocks, processes, bucketNumbers: 150);
        var all = Enumerable.Range(0, processes).SelectMany(rank => layout.PiecesOf(rank, processes)).OrderBy(piece => (piece.Parameter, piece.Offset)).ToList();
        for (var i = 0; i < Sizes.Length; i++)
        {
            long next = 0;
            foreach (var piece in all.Where(piece => piece.Parameter == i))
            {
                Assert.Equal(next, piece.Offset);
                next += piece.Count;
            }
            Assert.Equal(Sizes[i], next);
        }
    }

    [Fact]
    public void A_process_updates_at_most_its_part_and_a_twentieth_of_a_model_of_some_size()
    {
        long[] sizes = [50_000, .. Enumerable.Repeat(12_345L, 40)];
        int?[] blocks = [null, .. Enumerable.Range(0, 40).Select(i => (int?)(i / 4))];
        var layout = new GradientLayout(sizes, blocks, 4, bucketNumbers: 100_000);
        Assert.All(Enumerable.Range(0, 4), rank => Assert.True(layout.PiecesOf(rank, 4).Sum(piece => piece.Count) <= sizes.Sum() * (0.25 + 0.05)));
    }
}
