namespace Transformers.Configs;

/// <summary>A rule for a single value of a config; the binder checks it, and the schema includes it.</summary>
/// <remarks>On a list or a pair, the rule applies to each number.</remarks>
[AttributeUsage(AttributeTargets.Property)]
abstract class RuleAttribute : Attribute
{
    /// <summary>The rule as the end of a sentence (<c>must be above 0</c>), or null if the value satisfies it.</summary>
    /// <param name="value">A value of the setting's type, never null.</param>
    public abstract string? Broken(object value);

    /// <summary>Whether the rule applies to the items of a list and not to the list itself.</summary>
    public virtual bool AppliesToItems => true;

    public abstract void Describe(JsonObject schema);
}

/// <summary>A number above zero.</summary>
sealed class PositiveAttribute : RuleAttribute
{
    public override string? Broken(object value) => Number.Of(value) > 0 ? null : "must be above 0";

    public override void Describe(JsonObject schema) => schema["exclusiveMinimum"] = 0;
}

/// <summary>A number of at least <paramref name="minimum"/>.</summary>
sealed class AtLeastAttribute(double minimum) : RuleAttribute
{
    public override string? Broken(object value) => Number.Of(value) >= minimum ? null : $"must be at least {Number.Show(minimum)}";

    public override void Describe(JsonObject schema) => schema["minimum"] = Number.Node(minimum);
}

/// <summary>A number from <paramref name="minimum"/> to <paramref name="maximum"/>.</summary>
sealed class BetweenAttribute(double minimum, double maximum) : RuleAttribute
{
    /// <summary>Whether the largest value itself is not allowed.</summary>
    public bool Below { get; init; }

    public override string? Broken(object value)
    {
        var number = Number.Of(value);
        if (number >= minimum && (Below ? number < maximum : number <= maximum)) return null;
        return Below
            ? $"must be at least {Number.Show(minimum)} and below {Number.Show(maximum)}"
            : $"must be between {Number.Show(minimum)} and {Number.Show(maximum)}";
    }

    public override void Describe(JsonObject schema)
    {
        schema["minimum"] = Number.Node(minimum);
        schema[Below ? "exclusiveMaximum" : "maximum"] = Number.Node(maximum);
    }
}

/// <summary>A text with at least one character, or a list with at least one item.</summary>
sealed class NotEmptyAttribute : RuleAttribute
{
    public override bool AppliesToItems => false;

    public override string? Broken(object value) => value switch
    {
        string text => text.Length > 0 ? null : "must not be empty",
        System.Collections.ICollection list => list.Count > 0 ? null : "must not be empty",
        _ => null,
    };

    public override void Describe(JsonObject schema) =>
        schema[schema["type"]?.GetValue<string>() == "array" ? "minItems" : "minLength"] = 1;
}

static class Number
{
    internal static double Of(object value) => value switch
    {
        ByteSize size => size.Bytes,
        TimeSpan time => time.TotalSeconds,
        _ => Convert.ToDouble(value, CultureInfo.InvariantCulture),
    };

    internal static string Show(double number) => number.ToString("R", CultureInfo.InvariantCulture);

    internal static JsonNode Node(double number) =>
        number == Math.Floor(number) && Math.Abs(number) < 1e15 ? JsonValue.Create((long)number) : JsonValue.Create(number);
}

/// <summary>The name that selects this record in a config: <c>kind: gpt</c>.</summary>
/// <remarks>
/// The kinds of a setting whose type is an abstract record are the sealed records of the same assembly that derive from it and have this
/// attribute (or <see cref="ByKeyAttribute"/>), and those given to <see cref="Add"/>.
/// </remarks>
/// <param name="name">The name as it is written in the config.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class KindAttribute(string name) : Attribute
{
    /// <summary>The name as it is written in the config.</summary>
    public string Name => name;

    /// <summary>The name of a record's kind.</summary>
    public static string Of(object record) =>
        ((KindAttribute?)GetCustomAttribute(record.GetType(), typeof(KindAttribute)))?.Name ?? record.GetType().Name;

    static readonly AsyncLocal<IReadOnlyList<Type>?> added = new();

    /// <summary>Records of other assemblies that are kinds for the caller and the code that it calls.</summary>
    internal static IReadOnlyList<Type> Added => added.Value ?? [];

    /// <summary>Adds records of another assembly as kinds, for the caller and the code that it calls, until the result is disposed of.</summary>
    public static IDisposable Add(params IReadOnlyList<Type> records)
    {
        var before = added.Value;
        added.Value = [.. Added, .. records];
        return new Removal(before);
    }

    sealed class Removal(IReadOnlyList<Type>? before) : IDisposable
    {
        public void Dispose() => added.Value = before;
    }
}

/// <summary>The key whose presence selects this record in a config, where a <c>kind:</c> would be redundant: <c>files:
/// [a.txt]</c>.</summary>
/// <param name="key">A required setting of the record, as it is written in the config.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class ByKeyAttribute(string key) : Attribute
{
    /// <summary>A required setting of the record, as it is written in the config.</summary>
    public string Key => key;
}

/// <summary>A record of a config with rules that concern several of its settings.</summary>
public interface IChecked
{
    /// <summary>Reports settings that contradict each other. Called once all settings of the record, and of those below it, are valid
    /// individually.</summary>
    void Check(ConfigCheck check);
}

/// <summary>Receives the problems that a record's own checks find.</summary>
/// <param name="path">The dotted path of the record that is checked; empty at the top.</param>
/// <param name="report">Receives a dotted path below the record, a message, and a remedy.</param>
public sealed class ConfigCheck(string path, Action<string, string, string?> report)
{
    /// <summary>The full dotted path of a setting of the record: <c>heads</c> becomes <c>model.heads</c>.</summary>
    public string At(string key) => path.Length == 0 ? key : $"{path}.{key}";

    /// <summary>Reports a problem unless a rule holds.</summary>
    /// <param name="holds">Whether the rule holds.</param>
    /// <param name="key">The setting below the record to which the message points, as it is written in the config.</param>
    /// <param name="rule">What follows the setting's path: <c>(385) must be divisible by model.heads (6)</c>.</param>
    /// <param name="hint">The remedy, if the rule does not give it.</param>
    public void That(bool holds, string key, string rule, string? hint = null)
    {
        if (!holds) report(key, $"{At(key)} {rule}", hint);
    }
}
