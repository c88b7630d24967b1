using System.Text.Json.Nodes;
using Transformers.IO;

namespace Transformers.Configs;

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
