namespace Transformers.Configs;

/// <summary>Lays one config over another: mappings merge key by key, everything else is replaced.</summary>
static class ConfigMerge
{
    /// <param name="type">What the nodes stand for, or null where that is not known.</param>
    /// <param name="below">The earlier config.</param>
    /// <param name="above">The later config, which wins.</param>
    internal static ConfigNode Merge(Type? type, ConfigNode below, ConfigNode above)
    {
        if (below is not MapNode old || above is not MapNode @new) return above;
        RecordShape? shape = null;
        if (type is not null && ConfigShape.IsUnion(type))
        {
            shape = ConfigShape.VariantOf(type, old);
            // Settings of one kind mean nothing to another.
            if (Picks(type, @new) && ConfigShape.VariantOf(type, @new) != shape) return above;
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
