using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Processes;

/// <summary>The processes that work together on one task, and how they exchange numbers.</summary>
/// <remarks>
/// Every method but <see cref="Abort"/> is collective: all processes call the same ones in the same order, with buffers of the same size.
/// On CPUs, sums are computed in rank order, so two runs with the same number of processes agree bit for bit.
/// </remarks>
public abstract class Communicator : IDisposable
{
    /// <summary>A single process, which exchanges nothing.</summary>
    public static Communicator Single { get; } = new SingleProcess();

    /// <summary>The rank of this process, from 0.</summary>
    public abstract int Rank { get; }

    /// <summary>The number of processes.</summary>
    public abstract int Size { get; }

    /// <summary>The local rank of this process: its rank among those on its machine, from 0.</summary>
    public abstract int LocalRank { get; }

    /// <summary>The number of processes on this machine.</summary>
    public abstract int LocalSize { get; }

    /// <summary>The transport's name and version, such as <c>Open MPI 4.1.4</c>.</summary>
    public abstract string Library { get; }

    /// <summary>Whether this process prints, and writes the run's files.</summary>
    public bool IsFirst => Rank == 0;

    /// <summary>Whether this is the only process.</summary>
    public bool IsAlone => Size == 1;

    /// <summary>Sums a tensor over all processes, in place.</summary>
    /// <param name="tensor">32 or 64 bits, or bfloat16; contiguous.</param>
    /// <exception cref="ProcessFailedException">Another process has failed.</exception>
    public abstract void AllReduce(Tensor tensor);

    /// <summary>Sums a tensor over all processes; each keeps one part of the sum, in place, and the rest of its tensor is undefined.</summary>
    /// <param name="tensor">As for <see cref="AllReduce(Tensor)"/>; its size is a multiple of the number of processes, and part r belongs to rank r.</param>
    /// <exception cref="ProcessFailedException">Another process has failed.</exception>
    public abstract void ReduceScatter(Tensor tensor);

    /// <summary>Gathers every process's part of a tensor on all of them, in place.</summary>
    /// <param name="tensor">As for <see cref="ReduceScatter"/>, of any type.</param>
    /// <exception cref="ProcessFailedException">Another process has failed.</exception>
    public abstract void AllGather(Tensor tensor);

    /// <summary>Broadcasts one process's tensor to all, in place.</summary>
    /// <param name="tensor">Of any type; contiguous.</param>
    /// <param name="root">The rank of the process that has it.</param>
    /// <exception cref="ProcessFailedException">Another process has failed.</exception>
    public abstract void Broadcast(Tensor tensor, int root = 0);

    /// <summary>Sums numbers over all processes, in place and in rank order.</summary>
    /// <exception cref="ProcessFailedException">Another process has failed.</exception>
    public abstract void AllReduce(Span<double> numbers);

    /// <summary>Broadcasts one process's bytes to all, in place.</summary>
    /// <exception cref="ProcessFailedException">Another process has failed.</exception>
    public abstract void Broadcast(Span<byte> bytes, int root = 0);

    /// <summary>Gathers every process's part of some bytes on all of them, in place; part r belongs to rank r.</summary>
    /// <exception cref="ProcessFailedException">Another process has failed.</exception>
    public abstract void AllGather(Span<byte> bytes);

    /// <summary>Waits until all processes have reached this point.</summary>
    /// <exception cref="ProcessFailedException">Another process has failed.</exception>
    public abstract void Barrier();

    /// <summary>Divides the processes into groups.</summary>
    /// <param name="color">Those with the same number make a group.</param>
    /// <param name="key">Determines the order of the ranks in it; ties keep their order.</param>
    /// <returns>This process's group.</returns>
    public abstract Communicator Split(int color, int key);

    /// <summary>Ends all processes, with this exit code if the launcher passes it on.</summary>
    public abstract void Abort(int code);

    /// <summary>Broadcasts an object of one process to all, as JSON.</summary>
    /// <param name="value">The object; other processes' are ignored.</param>
    /// <param name="root">The rank of the process that has it.</param>
    public T Broadcast<T>(T value, int root = 0)
    {
        if (IsAlone) return value;
        var bytes = Rank == root ? JsonSerializer.SerializeToUtf8Bytes(value, JsonStyle.Options) : [];
        Span<byte> length = stackalloc byte[sizeof(long)];
        MemoryMarshal.Write(length, (long)bytes.Length);
        Broadcast(length, root);
        if (Rank != root) bytes = new byte[MemoryMarshal.Read<long>(length)];
        Broadcast(bytes.AsSpan(), root);
        return Rank == root ? value : JsonSerializer.Deserialize<T>(bytes, JsonStyle.Options)!;
    }

    /// <summary>Gathers an object of every process on all of them, in rank order, as JSON.</summary>
    public T[] Collect<T>(T value)
    {
        if (IsAlone) return [value];
        var own = JsonSerializer.SerializeToUtf8Bytes(value, JsonStyle.Options);
        var lengths = new double[Size];
        lengths[Rank] = own.Length;
        AllReduce(lengths.AsSpan());
        var longest = (int)lengths.Max();
        var all = new byte[checked(longest * Size)];
        own.CopyTo(all, longest * Rank);
        AllGather(all.AsSpan());
        return [.. Enumerable.Range(0, Size).Select(rank => JsonSerializer.Deserialize<T>(all.AsSpan(longest * rank, (int)lengths[rank]), JsonStyle.Options)!)];
    }

    /// <summary>The rank of the first process whose value differs from process 0's; null if all have the same. Collective.</summary>
    public int? FindDifferent(string value)
    {
        var all = Collect(value);
        return Array.FindIndex(all, one => one != all[0]) is > 0 and var other ? other : null;
    }

    /// <summary>Divides work among the processes, item by item in turn.</summary>
    /// <param name="items">The same on every process.</param>
    /// <param name="work">Processes an item, in one of the processes.</param>
    /// <returns>The results of all, in order, on every process.</returns>
    public IEnumerable<TResult> Divide<T, TResult>(IEnumerable<T> items, Func<T, TResult> work)
    {
        if (IsAlone) return items.Select(work);
        TResult[] own = [.. items.Where((_, i) => i % Size == Rank).Select(work)];
        var all = Collect(own);
        return Enumerable.Range(0, all.Sum(part => part.Length)).Select(i => all[i % Size][i / Size]);
    }

    /// <summary>As <see cref="Divide{T, TResult}"/>, for a stream: returns results after each round, in which every process has processed
    /// one item.</summary>
    public IEnumerable<TResult> DivideStream<T, TResult>(IEnumerable<T> items, Func<T, TResult> work) =>
        IsAlone ? items.Select(work) : items.Chunk(Size).SelectMany(round => Divide(round, work));

    /// <summary>Runs an action in one process after another, so that later ones find on disk what an earlier one wrote: rank 0, then the
    /// first process of every other machine, then the rest.</summary>
    public T InTurns<T>(Func<T> make)
    {
        if (IsAlone) return make();
        var turn = IsFirst ? 0 : LocalRank == 0 ? 1 : 2;
        T? made = default;
        for (var now = 0; now <= 2; now++)
        {
            if (now == turn) made = make();
            if (now < 2) Barrier();
        }
        return made!;
    }

    /// <summary>This process's part of some rows, in order.</summary>
    /// <param name="rows">The total number of rows.</param>
    /// <returns>The first row and the number of rows, which may be 0.</returns>
    public (int First, int Count) PartOf(int rows)
    {
        var (first, end) = ((int)((long)rows * Rank / Size), (int)((long)rows * (Rank + 1) / Size));
        return (first, end - first);
    }

    /// <summary>Waits for the other processes and ends the connection.</summary>
    public abstract void Dispose();

    sealed class SingleProcess : Communicator
    {
        public override int Rank => 0;
        public override int Size => 1;
        public override int LocalRank => 0;
        public override int LocalSize => 1;
        public override string Library => "one process";
        public override void AllReduce(Tensor tensor) { }
        public override void ReduceScatter(Tensor tensor) { }
        public override void AllGather(Tensor tensor) { }
        public override void Broadcast(Tensor tensor, int root = 0) { }
        public override void AllReduce(Span<double> numbers) { }
        public override void Broadcast(Span<byte> bytes, int root = 0) { }
        public override void AllGather(Span<byte> bytes) { }
        public override void Barrier() { }
        public override Communicator Split(int color, int key) => this;
        public override void Abort(int code) => ProcessEnd.Now(code);
        public override void Dispose() { }
    }
}

/// <summary>Another process of the task has failed or does not respond: exit code 6.</summary>
/// <param name="message">Which one, and what is known about it.</param>
/// <param name="noticed">Whether this process noticed it itself, rather than being notified by another one.</param>
/// <param name="stopped">The signal that stopped the other process before training began, such as <c>sigterm</c>; null if it failed.</param>
public sealed class ProcessFailedException(string message, bool noticed = false, string? stopped = null) : Exception(message)
{
    /// <summary>The signal that stopped the other process before training began; null if it failed.</summary>
    public string? Stopped => stopped;

    /// <summary>Whether this process noticed it.</summary>
    public bool Noticed => noticed;
}
