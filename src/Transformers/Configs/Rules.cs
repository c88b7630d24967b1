using System.Globalization;
using System.Text.Json.Nodes;

namespace Transformers.Configs;

/// <summary>What a single value of a config must satisfy; checked by the binder, shown in the schema.</summary>
/// <remarks>On a list or a pair the rule holds for each of its numbers.</remarks>
[AttributeUsage(AttributeTargets.Property)]
public abstract class RuleAttribute : Attribute
{
    /// <summary>The rule as the end of a sentence (<c>must be above 0</c>), or null where the value satisfies it.</summary>
    /// <param name="value">A value of the setting's type, never null.</param>
    public abstract string? Broken(object value);

    /// <summary>Whether the rule is one for the numbers of a list and not for the list.</summary>
    public virtual bool JudgesItems => true;

    /// <summary>Adds the rule to the setting's JSON schema.</summary>
    public abstract void Describe(JsonObject schema);
}

/// <summary>A number above zero.</summary>
public sealed class PositiveAttribute : RuleAttribute
{
    /// <inheritdoc/>
    public override string? Broken(object value) => Number.Of(value) > 0 ? null : "must be above 0";

    /// <inheritdoc/>
    public override void Describe(JsonObject schema) => schema["exclusiveMinimum"] = 0;
}

/// <summary>A number from <paramref name="minimum"/> on.</summary>
/// <param name="minimum">The least value that is allowed.</param>
public sealed class AtLeastAttribute(double minimum) : RuleAttribute
{
    /// <inheritdoc/>
    public override string? Broken(object value) => Number.Of(value) >= minimum ? null : $"must be at least {Number.Show(minimum)}";

    /// <inheritdoc/>
    public override void Describe(JsonObject schema) => schema["minimum"] = Number.Node(minimum);
}

/// <summary>A number from <paramref name="minimum"/> to <paramref name="maximum"/>.</summary>
/// <param name="minimum">The least value that is allowed.</param>
/// <param name="maximum">The largest value that is allowed.</param>
public sealed class BetweenAttribute(double minimum, double maximum) : RuleAttribute
{
    /// <summary>Whether the largest value itself is not allowed.</summary>
    public bool Below { get; init; }

    /// <inheritdoc/>
    public override string? Broken(object value)
    {
        var number = Number.Of(value);
        if (number >= minimum && (Below ? number < maximum : number <= maximum)) return null;
        return Below
            ? $"must be at least {Number.Show(minimum)} and below {Number.Show(maximum)}"
            : $"must lie between {Number.Show(minimum)} and {Number.Show(maximum)}";
    }

    /// <inheritdoc/>
    public override void Describe(JsonObject schema)
    {
        schema["minimum"] = Number.Node(minimum);
        schema[Below ? "exclusiveMaximum" : "maximum"] = Number.Node(maximum);
    }
}

/// <summary>A text with at least one character, or a list with at least one item.</summary>
public sealed class NotEmptyAttribute : RuleAttribute
{
    /// <inheritdoc/>
    public override bool JudgesItems => false;

    /// <inheritdoc/>
    public override string? Broken(object value) => value switch
    {
        string text => text.Length > 0 ? null : "must not be empty",
        System.Collections.ICollection list => list.Count > 0 ? null : "must not be empty",
        _ => null,
    };

    /// <inheritdoc/>
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
