using Transformers.Data.Text;

namespace Transformers.Data;

/// <summary>Lines of UTF-8, each of which is one example, from a file that may be gzip or from a stream.</summary>
/// <remarks>
/// Only a line feed ends a line (a carriage return before it is dropped): U+2028, a form feed or a lone carriage return
/// inside a sentence must not shift the lines of one file against those of its partner. A byte-order mark at the start is
/// dropped. Lines beyond <see cref="MaximumBytes"/> are errors with their line, and so are bytes that are not UTF-8, except in tables of
/// texts, which follow the rule for running text (<see cref="IllFormedText"/>).
/// </remarks>
public static class TextLines
{
    /// <summary>The longest line that is read: no real example is as long, and memory stays bounded.</summary>
    public const int MaximumBytes = 16 << 20;

    /// <summary>A file's path without <c>.gz</c>.</summary>
    internal static string Plain(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;

    /// <summary>A file's extension below <c>.gz</c>, in lower case.</summary>
    internal static string EndingOf(string path) => Path.GetExtension(Plain(path)).ToLowerInvariant();

    /// <summary>A file's name without its folder and its extensions.</summary>
    internal static string NameOf(string path) => Path.GetFileNameWithoutExtension(Plain(path));

    /// <summary>All lines of a file, read lazily.</summary>
    /// <exception cref="UserException">The file cannot be read, is not UTF-8 or contains a line that is too long.</exception>
    public static IEnumerable<string> Read(string path) => Read(path, once: false);

    /// <inheritdoc cref="Read(string)"/>
    /// <param name="path">The file.</param>
    /// <param name="once">Whether it is read only once, so that it may be a pipe.</param>
    internal static IEnumerable<string> Read(string path, bool once)
    {
        using var stream = once ? InputFile.Open(path) : InputFile.OpenAgain(path);
        foreach (var line in Read(stream, path)) yield return line;
    }

    /// <summary>All lines of a stream, read lazily.</summary>
    /// <param name="stream">The bytes.</param>
    /// <param name="path">The name in messages.</param>
    /// <exception cref="UserException">It cannot be read, is not UTF-8 or contains a line that is too long.</exception>
    public static IEnumerable<string> Read(Stream stream, string path) => Read(new Utf8Reader(stream, path, counts: null));

    static IEnumerable<string> Read(Utf8Reader reader)
    {
        foreach (var line in reader.Lines(MaximumBytes)) yield return TextOf(line.Span);
    }

    /// <summary>All lines of a table of texts, with U+FFFD for each ill-formed sequence, of which <see cref="IllFormedText.Warnings"/> warns.</summary>
    /// <param name="path">The file.</param>
    internal static IEnumerable<string> ReadTexts(string path)
    {
        using var stream = InputFile.OpenAgain(path);
        foreach (var line in Read(new Utf8Reader(stream, path, new TextCounts()))) yield return line;
    }

    /// <summary>All lines of a stream, read lazily, including those that cannot be used: each has its problem, and the others are read.</summary>
    /// <param name="stream">The bytes.</param>
    /// <param name="path">The name in messages.</param>
    /// <exception cref="UserException">The stream cannot be read.</exception>
    public static IEnumerable<InputLine> ReadEach(Stream stream, string path)
    {
        var (bad, number) = (new Dictionary<long, Problem>(), 0);
        foreach (var line in new Utf8Reader(stream, path, counts: null, bad).Lines(MaximumBytes))
            yield return new InputLine(TextOf(line.Span), path, ++number, bad.Remove(number, out var problem) ? problem : null);
    }

    static string TextOf(ReadOnlySpan<byte> line) => Encoding.UTF8.GetString(line.EndsWith((byte)'\r') ? line[..^1] : line);

    /// <summary>All of a file or stream as one text, without a byte-order mark at its start.</summary>
    /// <param name="stream">The bytes.</param>
    /// <param name="path">The name in messages.</param>
    /// <exception cref="UserException">It cannot be read, or is not UTF-8.</exception>
    public static string ReadAll(Stream stream, string path)
    {
        var reader = new Utf8Reader(stream, path, counts: null);
        var text = new StringBuilder();
        for (ReadOnlyMemory<byte> block; !(block = reader.Next()).IsEmpty;) text.Append(Encoding.UTF8.GetString(block.Span));
        return text.ToString();
    }

    /// <summary>The lines of a table of texts with their numbers, without blank ones; as <see cref="ReadTexts"/>.</summary>
    /// <param name="path">The file.</param>
    internal static IEnumerable<(int Line, string Text)> ReadFilled(string path) => Filled(ReadTexts(path));

    /// <summary>The lines of a table of numbers with their numbers, without blank ones.</summary>
    /// <param name="path">The file.</param>
    internal static IEnumerable<(int Line, string Text)> ReadStrict(string path) => Filled(Read(path));

    static IEnumerable<(int Line, string Text)> Filled(IEnumerable<string> lines) =>
        lines.Select((text, index) => (index + 1, text)).Where(line => !string.IsNullOrWhiteSpace(line.text) || line.text.Contains('\t'));

    /// <summary>The error of a line of a file.</summary>
    public static UserException Error(string path, int line, string message, string? hint = null) =>
        new([new Problem(message, path, line, Hint: hint)]);
}

/// <summary>One line of an input.</summary>
/// <param name="Text">Its text, with U+FFFD for what is not UTF-8, and without what is beyond <see cref="TextLines.MaximumBytes"/>.</param>
/// <param name="File">The name of its file in messages.</param>
/// <param name="Number">Its number, from 1.</param>
/// <param name="Problem">Why it cannot be used; null if it can.</param>
public readonly record struct InputLine(string Text, string File, int Number, Problem? Problem = null);

/// <summary>One line of a JSON-lines file.</summary>
static class JsonLine
{
    public static JsonDocument Parse(string text, string path, int line)
    {
        try
        {
            return JsonDocument.Parse(text);
        }
        catch (JsonException exception)
        {
            throw TextLines.Error(path, line, $"the line is not JSON: {JsonStyle.ReasonOf(exception)}", "expected one JSON object per line");
        }
    }

    /// <summary>The text at a dotted path; a number or a Boolean as it is written.</summary>
    public static string Text(JsonElement root, string field, string path, int line) =>
        Find(root, field, path, line, orNull: false) ?? throw TextLines.Error(path, line, $"the document has no field {field}",
            root.ValueKind != JsonValueKind.Object ? "each line must be a JSON object" : $"its fields are {string.Join(", ", root.EnumerateObject().Take(10).Select(one => MessageText.Escape(one.Name)))}; data.source names the ones to read");

    /// <summary>The text at a dotted path, as <see cref="Text"/>; null if there is none or it is null.</summary>
    public static string? Find(JsonElement root, string field, string path, int line, bool orNull = true)
    {
        try
        {
            if (!TryFind(root, field, out var element))
            {
                element = root;
                foreach (var name in field.Split('.'))
                    if (!TryFind(element, name, out element)) return null;
            }
            return element.ValueKind switch
            {
                JsonValueKind.String => element.GetString()!,
                JsonValueKind.Null when orNull => null,
                JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => element.GetRawText(),
                var kind => throw TextLines.Error(path, line, $"the field {field} contains no text: it is {(kind == JsonValueKind.Array ? "a list" : kind == JsonValueKind.Object ? "an object" : "null")}"),
            };

            bool TryFind(JsonElement of, string name, out JsonElement found)
            {
                found = default;
                if (of.ValueKind != JsonValueKind.Object || !of.TryGetProperty(name, out found)) return false;
                return of.EnumerateObject().Count(property => property.NameEquals(name)) == 1 ? true : throw TextLines.Error(path, line, $"the field {name} is in the object twice", "keep one of the two");
            }
        }
        catch (InvalidOperationException)
        {
            // Of the field itself, or of a name before it.
            throw TextLines.Error(path, line, $"the field {field} contains a lone surrogate");
        }
    }
}

/// <summary>Comma-separated values (RFC 4180): fields in double quotes may hold separators, line ends and doubled quotes.</summary>
static class CommaSeparated
{
    /// <summary>What separates the columns of a file, by its name.</summary>
    public static char SeparatorOf(string path) =>
        TextLines.EndingOf(path) == ".tsv" ? '\t' : ',';

    /// <summary>The remedy for a line that has other separators; null if it does not.</summary>
    public static string? Separators(IReadOnlyList<string> fields) =>
        fields.Count > 2 || fields.Max(field => field.AsSpan().Count(';')) is 0 && !fields[0].Contains('\t') ? null
        : $"columns are separated by {(fields[0].Contains('\t') ? "tabs: name the file .tsv" : "semicolons: write the table with commas between columns and with decimal points; in pandas that is to_csv(path)")}";

    /// <summary>The records with the lines on which they start.</summary>
    /// <param name="path">The file.</param>
    /// <param name="separator">What separates columns.</param>
    /// <param name="once">Whether it is read only once, so that it may be a pipe.</param>
    public static IEnumerable<(int Line, string[] Fields)> Read(string path, char separator = ',', bool once = false) => Read(TextLines.Read(path, once), path, separator);

    /// <summary>The records of a table of texts; as <see cref="TextLines.ReadTexts"/>.</summary>
    public static IEnumerable<(int Line, string[] Fields)> ReadTexts(string path) => Read(TextLines.ReadTexts(path), path, ',');

    static IEnumerable<(int Line, string[] Fields)> Read(IEnumerable<string> lines, string path, char separator)
    {
        var (number, start) = (0, 0);
        var fields = new List<string>();
        var field = new StringBuilder();
        var quoted = false;
        foreach (var line in lines)
        {
            number++;
            if (quoted) field.Append('\n');
            else if (string.IsNullOrWhiteSpace(line) && !line.Contains(separator)) continue;
            else start = number;
            if (field.Length > TextLines.MaximumBytes) break;
            for (var i = 0; i <= line.Length; i++)
            {
                var end = i == line.Length;
                if (quoted)
                {
                    if (end) break;
                    if (line[i] != '"') field.Append(line[i]);
                    else if (i + 1 < line.Length && line[i + 1] == '"') field.Append(line[i++]);
                    else if (i + 1 == line.Length || line[i + 1] == separator) quoted = false;
                    else throw TextLines.Error(path, number, "a closing quote must be followed by a separator or the end of the line", "double a quote inside a quoted field");
                }
                else if (end || line[i] == separator)
                {
                    fields.Add(field.ToString());
                    field.Clear();
                }
                else if (line[i] == '"' && (i == 0 || line[i - 1] == separator)) quoted = true;
                else field.Append(line[i]);
            }
            if (quoted) continue;
            yield return (start, [.. fields]);
            fields.Clear();
        }
        if (quoted) throw TextLines.Error(path, start, "a quote is opened here and never closed");
    }
}

/// <summary>The names of the classes, in the order of their ids.</summary>
static class ClassNames
{
    /// <summary>The different labels in a stable order: by value where all are whole numbers, else by code point.</summary>
    public static IReadOnlyList<string> Of(IEnumerable<string> labels)
    {
        var names = labels.Distinct(StringComparer.Ordinal).ToList();
        return names.All(n => long.TryParse(n, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _))
            ? [.. names.OrderBy(n => long.Parse(n, CultureInfo.InvariantCulture)).ThenBy(n => n, StringComparer.Ordinal)]
            : [.. names.Order(StringComparer.Ordinal)];
    }
}

/// <summary>What a table's first line says about the others.</summary>
static class TableLines
{
    static readonly string[] TextNames = ["text", "sentence", "review", "comment", "content", "title", "question", "input", "source", "src", "message", "tweet", "document"];
    static readonly string[] OtherNames = ["label", "labels", "class", "category", "target", "tgt", "sentiment", "answer", "output", "rating", "score", "topic", "intent"];

    /// <summary>Whether two fields of a first line are names of columns rather than an example.</summary>
    internal static bool IsHeader(string first, string second, params string[] names) =>
        Is(first, [.. TextNames, .. names]) && Is(second, [.. OtherNames, .. TextNames, .. names]);

    static bool Is(string field, string[] names) => names.Contains(field.Trim().Trim('"').ToLowerInvariant());

    /// <summary>The error of a line that has more columns than the first.</summary>
    internal static UserException TooMany(string path, int line, int columns, int first) =>
        TextLines.Error(path, line, $"the line has {Amount.Of(columns, "column")}, but the first line has {first}", "a separator inside a text splits it in two: remove it, or write the file as .jsonl");
}
