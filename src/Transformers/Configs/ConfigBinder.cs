using System.Runtime.CompilerServices;

namespace Transformers.Configs;

/// <summary>Binds a tree to sealed records, strictly: whatever does not match exactly is a problem, and all problems are
/// reported.</summary>
sealed class ConfigBinder(Type root, ProblemList problems)
{
    /// <summary>The value, or null if it has problems or is null.</summary>
    /// <param name="type">The type to bind to.</param>
    /// <param name="node">The tree.</param>
    /// <param name="path">Its path in the config.</param>
    /// <param name="at">The position of its key.</param>
    /// <param name="rules">The rules of its setting.</param>
    /// <param name="otherwise">The record that a union has by default; --set need not name its kind.</param>
    internal object? Bind(Type type, ConfigNode node, string path, Source at, IReadOnlyList<RuleAttribute>? rules = null, Type? otherwise = null)
    {
        if (ConfigShape.IsMapping(type))
        {
            if (node is MapNode map) return ConfigShape.IsUnion(type) ? Union(type, map, path, at, otherwise) : Record(ConfigShape.Of(type), map, path, at);
            return Wrong(node, path, "must be a mapping", MappingHint(type, node));
        }
        if (ConfigShape.IsPair(type)) return Pair(node, path, at);
        if (ConfigShape.ItemOf(type) is { } item) return List(item, node, path, rules);
        if (node is not ScalarNode scalar || scalar.IsNull) return Wrong(node, path, $"must be {ConfigScalars.Describe(type)}", null);
        var value = ConfigScalars.Read(scalar, type, rules ?? [], out var rule, out var hint);
        return value ?? Wrong(node, path, rule, hint);
    }

    object? Union(Type type, MapNode map, string path, Source at, Type? otherwise)
    {
        var variants = ConfigShape.Variants(type);
        if (ConfigShape.VariantOf(type, map) is { } chosen) return Record(chosen, map, path, at);
        if (variants.Any(v => v.Key is not null)) return ByKey(variants, map, path, at);

        var kinds = variants.Select(v => v.Kind!).ToList();
        var all = string.Join(", ", kinds);
        if (map.Find("kind") is not { } entry)
        {
            // A file must name the kind, as its schema requires; a setting on the command line may be one of the default record's.
            if (otherwise is not null && map.Source.File == ConfigText.CommandLine && ConfigShape.Of(otherwise) is var standard && map.Entries.All(e => standard.Find(e.Key) is not null))
                return Record(standard, map, path, at);
            var typo = map.Entries.FirstOrDefault(e => Suggestion.For(e.Key, ["kind"]) is not null && variants.All(v => v.Find(e.Key) is null));
            problems.Add(typo?.KeySource ?? at, Join(path, "kind"), $"{Join(path, "kind")} is missing", typo is null ? $"one of {all}" : $"did you mean kind instead of {MessageText.Escape(typo.Key)}?");
            return null;
        }
        var given = (entry.Value as ScalarNode)?.Text;
        return Wrong(entry.Value, Join(path, "kind"), kinds.Count == 1 ? $"must be {all}" : $"must be one of {all}",
            given is not null && Suggestion.ForValue(given, kinds) is { } near ? $"did you mean {near}?" : null);
    }

    object? ByKey(IReadOnlyList<RecordShape> variants, MapNode map, string path, Source at)
    {
        var keys = variants.Select(v => v.Key!).ToList();
        var given = keys.Where(k => ConfigShape.HasValue(map, k)).ToList();
        if (given.Count > 1)
        {
            problems.Add(map.Find(given[1])!.KeySource, Join(path, given[1]), $"{Join(path, given[0])} and {Join(path, given[1])} must not both be given", $"keep one of them; if another file or setting gives {given[0]}, {given[0]}: null removes it");
            return null;
        }
        var typo = map.Entries.Select(e => (Entry: e, Near: Suggestion.For(e.Key, keys))).FirstOrDefault(t => t.Near is not null);
        var message = $"{path} needs one of {string.Join(", ", keys)}";
        if (typo.Near is not null)
            problems.Add(typo.Entry.KeySource, Join(path, MessageText.Escape(typo.Entry.Key)), $"{Join(path, MessageText.Escape(typo.Entry.Key))} is not a setting", $"did you mean {typo.Near}?");
        else if (map.Entries.FirstOrDefault(e => variants.All(v => v.Find(e.Key) is null)) is { } unknown)
            problems.Add(unknown.KeySource, Join(path, MessageText.Escape(unknown.Key)), $"{Join(path, MessageText.Escape(unknown.Key))} is not a setting here; {message}");
        else problems.Add(at, path, message, $"add one of {string.Join(", ", keys)}");
        return null;
    }

    object? Record(RecordShape shape, MapNode map, string path, Source at)
    {
        var before = problems.Count;
        var meant = new HashSet<string>();
        var record = Activator.CreateInstance(shape.Type)!;
        foreach (var entry in map.Entries)
        {
            if (shape.Kind is not null && entry.Key == "kind") continue;
            // The key with which editors find a JSON file's schema.
            if (path.Length == 0 && entry is { Key: "$schema", Value: ScalarNode }) continue;
            if (shape.Find(entry.Key) is { } setting) Set(record, setting, entry, Join(path, entry.Key));
            else if (Unknown(shape, entry, path) is { } near) meant.Add(near);
        }
        // A setting under a misspelt name is not also reported as missing.
        foreach (var setting in shape.Settings)
            if (setting.Required && map.Find(setting.Name) is null && !meant.Contains(setting.Name))
                problems.Add(at, Join(path, setting.Name), $"{Join(path, setting.Name)} is missing", $"add {setting.Name}: {ConfigScalars.Describe(setting.Type)}");
        if (problems.Count > before) return null;
        if (record is IChecked @checked)
            @checked.Check(new ConfigCheck(path, (key, message, hint) => problems.Add(map.Locate(key, at), Join(path, key), message, hint)));
        return problems.Count > before ? null : record;
    }

    void Set(object record, Setting setting, MapEntry entry, string path)
    {
        if (setting.Nullable && entry.Value is ScalarNode { IsNull: true, Text.Length: > 0 })
        {
            setting.Property.SetValue(record, null);
            return;
        }
        if (entry.Value is ScalarNode { IsNull: true, Text: "" })
        {
            problems.Add(entry.KeySource, path, $"{path} has no value", $"must be {ConfigScalars.Describe(setting.Type)}");
            return;
        }
        if (Bind(setting.Type, entry.Value, path, entry.KeySource, setting.Rules, setting.Property.GetValue(record)?.GetType()) is not { } value) return;
        var source = entry.Value.Source;
        foreach (var rule in setting.Rules)
            foreach (var (one, position) in ValuesOf(value, rule))
                if (rule.Broken(one) is { } broken)
                {
                    problems.Add(source, path + position, $"{path}{position}{Quote(one)} {broken}");
                    return;
                }
        setting.Property.SetValue(record, value);
    }

    // The values a rule applies to: each number of a pair or a list, else the value itself.
    static IEnumerable<(object One, string Position)> ValuesOf(object value, RuleAttribute rule) => value switch
    {
        ITuple pair => [(pair[0]!, ""), (pair[1]!, "")],
        System.Collections.IList list when rule.AppliesToItems => list.Cast<object>().Select((one, i) => (one, $"[{i}]")),
        _ => [(value, "")],
    };

    object? Pair(ConfigNode node, string path, Source at)
    {
        if (node is not ListNode { Items.Count: 2 } list) return Wrong(node, path, "must be a list of two numbers", "for example [0.9, 0.99]");
        var first = Bind(typeof(double), list.Items[0], $"{path}[0]", at);
        var second = Bind(typeof(double), list.Items[1], $"{path}[1]", at);
        return first is null || second is null ? null : ((double)first, (double)second);
    }

    object? List(Type item, ConfigNode node, string path, IReadOnlyList<RuleAttribute>? rules)
    {
        if (node is not ListNode list)
            return Wrong(node, path, $"must be a list, each item {ConfigScalars.Describe(item)}", node is ScalarNode s ? $"write [{MessageText.Escape(s.Text)}]" : null);
        var values = Array.CreateInstance(item, list.Items.Count);
        var before = problems.Count;
        for (var i = 0; i < values.Length; i++)
            if (Bind(item, list.Items[i], $"{path}[{i}]", list.Items[i].Source, rules) is { } value) values.SetValue(value, i);
        return problems.Count > before ? null : values;
    }

    /// <summary>Reports an unknown key.</summary>
    string? Unknown(RecordShape shape, MapEntry entry, string path)
    {
        var full = Join(path, MessageText.Escape(entry.Key));
        if (problems.Full)
        {
            problems.Add(entry.KeySource, full, "");
            return null;
        }
        var names = shape.Settings.Select(s => s.Name).ToList();
        var common = Suggestion.CommonName(entry.Key);
        var near = names.FirstOrDefault(name => name == common || Join(path, name) == common) ?? Suggestion.For(entry.Key, names);
        var conversion = Suggestion.ConversionOf(entry.Key) is { } how ? $" ({how})" : "";
        var hint = near is not null ? $"did you mean {near}?{conversion}"
            : ConfigShape.Siblings(shape).Where(s => s.Find(entry.Key) is not null).Select(s => s.Kind ?? s.Key).ToList() is { Count: > 0 } kinds
                ? $"it belongs to kind {string.Join(" or ", kinds)}"
            : Suggestion.ForSetting(root, entry.Key) is { } other ? $"did you mean {other}{(other.Contains('.') ? "" : ", at the top of the config")}?{conversion}"
            : $"the settings here are {string.Join(", ", shape.Kind is null ? names : names.Prepend("kind"))}";
        problems.Add(entry.KeySource, full, $"{full} is not a setting{shape.Title}", hint);
        return near;
    }

    object? Wrong(ConfigNode node, string path, string rule, string? hint)
    {
        var what = node switch
        {
            MapNode => "is a mapping and ",
            ListNode => "is a list and ",
            ScalarNode { IsNull: true } => "is null and ",
            ScalarNode scalar => $"({MessageText.Escape(scalar.Text)}) ",
            _ => "",
        };
        problems.Add(node.Source, path, $"{(path.Length == 0 ? "the config" : path)} {what}{rule}", hint);
        return null;
    }

    static string? MappingHint(Type type, ConfigNode node)
    {
        if (!ConfigShape.IsUnion(type)) return $"its settings are {string.Join(", ", ConfigShape.Of(type).Settings.Select(s => s.Name))}";
        if (node is not ScalarNode { IsNull: false, Text: var text }) return null;
        var kinds = ConfigShape.Variants(type).Select(v => v.Kind).OfType<string>().ToList();
        if (kinds.Count == 0) return $"write {string.Join(" or ", ConfigShape.Variants(type).Select(v => $"{{ {v.Key}: … }}"))}";
        return $"write {{ kind: {(kinds.Contains(text) ? text : Suggestion.ForValue(text, kinds) ?? kinds[0])} }}";
    }

    static string Quote(object value) => value is string { Length: 0 } or System.Collections.ICollection ? "" : $" ({MessageText.Escape(ConfigScalars.Write(value).Text)})";

    static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";
}

/// <summary>Finds where a misplaced setting belongs.</summary>
static class SettingSearch
{
    /// <summary>The dotted path of the only setting of this name below a type, or null if there is none or more than one.</summary>
    internal static string? Find(Type root, string name)
    {
        var paths = Paths(root, name);
        return paths.Count == 1 ? paths.Single() : null;
    }

    /// <summary>The dotted paths of all settings of this name below a type.</summary>
    internal static IReadOnlySet<string> Paths(Type root, string name)
    {
        var paths = new HashSet<string>();
        Collect(root, name, "", paths, []);
        return paths;
    }

    static void Collect(Type type, string name, string path, HashSet<string> paths, HashSet<Type> seen)
    {
        if (!ConfigShape.IsMapping(type) || !seen.Add(type)) return;
        foreach (var shape in ConfigShape.IsUnion(type) ? ConfigShape.Variants(type) : [ConfigShape.Of(type)])
            foreach (var setting in shape.Settings)
            {
                var below = path.Length == 0 ? setting.Name : $"{path}.{setting.Name}";
                if (setting.Name == name) paths.Add(below);
                Collect(setting.Type, name, below, paths, seen);
            }
    }
}
