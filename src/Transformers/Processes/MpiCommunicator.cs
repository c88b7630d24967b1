using TorchSharp;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Processes;

/// <summary>Processes that exchange numbers through MPI, in CPU memory.</summary>
/// <remarks>
/// A sum is an exchange of parts (each process receives its part of all buffers), an addition in rank order, and an exchange of
/// the sums. That sends as many bytes as a ring does, and the two halves are what a sharded optimizer needs. Operations are started and then
/// polled, so that waiting takes little time from a core that others compute on, and ends if another process has failed.
/// </remarks>
public sealed unsafe class MpiCommunicator : Communicator
{
    /// <summary>The default maximum number of bytes per exchange: MPI counts in 31 bits, and the receive buffers stay small.</summary>
    public const int DefaultPieceBytes = 32 << 20;

    // Below this size, a sum is a single exchange of whole buffers.
    const int SmallBytes = 64 << 10;

    readonly MpiLibrary library;
    readonly nint group;
    readonly bool owns;
    readonly int pieceBytes;
    readonly Staging received = new(), sent = new();
    readonly Func<ProcessFailedException?> failure;

    /// <summary>Starts the library and joins the processes of its launcher.</summary>
    /// <param name="library">The library.</param>
    /// <param name="pieceBytes">The maximum number of bytes per exchange.</param>
    public MpiCommunicator(MpiLibrary library, int pieceBytes = DefaultPieceBytes)
    {
        library.Start();
        (this.library, group, owns, this.pieceBytes) = (library, library.World, true, pieceBytes);
        failure = () => Failure?.Invoke();
        (Rank, Size) = library.PositionIn(group);
        (LocalRank, LocalSize) = library.PositionIn(library.SplitByMachine(group, Rank));
    }

    MpiCommunicator(MpiCommunicator parent, nint group)
    {
        (library, this.group, pieceBytes) = (parent.library, group, parent.pieceBytes);
        failure = parent.failure;
        (Rank, Size) = library.PositionIn(group);
        (LocalRank, LocalSize) = library.PositionIn(library.SplitByMachine(group, Rank));
    }

    /// <inheritdoc/>
    public override int Rank { get; }
    /// <inheritdoc/>
    public override int Size { get; }
    /// <inheritdoc/>
    public override int LocalRank { get; }
    /// <inheritdoc/>
    public override int LocalSize { get; }
    /// <inheritdoc/>
    public override string Library => library.Version;

    /// <summary>Polled while waiting: the failure of another process; null for none.</summary>
    public Func<ProcessFailedException?>? Failure { get; set; }

    /// <inheritdoc/>
    public override void AllReduce(Tensor tensor)
    {
        AllReduce(AddressOf(tensor), tensor.numel(), tensor.dtype);
        GC.KeepAlive(tensor);
    }

    /// <inheritdoc/>
    public override void ReduceScatter(Tensor tensor)
    {
        ReduceScatter(AddressOf(tensor), tensor.numel(), tensor.dtype);
        GC.KeepAlive(tensor);
    }

    /// <inheritdoc/>
    public override void AllGather(Tensor tensor)
    {
        AllGather(AddressOf(tensor), tensor.numel() * tensor.element_size());
        GC.KeepAlive(tensor);
    }

    /// <inheritdoc/>
    public override void Broadcast(Tensor tensor, int root = 0)
    {
        Broadcast(AddressOf(tensor), tensor.numel() * tensor.element_size(), root);
        GC.KeepAlive(tensor);
    }

    /// <inheritdoc/>
    public override void AllReduce(Span<double> numbers)
    {
        fixed (double* data = numbers) AllReduce((byte*)data, numbers.Length, ScalarType.Float64);
    }

    /// <inheritdoc/>
    public override void Broadcast(Span<byte> bytes, int root = 0)
    {
        fixed (byte* data = bytes) Broadcast(data, bytes.Length, root);
    }

    /// <inheritdoc/>
    public override void AllGather(Span<byte> bytes)
    {
        fixed (byte* data = bytes) AllGather(data, bytes.Length);
    }

    /// <inheritdoc/>
    public override void Barrier() => Complete(library.StartBarrier(group));

    /// <inheritdoc/>
    public override Communicator Split(int color, int key) => new MpiCommunicator(this, library.Split(group, color, key));

    /// <inheritdoc/>
    public override void Abort(int code) => library.Abort(group, code);

    static byte* AddressOf(Tensor tensor)
    {
        if (tensor.device_type != DeviceType.CPU) throw new ArgumentException($"MPI was given a tensor on {tensor.device}");
        if (!tensor.is_contiguous()) throw new ArgumentException($"MPI was given a tensor [{string.Join(", ", tensor.shape)}] with gaps");
        return (byte*)Dispatcher.DataPointer(tensor);
    }

    void AllReduce(byte* data, long count, ScalarType type)
    {
        var width = OrderedSum.SizeOf(type);
        // The remainder of the division by the processes is small.
        var even = count * width <= SmallBytes ? 0 : count / Size * Size;
        if (even > 0)
        {
            ReduceScatter(data, even, type);
            AllGather(data, even * width);
        }
        var most = Math.Max(1, Math.Min(SmallBytes, pieceBytes) / width);
        for (var first = even; first < count; first += most)
        {
            var some = (int)Math.Min(most, count - first);
            var all = received.Take((long)some * width * Size);
            Complete(library.StartAllGather(data + first * width, all, some * width, group));
            OrderedSum.Add(all, Size, some, type, data + first * width);
        }
    }

    void ReduceScatter(byte* data, long count, ScalarType type)
    {
        var width = OrderedSum.SizeOf(type);
        var part = PartOf(count);
        var most = Math.Max(1, pieceBytes / width / Size);
        for (long first = 0; first < part; first += most)
        {
            var some = (int)Math.Min(most, part - first);
            var bytes = some * width;
            var send = data;
            if (some < part)
            {
                // A piece of every part, one after the other.
                send = sent.Take((long)bytes * Size);
                for (var to = 0; to < Size; to++) Copy(data + (to * part + first) * width, send + (long)to * bytes, bytes);
            }
            var all = received.Take((long)bytes * Size);
            Complete(library.StartAllToAll(send, all, bytes, group));
            OrderedSum.Add(all, Size, some, type, data + (Rank * part + first) * width);
        }
    }

    void AllGather(byte* data, long bytes)
    {
        var part = PartOf(bytes);
        var most = Math.Max(1, pieceBytes / Size);
        if (part <= most)
        {
            Complete(library.StartAllGather((byte*)library.InPlace, data, (int)part, group));
            return;
        }
        for (long first = 0; first < part; first += most)
        {
            var some = (int)Math.Min(most, part - first);
            var all = received.Take((long)some * Size);
            Complete(library.StartAllGather(data + Rank * part + first, all, some, group));
            for (var from = 0; from < Size; from++)
                if (from != Rank) Copy(all + (long)from * some, data + from * part + first, some);
        }
    }

    void Broadcast(byte* data, long bytes, int root)
    {
        for (long first = 0; first < bytes; first += pieceBytes)
            Complete(library.StartBroadcast(data + first, (int)Math.Min(pieceBytes, bytes - first), root, group));
    }

    long PartOf(long count) => count % Size == 0 ? count / Size : throw new ArgumentException($"{count} cannot be divided evenly among {Size} processes");

    static void Copy(byte* from, byte* to, int bytes) => new ReadOnlySpan<byte>(from, bytes).CopyTo(new Span<byte>(to, bytes));

    const int SettlingMilliseconds = 50;

    // A message usually takes a few microseconds; after that, the core is more useful to others.
    void Complete(nint request)
    {
        const int busy = 50, yielding = 500;
        for (var asked = 0; !library.IsDone(ref request); asked++)
        {
            if (asked < busy) continue;
            if (failure() is { } gone)
            {
                // All parts of this exchange may be here already.
                for (var more = 0; more < busy; more++)
                    if (library.IsDone(ref request)) return;
                throw gone;
            }
            if (asked < yielding) Thread.Yield();
            else BriefSleep.Of(microseconds: asked < 10 * yielding ? 50 : 1000);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        received.Dispose();
        sent.Dispose();
        if (!owns) return;
        // Waits for the others without occupying a core, since the library would spin.
        Barrier();
        // MPICH over TCP: a process in MPI_Finalize may still need an answer of another one, which does not give it once it has closed its
        // own connections, and neither ends. After a pause and a second barrier, what was on its way has arrived.
        Thread.Sleep(SettlingMilliseconds);
        Barrier();
        library.Finish();
    }
}

/// <summary>Sleeps for less than a millisecond, the resolution of .NET's own timers.</summary>
static partial class BriefSleep
{
    internal static void Of(int microseconds)
    {
        if (!OperatingSystem.IsLinux())
        {
            Thread.Sleep(1);
            return;
        }
        var time = new Time { Seconds = 0, Nanoseconds = 1000 * microseconds };
        nanosleep(time, 0);
    }

    [StructLayout(LayoutKind.Sequential)]
    struct Time
    {
        internal nint Seconds;
        internal nint Nanoseconds;
    }

    [LibraryImport("libc")]
    private static partial int nanosleep(in Time time, nint left);
}
