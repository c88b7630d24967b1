using Transformers.Data.Batches;
using Transformers.Data.Text;
using Transformers.IO;

namespace Transformers.Tests.Data.Batches;

public class BackgroundBatchesTests
{
    static RandomWindows Windows() => new(TokenSequence.Of([[.. Enumerable.Range(0, 1000)]], 1000), 2, 8, seed: 4);

    [Fact]
    public void Batches_come_in_the_samplers_order_and_the_state_is_that_of_the_last_one_taken()
    {
        var plain = Windows();
        using var background = new BackgroundBatches(Windows(), ahead: 3);
        Assert.Equal(default, background.State);
        for (var i = 0; i < 50; i++)
        {
            SamplerTests.AssertSame(plain.Next(), background.Next());
            Assert.Equal(plain.State, background.State);
        }
    }

    [Fact]
    public void Going_back_to_a_state_gives_the_same_batches_again()
    {
        using var background = new BackgroundBatches(Windows());
        for (var i = 0; i < 7; i++) background.Next();
        var state = background.State;
        var first = Enumerable.Range(0, 9).Select(_ => background.Next()).ToList();
        background.State = state;
        foreach (var batch in first) SamplerTests.AssertSame(batch, background.Next());
        using var resumed = new BackgroundBatches(Windows()) { State = state };
        foreach (var batch in first) SamplerTests.AssertSame(batch, resumed.Next());
    }

    [Fact]
    public void No_more_is_made_ahead_than_was_asked_for()
    {
        var counting = new Counting();
        using (var background = new BackgroundBatches(counting, ahead: 2))
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
        using var background = new BackgroundBatches(slow, ahead: 1);
        var taker = new Thread(() => background.Next());
        taker.Start();
        // Only once it waits is the batch made.
        Assert.True(SpinWait.SpinUntil(() => taker.ThreadState.HasFlag(ThreadState.WaitSleepJoin), 10_000));
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
        using var background = new BackgroundBatches(new Counting { FailAt = 3 }, ahead: 8);
        for (var i = 0; i < 3; i++) background.Next();
        Assert.Equal("damaged", Assert.Throws<UserException>(() => background.Next()).Message);
        Assert.Equal("damaged", Assert.Throws<UserException>(() => background.Next()).Message);
        Assert.Equal(3, background.State.Batches);
    }

    [Fact]
    public void After_disposal_there_are_no_batches()
    {
        var background = new BackgroundBatches(Windows());
        background.Dispose();
        Assert.Throws<ObjectDisposedException>(() => background.Next());
    }

    sealed class Counting : ITextSampler
    {
        public ManualResetEventSlim Hold { get; } = new(true);
        public int FailAt { get; init; } = int.MaxValue;
        public int Made;
        public SamplerState State { get; set; }
        public TextBatch Next()
        {
            Hold.Wait();
            if (Made == FailAt) throw new UserException("damaged");
            State = new(++Made);
            return new TextBatch(1, 1);
        }
    }
}
