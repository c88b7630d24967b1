using System.Collections;

namespace TorchSharp.Utils;

/// <summary>Reads and writes the elements of a contiguous CPU tensor in row-major order.</summary>
public sealed unsafe class TensorAccessor<T> : IDisposable, IEnumerable<T> where T : unmanaged
{
    readonly torch.Tensor tensor;
    readonly T* elements;
    readonly long[] shape;

    internal TensorAccessor(torch.Tensor tensor)
    {
        this.tensor = tensor;
        elements = (T*)tensor.DataPointer();
        shape = tensor.shape;
        Count = tensor.numel();
    }

    public long Count { get; }
    public bool IsReadOnly => false;

    public T this[params long[] indices]
    {
        get
        {
            var value = elements[Offset(indices)];
            GC.KeepAlive(tensor);
            return value;
        }
        set
        {
            elements[Offset(indices)] = value;
            GC.KeepAlive(tensor);
        }
    }

    long Offset(long[] indices)
    {
        if (indices.Length == 1 && shape.Length != 1 && indices[0] >= 0 && indices[0] < Count) return indices[0];
        if (indices.Length != shape.Length) throw new ArgumentException($"{indices.Length} indices given for {shape.Length} dimensions.");
        long offset = 0;
        for (var d = 0; d < shape.Length; d++)
        {
            if (indices[d] < 0 || indices[d] >= shape[d])
                throw new IndexOutOfRangeException($"Index {indices[d]} is outside dimension {d}, which has {shape[d]} elements.");
            offset = offset * shape[d] + indices[d];
        }
        return offset;
    }

    Span<T> All => new(elements, checked((int)Count));

    public T[] ToArray()
    {
        var array = All.ToArray();
        GC.KeepAlive(tensor);
        return array;
    }

    public void CopyTo(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyTo(array.AsSpan(), arrayIndex, tensorIndex);

    public void CopyTo(Span<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        All[(int)tensorIndex..].CopyTo(array[arrayIndex..]);
        GC.KeepAlive(tensor);
    }

    public void CopyFrom(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyFrom((ReadOnlySpan<T>)array, arrayIndex, tensorIndex);

    public void CopyFrom(ReadOnlySpan<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        array[arrayIndex..].CopyTo(All[(int)tensorIndex..]);
        GC.KeepAlive(tensor);
    }

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)ToArray()).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The tensor stays its owner's.</summary>
    public void Dispose() { }
}
