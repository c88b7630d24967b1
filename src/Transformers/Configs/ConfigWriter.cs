namespace Transformers.Configs;

/// <summary>Writes a config with every setting resolved; reading it back gives the same config.</summary>
public static class ConfigWriter
{
    const int LineWidth = 100;

    /// <summary>The config as YAML, one line per setting, small mappings on one line.</summary>
    /// <param name="config">A config record.</param>
    public static string ToYaml(object config)
    {
        var text = new StringBuilder();
        Block(text, Tree(config), 0);
        return text.ToString();
    }

    /// <summary>The config as JSON, with the same keys.</summary>
    public static JsonNode ToJson(object config) => Json(Tree(config))!;

    internal static JsonNode ToJson(object value, Type type) => Json(Node(value, type))!;

    static MapNode Tree(object config)
    {
        var shape = ConfigShape.Of(config.GetType());
        var entries = new List<MapEntry>();
        if (shape.Kind is not null) entries.Add(new MapEntry("kind", default, new ScalarNode(default, shape.Kind, ScalarStyle.Quoted)));
        foreach (var setting in shape.Settings)
            if (setting.Property.GetValue(config) is { } value) entries.Add(new MapEntry(setting.Name, default, Node(value, setting.Type)));
        return new MapNode(default, entries);
    }

    static ConfigNode Node(object value, Type type)
    {
        if (ConfigShape.IsMapping(type)) return Tree(value);
        if (value is (double first, double second)) return new ListNode(default, [ConfigScalars.Write(first), ConfigScalars.Write(second)]);
        if (ConfigShape.ItemOf(type) is { } item)
            return new ListNode(default, [.. ((System.Collections.IEnumerable)value).Cast<object>().Select(one => Node(one, item))]);
        return ConfigScalars.Write(value);
    }

    static void Block(StringBuilder text, MapNode map, int indent)
    {
        foreach (var entry in map.Entries)
        {
            text.Append(' ', indent).Append(entry.Key).Append(':');
            // Each section is a block; below that, a mapping that fits on a line is written on one.
            if (entry.Value is MapNode below && (indent == 0 || !Fits(below, indent + entry.Key.Length)) && below.Entries.Count > 0)
            {
                text.Append('\n');
                Block(text, below, indent + 2);
            }
            else text.Append(' ').Append(Flow(entry.Value)).Append('\n');
        }
    }

    static bool Fits(MapNode map, int before) =>
        map.Entries.All(e => e.Value is not MapNode) && before + Flow(map).Length < LineWidth;

    static string Flow(ConfigNode node) => node switch
    {
        MapNode { Entries.Count: 0 } => "{}",
        MapNode map => "{ " + string.Join(", ", map.Entries.Select(e => $"{e.Key}: {Flow(e.Value)}")) + " }",
        ListNode list => "[" + string.Join(", ", list.Items.Select(Flow)) + "]",
        ScalarNode { Style: ScalarStyle.Plain } plain => plain.Text,
        ScalarNode scalar => IsPlain(scalar.Text) ? scalar.Text : Quote(scalar.Text),
        _ => throw new InvalidOperationException($"A config cannot hold {node}"),
    };

    /// <summary>Whether every YAML reader reads the bare text as text (or a size as a size).</summary>
    static bool IsPlain(string text) =>
        text.Length is > 0 and < 200 && (char.IsAsciiLetterOrDigit(text[0]) || text[0] is '/' or '_')
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '_' or '.' or '-')
        && !ConfigScalars.NumberForm().IsMatch(text) && !(char.IsAsciiDigit(text[0]) && text.All(c => char.IsAsciiHexDigit(c) || c is '_' or '.' or '-' or 'x' or 'o'))
        && text.ToLowerInvariant() is not ("null" or "true" or "false" or "yes" or "no" or "on" or "off" or "y" or "n");

    static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
            quoted.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\t' => "\\t",
                '\r' => "\\r",
                _ when c < ' ' || c is >= '\x7f' and < '\xa0' or '\u2028' or '\u2029' or '\ufeff' => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        return quoted.Append('"').ToString();
    }

    static JsonNode? Json(ConfigNode node) => node switch
    {
        MapNode map => new JsonObject(map.Entries.Select(e => KeyValuePair.Create(e.Key, Json(e.Value)))),
        ListNode list => new JsonArray([.. list.Items.Select(Json)]),
        ScalarNode { Style: ScalarStyle.Plain } plain => JsonNode.Parse(plain.Text),
        ScalarNode scalar => JsonValue.Create(scalar.Text),
        _ => null,
    };
}

/// <summary>A setting that differs from its default.</summary>
/// <param name="Path">Its path, such as <c>model.layers</c>.</param>
/// <param name="Value">Its value as JSON.</param>
/// <param name="Default">The default as JSON; null if there is none.</param>
sealed record ChangedSetting(string Path, string Value, string? Default);

/// <summary>Compares configs with the defaults of their records.</summary>
static class ConfigDefaults
{
    /// <summary>The settings that differ from their defaults, including those without one, in the order of the records.</summary>
    public static IReadOnlyList<ChangedSetting> Changed(object config)
    {
        var changed = new List<ChangedSetting>();
        Compare(config, null, "", changed);
        return changed;
    }

    static void Compare(object value, object? standard, string path, List<ChangedSetting> changed)
    {
        var shape = ConfigShape.Of(value.GetType());
        // If another kind is the default, settings are compared with the defaults of this kind.
        if (standard?.GetType() != value.GetType())
        {
            if (shape.Kind is not null) changed.Add(new(At(path, "kind"), Show(shape.Kind), standard is null ? null : Show(ConfigShape.Of(standard.GetType()).Kind ?? "")));
            standard = Activator.CreateInstance(value.GetType())!;
        }
        foreach (var setting in shape.Settings)
        {
            var (own, usual) = (setting.Property.GetValue(value), setting.Required ? null : setting.Property.GetValue(standard));
            if (own is not null && ConfigShape.IsMapping(setting.Type))
            {
                Compare(own, usual, At(path, setting.Name), changed);
                continue;
            }
            var (shown, other) = (Json(own, setting.Type), usual is null && setting.Required ? null : Json(usual, setting.Type));
            if (shown != other) changed.Add(new(At(path, setting.Name), shown, other));
        }
    }

    static string At(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    static string Show(string text) => $"\"{text}\"";

    static string Json(object? value, Type type) => value is null ? "none" : ConfigWriter.ToJson(value, type).ToJsonString(IO.JsonStyle.Options);
}

/// <summary>A setting that differs between two configs.</summary>
/// <param name="Path">Its path, such as <c>model.layers</c>.</param>
/// <param name="Old">Its value as JSON in the old config; null if it is not set.</param>
/// <param name="New">Its value as JSON in the new config; null if it is not set.</param>
public sealed record DifferentSetting(string Path, string? Old, string? New)
{
    /// <summary>Such as <c>training.steps is 200 and was 100</c>.</summary>
    public override string ToString() => $"{Path} is {New ?? "not set"} and was {Old ?? "not set"}";
}

/// <summary>Compares configs, or parts of them, setting by setting.</summary>
public static class ConfigDifferences
{
    /// <summary>All settings that differ. An absolute and a relative path of the same file are equal.</summary>
    /// <param name="old">The old config record.</param>
    /// <param name="now">The new one.</param>
    /// <param name="path">Their path in the whole config; empty for the whole.</param>
    public static IReadOnlyList<DifferentSetting> Of(object old, object now, string path = "") => [.. Compare(ConfigWriter.ToJson(old), ConfigWriter.ToJson(now), path)];

    static IEnumerable<DifferentSetting> Compare(JsonNode? old, JsonNode? now, string path)
    {
        if (old is JsonObject before && now is JsonObject after)
            return before.Select(entry => entry.Key).Union(after.Select(entry => entry.Key)).SelectMany(key => Compare(before[key], after[key], path.Length == 0 ? key : $"{path}.{key}"));
        return Same(old, now) ? [] : [new DifferentSetting(path, Shown(old), Shown(now))];
    }

    static bool Same(JsonNode? one, JsonNode? other) => JsonNode.DeepEquals(one, other) || (one, other) switch
    {
        (JsonArray list, JsonArray others) => list.Count == others.Count && list.Zip(others).All(pair => Same(pair.First, pair.Second)),
        (JsonValue text, JsonValue another) => text.TryGetValue<string>(out var path) && another.TryGetValue<string>(out var same) && SamePath(path, same),
        _ => false,
    };

    /// <summary>Whether two paths name the same file or folder, such as data/x and ./data/x.</summary>
    internal static bool SamePath(string one, string other) =>
        one.Length > 0 && other.Length > 0 && !one.Contains('\0') && !other.Contains('\0')
        && Path.TrimEndingDirectorySeparator(Path.GetFullPath(one)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(other));

    static string? Shown(JsonNode? value) => value?.ToJsonString(IO.JsonStyle.Options);
}
