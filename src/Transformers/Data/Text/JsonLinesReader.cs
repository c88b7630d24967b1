namespace Transformers.Data.Text;

/// <summary>Reads JSON lines: each line an object, each document the string in one of its fields. Blank lines are skipped.</summary>
sealed partial class JsonLinesReader(Utf8Reader reader, string field, string origin, TextCounts counts)
{
    /// <summary>The longest line, in bytes: far more than a document has, and a bound on memory.</summary>
    public const int LongestLine = 128 * 1024 * 1024;

    long number;

    /// <summary>All pieces, in order; each document ends with an empty piece.</summary>
    public IEnumerable<TextPiece> Read()
    {
        foreach (var line in reader.Lines(LongestLine))
        {
            number++;
            if (line.Span.IndexOfAnyExcept(" \t\r"u8) < 0) continue;
            foreach (var piece in PieceCutter.Cut(Document(line.Span)))
                if (piece.Length > 0) yield return new TextPiece(piece, false, origin);
            yield return new TextPiece(default, true, origin);
        }
    }

    ReadOnlyMemory<byte> Document(ReadOnlySpan<byte> line)
    {
        ReadOnlyMemory<byte>? text = null;
        try
        {
            var json = new Utf8JsonReader(line);
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject) throw Error("must be a JSON object", null, number == 1 && line.TrimStart((byte)' ').StartsWith("["u8) ? "a JSON array is read from a file that ends in .json" : null);
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                var wanted = json.ValueTextEquals(field);
                json.Read();
                if (!wanted) json.Skip();
                else if (json.TokenType != JsonTokenType.String) throw Error($"\"{field}\" must be a string", null);
                else if (text is not null) throw Error($"\"{field}\" appears twice in the object", null);
                else text = TextOf(json);
            }
            while (json.Read()) { }     // Nothing but white space may follow.
        }
        catch (JsonException exception)
        {
            throw Error("the line is not JSON", (int)Math.Min(int.MaxValue, (exception.BytePositionInLine ?? 0) + 1));
        }
        catch (InvalidOperationException)
        {
            // Thrown by the comparison with a field's name: a text with such a half is repaired.
            throw Error("the name of a field contains a lone surrogate", null, "rename the field");
        }
        return text ?? throw Error($"has no field \"{field}\"", null, "set text_field to the name of the field that has the text");
    }

    ReadOnlyMemory<byte> TextOf(in Utf8JsonReader json)
    {
        var text = new byte[json.ValueSpan.Length];   // An escape is never shorter than its character.
        try
        {
            return text.AsMemory(0, json.CopyString(text));
        }
        catch (InvalidOperationException)
        {
            // .NET refuses unpaired surrogates, which such files do contain: each becomes one U+FFFD.
            var repaired = Escapes().Replace(Encoding.UTF8.GetString(json.ValueSpan), escape =>
            {
                if (!escape.Groups["half"].Success) return escape.Value;
                counts.InvalidSequences++;
                return @"\ufffd";
            });
            return Encoding.UTF8.GetBytes(JsonSerializer.Deserialize<string>($"\"{repaired}\"")!);
        }
    }

    // Pairs come before halves; other escapes are matched so that the second backslash of \\ does not start one.
    [GeneratedRegex(@"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(?<half>\\u[dD][89a-fA-F]..)|\\.")]
    private static partial Regex Escapes();

    UserException Error(string message, int? column, string? hint = null) =>
        new([new Problem(message, origin, (int)Math.Min(int.MaxValue, number), column, Hint: hint)]);
}

/// <summary>Reads a JSON array of objects, each document the string in one of their fields.</summary>
static class JsonArray
{
    const int SampleBytes = 64 * 1024;

    /// <summary>Whether a file starts as such an array does.</summary>
    internal static bool IsAt(string path, string field)
    {
        using var stream = InputFile.Open(path);
        var bytes = new byte[SampleBytes];
        var text = Encoding.UTF8.GetString(bytes, 0, stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)).TrimStart('\uFEFF');
        return Regex.IsMatch(text, @"^\s*\[\s*\{") && Regex.IsMatch(text, $"\"{Regex.Escape(field)}\"\\s*:");
    }

    /// <summary>All pieces, in order; the array is read as a stream.</summary>
    internal static IEnumerable<TextPiece> Read(Stream stream, string field, string origin)
    {
        using var items = JsonSerializer.DeserializeAsyncEnumerable<JsonElement>(stream).ToBlockingEnumerable().GetEnumerator();
        for (var number = 1L; MoveNext(); number++)
        {
            foreach (var piece in PieceCutter.Cut(TextOf(items.Current, number)))
                if (piece.Length > 0) yield return new TextPiece(piece, false, origin);
            yield return new TextPiece(default, true, origin);
        }

        bool MoveNext()
        {
            try
            {
                return items.MoveNext();
            }
            catch (JsonException exception)
            {
                throw new UserException([new Problem("is not JSON", origin, (int)Math.Min(int.MaxValue, (exception.LineNumber ?? 0) + 1), (int)Math.Min(int.MaxValue, (exception.BytePositionInLine ?? 0) + 1))], exception);
            }
        }

        byte[] TextOf(JsonElement item, long number)
        {
            try
            {
                if (item.ValueKind != JsonValueKind.Object || !item.TryGetProperty(field, out var text) || text.ValueKind != JsonValueKind.String)
                    throw new UserException([new Problem($"item {number} of the array has no text in the field \"{field}\"", origin, Hint: "set text_field to the name of the field")]);
                if (item.EnumerateObject().Count(property => property.NameEquals(field)) > 1) throw new UserException([new Problem($"\"{field}\" appears twice in item {number} of the array", origin)]);
                return Encoding.UTF8.GetBytes(text.GetString()!);
            }
            catch (InvalidOperationException exception)
            {
                throw new UserException([new Problem($"item {number} of the array contains a lone surrogate", origin, Hint: "write the file as .jsonl, where it becomes U+FFFD in a text")], exception);
            }
        }
    }
}
