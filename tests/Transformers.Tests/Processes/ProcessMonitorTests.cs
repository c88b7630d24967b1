using static TorchSharp.torch;

namespace Transformers.Tests.Processes;

/// <summary>Monitors whose processes are threads; the tests of the program have real processes, which are killed.</summary>
public sealed class ProcessMonitorTests
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    // What each rank's work returns or throws.
    static object?[] Together(int size, Func<Communicator, object?> work, int? astray = null)
    {
        using var meeting = new Barrier(size);
        var shared = new byte[size][];
        var results = new object?[size];
        var threads = Enumerable.Range(0, size).Select(rank => new Thread(() =>
        {
            try
            {
                results[rank] = work(new Ranks(rank, size, meeting, shared, rank == astray));
            }
            catch (Exception exception)
            {
                results[rank] = exception;
            }
        })).ToList();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) Assert.True(thread.Join(Patience), "the processes wait for each other");
        return results;
    }

    [Fact]
    public void A_process_that_cannot_connect_is_named_to_all()
    {
        var results = Together(3, processes =>
        {
            using var monitor = new ProcessMonitor(processes, Patience, _ => { });
            return null;
        }, astray: 2);
        foreach (var result in results)
        {
            var failure = Assert.IsType<ProcessFailedException>(result);
            Assert.Matches(@"^process 2 \(pid \d+ on .+\) does not reach process 0 \(pid \d+ on .+\) at .+, port 1: a firewall may block it$", failure.Message);
        }
        Assert.Equal([true, false, false], results.Select(result => ((ProcessFailedException)result!).Noticed));
    }

    [Fact]
    public void An_error_of_one_process_is_reported_by_the_first_before_its_exchanges_end()
    {
        var order = new List<string>();
        var results = Together(3, processes =>
        {
            ProcessMonitor? own = null;
            using var monitor = own = new ProcessMonitor(processes, Patience, failure =>
            {
                if (!processes.IsFirst) return;
                // A process whose exchanges end now could end before it has reported why.
                SpinWait.SpinUntil(() => own is not null, Patience);
                order.Add(own!.Failure is null ? "reported" : "too late");
            });
            processes.Barrier();
            if (processes.Rank == 1) monitor.Report("the disk\nis full");
            else Assert.True(SpinWait.SpinUntil(() => monitor.Failure is not null, Patience));
            processes.Barrier();
            return monitor.Failure?.Message;
        });
        Assert.Equal(["reported"], order);
        Assert.Matches(@"^process 1 \(pid \d+ on .+\) has ended: the disk is full$", results[0] as string ?? $"{results[0]}");
        Assert.Null(results[1]);
        Assert.Equal(results[0], results[2]);
    }

    // Exchanges through memory. One rank may read a wrong port from what the first one sends.
    sealed class Ranks(int rank, int size, Barrier meeting, byte[][] shared, bool isAstray) : Communicator
    {
        public override int Rank => rank;
        public override int Size => size;
        public override int LocalRank => rank;
        public override int LocalSize => size;
        public override string Library => "threads";

        public override void Broadcast(Span<byte> bytes, int root = 0)
        {
            var all = Exchange(bytes);
            all[root].CopyTo(bytes);
            if (!isAstray || Encoding.UTF8.GetString(bytes) is not { } text || text.IndexOf("\"port\":", StringComparison.Ordinal) is not (>= 0 and var found)) return;
            var from = found + "\"port\":".Length;
            var digits = text[from..].IndexOfAny([',', '}']);
            Encoding.UTF8.GetBytes("1".PadLeft(digits)).CopyTo(bytes[from..]);
        }

        public override void AllGather(Span<byte> bytes)
        {
            var part = bytes.Length / size;
            var all = Exchange(bytes.Slice(rank * part, part));
            for (var from = 0; from < size; from++) all[from].CopyTo(bytes[(from * part)..]);
        }

        public override void AllReduce(Span<double> numbers)
        {
            var all = Exchange(System.Runtime.InteropServices.MemoryMarshal.AsBytes(numbers));
            numbers.Clear();
            foreach (var one in all)
                for (var i = 0; i < numbers.Length; i++) numbers[i] += BitConverter.ToDouble(one, i * sizeof(double));
        }

        byte[][] Exchange(ReadOnlySpan<byte> own)
        {
            shared[rank] = own.ToArray();
            meeting.SignalAndWait();
            byte[][] all = [.. shared];
            meeting.SignalAndWait();
            return all;
        }

        public override void Barrier() => meeting.SignalAndWait();
        public override void AllReduce(Tensor tensor) => throw new NotSupportedException();
        public override void ReduceScatter(Tensor tensor) => throw new NotSupportedException();
        public override void AllGather(Tensor tensor) => throw new NotSupportedException();
        public override void Broadcast(Tensor tensor, int root = 0) => throw new NotSupportedException();
        public override Communicator Split(int color, int key) => throw new NotSupportedException();
        public override void Abort(int code) => throw new NotSupportedException();
        public override void Dispose() { }
    }
}
