using Transformers.Tests.Data.Text;

namespace Transformers.Tests.Data;

public class PrefetcherTests
{
    static RandomWindows Windows() => new(new TokensInMemory([[.. Enumerable.Range(0, 1000)]], 1000), 2, 8, seed: 4);

    [Fact]
    public void Batches_come_in_the_samplers_order_and_the_state_is_that_of_the_last_one_taken()
    {
        var plain = Windows();
        using var background = Prefetcher<TextBatch>.FromSampler(Windows(), ahead: 3);
        Assert.Equal(default, background.Position);
        for (var i = 0; i < 50; i++)
        {
            Text.SamplerTests.AssertSame(plain.Next(), background.Next());
            Assert.Equal(plain.State, background.Position);
        }
    }

    [Fact]
    public void Going_back_to_a_state_gives_the_same_batches_again()
    {
        using var background = Prefetcher<TextBatch>.FromSampler(Windows());
        for (var i = 0; i < 7; i++) background.Next();
        var state = background.Position;
        var first = Enumerable.Range(0, 9).Select(_ => background.Next()).ToList();
        background.Position = state;
        foreach (var batch in first) Text.SamplerTests.AssertSame(batch, background.Next());
        using var resumed = Prefetcher<TextBatch>.FromSampler(Windows());
        resumed.Position = state;
        foreach (var batch in first) Text.SamplerTests.AssertSame(batch, resumed.Next());
    }

    [Fact]
    public void No_more_is_made_ahead_than_was_asked_for()
    {
        var counting = new Counting();
        using (var background = Prefetcher<TextBatch>.FromSampler(counting, ahead: 2))
        {
            background.Next();
            background.Next();
            Assert.True(SpinWait.SpinUntil(() => counting.Made == 4, 10_000));
        }
        // The thread has ended, so nothing more can come.
        Assert.InRange(counting.Made, 4, 5);
    }

    [Fact]
    public void Waiting_is_measured_and_not_waiting_is_not()
    {
        var slow = new Counting();
        slow.Hold.Reset();
        using var background = Prefetcher<TextBatch>.FromSampler(slow, ahead: 1);
        var taker = new Thread(() => background.Next());
        taker.Start();
        // Only once it waits is the batch made.
        Assert.True(SpinWait.SpinUntil(() => taker.ThreadState.HasFlag(System.Threading.ThreadState.WaitSleepJoin), 10_000));
        slow.Hold.Set();
        taker.Join();
        var waited = background.Waited;
        Assert.True(waited > TimeSpan.Zero);
        Assert.True(SpinWait.SpinUntil(() => background.Ready == 1, 10_000));
        background.Next();
        Assert.Equal(waited, background.Waited);
    }

    [Fact]
    public void What_goes_wrong_on_the_thread_is_thrown_where_the_batch_is_taken_after_the_good_ones()
    {
        using var background = Prefetcher<TextBatch>.FromSampler(new Counting { FailAt = 3 }, ahead: 8);
        for (var i = 0; i < 3; i++) background.Next();
        Assert.Equal("damaged", Assert.Throws<UserException>(() => background.Next()).Message);
        Assert.Equal("damaged", Assert.Throws<UserException>(() => background.Next()).Message);
        Assert.Equal(3, background.Position.Batches);
    }

    [Fact]
    public void After_disposal_there_are_no_batches()
    {
        var background = Prefetcher<TextBatch>.FromSampler(Windows());
        background.Dispose();
        Assert.Throws<ObjectDisposedException>(() => background.Next());
    }

    [Fact]
    public void It_goes_on_at_the_exact_next_batch()
    {
        using var stream = new Prefetcher<DataPosition>(position => position, 3);
        for (var i = 0; i < 4; i++) stream.Next();
        var state = stream.Position.ToState();
        Assert.Equal(new DataPosition(1, 1, Batches: 4), stream.Next());
        stream.Position = DataPosition.FromState(state);
        Assert.Equal(new DataPosition(1, 1, Batches: 4), stream.Next());
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(0, -1)]
    [InlineData(-1, 0)]
    [InlineData(1L << 40, 0)]
    public void A_position_that_the_data_do_not_have_is_refused(long epoch, long batch)
    {
        using var stream = new Prefetcher<DataPosition>(position => position, 3);
        Assert.Throws<UserException>(() => stream.Position = DataPosition.FromState(new Dictionary<string, long> { ["epoch"] = epoch, ["batch"] = batch }));
        Assert.Equal(default, stream.Next());
    }

    [Theory]
    [InlineData("next", "epoch")]
    [InlineData("epoch", "next")]
    public void A_position_without_all_its_numbers_is_refused_with_the_one_that_is_missing(string number, string missing) =>
        Assert.Contains($"sampler has no {missing}", Assert.Throws<UserException>(() => DataPosition.FromState(new Dictionary<string, long> { [number] = 1 })).Message);

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(0, -1)]
    public void A_position_before_the_start_of_a_document_or_of_the_run_is_refused(long offset, long batches)
    {
        using var stream = new Prefetcher<DataPosition>(position => position, 3);
        Assert.Throws<UserException>(() => stream.Position = new DataPosition(0, 0, offset, batches));
    }

    [Fact]
    public void What_fails_ahead_is_thrown_where_its_batch_is_taken_and_not_at_the_end()
    {
        var stream = new Prefetcher<DataPosition>(position => position.Next == 1 ? throw new UserException("damaged") : position, 3);
        stream.Next();
        stream.Dispose();
        using var other = new Prefetcher<DataPosition>(position => position.Next == 1 ? throw new UserException("damaged") : position, 3);
        other.Next();
        Assert.Contains("damaged", Assert.Throws<UserException>(() => other.Next()).Message);
    }

    sealed class Counting : ITextSampler
    {
        public ManualResetEventSlim Hold { get; } = new(true);
        public int FailAt { get; init; } = int.MaxValue;
        public int Made;
        public DataPosition State { get; set; }
        public TextBatch Next()
        {
            Hold.Wait();
            if (Made == FailAt) throw new UserException("damaged");
            State = State with { Batches = ++Made };
            return new TextBatch(1, 1);
        }
    }
}
