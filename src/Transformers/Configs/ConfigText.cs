namespace Transformers.Configs;

/// <summary>Reads bytes, or a setting of <c>--set</c>, into a tree.</summary>
static class ConfigText
{
    /// <summary>The name shown as the file of settings from the command line.</summary>
    internal const string CommandLine = "--set";

    static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    internal static ConfigNode Read(byte[] bytes, string file, ProblemList problems)
    {
        var text = Decode(bytes, file);
        var json = file.EndsWith(".json", StringComparison.OrdinalIgnoreCase);
        var node = json
            ? new JsonReader(Strict.GetBytes(text), file, problems).Read()
            : new YamlReader(text, (line, column) => new Source(file, line, column), problems).Read();
        if (node is null or ScalarNode { IsNull: true })
            throw new UserException([new Problem("the config is empty", file, 1, 1, Hint: "transformer config copy gpt-stories FILE gives one to start from")]);
        return node;
    }

    /// <summary>The tree of <c>a.b=value</c>: mappings down to the value, which is YAML.</summary>
    internal static ConfigNode ReadSetting(string set, ProblemList problems)
    {
        var source = new Source(CommandLine);
        var equals = set.IndexOf('=');
        if (equals < 0) throw Bad($"{MessageText.Escape(set)} has no =", null);
        var path = set[..equals].Trim();
        var parts = path.Split('.');
        if (parts.Any(p => p.Trim().Length == 0)) throw Bad($"'{MessageText.Escape(path)}' is not a path", null);
        if (parts.Length > YamlReader.MaximumDepth) throw Bad($"{MessageText.Escape(path)} is nested more than {YamlReader.MaximumDepth} levels deep", null);
        RefuseControls(set, source.File);
        ConfigNode node;
        try
        {
            node = new YamlReader(set[(equals + 1)..], (_, _) => source, problems).Read() ?? new ScalarNode(source, "", ScalarStyle.Plain);
        }
        catch (UserException exception)
        {
            throw Bad($"{MessageText.Escape(path)} ({MessageText.Escape(set[(equals + 1)..])}): {exception.Problems[0].Message}", exception.Problems[0].Hint);
        }
        foreach (var part in parts.Reverse()) node = new MapNode(source, [new MapEntry(part.Trim(), source, node)]);
        return node;

        UserException Bad(string message, string? hint) => new([new Problem(message, source.File, Hint: hint ?? "write it as model.layers=12")]);
    }

    /// <summary>The text of UTF-8 bytes, without a byte-order mark.</summary>
    internal static string Decode(byte[] bytes, string file)
    {
        if (bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble)) bytes = bytes[3..];
        string text;
        try
        {
            text = Strict.GetString(bytes);
        }
        catch (DecoderFallbackException exception)
        {
            var before = bytes.AsSpan(0, Math.Clamp(exception.Index, 0, bytes.Length));
            throw new UserException([new Problem("the config is not UTF-8 text", file, before.Count((byte)'\n') + 1, before.Length - before.LastIndexOf((byte)'\n'),
                Hint: "save it as UTF-8")], exception);
        }
        RefuseControls(text, file);
        return text;
    }

    /// <summary>YAML forbids control characters, and its reader treats NUL as the end of the file.</summary>
    static void RefuseControls(string text, string file)
    {
        for (int i = 0, line = 1, start = 0; i < text.Length; i++)
        {
            if (text[i] == '\n') (line, start) = (line + 1, i + 1);
            else if (char.IsControl(text[i]) && text[i] is not ('\r' or '\t' or '\u0085'))
                throw new UserException([new Problem($"the config contains the control character U+{(int)text[i]:X4}", file, line, i - start + 1,
                    Hint: "is this a text file? a text can contain it as an escape in double quotes")]);
        }
    }
}

/// <summary>Collects all problems, so that a user sees them all at once.</summary>
sealed class ProblemList
{
    const int Most = 100;
    readonly List<Problem> problems = [];

    internal int Count { get; private set; }

    /// <summary>Whether further problems are only counted, which makes suggestions for them unnecessary.</summary>
    internal bool Full => problems.Count >= Most;

    internal void Add(Source source, string path, string message, string? hint = null)
    {
        Count++;
        if (problems.Count < Most)
            problems.Add(new Problem(message, source.File, source.Line, source.Column, path.Length > 0 ? path : null, hint));
    }

    /// <summary>Whether something that the rest needs could not be read at all.</summary>
    internal bool Stopped { get; private set; }

    /// <summary>Runs a step of reading and keeps the problems that it throws.</summary>
    /// <param name="vital">Whether the rest makes no sense without it.</param>
    internal void Collect(Action step, bool vital = true)
    {
        try
        {
            step();
        }
        catch (UserException exception)
        {
            Stopped |= vital;
            Count += exception.Problems.Count;
            problems.AddRange(exception.Problems);
        }
    }

    /// <summary>Throws if there are problems, in the order of the files as given and of the lines in each.</summary>
    internal void ThrowIfAny(IReadOnlyList<string> files)
    {
        if (Count == 0) return;
        var order = files.Index().DistinctBy(f => f.Item).ToDictionary(f => f.Item, f => f.Index);
        List<Problem> sorted = [.. problems
            .OrderBy(p => p.File is not null && order.TryGetValue(p.File, out var index) ? index : int.MaxValue)
            .ThenBy(p => p.Line ?? 0).ThenBy(p => p.Column ?? 0)];
        if (Count > sorted.Count) sorted.Add(new Problem($"and {Count - sorted.Count} more problems"));
        throw new UserException(sorted);
    }
}

/// <summary>The position at which something was read.</summary>
readonly record struct Source(string File, int? Line = null, int? Column = null);

/// <summary>A config before it is bound to records: YAML, JSON and <c>--set</c> are all read into this tree.</summary>
abstract record ConfigNode(Source Source);

/// <summary>How a scalar was written, which decides to which types it can be bound.</summary>
enum ScalarStyle
{
    /// <summary>YAML without quotes: a number, a word, or text.</summary>
    Plain,
    /// <summary>In quotes: always text.</summary>
    Quoted,
    /// <summary>JSON without quotes: never text.</summary>
    JsonLiteral,
}

sealed record ScalarNode(Source Source, string Text, ScalarStyle Style) : ConfigNode(Source)
{
    internal bool IsNull => Style != ScalarStyle.Quoted && Text is ("" or "null" or "~");
}

sealed record ListNode(Source Source, IReadOnlyList<ConfigNode> Items) : ConfigNode(Source);

sealed record MapNode(Source Source, IReadOnlyList<MapEntry> Entries) : ConfigNode(Source)
{
    internal MapEntry? Find(string key) => Entries.FirstOrDefault(e => e.Key == key);

    /// <summary>The position of a setting, or of the nearest mapping around it if the setting itself is not given.</summary>
    /// <param name="path">A dotted path from here, list items as <c>files[0]</c>.</param>
    /// <param name="at">The position of this mapping's own key.</param>
    internal Source Locate(string path, Source at)
    {
        var map = this;
        foreach (var part in path.Split('.'))
        {
            var bracket = part.IndexOf('[');
            if (map.Find(bracket < 0 ? part : part[..bracket]) is not { } entry) return at;
            at = entry.KeySource;
            if (bracket > 0 && entry.Value is ListNode list && int.TryParse(part[(bracket + 1)..].TrimEnd(']'), out var index) && index < list.Items.Count)
                return list.Items[index].Source;
            if (entry.Value is not MapNode next) return entry.Value.Source;
            map = next;
        }
        return at;
    }
}

sealed record MapEntry(string Key, Source KeySource, ConfigNode Value);

/// <summary>Merges one config over another: mappings merge key by key, everything else is replaced.</summary>
static class ConfigMerge
{
    /// <param name="type">The type of the nodes, or null if it is not known.</param>
    /// <param name="below">The earlier config.</param>
    /// <param name="above">The later config, which wins.</param>
    internal static ConfigNode Merge(Type? type, ConfigNode below, ConfigNode above)
    {
        if (below is not MapNode old || above is not MapNode @new) return above;
        RecordShape? shape = null;
        if (type is not null && ConfigShape.IsUnion(type))
        {
            shape = ConfigShape.VariantOf(type, old);
            // The settings of one kind do not apply to another.
            if (shape is not null && Picks(type, @new) && ConfigShape.VariantOf(type, @new) != shape) return above;
        }
        else if (type is not null && ConfigShape.IsMapping(type)) shape = ConfigShape.Of(type);

        var entries = old.Entries.ToDictionary(e => e.Key);
        foreach (var entry in @new.Entries)
            entries[entry.Key] = entries.TryGetValue(entry.Key, out var earlier)
                ? entry with { Value = Merge(shape?.Find(entry.Key)?.Type, earlier.Value, entry.Value) }
                : entry;
        // Keys keep the order of the earlier file; new ones follow.
        var order = old.Entries.Select(e => e.Key).Concat(@new.Entries.Select(e => e.Key)).Distinct();
        return new MapNode(old.Source, [.. order.Select(key => entries[key])]);
    }

    static bool Picks(Type union, MapNode map) =>
        map.Find("kind") is not null || ConfigShape.Variants(union).Any(v => v.Key is not null && ConfigShape.HasValue(map, v.Key));
}
