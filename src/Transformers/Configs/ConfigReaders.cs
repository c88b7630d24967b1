using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Transformers.Configs;

/// <summary>Reads one YAML document into a tree with positions; refuses features that configs do not need.</summary>
sealed partial class YamlReader(string text, Func<int, int, Source> at, ProblemList problems)
{
    /// <summary>How deep mappings and lists may nest; bounds the stack here and in everything that walks the tree.</summary>
    internal const int MaximumDepth = 64;

    readonly Parser parser = new(new StringReader(text));

    internal ConfigNode? Read()
    {
        try
        {
            Next(); // the stream's start
            if (Next() is StreamEnd) return null;
            Next(); // the document's start was read; its root follows
            var root = Node(1, "");
            Next(); // the document's end
            var after = Next();
            if (after is not StreamEnd) throw Refusal(after, "", "contains more than one document", "keep one; several files can be merged by giving them all");
            return root;
        }
        catch (YamlException exception)
        {
            throw new UserException([Syntax(exception)], exception);
        }
    }

    ParsingEvent Next()
    {
        var mark = parser.Current?.End ?? Mark.Empty;
        try
        {
            parser.MoveNext();
        }
        catch (Exception exception) when (exception is not (YamlException or OutOfMemoryException))
        {
            // On some malformed text, YamlDotNet fails with an internal exception instead of an error message.
            throw new SyntaxErrorException(mark, mark, "the text that follows cannot be parsed");
        }
        return parser.Current!;
    }

    ConfigNode Node(int depth, string path)
    {
        var start = parser.Current!;
        if (start is AnchorAlias) throw Refusal(start, path, "uses an alias (*), which is not allowed in a config", "write the value out");
        if (start is not NodeEvent node) throw new SyntaxErrorException(start.Start, start.End, "a key has no value here");
        if (!node.Anchor.IsEmpty) throw Refusal(start, path, "uses an anchor (&), which is not allowed in a config", "write the value out where it is needed");
        if (!node.Tag.IsEmpty) throw Refusal(start, path, "uses a tag (!), which is not allowed in a config", "a text that begins with ! must be quoted");
        if (depth > MaximumDepth) throw Refusal(start, path, $"is nested more than {MaximumDepth} levels deep", "no setting is that deep");
        return start switch
        {
            Scalar scalar => new ScalarNode(At(start), scalar.Value, scalar.Style == YamlDotNet.Core.ScalarStyle.Plain ? ScalarStyle.Plain : ScalarStyle.Quoted),
            SequenceStart => List(start, depth, path),
            _ => Map(start, depth, path),
        };
    }

    ListNode List(ParsingEvent start, int depth, string path)
    {
        var items = new List<ConfigNode>();
        while (Next() is not SequenceEnd) items.Add(Node(depth + 1, $"{path}[{items.Count}]"));
        return new ListNode(At(start), items);
    }

    MapNode Map(ParsingEvent start, int depth, string path)
    {
        var entries = new List<MapEntry>();
        var seen = new Dictionary<string, Source>();
        while (Next() is not MappingEnd)
        {
            var source = At(parser.Current!);
            if (Node(depth + 1, path) is not ScalarNode { Text: var key })
                throw Refusal(parser.Current!, path, "has a mapping or a list as a key", "quote text that contains { or [");
            var below = path.Length == 0 ? MessageText.Escape(key) : $"{path}.{MessageText.Escape(key)}";
            Next();
            var value = Node(depth + 1, below);
            if (seen.TryAdd(key, source)) entries.Add(new MapEntry(key, source, value));
            else problems.Add(source, below, $"{below} is given twice", seen[key].Line is { } line ? $"the first is on line {line}; keep one" : "keep one");
        }
        return new MapNode(At(start), entries);
    }

    Source At(ParsingEvent e) => at((int)e.Start.Line, (int)e.Start.Column);

    UserException Refusal(ParsingEvent e, string path, string what, string hint)
    {
        var (file, line, column) = At(e);
        // Below thousands of levels the path would fill the screen.
        if (path.Length > 100) path = path[..100] + "…";
        return new UserException([new Problem(path.Length == 0 ? $"the config {what}" : $"{path} {what}", file, line, column, path.Length == 0 ? null : path, hint)]);
    }

    Problem Syntax(YamlException exception)
    {
        var tab = exception.Message.Contains("tab character", StringComparison.Ordinal) || exception.Message.Contains("invalid tab", StringComparison.Ordinal);
        var mark = tab ? exception.End : exception.Start;
        var (file, line, column) = at((int)Math.Max(1, mark.Line), (int)Math.Max(1, mark.Column));
        // The parser reports where the mapping around a tab began, so the tab itself is looked for.
        if (FirstIndentingTab((int)Math.Max(1, exception.Start.Line)) is { } found && (tab || found.Line <= line + 1))
        {
            tab = true;
            (file, line, column) = at(found.Line, found.Column);
        }
        var reason = Position().Replace(exception.Message, "").Trim().TrimEnd('.');
        if (reason.Length > 1 && char.IsUpper(reason[0]) && char.IsLower(reason[1])) reason = char.ToLowerInvariant(reason[0]) + reason[1..];
        return new Problem($"this is not YAML: {MessageText.Escape(reason)}", file, line, column,
            Hint: tab ? "indent with spaces, not with tabs" : "check the indentation and the brackets here and just above; quote text that contains ': ' or ' #'");
    }

    (int Line, int Column)? FirstIndentingTab(int from)
    {
        foreach (var (index, line) in text.Split('\n').Index().Skip(from - 1))
        {
            var indentation = line.Length - line.TrimStart(' ', '\t').Length;
            if (indentation < line.TrimEnd('\r').Length && line.IndexOf('\t', 0, indentation) is var column and >= 0) return (index + 1, column + 1);
        }
        return null;
    }

    [GeneratedRegex(@"\(Line: \d+, Col: \d+, Idx: \d+\)( - )?:?")]
    private static partial Regex Position();
}

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
        catch (InvalidOperationException exception) // a lone surrogate
        {
            throw new UserException([new Problem("a text contains a lone surrogate", file, source.Line, source.Column, Hint: "write the character itself")], exception);
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
