using System.Text;
using System.Text.Json;
using Transformers.IO;

namespace Transformers.Configs;

/// <summary>Reads a strict JSON document into the same tree as YAML.</summary>
ref struct JsonReader(byte[] utf8, string file, ProblemList problems)
{
    Utf8JsonReader reader = new(utf8, new JsonReaderOptions { MaxDepth = int.MaxValue });
    readonly int[] lines = LineStarts(utf8);

    internal ConfigNode? Read()
    {
        if (utf8.AsSpan().Trim(" \t\r\n"u8).IsEmpty) return null;
        try
        {
            reader.Read();
            var root = Node(1, "");
            reader.Read(); // throws if something follows
            return root;
        }
        catch (JsonException exception)
        {
            var line = (int)(exception.LineNumber ?? 0);
            var column = (int)(exception.BytePositionInLine ?? 0);
            var reason = exception.Message.Split(" LineNumber:")[0].TrimEnd('.');
            throw new UserException([new Problem($"this is not JSON: {MessageText.Escape(reason)}", file, line + 1, column + 1,
                Hint: "JSON has no comments and no comma after the last item; YAML files may have both")], exception);
        }
    }

    ConfigNode Node(int depth, string path)
    {
        var source = At();
        if (depth > YamlReader.MaximumDepth)
            throw new UserException([new Problem($"the config is nested more than {YamlReader.MaximumDepth} levels deep", file, source.Line, source.Column, Hint: "no setting is that deep")]);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                return Map(source, depth, path);
            case JsonTokenType.StartArray:
                var items = new List<ConfigNode>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) items.Add(Node(depth + 1, $"{path}[{items.Count}]"));
                return new ListNode(source, items);
            case JsonTokenType.String:
                return new ScalarNode(source, Text(source), ScalarStyle.Quoted);
            default:
                return new ScalarNode(source, Encoding.UTF8.GetString(reader.ValueSpan), ScalarStyle.JsonLiteral);
        }
    }

    MapNode Map(Source start, int depth, string path)
    {
        var entries = new List<MapEntry>();
        var seen = new Dictionary<string, Source>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var source = At();
            var key = Text(source);
            var below = path.Length == 0 ? MessageText.Escape(key) : $"{path}.{MessageText.Escape(key)}";
            reader.Read();
            var value = Node(depth + 1, below);
            if (seen.TryAdd(key, source)) entries.Add(new MapEntry(key, source, value));
            else problems.Add(source, below, $"{below} is given twice", $"the first is on line {seen[key].Line}; keep one");
        }
        return new MapNode(start, entries);
    }

    readonly string Text(Source source)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException exception) // half of a surrogate pair
        {
            throw new UserException([new Problem("a text contains half of a surrogate pair", file, source.Line, source.Column, Hint: "write the character itself")], exception);
        }
    }

    readonly Source At()
    {
        var offset = (int)reader.TokenStartIndex;
        var line = Array.BinarySearch(lines, offset);
        if (line < 0) line = ~line - 1;
        return new Source(file, line + 1, Encoding.UTF8.GetCharCount(utf8, lines[line], offset - lines[line]) + 1);
    }

    static int[] LineStarts(byte[] utf8)
    {
        List<int> starts = [0];
        for (var i = 0; i < utf8.Length; i++)
            if (utf8[i] == '\n') starts.Add(i + 1);
        return [.. starts];
    }
}
