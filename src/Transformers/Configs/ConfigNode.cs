namespace Transformers.Configs;

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
