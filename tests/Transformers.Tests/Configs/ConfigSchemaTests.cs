using System.Text.Json.Nodes;

namespace Transformers.Tests.Configs;

public sealed class ConfigSchemaTests
{
    static readonly JsonObject Schema = JsonNode.Parse(ConfigSchema.ToJson<RunConfig>())!.AsObject();

    /// <summary>After a record has changed: <c>UPDATE_SCHEMA=1 dotnet test --filter schema</c>, or <c>transformer config schema</c> into the file.</summary>
    [Fact]
    public void The_committed_schema_is_the_records_schema()
    {
        var path = Repository.PathOf("configs", "schema.json");
        var current = ConfigSchema.ToJson<RunConfig>();
        if (Environment.GetEnvironmentVariable("UPDATE_SCHEMA") == "1") File.WriteAllText(path, current);
        Assert.True(File.Exists(path) && File.ReadAllText(path) == current,
            "configs/schema.json differs from the records; write it again with: scripts/transformer config schema > configs/schema.json");
    }

    [Fact]
    public void Every_setting_is_described()
    {
        var undescribed = Properties(Schema, "config")
            .Where(p => p.Name is not ("kind" or "$schema") && string.IsNullOrWhiteSpace((string?)p.Schema["description"]))
            .Select(p => p.Where + "." + p.Name);
        Assert.Empty(undescribed);
        Assert.True(Properties(Schema, "config").Count() > 60);
    }

    [Fact]
    public void A_setting_shows_its_type_its_bounds_its_default_and_its_meaning()
    {
        var layers = Definition("GptConfig")["properties"]!["layers"]!;
        Assert.Equal("""{"type":"integer","minimum":1,"maximum":10000,"description":"The number of blocks L."}""", layers.ToJsonString());
        var holdout = Definition("TextDataConfig")["properties"]!["holdout"]!;
        Assert.Equal(0.05, (double)holdout["default"]!);
        Assert.Contains("layers", Definition("GptConfig")["required"]!.AsArray().Select(n => (string)n!));
        Assert.False((bool)Definition("GptConfig")["additionalProperties"]!);
        var betas = Definition("AdamWConfig")["properties"]!["betas"]!;
        Assert.Equal((0, 1, 2), ((int)betas["items"]!["minimum"]!, (int)betas["items"]!["exclusiveMaximum"]!, (int)betas["minItems"]!));
        Assert.Equal("[0.9,0.999]", betas["default"]!.ToJsonString());
        Assert.Contains("bf16 if the hardware", (string)Definition("TrainingConfig")["properties"]!["precision"]!["description"]!);
    }

    [Fact]
    public void A_closed_list_offers_each_of_its_kinds()
    {
        var kinds = Definition("PositionsConfig")["oneOf"]!.AsArray()
            .Select(v => (string)Definition(((string)v!["$ref"]!).Split('/')[^1])["properties"]!["kind"]!["const"]!);
        Assert.Equal(["alibi", "learned", "none", "relative", "rotary", "sinusoidal"], kinds);
    }

    [Fact]
    public void Every_reference_leads_somewhere() =>
        Assert.All(References(Schema), reference => Assert.True(Schema["$defs"]!.AsObject().ContainsKey(reference.Split('/')[^1]), reference));

    static JsonNode Definition(string name) => Schema["$defs"]![name]!;

    static IEnumerable<(string Where, string Name, JsonNode Schema)> Properties(JsonObject root, string title)
    {
        var records = root["$defs"]!.AsObject().Select(d => (d.Key, d.Value)).Append((title, root));
        foreach (var (where, record) in records)
            foreach (var (name, property) in record!["properties"]?.AsObject() ?? [])
                yield return (where, name, property!);
    }

    static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject map => map.SelectMany(p => p.Key == "$ref" ? [(string)p.Value!] : References(p.Value)),
        System.Text.Json.Nodes.JsonArray list => list.SelectMany(References),
        _ => [],
    };
}
