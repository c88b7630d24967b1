namespace Transformers.Configs;

/// <summary>Single values: how each type is written, read and described.</summary>
static partial class ConfigScalars
{
    /// <summary>What a value of a type looks like, for messages: <c>a whole number</c>.</summary>
    internal static string Describe(Type type) => type switch
    {
        _ when type == typeof(bool) => "true or false",
        _ when type == typeof(string) => "text",
        _ when type == typeof(double) => "a number",
        _ when type == typeof(ByteSize) => "a size such as 20MB",
        _ when type == typeof(TimeSpan) => "a duration such as 10m",
        _ when type.IsEnum => "one of " + string.Join(", ", Names(type)),
        _ when IsWhole(type) => "a whole number",
        _ when ConfigShape.IsPair(type) => "a list of two numbers",
        _ when ConfigShape.ItemOf(type) is { } item => "a list, each item " + Describe(item),
        _ when ConfigShape.IsUnion(type) && ConfigShape.Variants(type).All(v => v.Kind is not null) =>
            "a mapping of kind " + string.Join(", ", ConfigShape.Variants(type).Select(v => v.Kind)),
        _ => "a mapping",
    };

    internal static bool IsWhole(Type type) => type == typeof(int) || type == typeof(long) || type == typeof(ulong);

    internal static IReadOnlyList<string> Names(Type type) => [.. Enum.GetNames(type).Select(ConfigShape.SnakeCase)];

    /// <summary>Reads a scalar.</summary>
    /// <param name="node">What was read.</param>
    /// <param name="type">The type to read.</param>
    /// <param name="rules">The rules of the setting: a number outside its type's range is reported with their bounds, not with the
    /// type's.</param>
    /// <param name="rule">What the value must be, for messages.</param>
    /// <param name="hint">A remedy, if the rule does not give it.</param>
    /// <returns>The value, or null.</returns>
    internal static object? Read(ScalarNode node, Type type, IReadOnlyList<RuleAttribute> rules, out string rule, out string? hint)
    {
        hint = null;
        rule = $"must be {Describe(type)}";
        var text = node.Text;
        var quoted = node.Style == ScalarStyle.Quoted;
        if (type == typeof(string)) return node.Style == ScalarStyle.JsonLiteral ? Fail("put it in quotes", out hint) : text;
        if (type.IsEnum)
        {
            var names = Names(type);
            var index = names.ToList().IndexOf(text);
            if (index >= 0) return Enum.GetValues(type).GetValue(index);
            return Suggestion.ForValue(text, names) is { } near ? Fail($"did you mean {near}?", out hint) : null;
        }
        if (type == typeof(ByteSize)) return ByteSize.TryParse(text, out var size) ? size : null;
        if (type == typeof(TimeSpan)) return Duration.TryParse(text, out var time) ? time : null;
        if (quoted && (text is "true" or "false" || NumberForm().IsMatch(text))) return Fail("remove the quotes", out hint);
        if (quoted) return null;
        if (type == typeof(bool))
            return text switch
            {
                "true" => true,
                "false" => false,
                _ when text.ToLowerInvariant() is "true" or "yes" or "on" or "y" or "1" => Fail("write true", out hint),
                _ when text.ToLowerInvariant() is "false" or "no" or "off" or "n" or "0" => Fail("write false", out hint),
                _ => null,
            };
        if (NumberHint.For(text) is { } form) return Fail(form, out hint);
        return NumberForm().IsMatch(text) ? ReadNumber(text.Replace("_", ""), type, rules, ref rule) : null;
    }

    static object? ReadNumber(string text, Type type, IReadOnlyList<RuleAttribute> rules, ref string rule)
    {
        var number = double.Parse(text, CultureInfo.InvariantCulture);
        if (type == typeof(double))
        {
            if (double.IsFinite(number)) return number;
            rule = "is too large for a number";
            return null;
        }
        var (least, most) = type == typeof(int) ? (int.MinValue, int.MaxValue) : type == typeof(long) ? (long.MinValue, long.MaxValue) : (0m, (decimal)ulong.MaxValue);
        // A decimal holds every 64-bit whole number exactly, which a double does not.
        if (Math.Abs(number) < 1e28 && decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var whole))
        {
            if (whole != Math.Floor(whole) || (whole == 0 && number != 0)) return null;
            if (whole >= least && whole <= most) return Convert.ChangeType(whole, type, CultureInfo.InvariantCulture);
        }
        var schema = new JsonObject();
        foreach (var one in rules) one.Describe(schema);
        if (Bound("minimum") is { } lowest) least = Math.Max(least, Math.Ceiling(lowest));
        if (Bound("maximum") is { } highest) most = Math.Min(most, Math.Floor(highest));
        rule = FormattableString.Invariant($"must be between {least} and {most}");
        return null;

        decimal? Bound(string key) =>
            decimal.TryParse(schema[key]?.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var bound) ? bound : null;
    }

    static object? Fail(string remedy, out string? hint)
    {
        hint = remedy;
        return null;
    }

    /// <summary>Writes a value so that <see cref="Read"/> returns it.</summary>
    internal static ScalarNode Write(object value) => value switch
    {
        bool flag => Plain(flag ? "true" : "false"),
        string text => new ScalarNode(default, text, ScalarStyle.Quoted),
        double number => Plain(WriteNumber(number)),
        ByteSize size => new ScalarNode(default, size.ToString(), ScalarStyle.Quoted),
        TimeSpan time => new ScalarNode(default, Duration.Format(time), ScalarStyle.Quoted),
        Enum name => new ScalarNode(default, ConfigShape.SnakeCase(name.ToString()), ScalarStyle.Quoted),
        _ => Plain(Convert.ToString(value, CultureInfo.InvariantCulture)!),
    };

    static ScalarNode Plain(string text) => new(default, text, ScalarStyle.Plain);

    /// <summary>The shortest form that reads back as the same number; with a dot before an exponent, which older YAML readers need.</summary>
    static string WriteNumber(double number)
    {
        var text = number.ToString("R", CultureInfo.InvariantCulture).ToLowerInvariant();
        var exponent = text.IndexOf('e');
        if (exponent < 0) return text;
        return text.Contains('.') ? text : text.Insert(exponent, ".0");
    }

    [GeneratedRegex(@"^[-+]?([0-9]+(_[0-9]+)*(\.([0-9]+(_[0-9]+)*)?)?|\.[0-9]+(_[0-9]+)*)([eE][-+]?[0-9]{1,9})?\z")]
    internal static partial Regex NumberForm();
}

/// <summary>A number of bytes, written as <c>20MB</c> (millions), <c>512KiB</c> (1,024s) or a plain number.</summary>
/// <param name="Bytes">The number of bytes.</param>
public readonly record struct ByteSize(long Bytes)
{
    static readonly (string Unit, long Bytes)[] Units =
    [
        ("TiB", 1L << 40), ("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000), ("B", 1),
    ];

    /// <summary>Reads a size; units in any case, underscores between digits, a fraction if it amounts to whole bytes.</summary>
    /// <returns>False if the text is not a size, or is negative or larger than a signed 64-bit number.</returns>
    public static bool TryParse(string text, out ByteSize size)
    {
        size = default;
        var (unit, factor) = Units.FirstOrDefault(u => text.EndsWith(u.Unit, StringComparison.OrdinalIgnoreCase), ("", 1));
        var digits = text[..^unit.Length].TrimEnd();
        if (!ConfigScalars.NumberForm().IsMatch(digits)) return false;
        digits = digits.Replace("_", "");
        if (!decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return false;
        if (number > long.MaxValue / factor || number * factor % 1 != 0) return false;
        size = new ByteSize((long)(number * factor));
        return true;
    }

    /// <summary>The size in the largest unit that represents it exactly.</summary>
    public override string ToString()
    {
        if (Bytes == 0) return "0B";
        var bytes = Bytes;
        var (unit, factor) = Units.Where(u => bytes % u.Bytes == 0).MaxBy(u => u.Bytes);
        return (bytes / factor).ToString(CultureInfo.InvariantCulture) + unit;
    }
}

/// <summary>Lengths of time as users write them: <c>90s</c>, <c>10m</c>, <c>1h30m</c>, <c>2d</c>.</summary>
public static partial class Duration
{
    /// <summary>Reads a length of time; a unit is needed.</summary>
    /// <param name="text">One or more numbers with their units (d, h, m, s, ms), the largest first.</param>
    /// <param name="duration">The length of time, rounded to the millisecond.</param>
    /// <returns>False if the text is not a length of time, or is longer than 10,000 days.</returns>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var match = Parts().Match(text);
        if (!match.Success || text.Length == 0) return false;
        var seconds = 0.0;
        foreach (var (group, factor) in new[] { ("d", 86_400.0), ("h", 3_600), ("m", 60), ("s", 1), ("ms", 0.001) })
            if (match.Groups[group].Success) seconds += factor * double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
        if (seconds > 86_400.0 * 10_000) return false;
        // Format writes no smaller unit, and what it writes must read back as the same duration.
        duration = TimeSpan.FromMilliseconds(Math.Round(seconds * 1000));
        return true;
    }

    /// <summary>The length of time as <see cref="TryParse"/> reads it, to the millisecond.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero) return "0s";
        var text = "";
        if (duration.Days > 0) text += $"{duration.Days}d";
        if (duration.Hours > 0) text += $"{duration.Hours}h";
        if (duration.Minutes > 0) text += $"{duration.Minutes}m";
        if (duration.Seconds > 0) text += $"{duration.Seconds}s";
        if (duration.Milliseconds > 0) text += $"{duration.Milliseconds}ms";
        return text;
    }

    [GeneratedRegex(@"^(?:(?<d>[0-9]{1,9}(\.[0-9]{1,9})?)d)?(?:(?<h>[0-9]{1,9}(\.[0-9]{1,9})?)h)?(?:(?<m>[0-9]{1,9}(\.[0-9]{1,9})?)m)?(?:(?<s>[0-9]{1,9}(\.[0-9]{1,9})?)s)?(?:(?<ms>[0-9]{1,9})ms)?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Parts();
}

/// <summary>Remedies for numbers in notations that the program does not read.</summary>
public static partial class NumberHint
{
    /// <summary>The remedy for a number with a decimal comma or thousands separators; null for any other text.</summary>
    /// <param name="text">What was given as a number.</param>
    public static string? For(string text)
    {
        if (Thousands().IsMatch(text)) return $"write {text.Replace(",", "").Replace("'", "")}: no thousands separators";
        return DecimalComma().IsMatch(text) ? $"write {text.Replace(',', '.')}: numbers have a decimal point" : null;
    }

    [GeneratedRegex(@"^[-+]?[1-9][0-9]{0,2}([,'][0-9]{3})+(\.[0-9]+)?\z")]
    private static partial Regex Thousands();

    [GeneratedRegex(@"^[-+]?[0-9]*,[0-9]+([eE][-+]?[0-9]+)?\z")]
    private static partial Regex DecimalComma();
}

/// <summary>The number format of matrix products.</summary>
public enum Precision
{
    /// <summary><see cref="Bf16"/> if the hardware multiplies it natively, else <see cref="Fp32"/>.</summary>
    Auto,
    /// <summary>32-bit floating point throughout.</summary>
    Fp32,
    /// <summary>bfloat16 products, with 32-bit master weights.</summary>
    Bf16,
}
