using Transformers.Data;
using Transformers.IO;
using Transformers.Training;

namespace Transformers.Tests.Training;

public class BatchStreamTests
{
    static BatchPosition Next(BatchPosition position) => position.Batch < 2 ? position with { Batch = position.Batch + 1 } : new(position.Epoch + 1, 0);

    [Fact]
    public void It_goes_on_at_the_exact_next_batch()
    {
        using var stream = new BatchStream<BatchPosition>(position => position, Next, 3);
        for (var i = 0; i < 4; i++) stream.Next();
        var state = stream.State;
        Assert.Equal(new BatchPosition(1, 1), stream.Next());
        stream.State = state;
        Assert.Equal(new BatchPosition(1, 1), stream.Next());
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(0, -1)]
    [InlineData(-1, 0)]
    [InlineData(1L << 40, 0)]
    public void A_position_that_the_data_do_not_have_is_refused(long epoch, long batch)
    {
        using var stream = new BatchStream<BatchPosition>(position => position, Next, 3);
        Assert.Throws<UserException>(() => stream.State = new Dictionary<string, long> { ["epoch"] = epoch, ["batch"] = batch });
        Assert.Equal(new BatchPosition(0, 0), stream.Next());
    }

    [Fact]
    public void What_fails_ahead_is_thrown_where_its_batch_is_taken_and_not_at_the_end()
    {
        var stream = new BatchStream<BatchPosition>(position => position.Batch == 1 ? throw new UserException("damaged") : position, Next, 3);
        stream.Next();
        stream.Dispose();
        using var other = new BatchStream<BatchPosition>(position => position.Batch == 1 ? throw new UserException("damaged") : position, Next, 3);
        other.Next();
        Assert.Contains("damaged", Assert.Throws<UserException>(() => other.Next()).Message);
    }
}
