using System.Text.Json;
using System.Text.RegularExpressions;

namespace TransformerCli;

/// <summary>A rule that a result must satisfy, such as <c>val_loss&lt;=1.55</c>.</summary>
sealed partial record Expectation(string Name, string Operator, double Value)
{
    /// <summary>Parses a rule.</summary>
    /// <exception cref="UserException">It is not a rule.</exception>
    internal static Expectation Parse(string text)
    {
        var match = Form().Match(text);
        return match.Success && Numbers.Read(match.Groups[3].Value) is { } value
            ? new Expectation(match.Groups[1].Value, match.Groups[2].Value, value)
            : throw new UserException($"--expect ({text}) must be a name, one of <= >= < > ==, and a number", NumberHint.For(text[(text.LastIndexOfAny(['<', '>', '=']) + 1)..].Trim()) ?? "for example --expect 'val_loss<=1.55'");
    }

    /// <summary>Refuses rules about results that do not exist, before hours of training.</summary>
    /// <exception cref="UserException">A rule names an unknown result.</exception>
    internal static void CheckNames(IEnumerable<Expectation> rules, IReadOnlyList<string> names)
    {
        foreach (var rule in rules)
            // A name that ends in * is a prefix of several, such as one for each kind of question.
            if (!names.Any(name => name == rule.Name || name.EndsWith('*') && rule.Name.StartsWith(name[..^1], StringComparison.Ordinal))) throw Unknown(rule, names);
    }

    /// <summary>Checks a document that has been printed; messages go to standard error, since standard output has only one
    /// document.</summary>
    /// <returns>The exit code if a rule is not satisfied or names an unknown result; otherwise null.</returns>
    internal static int? Check<T>(CliContext context, IEnumerable<Expectation> rules, T document)
    {
        try
        {
            if (FirstBroken(rules, document) is not { } broken) return null;
            context.Error.WriteLine($"error: {broken}");
            return ExitCodes.ExpectationFailed;
        }
        catch (UserException exception)
        {
            foreach (var problem in exception.Problems) context.Error.WriteLine($"error: {problem}");
            return ExitCodes.UserError;
        }
    }

    static UserException Unknown(Expectation rule, IEnumerable<string> names) => new($"--expect: no result named {rule.Name}", $"the results are {string.Join(", ", names)}");

    /// <summary>A message about the first rule that is not satisfied, or null.</summary>
    internal static string? FirstBroken<T>(IEnumerable<Expectation> rules, T document)
    {
        var values = new SortedDictionary<string, double>(StringComparer.Ordinal);
        Collect(JsonSerializer.SerializeToElement(document, CliContext.Json), "", values);
        foreach (var rule in rules)
        {
            if (!values.TryGetValue(rule.Name, out var value))
                throw Unknown(rule, values.Keys);
            if (!rule.IsSatisfiedBy(value))
                return $"expected {rule.Name} {rule.Operator} {rule.Value}, but it is {value}";
        }
        return null;
    }

    bool IsSatisfiedBy(double value) => Operator switch
    {
        "<=" => value <= Value,
        ">=" => value >= Value,
        "<" => value < Value,
        ">" => value > Value,
        _ => value == Value,
    };

    // Numbers by name; metrics without the prefix, so that val_loss and bleu are named alike.
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

    [GeneratedRegex(@"^\s*([A-Za-z_][A-Za-z0-9_.]*)\s*(<=|>=|==|<|>)\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*\z")]
    private static partial Regex Form();
}
