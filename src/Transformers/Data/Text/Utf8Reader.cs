using System.Buffers;
using System.Numerics;
using System.Text;
using System.Text.Unicode;
using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>Reads bytes of any quality as well-formed UTF-8: drops a byte-order mark, replaces what is ill-formed, counts both.</summary>
/// <remarks>Each maximal subpart of an ill-formed sequence becomes one U+FFFD, as the Unicode standard recommends (§3.9) and .NET decodes.</remarks>
sealed class Utf8Reader(Stream stream, string origin, TextCounts counts)
{
    const int RawBytes = 32 * 1024;

    readonly byte[] raw = new byte[RawBytes];
    readonly byte[] clean = new byte[RawBytes * 3];
    int kept;               // Bytes of an unfinished character, moved to the front of raw.
    bool started, ended;
    byte last;
    long line;

    /// <summary>The next block of text, valid until the next call; empty at the end.</summary>
    public ReadOnlySpan<byte> Next()
    {
        while (!ended)
        {
            // Always a full block: where blocks end must not depend on how the bytes arrive.
            var length = kept + stream.ReadAtLeast(raw.AsSpan(kept), RawBytes - kept, throwOnEndOfStream: false);
            ended = length < RawBytes;
            var bytes = raw.AsSpan(0, length);
            if (!started) bytes = WithoutMark(bytes);
            started = true;
            var text = Clean(bytes);
            if (text.Length == 0) continue;
            Count(text);
            return text;
        }
        counts.LongestLine = Math.Max(counts.LongestLine, line);
        line = 0;
        return default;
    }

    Span<byte> WithoutMark(Span<byte> bytes)
    {
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]))
            throw new UserException([new Problem("starts with a UTF-16 byte-order mark, and text must be UTF-8", origin, Hint: "convert it: iconv -f UTF-16 -t UTF-8")]);
        if (!bytes.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF])) return bytes;
        counts.ByteOrderMarks++;
        return bytes[3..];
    }

    ReadOnlySpan<byte> Clean(Span<byte> bytes)
    {
        kept = 0;
        if (Utf8.IsValid(bytes))
        {
            // A copy, since the next read overwrites the raw block.
            bytes.CopyTo(clean);
            return clean.AsSpan(0, bytes.Length);
        }
        var written = 0;
        while (bytes.Length > 0)
        {
            var status = Rune.DecodeFromUtf8(bytes, out _, out var consumed);
            if (status == OperationStatus.NeedMoreData && !ended)
            {
                bytes.CopyTo(raw);
                kept = bytes.Length;
                break;
            }
            if (status == OperationStatus.Done)
            {
                bytes[..consumed].CopyTo(clean.AsSpan(written));
                written += consumed;
            }
            else
            {
                counts.InvalidSequences++;
                if (status == OperationStatus.NeedMoreData) counts.TruncatedFiles++;
                written += Rune.ReplacementChar.EncodeToUtf8(clean.AsSpan(written));
            }
            bytes = bytes[consumed..];
        }
        return clean.AsSpan(0, written);
    }

    void Count(ReadOnlySpan<byte> text)
    {
        counts.Nuls += text.Count((byte)0);
        counts.CarriageReturns += text.Count("\r\n"u8);
        if (last == '\r' && text[0] == '\n') counts.CarriageReturns++;
        last = text[^1];
        for (var rest = text; ;)
        {
            var end = rest.IndexOf((byte)'\n');
            line += end < 0 ? rest.Length : end;
            if (end < 0) return;
            counts.LongestLine = Math.Max(counts.LongestLine, line);
            line = 0;
            rest = rest[(end + 1)..];
        }
    }

    /// <summary>The number of Unicode scalar values of well-formed UTF-8: its bytes that do not continue a character.</summary>
    public static long Characters(ReadOnlySpan<byte> utf8)
    {
        long characters = 0;
        var block = Vector<byte>.Count;
        while (utf8.Length >= block)
        {
            // Each lane counts down once a block, so at most 255 blocks go into one sum.
            var lanes = Vector<byte>.Zero;
            for (var i = 0; i < 255 && utf8.Length >= block; i++, utf8 = utf8[block..])
                lanes -= Vector.AsVectorByte(Vector.GreaterThan(Vector.AsVectorSByte(new Vector<byte>(utf8)), new Vector<sbyte>(-65)));
            Vector.Widen(lanes, out var low, out var high);
            characters += Vector.Sum(low) + Vector.Sum(high);
        }
        foreach (var b in utf8) if ((sbyte)b > -65) characters++;
        return characters;
    }
}
