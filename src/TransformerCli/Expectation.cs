using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Transformers;

namespace TransformerCli;

/// <summary>A rule that a result must hold, such as <c>val_loss&lt;=1.55</c>.</summary>
sealed partial record Expectation(string Name, string Operator, double Value)
{
    /// <summary>Reads a rule.</summary>
    /// <exception cref="UserException">It is not one.</exception>
    internal static Expectation Parse(string text)
    {
        var match = Form().Match(text);
        return match.Success
            ? new Expectation(match.Groups[1].Value, match.Groups[2].Value, double.Parse(match.Groups[3].Value, CultureInfo.InvariantCulture))
            : throw new UserException($"--expect ({text}) must be a name, one of <= >= < > ==, and a number", "for example --expect 'val_loss<=1.55'");
    }

    /// <summary>What is wrong with the first rule that does not hold, or null.</summary>
    internal static string? FirstBroken<T>(IEnumerable<Expectation> rules, T document)
    {
        var values = new SortedDictionary<string, double>(StringComparer.Ordinal);
        Collect(JsonSerializer.SerializeToElement(document, CliContext.Json), "", values);
        foreach (var rule in rules)
        {
            if (!values.TryGetValue(rule.Name, out var value))
                throw new UserException($"--expect: there is no result {rule.Name}", $"there are {string.Join(", ", values.Keys)}");
            if (!rule.Holds(value))
                return FormattableString.Invariant($"expected {rule.Name} {rule.Operator} {rule.Value}, and it is {value}");
        }
        return null;
    }

    bool Holds(double value) => Operator switch
    {
        "<=" => value <= Value,
        ">=" => value >= Value,
        "<" => value < Value,
        ">" => value > Value,
        _ => value == Value,
    };

    // Numbers by name; those of metrics without the word, so that val_loss and bleu are named alike.
    static void Collect(JsonElement element, string path, SortedDictionary<string, double> values)
    {
        foreach (var property in element.EnumerateObject())
        {
            var name = path.Length == 0 || path == "metrics" ? property.Name : $"{path}.{property.Name}";
            if (property.Value.ValueKind == JsonValueKind.Number) values.TryAdd(name, property.Value.GetDouble());
            else if (property.Value.ValueKind == JsonValueKind.Object) Collect(property.Value, property.Name, values);
            else if (property.Value.ValueKind == JsonValueKind.String && property.Value.GetString() is "NaN" or "Infinity" or "-Infinity") values.TryAdd(name, double.NaN);
        }
    }

    [GeneratedRegex(@"^\s*([A-Za-z_][A-Za-z0-9_.]*)\s*(<=|>=|==|<|>)\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*$")]
    private static partial Regex Form();
}
