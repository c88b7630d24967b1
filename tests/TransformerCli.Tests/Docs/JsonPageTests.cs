using System.Reflection;
using Transformers.IO;

namespace TransformerCli.Tests.Docs;

/// <summary>docs/json.md names whatever the program can write.</summary>
public sealed partial class JsonPageTests
{
    static readonly string Page = File.ReadAllText(Repository.PathOf("docs", "json.md"));

    [Fact]
    public void The_page_lists_every_schema_and_no_other()
    {
        var files = Directory.EnumerateFiles(Repository.PathOf("src"), "*.cs", SearchOption.AllDirectories).ToList();
        Assert.True(files.Count > 200, $"only {files.Count} files were seen");
        var written = files.SelectMany(file => SchemaInCode().Matches(File.ReadAllText(file))).Select(match => match.Groups[1].Value).Distinct().Order(StringComparer.Ordinal).ToList();
        Assert.Equal(written, SchemaInPage().Matches(Page).Select(match => match.Groups[1].Value).Distinct().Order(StringComparer.Ordinal));
        Assert.True(written.Count >= 18, $"only {written.Count} schemas were seen");
    }

    [Fact]
    public void The_page_lists_every_field_of_every_document()
    {
        var seen = new HashSet<Type>();
        foreach (var type in new[] { typeof(App).Assembly, typeof(UserException).Assembly }.SelectMany(assembly => assembly.GetTypes()).Where(IsDocument)) Collect(type, seen);
        var fields = seen.SelectMany(Fields).Distinct().Order(StringComparer.Ordinal).ToList();
        // In backticks, as a field of a list (errors[].message) or after a dot too.
        var missing = fields.Where(field => !Regex.IsMatch(Page, $@"`([\w.]+(\[\])?)?\.?\b{field}(\[\])?`")).ToList();
        Assert.True(missing.Count == 0, $"the page lacks {string.Join(", ", missing)}");
        Assert.True(seen.Count >= 25 && fields.Count >= 100, $"only {seen.Count} records with {fields.Count} fields were seen");
    }

    // A document has a schema; the lines of a file of predictions have none.
    static bool IsDocument(Type type) => type.Name is "PredictionLine" || type.GetProperties(Everything).Any(property => property.Name == "Schema" && property.PropertyType == typeof(string));

    const BindingFlags Everything = BindingFlags.Instance | BindingFlags.Public;

    static IEnumerable<string> Fields(Type type) => type.GetProperties(Everything)
        .Where(property => property.GetIndexParameters().Length == 0 && property.GetCustomAttribute<System.Text.Json.Serialization.JsonIgnoreAttribute>() is null)
        .Select(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name)).Where(name => name != "schema");

    static void Collect(Type type, HashSet<Type> seen)
    {
        if (!seen.Add(type)) return;
        foreach (var property in type.GetProperties(Everything))
            foreach (var part in Parts(property.PropertyType))
                if (part.Assembly == typeof(App).Assembly || part.Assembly == typeof(UserException).Assembly)
                    if (part is { IsEnum: false, IsGenericTypeDefinition: false }) Collect(part, seen);
    }

    static IEnumerable<Type> Parts(Type type) => type.IsGenericType ? type.GetGenericArguments().SelectMany(Parts) : type.IsArray ? Parts(type.GetElementType()!) : [type];

    [GeneratedRegex("\"(transformer\\.[a-z.-]+/[0-9]+)\"")]
    private static partial Regex SchemaInCode();

    [GeneratedRegex(@"`(transformer\.[a-z.-]+/[0-9]+)`")]
    private static partial Regex SchemaInPage();
}
