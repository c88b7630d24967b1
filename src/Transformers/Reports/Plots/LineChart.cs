using System.Globalization;

namespace Transformers.Reports.Plots;

/// <summary>One line of a chart.</summary>
/// <param name="Name">Its name in the legend; empty for none.</param>
/// <param name="Points">Its points, in order; a gap where one is not finite.</param>
/// <param name="Look">The index of its colour and dashes.</param>
/// <param name="Dots">Whether each point has a mark.</param>
/// <param name="Faint">Whether it is drawn faintly behind the others, as measured values are behind the smoothed line.</param>
public sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points, int Look = 0, bool Dots = false, bool Faint = false);

/// <summary>An area of a chart between two lines.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Points">Its lower and upper ends, in order.</param>
/// <param name="Look">The index of its colour.</param>
public sealed record Band(string Name, IReadOnlyList<(double X, double Low, double High)> Points, int Look = 0);

/// <summary>A chart of lines.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Across">The title of the horizontal axis.</param>
/// <param name="Up">The title of the vertical axis.</param>
/// <param name="Lines">Its lines.</param>
public sealed record LineChart(string Title, string Across, string Up, IReadOnlyList<Series> Lines)
{
    /// <summary>Areas behind the lines.</summary>
    public IReadOnlyList<Band> Bands { get; init; } = [];

    const double Width = 760, Height = 420, Left = 84, Right = 24, Top = 76, Bottom = 56;

    /// <summary>The chart as an SVG document.</summary>
    public string ToSvg() => Draw().ToSvg();

    /// <summary>The chart as a picture.</summary>
    public Picture Draw()
    {
        var picture = new Picture(Width, Height, Title);
        picture.Text(Left, 30, Title, "ink title");
        var x = new Axis(Lines.SelectMany(line => line.Points).Select(point => point.X), Left, Width - Right, 8, round: false);
        var y = new Axis(Lines.SelectMany(line => line.Points).Select(point => point.Y).Concat(Bands.SelectMany(band => band.Points).SelectMany(point => (double[])[point.Low, point.High])), Height - Bottom, Top, 6, round: true);
        foreach (var (value, text) in y.Marks())
        {
            picture.Line(Left, y.At(value), Width - Right, y.At(value), "grid");
            picture.Text(Left - 8, y.At(value) + 4, text, "soft label", Anchor.End);
        }
        foreach (var (value, text) in x.Marks())
        {
            picture.Line(x.At(value), Height - Bottom, x.At(value), Height - Bottom + 5, "axis");
            picture.Text(x.At(value), Height - Bottom + 20, text, "soft label", Anchor.Middle);
        }
        picture.Line(Left, Height - Bottom, Width - Right, Height - Bottom, "axis");
        picture.Text((Left + Width - Right) / 2, Height - 12, Across, "ink label", Anchor.Middle);
        picture.Text(20, (Top + Height - Bottom) / 2, Up, "ink label", Anchor.Middle, turn: -90);
        foreach (var band in Bands)
            picture.Area([.. band.Points.Select(point => (x.At(point.X), y.At(point.High))), .. band.Points.Reverse().Select(point => (x.At(point.X), y.At(point.Low)))], $"{PlotStyle.Mark(band.Look)} band");
        foreach (var line in Lines.OrderByDescending(line => line.Faint)) Draw(picture, line, x, y);
        Legend(picture);
        return picture;
    }

    static void Draw(Picture picture, Series line, Axis x, Axis y)
    {
        picture.Path(line.Points.Select(point => (x.At(point.X), y.At(point.Y))), $"series {PlotStyle.Look(line.Look)}{(line.Faint ? " faint" : "")}");
        // A single point draws no line, so it always has a mark.
        if (!line.Dots && line.Points.Count > 1) return;
        foreach (var point in line.Points)
            if (double.IsFinite(point.Y)) picture.Dot(x.At(point.X), y.At(point.Y), 3.5, PlotStyle.Mark(line.Look));
    }

    void Legend(Picture picture)
    {
        double at = Left;
        foreach (var line in Lines.Where(line => line.Name.Length > 0))
        {
            picture.Line(at, 52, at + 26, 52, $"series {PlotStyle.Look(line.Look)}{(line.Faint ? " faint" : "")}");
            if (line.Dots) picture.Dot(at + 13, 52, 3.5, PlotStyle.Mark(line.Look));
            picture.Text(at + 32, 56, line.Name, "ink label");
            at += 32 + 7.6 * line.Name.Length + 22;
        }
        foreach (var band in Bands)
        {
            picture.Box(at, 46, 26, 12, $"{PlotStyle.Mark(band.Look)} band");
            picture.Text(at + 32, 56, band.Name, "ink label");
            at += 32 + 7.6 * band.Name.Length + 22;
        }
    }
}

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

    /// <summary>The next larger number that is 1, 2 or 5 times a power of ten.</summary>
    internal static double RoundSpacing(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        foreach (var factor in (double[])[1, 2, 5])
            if (rough <= factor * power * 1.0000001) return factor * power;
        return 10 * power;
    }

    /// <summary>The pixel of a value.</summary>
    internal double At(double value) => from + (value - low) / (high - low) * (to - from);

    /// <summary>The values that have marks, with their labels.</summary>
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
