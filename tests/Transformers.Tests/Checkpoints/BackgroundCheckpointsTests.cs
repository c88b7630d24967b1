namespace Transformers.Tests.Checkpoints;

public class BackgroundCheckpointsTests : TempFolderTest
{
    static readonly CheckpointPolicy Policy = new(5);

    static CheckpointContents Contents(long step, Action<Stream>? write = null) => new CheckpointContents(step).Add("x", write ?? (s => s.WriteByte(1)));

    [Fact]
    public void A_save_is_written_on_another_thread_while_the_caller_goes_on()
    {
        var store = new CheckpointStore(folder.FullPath);
        using var saver = new BackgroundCheckpoints(store, Policy);
        using var mayWrite = new ManualResetEventSlim();
        var thread = 0;
        saver.Begin(Contents(1, s =>
        {
            mayWrite.Wait();
            thread = Environment.CurrentManagedThreadId;
            s.WriteByte(1);
        }));
        Assert.True(saver.Busy);
        Assert.Null(store.FindNewestIntact(out _));
        saver.ThrowIfFailed();
        mayWrite.Set();
        saver.Wait();
        Assert.False(saver.Busy);
        Assert.NotEqual(Environment.CurrentManagedThreadId, thread);
        Assert.Equal(1, saver.TakeReport()!.Checkpoint.Step);
        Assert.Null(saver.TakeReport());
        Assert.Equal(1, store.FindNewestIntact(out _)!.Step);
    }

    [Fact]
    public void At_most_one_save_is_in_flight()
    {
        using var saver = new BackgroundCheckpoints(new(folder.FullPath), Policy);
        int now = 0, most = 0;
        for (var step = 1; step <= 5; step++)
            saver.Begin(Contents(step, s =>
            {
                most = Math.Max(most, Interlocked.Increment(ref now));
                s.Write(new byte[1 << 20]);
                Interlocked.Decrement(ref now);
            }));
        saver.SaveNow(Contents(6));
        Assert.Equal(1, most);
        Assert.Equal([6L, 5, 4, 3, 2], new CheckpointStore(folder.FullPath).Steps());
    }

    [Fact]
    public void A_snapshot_that_is_not_begun_is_let_go_of()
    {
        using var saver = new BackgroundCheckpoints(new(folder.FullPath), Policy);
        saver.Begin(Contents(1, _ => throw new IOException("No space left on device")));
        var memory = new Memory();
        Assert.Throws<CheckpointException>(() => saver.Begin(Contents(2).Own(memory)));
        Assert.Equal(1, memory.Disposed);
    }

    sealed class Memory : IDisposable
    {
        internal int Disposed { get; private set; }
        public void Dispose() => Disposed++;
    }

    [Theory]
    [InlineData("poll")]
    [InlineData("begin")]
    [InlineData("wait")]
    [InlineData("now")]
    public void A_failure_surfaces_at_the_next_call_and_only_once(string call)
    {
        var store = new CheckpointStore(folder.FullPath);
        using var saver = new BackgroundCheckpoints(store, Policy);
        saver.SaveNow(Contents(1));
        saver.Begin(Contents(2, _ => throw new IOException("No space left on device")));
        SpinWait.SpinUntil(() => !saver.Busy);
        Action next = call switch
        {
            "poll" => saver.ThrowIfFailed,
            "begin" => () => saver.Begin(Contents(3)),
            "wait" => saver.Wait,
            _ => () => saver.SaveNow(Contents(3)),
        };
        Assert.Contains("No space left", Assert.Throws<CheckpointException>(next).Message);
        saver.Wait();
        Assert.Equal([1L], store.Steps());
        saver.Begin(Contents(4));
        saver.Wait();
        Assert.Equal([4L, 1], store.Steps());
    }

    [Fact]
    public void Closing_waits_for_the_save_in_flight()
    {
        var store = new CheckpointStore(folder.FullPath);
        using (var saver = new BackgroundCheckpoints(store, Policy)) saver.Begin(Contents(1, s => s.Write(new byte[5 << 20])));
        Assert.Equal(1, store.FindNewestIntact(out _)!.Step);
    }
}
