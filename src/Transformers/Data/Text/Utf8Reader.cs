using System.Buffers;
using System.Numerics;
using System.Text.Unicode;

namespace Transformers.Data.Text;

/// <summary>Reads bytes as well-formed UTF-8, in blocks or lines: drops a byte-order mark, and replaces or refuses what is ill-formed.</summary>
/// <remarks>Each maximal subpart of an ill-formed sequence becomes one U+FFFD, as the Unicode standard recommends (§3.9) and .NET decodes.</remarks>
/// <param name="stream">The bytes.</param>
/// <param name="origin">Their name in messages.</param>
/// <param name="counts">Counts what is read and replaced; null if ill-formed text is refused.</param>
/// <param name="bad">Instead of counts: receives the problem of each line that is ill-formed or too long, by its number from 1.</param>
sealed class Utf8Reader(Stream stream, string origin, TextCounts? counts, IDictionary<long, Problem>? bad = null)
{
    const int RawBytes = 32 * 1024;

    readonly byte[] raw = new byte[RawBytes];
    readonly byte[] clean = new byte[RawBytes * 3];
    int kept;               // Bytes of an unfinished character, moved to the front of raw.
    bool started, ended;
    byte last;
    long lines, lineLength; // Finished lines, and bytes of the unfinished one.

    /// <summary>The line of the first ill-formed sequence that was replaced, from 1; 0 if there is none so far.</summary>
    public long FirstIllFormed { get; private set; }

    /// <summary>The next block of text, valid until the next call; empty at the end.</summary>
    public ReadOnlyMemory<byte> Next()
    {
        while (!ended)
        {
            var bytes = raw.AsSpan(0, Fill());
            if (!started) bytes = WithoutMark(bytes);
            started = true;
            var text = clean.AsMemory(0, Clean(bytes));
            if (text.IsEmpty) continue;
            Count(text.Span);
            return text;
        }
        if (counts is not null) counts.LongestLine = Math.Max(counts.LongestLine, lineLength);
        lineLength = 0;
        return default;
    }

    /// <summary>The lines of the text without their line feeds, each valid until the next is read.</summary>
    /// <param name="limit">The maximum number of bytes of a line.</param>
    public IEnumerable<ReadOnlyMemory<byte>> Lines(int limit)
    {
        var (line, number, cut) = (new ArrayBufferWriter<byte>(), 1L, false);
        for (ReadOnlyMemory<byte> block; !(block = Next()).IsEmpty;)
        {
            for (int end; (end = block.Span.IndexOf((byte)'\n')) >= 0; block = block[(end + 1)..])
            {
                Append(block[..end]);
                yield return line.WrittenMemory;
                // Drops a buffer that one huge line has enlarged.
                if (line.Capacity > 1 << 20) line = new();
                else line.ResetWrittenCount();
                (number, cut) = (number + 1, false);
            }
            Append(block);
        }
        if (line.WrittenCount > 0) yield return line.WrittenMemory;

        void Append(ReadOnlyMemory<byte> part)
        {
            if (!cut && line.WrittenCount + part.Length > limit)
            {
                Refuse(number, $"the line is longer than {limit >> 20} MiB", "expected one example per line");
                cut = true;
            }
            if (!cut) line.Write(part.Span);
        }
    }

    int Fill()
    {
        var (length, read) = (kept, 0);
        try
        {
            // The ends of blocks of running text must not depend on how the bytes arrive; lines are returned as soon as they arrive.
            do read = stream.ReadAtLeast(raw.AsSpan(length), counts is null ? 1 : RawBytes - length, throwOnEndOfStream: false);
            while (read > 0 && (length += read) < 3 && !started && "\uFEFF"u8.StartsWith(raw.AsSpan(0, length)));
        }
        catch (Exception exception) when (InputFile.IsUnreadable(exception))
        {
            throw TextLines.Error(origin, (int)Math.Min(int.MaxValue, lines + 1), $"cannot be read: {InputFile.ReasonOf(exception)}");
        }
        ended = read == 0;
        return length;
    }

    Span<byte> WithoutMark(Span<byte> bytes)
    {
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]))
            throw new UserException([new Problem("starts with a UTF-16 byte-order mark, but text must be UTF-8", origin, Hint: "convert it: iconv -f UTF-16 -t UTF-8")]);
        if (!bytes.StartsWith("\uFEFF"u8)) return bytes;
        if (counts is not null) counts.ByteOrderMarks++;
        return bytes[3..];
    }

    // The number of bytes of well-formed text, which is written to the block of clean bytes.
    int Clean(Span<byte> bytes)
    {
        kept = 0;
        if (Utf8.IsValid(bytes))
        {
            bytes.CopyTo(clean);
            return bytes.Length;
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
                var line = lines + clean.AsSpan(0, written).Count((byte)'\n') + 1;
                if (counts is null) Refuse(line, "the line is not UTF-8", "convert the file, for example with iconv -t UTF-8");
                else
                {
                    if (FirstIllFormed == 0) FirstIllFormed = line;
                    counts.InvalidSequences++;
                    if (status == OperationStatus.NeedMoreData) counts.TruncatedFiles++;
                }
                written += Rune.ReplacementChar.EncodeToUtf8(clean.AsSpan(written));
            }
            bytes = bytes[consumed..];
        }
        return written;
    }

    void Refuse(long line, string message, string hint)
    {
        var problem = new Problem(message, origin, (int)Math.Min(int.MaxValue, line), Hint: hint);
        if (bad is null) throw new UserException([problem]);
        bad.TryAdd(line, problem);
    }

    void Count(ReadOnlySpan<byte> text)
    {
        lines += text.Count((byte)'\n');
        if (counts is null) return;
        counts.Nuls += text.Count((byte)0);
        counts.CarriageReturns += text.Count("\r\n"u8);
        if (last == '\r' && text[0] == '\n') counts.CarriageReturns++;
        last = text[^1];
        for (int end; (end = text.IndexOf((byte)'\n')) >= 0; text = text[(end + 1)..])
        {
            counts.LongestLine = Math.Max(counts.LongestLine, lineLength + end);
            lineLength = 0;
        }
        lineLength += text.Length;
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

/// <summary>Refuses a file that is hardly text: of another encoding, or not text at all.</summary>
sealed class IllFormedCheck(string file, TextCounts counts)
{
    // Western European text in Latin-1 stays below this, and is warned about; random bytes and other scripts' encodings are above.
    const double Most = 0.3;
    internal const int Early = 1 << 20;
    const int Fewest = 64;

    readonly long before = counts.InvalidSequences + counts.Nuls;
    long characters;

    /// <summary>Counts the characters of a piece of text.</summary>
    internal long Add(ReadOnlySpan<byte> utf8)
    {
        var (few, more) = (characters < Early, Utf8Reader.Characters(utf8));
        characters += more;
        if (few && characters >= Early) End();
        return more;
    }

    internal void End()
    {
        var rate = (double)(counts.InvalidSequences + counts.Nuls - before) / Math.Max(1, characters);
        if (characters >= Fewest && rate > Most)
            throw new UserException([new Problem(FormattableString.Invariant($"{100 * rate:0} % of the characters are ill-formed UTF-8 or NUL: the file is not text, or has another encoding"), file,
                Hint: "convert it, for example with iconv -f UTF-16 or -f LATIN1, and -t UTF-8; data inspect reports what is in it")]);
    }
}
