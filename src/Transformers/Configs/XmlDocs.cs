using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Transformers.IO;

namespace Transformers.Configs;

/// <summary>The summaries of this assembly's members, from the documentation file that the compiler writes beside it.</summary>
sealed partial class XmlDocs
{
    readonly Dictionary<string, XElement> summaries;

    /// <exception cref="UserException">The file is not there.</exception>
    internal XmlDocs()
    {
        var path = Path.Combine(AppContext.BaseDirectory, typeof(XmlDocs).Assembly.GetName().Name + ".xml");
        if (!File.Exists(path)) throw new UserException([new Problem("the documentation file, from which descriptions come, is not there", path, Hint: "build the program again")]);
        summaries = XDocument.Load(path).Descendants("member")
            .Where(m => m.Element("summary") is not null)
            .ToDictionary(m => m.Attribute("name")!.Value, m => m.Element("summary")!);
    }

    internal string? Of(Type type) => Text($"T:{type.FullName}");

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
