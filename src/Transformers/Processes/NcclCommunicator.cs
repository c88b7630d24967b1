using TorchSharp;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Processes;

/// <summary>Processes with one CUDA device each: tensors on devices are exchanged through NCCL, everything else through MPI.</summary>
/// <remarks>
/// Operations are queued on the device's default stream, after the computation of their inputs. NCCL chooses the order of its sums;
/// it is the same for two runs on the same machines.
/// </remarks>
public sealed class NcclCommunicator : Communicator
{
    const nint DefaultStream = 0;

    readonly Communicator host;
    readonly NcclLibrary library;
    readonly nint group;
    readonly bool ownsHost;
    readonly Func<Tensor, bool> onHost;

    /// <summary>Connects the devices of processes that are already connected through MPI; collective. The current CUDA device is this process's.</summary>
    /// <param name="host">The processes; this object takes ownership.</param>
    /// <param name="library">NCCL.</param>
    public NcclCommunicator(Communicator host, NcclLibrary library) : this(host, library, tensor => tensor.device_type == DeviceType.CPU) { }

    /// <param name="onHost">Whether a tensor is in CPU memory.</param>
    internal NcclCommunicator(Communicator host, NcclLibrary library, Func<Tensor, bool> onHost)
    {
        (this.host, this.library, ownsHost, this.onHost) = (host, library, true, onHost);
        var id = host.IsFirst ? library.MakeId() : default;
        host.Broadcast(MemoryMarshal.AsBytes(new Span<NcclLibrary.UniqueId>(ref id)));
        group = library.Join(id, host.Rank, host.Size);
    }

    NcclCommunicator(NcclCommunicator parent, Communicator host, nint group) => (this.host, library, this.group, onHost) = (host, parent.library, group, parent.onHost);

    /// <inheritdoc/>
    public override int Rank => host.Rank;
    /// <inheritdoc/>
    public override int Size => host.Size;
    /// <inheritdoc/>
    public override int LocalRank => host.LocalRank;
    /// <inheritdoc/>
    public override int LocalSize => host.LocalSize;
    /// <inheritdoc/>
    public override string Library => $"NCCL {library.Version}, {host.Library}";

    /// <inheritdoc/>
    public override void AllReduce(Tensor tensor)
    {
        if (onHost(tensor)) host.AllReduce(tensor);
        else OnDevice(tensor, data => library.AllReduce(data, tensor.numel(), TypeOf(tensor.dtype), group, DefaultStream));
    }

    /// <inheritdoc/>
    public override void ReduceScatter(Tensor tensor)
    {
        var (part, offset) = PartOf(tensor);
        if (onHost(tensor)) host.ReduceScatter(tensor);
        else OnDevice(tensor, data => library.ReduceScatter(data, data + offset, part, TypeOf(tensor.dtype), group, DefaultStream));
    }

    /// <inheritdoc/>
    public override void AllGather(Tensor tensor)
    {
        var (part, offset) = PartOf(tensor);
        if (onHost(tensor)) host.AllGather(tensor);
        else OnDevice(tensor, data => library.AllGather(data + offset, data, part * tensor.element_size(), NcclLibrary.DataType.Int8, group, DefaultStream));
    }

    /// <inheritdoc/>
    public override void Broadcast(Tensor tensor, int root = 0)
    {
        if (onHost(tensor)) host.Broadcast(tensor, root);
        else OnDevice(tensor, data => library.Broadcast(data, tensor.numel() * tensor.element_size(), NcclLibrary.DataType.Int8, root, group, DefaultStream));
    }

    /// <inheritdoc/>
    public override void AllReduce(Span<double> numbers)
    {
        library.ThrowIfFailed(group);
        host.AllReduce(numbers);
    }

    /// <inheritdoc/>
    public override void Broadcast(Span<byte> bytes, int root = 0) => host.Broadcast(bytes, root);

    /// <inheritdoc/>
    public override void AllGather(Span<byte> bytes) => host.AllGather(bytes);

    /// <inheritdoc/>
    public override void Barrier() => host.Barrier();

    /// <inheritdoc/>
    public override Communicator Split(int color, int key) => new NcclCommunicator(this, host.Split(color, key), library.Split(group, color, key));

    /// <inheritdoc/>
    public override void Abort(int code)
    {
        library.Abort(group);
        host.Abort(code);
    }

    (long Part, nint Offset) PartOf(Tensor tensor)
    {
        var count = tensor.numel();
        if (count % Size != 0) throw new ArgumentException($"{count} numbers cannot be divided evenly among {Size} processes");
        return (count / Size, (nint)(count / Size * Rank * tensor.element_size()));
    }

    static void OnDevice(Tensor tensor, Action<nint> exchange)
    {
        if (!tensor.is_contiguous()) throw new ArgumentException($"NCCL was given a tensor [{string.Join(", ", tensor.shape)}] with gaps");
        exchange(Dispatcher.DataPointer(tensor));
        GC.KeepAlive(tensor);
    }

    static NcclLibrary.DataType TypeOf(ScalarType type) => type switch
    {
        ScalarType.Float32 => NcclLibrary.DataType.Float32,
        ScalarType.Float64 => NcclLibrary.DataType.Float64,
        ScalarType.BFloat16 => NcclLibrary.DataType.BFloat16,
        _ => throw new ArgumentException($"processes can add 32-bit and 64-bit numbers and bfloat16, not {type}"),
    };

    /// <inheritdoc/>
    public override void Dispose()
    {
        library.Destroy(group);
        if (ownsHost) host.Dispose();
    }
}
