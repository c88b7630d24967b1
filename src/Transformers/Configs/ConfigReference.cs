using System.Xml.Linq;

namespace Transformers.Configs;

/// <summary>Every setting of a config as Markdown, generated from the records, for docs/configs.md.</summary>
public sealed class ConfigReference
{
    readonly XmlDocs docs = new();
    readonly StringBuilder text = new();
    readonly HashSet<Type> described = [];

    ConfigReference() { }

    /// <summary>The reference of a config record; it ends in a line break.</summary>
    /// <typeparam name="T">The record.</typeparam>
    /// <exception cref="UserException">The documentation file, from which descriptions come, is not beside the program.</exception>
    public static string ToMarkdown<T>()
    {
        var reference = new ConfigReference();
        reference.Describe(typeof(T), "");
        return reference.text.ToString();
    }

    // A type is described where it is first used, followed by the types of its settings.
    void Describe(Type type, string path)
    {
        if (!described.Add(type)) return;
        var depth = path.Count(c => c == '.');
        var title = path.Length == 0 ? "The whole config" : $"`{path}`";
        text.Append($"\n<a id=\"{AnchorOf(type)}\"></a>\n\n{new string('#', Math.Min(4, 2 + depth))} {title}\n\n{Plain(docs.Of(type))}\n");
        if (ConfigShape.IsUnion(type))
        {
            var variants = ConfigShape.Variants(type);
            foreach (var variant in variants) Variant(variant);
            foreach (var variant in variants) Below(variant, path);
        }
        else
        {
            var shape = ConfigShape.Of(type);
            Table(shape);
            Below(shape, path);
        }
    }

    void Variant(RecordShape shape)
    {
        described.Add(shape.Type);
        text.Append($"\n**{(shape.Kind is { } kind ? $"`kind: {kind}`" : $"with `{shape.Key}`")}**: {Plain(docs.Of(shape.Type))}\n");
        Table(shape);
    }

    void Below(RecordShape shape, string path)
    {
        foreach (var setting in shape.Settings)
            if ((ConfigShape.ItemOf(setting.Type) ?? setting.Type) is var type && ConfigShape.IsMapping(type))
                Describe(type, path.Length == 0 ? setting.Name : $"{path}.{setting.Name}");
    }

    void Table(RecordShape shape)
    {
        if (shape.Settings.Count == 0) return;
        var defaults = Activator.CreateInstance(shape.Type)!;
        text.Append("\n| setting | type | default | meaning |\n|---|---|---|---|\n");
        foreach (var setting in shape.Settings)
            text.Append($"| `{setting.Name}` | {TypeOf(setting)} | {DefaultOf(setting, defaults)} | {MeaningOf(setting)} |\n");
    }

    static string TypeOf(Setting setting)
    {
        if (ConfigShape.IsMapping(setting.Type)) return $"[mapping](#{AnchorOf(setting.Type)})";
        if (setting.Type.IsEnum) return string.Join(", ", ConfigScalars.Names(setting.Type).Select(name => $"`{name}`"));
        var bounds = new JsonObject();
        foreach (var rule in setting.Rules) rule.Describe(bounds);
        return ConfigScalars.Describe(setting.Type) + Bounds(bounds);
    }

    static string Bounds(JsonObject bounds) => (bounds["minimum"], bounds["exclusiveMinimum"], bounds["maximum"], bounds["exclusiveMaximum"]) switch
    {
        ({ } least, _, { } most, _) => $", {least} to {most}",
        ({ } least, _, _, { } below) => $", {least} to below {below}",
        ({ } least, _, _, _) => $", at least {least}",
        (_, { } above, _, _) => $", above {above}",
        _ => "",
    };

    static string DefaultOf(Setting setting, object defaults) => setting.Required ? "required"
        : setting.Property.GetValue(defaults) is { } value ? $"`{ConfigWriter.ToJson(value, setting.Type).ToJsonString()}`" : "";

    string MeaningOf(Setting setting)
    {
        var meaning = Plain(docs.Of(setting));
        if (!setting.Type.IsEnum) return meaning;
        return meaning + " " + string.Join(" ", Enum.GetNames(setting.Type).Select(name => $"`{ConfigShape.SnakeCase(name)}`: {Plain(docs.Of(setting.Type, name))}"));
    }

    static string AnchorOf(Type type) => ConfigShape.SnakeCase(type.Name);

    static string Plain(string? description) => (description ?? "").Replace("|", "\\|").Replace("<", "&lt;");
}

/// <summary>The summaries of this assembly's members, from the documentation file that the compiler writes beside it.</summary>
sealed partial class XmlDocs
{
    readonly Dictionary<string, XElement> summaries;

    internal XmlDocs()
    {
        var path = Path.Combine(AppContext.BaseDirectory, typeof(XmlDocs).Assembly.GetName().Name + ".xml");
        if (!File.Exists(path)) throw new UserException([new Problem("the documentation file, from which descriptions come, is missing", path, Hint: "build the program again")]);
        summaries = XDocument.Load(path).Descendants("member")
            .Where(m => m.Element("summary") is not null)
            .ToDictionary(m => m.Attribute("name")!.Value, m => m.Element("summary")!);
    }

    internal string? Of(Type type) => Text($"T:{type.FullName}");

    /// <summary>The summary of a setting, or of what it implements.</summary>
    internal string? Of(Setting setting) => setting.Definitions.Select(one => Of(one.DeclaringType!, one.Name)).FirstOrDefault(text => text is not null);

    /// <summary>The summary of a property, or of an enumeration's value.</summary>
    internal string? Of(Type type, string member) => Text($"{(type.IsEnum ? "F" : "P")}:{type.FullName}.{member}");

    string? Text(string id)
    {
        if (!summaries.TryGetValue(id, out var summary)) return null;
        var text = new StringBuilder();
        foreach (var node in summary.Nodes())
            text.Append(node switch
            {
                XText plain => plain.Value,
                XElement { Name.LocalName: "see" } see => ConfigShape.SnakeCase(see.Attribute("cref")?.Value.Split('.')[^1] ?? ""),
                XElement element => element.Value,
                _ => "",
            });
        return Spaces().Replace(text.ToString(), " ").Trim();
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}

/// <summary>The JSON schema of a config, generated from the records, with which editors complete and check configs.</summary>
public sealed class ConfigSchema
{
    readonly XmlDocs docs = new();
    readonly SortedDictionary<string, JsonNode?> definitions = new(StringComparer.Ordinal);

    ConfigSchema() { }

    /// <summary>The schema of a config record in draft 2020-12, as indented text that ends in a line break.</summary>
    /// <typeparam name="T">The record.</typeparam>
    /// <exception cref="UserException">The documentation file, from which descriptions come, is not beside the program.</exception>
    public static string ToJson<T>()
    {
        var schema = new ConfigSchema();
        var root = schema.Record(ConfigShape.Of(typeof(T)));
        // A file may be one of several that are merged, or a model alone.
        root.Remove("required");
        root["properties"]!.AsObject().Insert(0, "$schema", new JsonObject { ["type"] = "string" });
        root.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        root.Insert(1, "title", "transformer config");
        root["$defs"] = new JsonObject(schema.definitions);
        return root.ToJsonString(JsonStyle.Indented) + "\n";
    }

    JsonObject Record(RecordShape shape)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        if (shape.Kind is not null)
        {
            properties["kind"] = new JsonObject { ["const"] = shape.Kind };
            required.Add("kind");
        }
        var defaults = Activator.CreateInstance(shape.Type)!;
        foreach (var setting in shape.Settings)
        {
            properties[setting.Name] = Property(setting, defaults);
            if (setting.Required) required.Add(setting.Name);
        }
        var schema = new JsonObject { ["type"] = "object" };
        if (docs.Of(shape.Type) is { } description) schema["description"] = description;
        schema["properties"] = properties;
        if (required.Count > 0) schema["required"] = required;
        schema["additionalProperties"] = false;
        return schema;
    }

    JsonObject Property(Setting setting, object defaults)
    {
        var schema = Value(setting.Type);
        foreach (var rule in setting.Rules)
            rule.Describe(ConfigShape.IsPair(setting.Type) || ConfigShape.ItemOf(setting.Type) is not null && rule.AppliesToItems ? schema["items"]!.AsObject() : schema);
        if (setting.Nullable && schema["type"] is { } type)
        {
            // An enumeration that may be null also lists null.
            schema["type"] = type is JsonArray several ? new JsonArray([.. several.Select(t => t!.DeepClone()), "null"]) : new JsonArray(type.DeepClone(), "null");
            if (schema["enum"] is JsonArray values) values.Add(null);
        }
        else if (setting.Nullable) schema = new JsonObject { ["anyOf"] = new JsonArray(schema, new JsonObject { ["type"] = "null" }) };
        var description = docs.Of(setting) ?? "";
        if (setting.Type.IsEnum) description += string.Concat(Enum.GetNames(setting.Type).Select(name => $"\n{ConfigShape.SnakeCase(name)}: {docs.Of(setting.Type, name)}"));
        schema["description"] = description;
        if (!setting.Required && setting.Property.GetValue(defaults) is { } value) schema["default"] = ConfigWriter.ToJson(value, setting.Type);
        return schema;
    }

    JsonObject Value(Type type)
    {
        if (ConfigShape.IsMapping(type)) return new JsonObject { ["$ref"] = $"#/$defs/{Define(type)}" };
        if (ConfigShape.IsPair(type)) return new JsonObject { ["type"] = "array", ["items"] = new JsonObject { ["type"] = "number" }, ["minItems"] = 2, ["maxItems"] = 2 };
        if (ConfigShape.ItemOf(type) is { } item) return new JsonObject { ["type"] = "array", ["items"] = Value(item) };
        if (type.IsEnum) return new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. ConfigScalars.Names(type).Select(name => (JsonNode)name)]) };
        if (type == typeof(ByteSize)) return new JsonObject { ["type"] = new JsonArray("string", "integer"), ["pattern"] = "^[0-9][0-9_]*(\\.[0-9]+)? *([kKmMgGtT][iI]?)?[bB]?$" };
        if (type == typeof(TimeSpan)) return new JsonObject { ["type"] = "string", ["pattern"] = "^([0-9.]+(d|h|m|s|ms))+$" };
        if (type == typeof(ulong)) return new JsonObject { ["type"] = "integer", ["minimum"] = 0 };
        return new JsonObject { ["type"] = type == typeof(bool) ? "boolean" : type == typeof(string) ? "string" : type == typeof(double) ? "number" : "integer" };
    }

    string Define(Type type)
    {
        if (definitions.ContainsKey(type.Name)) return type.Name;
        definitions[type.Name] = null; // a record may contain itself
        if (ConfigShape.IsUnion(type))
        {
            var union = new JsonObject();
            if (docs.Of(type) is { } description) union["description"] = description;
            union["oneOf"] = new JsonArray([.. ConfigShape.Variants(type).Select(v => Value(v.Type))]);
            definitions[type.Name] = union;
        }
        else definitions[type.Name] = Record(ConfigShape.Of(type));
        return type.Name;
    }
}
