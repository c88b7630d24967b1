namespace Transformers.Metrics;

/// <summary>N-grams as nodes: an n-gram is a child of its first n−1 tokens. One open-addressed table, no object a node.</summary>
sealed class NgramTrie
{
    public const int Root = 0;

    // By node: parent in the high half, token in the low half; its adjusted count; its order.
    ulong[] keys = new ulong[1024];
    int[] adjusted = new int[1024];
    byte[] orders = new byte[1024];
    int[] slots = new int[4096];    // The node; 0 is a free slot, for the root is never looked up.

    public int Count { get; private set; } = 1;

    public ref int Adjusted(int node) => ref adjusted[node];
    public int Parent(int node) => (int)(keys[node] >> 32);
    public int Order(int node) => orders[node];

    public int Find(int parent, int token)
    {
        var found = slots[Slot(Key(parent, token))];
        return found == 0 ? -1 : found;
    }

    public int Add(int parent, int token, byte order, out bool isNew)
    {
        var key = Key(parent, token);
        var slot = Slot(key);
        if (slots[slot] is var found and not 0)
        {
            isNew = false;
            return found;
        }
        isNew = true;
        if (Count == keys.Length) Grow();
        var node = Count++;
        (keys[node], orders[node], slots[slot]) = (key, order, node);
        if (Count * 2L > slots.Length) Rehash();
        return node;
    }

    static ulong Key(int parent, int token) => (ulong)parent << 32 | (uint)token;

    int Slot(ulong key)
    {
        var mask = slots.Length - 1;
        var hash = key * 0x9E3779B97F4A7C15;
        for (var slot = (int)((hash ^ hash >> 32) & (ulong)mask); ; slot = slot + 1 & mask)
            if (slots[slot] is var node && (node == 0 || keys[node] == key)) return slot;
    }

    void Grow()
    {
        var size = checked(keys.Length + keys.Length / 2);
        Array.Resize(ref keys, size);
        Array.Resize(ref adjusted, size);
        Array.Resize(ref orders, size);
    }

    void Rehash()
    {
        slots = new int[checked(slots.Length * 2)];
        for (var node = 1; node < Count; node++) slots[Slot(keys[node])] = node;
    }
}
