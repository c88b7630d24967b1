namespace Transformers.Tokenizers.Bpe;

/// <summary>A binary heap of values that compare themselves; the least comes out first.</summary>
struct MinHeap<T>(int capacity) where T : struct, IComparable<T>
{
    T[] items = new T[Math.Max(capacity, 4)];

    internal int Count { get; private set; }

    /// <summary>Takes over values in any order; linear in their number.</summary>
    internal void Fill(ReadOnlySpan<T> values)
    {
        if (items.Length < values.Length) items = new T[values.Length];
        values.CopyTo(items);
        Count = values.Length;
        for (var i = Count / 2 - 1; i >= 0; i--) SiftDown(i, items[i]);
    }

    internal void Push(T value)
    {
        if (Count == items.Length) Array.Resize(ref items, Count * 2);
        var at = Count++;
        while (at > 0)
        {
            var parent = (at - 1) / 2;
            if (items[parent].CompareTo(value) <= 0) break;
            items[at] = items[parent];
            at = parent;
        }
        items[at] = value;
    }

    internal bool TryPop(out T least)
    {
        least = default;
        if (Count == 0) return false;
        least = items[0];
        var last = items[--Count];
        if (Count > 0) SiftDown(0, last);
        return true;
    }

    readonly void SiftDown(int at, T value)
    {
        while (true)
        {
            var child = 2 * at + 1;
            if (child >= Count) break;
            if (child + 1 < Count && items[child + 1].CompareTo(items[child]) < 0) child++;
            if (value.CompareTo(items[child]) <= 0) break;
            items[at] = items[child];
            at = child;
        }
        items[at] = value;
    }
}
