using System.Buffers.Binary;

namespace Transformers.Tokenizers.Formats;

/// <summary>SentencePiece's table of replacements: a double-array trie (Aoe 1989) from UTF-8 prefixes to texts that end in a zero byte.</summary>
/// <remarks>The table is the trie's length in bytes, its units of 32 bits as darts-clone packs them, then the texts.</remarks>
sealed class PrecompiledMap
{
    readonly uint[] units;
    readonly byte[] texts;

    internal PrecompiledMap(ReadOnlySpan<byte> table)
    {
        var length = table.IsEmpty ? 0 : BinaryPrimitives.ReadInt32LittleEndian(table);
        units = new uint[length / 4];
        for (var i = 0; i < units.Length; i++) units[i] = BinaryPrimitives.ReadUInt32LittleEndian(table[(4 + 4 * i)..]);
        texts = table.IsEmpty ? [] : table[(4 + length)..].ToArray();
    }

    /// <summary>Whether a table's parts have the lengths that it says; an empty one replaces nothing.</summary>
    internal static bool IsWhole(ReadOnlySpan<byte> table)
    {
        if (table.IsEmpty) return true;
        if (table.Length < 8) return false;
        var length = BinaryPrimitives.ReadInt32LittleEndian(table);
        return length > 0 && length % 4 == 0 && length < table.Length - 4 && table[^1] == 0;
    }

    /// <summary>Finds the longest prefix of a text that has a replacement.</summary>
    /// <param name="utf8">The text.</param>
    /// <param name="replacement">What replaces the prefix.</param>
    /// <returns>The prefix's length in bytes, 0 where none has one.</returns>
    internal int Find(ReadOnlySpan<byte> utf8, out ReadOnlySpan<byte> replacement)
    {
        replacement = default;
        if (units.Length == 0) return 0;
        var found = 0;
        var node = Offset(units[0]);
        for (var i = 0; i < utf8.Length; i++)
        {
            node ^= utf8[i];
            if (node >= units.Length || (units[node] & 0x8000_00FF) != utf8[i]) break;
            var hasValue = (units[node] & 0x100) != 0;
            node ^= Offset(units[node]);
            if (node >= units.Length) break;
            if (!hasValue) continue;
            var start = (int)(units[node] & 0x7FFF_FFFF);
            if (start >= texts.Length) break;
            var end = texts.AsSpan(start).IndexOf((byte)0);
            if (end < 0) break;
            found = i + 1;
            replacement = texts.AsSpan(start, end);
        }
        return found;
    }

    static uint Offset(uint unit) => unit >> 10 << (int)((unit & 0x200) >> 6);
}
