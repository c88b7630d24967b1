namespace Transformers.Tests.Decoding;

public class BlockTableTests
{
    [Fact]
    public void Rows_with_a_common_past_share_its_full_blocks_and_copy_the_one_they_write_to()
    {
        var table = new BlockTable(1);
        List<(int from, int to)> copies = [];
        Assert.True(table.Reserve(0, 0, 20, copies));
        Assert.Equal([0, 1], table[0]);
        table.Select([0, 0, 0]);
        for (var row = 0; row < 3; row++) table.Reserve(row, 20, 21, copies);
        // The last of the three has the block for itself by then.
        Assert.Equal([(1, 2), (1, 3)], copies);
        Assert.All(Enumerable.Range(0, 3), row => Assert.Equal(0, table[row][0]));
        Assert.Equal(3, Enumerable.Range(0, 3).Select(row => table[row][1]).Distinct().Count());
        Assert.Equal(4, table.InUse);
    }

    [Fact]
    public void At_a_blocks_border_nothing_is_copied()
    {
        var table = new BlockTable(1);
        List<(int from, int to)> copies = [];
        table.Reserve(0, 0, 16, copies);
        table.Select([0, 0]);
        Assert.True(table.Reserve(0, 16, 17, copies) & table.Reserve(1, 16, 17, copies));
        Assert.Empty(copies);
        Assert.Equal(3, table.InUse);
        Assert.False(table.Reserve(0, 17, 32, copies));
    }

    [Fact]
    public void Blocks_of_rows_that_are_dropped_are_used_again_and_never_one_that_is_held()
    {
        var random = new Random(3);
        var table = new BlockTable(4);
        List<int> lengths = [0, 0, 0, 0];
        var most = 0;
        for (var step = 0; step < 2_000; step++)
        {
            if (random.Next(4) == 0)
            {
                int[] chosen = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => random.Next(lengths.Count))];
                // Now and then everything is cleared; otherwise rows would only grow.
                table.Select(chosen);
                lengths = [.. chosen.Select(row => lengths[row])];
                if (lengths.Max() > 200)
                {
                    table.Select([]);
                    Assert.Equal(0, table.InUse);
                    return;
                }
            }
            List<(int from, int to)> copies = [];
            for (var row = 0; row < lengths.Count; row++)
            {
                var more = random.Next(0, 4);
                if (more == 0) continue;
                table.Reserve(row, lengths[row], lengths[row] + more, copies);
                lengths[row] += more;
                // What a row has just written to is its own.
                var last = table[row][(lengths[row] - 1) / BlockTable.Tokens];
                Assert.Equal(1, Enumerable.Range(0, lengths.Count).Sum(other => table[other].Count(block => block == last)));
            }
            most = Math.Max(most, table.InUse);
            Assert.Equal(most, table.Capacity);
        }
        Assert.Fail("no row became long: the test would not see blocks that are never freed");
    }
}
