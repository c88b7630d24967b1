using System.Globalization;

namespace Transformers.Reports.Plots;

/// <summary>One axis: from numbers to pixels, with marks at round numbers.</summary>
sealed class Axis
{
    readonly double low, high, from, to, spacing;

    /// <summary>An axis that holds all finite values.</summary>
    /// <param name="values">The values.</param>
    /// <param name="from">The pixel of the smallest.</param>
    /// <param name="to">The pixel of the largest.</param>
    /// <param name="marks">About how many marks.</param>
    /// <param name="round">Whether the ends are round numbers, with all values between them.</param>
    internal Axis(IEnumerable<double> values, double from, double to, int marks, bool round)
    {
        (low, high) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (var value in values)
            if (double.IsFinite(value)) (low, high) = (Math.Min(low, value), Math.Max(high, value));
        if (low > high) (low, high) = (0, 1);
        if (low == high) (low, high) = low == 0 ? (0, 1) : (low - Math.Abs(low) / 2, high + Math.Abs(high) / 2);
        (this.from, this.to) = (from, to);
        spacing = RoundSpacing((high - low) / Math.Max(1, marks));
        if (!round) return;
        (low, high) = (Math.Floor(low / spacing) * spacing, Math.Ceiling(high / spacing) * spacing);
    }

    /// <summary>1, 2 or 5 times a power of ten, the next above a number.</summary>
    internal static double RoundSpacing(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        foreach (var factor in (double[])[1, 2, 5])
            if (rough <= factor * power * 1.0000001) return factor * power;
        return 10 * power;
    }

    /// <summary>The pixel of a value.</summary>
    internal double At(double value) => from + (value - low) / (high - low) * (to - from);

    /// <summary>The values that have marks, with their words.</summary>
    internal IEnumerable<(double Value, string Text)> Marks()
    {
        for (var i = Math.Ceiling(low / spacing - 1e-9); i * spacing <= high + spacing * 1e-9; i++) yield return (i * spacing, Show(i * spacing));
    }

    string Show(double value)
    {
        if (value == 0) return "0";
        var size = Math.Max(Math.Abs(low), Math.Abs(high));
        if (size >= 1e6) return (value / 1e6).ToString("0.###", CultureInfo.InvariantCulture) + "M";
        if (size >= 2e4) return (value / 1e3).ToString("0.###", CultureInfo.InvariantCulture) + "k";
        if (size < 1e-2) return value.ToString("0.##e0", CultureInfo.InvariantCulture);
        return value.ToString("0.####", CultureInfo.InvariantCulture);
    }
}
