using System.Globalization;

namespace Transformers.Data.Sentences;

/// <summary>The names of the classes, in the order of their ids.</summary>
public static class ClassNames
{
    /// <summary>The different labels in a stable order: by value where all are whole numbers, else by code point.</summary>
    public static IReadOnlyList<string> Of(IEnumerable<string> labels)
    {
        var names = labels.Distinct(StringComparer.Ordinal).ToList();
        return names.All(n => long.TryParse(n, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _))
            ? [.. names.OrderBy(n => long.Parse(n, CultureInfo.InvariantCulture)).ThenBy(n => n, StringComparer.Ordinal)]
            : [.. names.Order(StringComparer.Ordinal)];
    }
}
