using System.Globalization;
using System.Text.RegularExpressions;

namespace Transformers.Configs;

/// <summary>Lengths of time as users write them: <c>90s</c>, <c>10m</c>, <c>1h30m</c>, <c>2d</c>.</summary>
public static partial class Duration
{
    /// <summary>Reads a length of time; a unit is needed.</summary>
    /// <param name="text">One or more numbers with their units (d, h, m, s, ms), the largest first.</param>
    /// <param name="duration">The length of time.</param>
    /// <returns>False where the text is not a length of time, or is longer than 10,000 days.</returns>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var match = Parts().Match(text);
        if (!match.Success || text.Length == 0) return false;
        var seconds = 0.0;
        foreach (var (group, factor) in new[] { ("d", 86_400.0), ("h", 3_600), ("m", 60), ("s", 1), ("ms", 0.001) })
            if (match.Groups[group].Success) seconds += factor * double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
        if (seconds > 86_400.0 * 10_000) return false;
        duration = TimeSpan.FromSeconds(seconds);
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

    [GeneratedRegex(@"^(?:(?<d>\d{1,9}(\.\d{1,9})?)d)?(?:(?<h>\d{1,9}(\.\d{1,9})?)h)?(?:(?<m>\d{1,9}(\.\d{1,9})?)m)?(?:(?<s>\d{1,9}(\.\d{1,9})?)s)?(?:(?<ms>\d{1,9})ms)?\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Parts();
}
