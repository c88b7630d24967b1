using System.Buffers;
using System.Text;
using System.Text.Json;
using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>Reads JSON lines: each line an object, each document the string in one of its fields. Blank lines are passed over.</summary>
sealed class JsonLinesReader(Utf8Reader reader, string field, string origin, TextCounts counts)
{
    /// <summary>The longest line, in bytes: far more than a document has, and a bound on memory.</summary>
    public const int LongestLine = 128 * 1024 * 1024;

    ArrayBufferWriter<byte> line = new();
    long number;

    /// <summary>All pieces, in order; each document ends with a piece of no bytes.</summary>
    public IEnumerable<TextPiece> Read()
    {
        var block = Array.Empty<byte>();
        while ((block = reader.Next().ToArray()).Length > 0)
        {
            var rest = block.AsMemory();
            while (rest.Span.IndexOf((byte)'\n') is var newline and >= 0)
            {
                Append(rest[..newline]);
                foreach (var piece in Finish()) yield return piece;
                rest = rest[(newline + 1)..];
            }
            Append(rest);
        }
        foreach (var piece in Finish()) yield return piece;
    }

    void Append(ReadOnlyMemory<byte> part)
    {
        if (line.WrittenCount + part.Length > LongestLine)
        {
            number++;
            throw Error($"the line is longer than {LongestLine / (1024 * 1024)} MiB", null);
        }
        line.Write(part.Span);
    }

    IEnumerable<TextPiece> Finish()
    {
        number++;
        var blank = line.WrittenSpan.IndexOfAnyExcept(" \t\r"u8) < 0;
        var text = blank ? null : Document();
        // A buffer that one huge line blew up is let go.
        if (line.Capacity > 1024 * 1024) line = new();
        else line.ResetWrittenCount();
        if (text is null) yield break;
        foreach (var piece in PieceCutter.Cut(text))
            if (piece.Length > 0) yield return new TextPiece(piece, false, origin);
        yield return new TextPiece(default, true, origin);
    }

    byte[] Document()
    {
        byte[]? text = null;
        try
        {
            var json = new Utf8JsonReader(line.WrittenSpan);
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject) throw Error("must be a JSON object", null);
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                var wanted = json.ValueTextEquals(field);
                json.Read();
                if (!wanted) json.Skip();
                else if (json.TokenType != JsonTokenType.String) throw Error($"\"{field}\" must be a string", null);
                else if (text is not null) throw Error($"\"{field}\" stands twice in the object", null);
                else text = Unescape(json.ValueSpan, json.ValueIsEscaped);
            }
            while (json.Read()) { }     // Nothing but white space may follow.
        }
        catch (JsonException exception)
        {
            throw Error("is not JSON", (int)Math.Min(int.MaxValue, (exception.BytePositionInLine ?? 0) + 1));
        }
        return text ?? throw Error($"has no field \"{field}\"", null);
    }

    // By hand, because .NET refuses the halves of surrogate pairs that such files do contain; each becomes one U+FFFD, and is counted.
    byte[] Unescape(ReadOnlySpan<byte> json, bool escaped)
    {
        if (!escaped) return json.ToArray();
        var text = new byte[json.Length];   // An escape is never shorter than its character.
        var length = 0;
        while (json.IndexOf((byte)'\\') is var at and >= 0)
        {
            json[..at].CopyTo(text.AsSpan(length));
            length += at;
            var kind = json[at + 1];
            json = json[(at + 2)..];
            if (kind == 'u') length += Unicode(ref json).EncodeToUtf8(text.AsSpan(length));
            else text[length++] = kind switch { (byte)'n' => 10, (byte)'t' => 9, (byte)'r' => 13, (byte)'b' => 8, (byte)'f' => 12, _ => kind };
        }
        json.CopyTo(text.AsSpan(length));
        return text[..(length + json.Length)];
    }

    Rune Unicode(ref ReadOnlySpan<byte> json)
    {
        var unit = Unit(json);
        json = json[4..];
        if (!char.IsSurrogate(unit)) return new Rune(unit);
        if (char.IsHighSurrogate(unit) && json.StartsWith("\\u"u8) && Rune.TryCreate(unit, Unit(json[2..]), out var rune))
        {
            json = json[6..];
            return rune;
        }
        counts.InvalidSequences++;
        return Rune.ReplacementChar;
    }

    // The JSON reader has made sure of the four digits.
    static char Unit(ReadOnlySpan<byte> json) => (char)Convert.ToUInt16(Encoding.ASCII.GetString(json[..4]), 16);

    UserException Error(string message, int? column) =>
        new([new Problem(message, origin, (int)Math.Min(int.MaxValue, number), column)]);
}
