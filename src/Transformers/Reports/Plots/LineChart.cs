namespace Transformers.Reports.Plots;

/// <summary>One line of a chart.</summary>
/// <param name="Name">Its name in the legend; empty for none.</param>
/// <param name="Points">Its points, in order; the line has a gap where one is not finite.</param>
/// <param name="Look">The index of its colour and dashes.</param>
/// <param name="Dots">Whether each point has a mark.</param>
/// <param name="Faint">Whether it is drawn faintly behind the others, as measured values are behind the smoothed line.</param>
public sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points, int Look = 0, bool Dots = false, bool Faint = false)
{
    /// <summary>Half the length of each point's error bar; null for none.</summary>
    public IReadOnlyList<double>? Errors { get; init; }

    /// <summary>Whether a line joins the points.</summary>
    public bool Joined { get; init; } = true;
}

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

    /// <summary>Whether equal ratios are equally far apart on the horizontal axis; all values must be above 0.</summary>
    public bool LogAcross { get; init; }

    /// <summary>Whether equal ratios are equally far apart on the vertical axis; all values must be above 0.</summary>
    public bool LogUp { get; init; }

    const double Width = 760, Height = 420, Left = 84, Right = 24, Top = 76, Bottom = 56;

    /// <summary>The chart as an SVG document.</summary>
    public string ToSvg() => Draw().ToSvg();

    /// <summary>The chart as a picture.</summary>
    public Picture Draw()
    {
        var picture = new Picture(Width, Height, Title);
        picture.Text(Left, 30, Title, "ink title");
        var x = new Axis(Lines.SelectMany(line => line.Points).Select(point => point.X), Left, Width - Right, 8, round: false, LogAcross);
        var y = new Axis(Lines.SelectMany(ValuesOf).Concat(Bands.SelectMany(band => band.Points).SelectMany(point => (double[])[point.Low, point.High])), Height - Bottom, Top, 6, round: true, LogUp);
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

    // For a point with an error bar, both ends of the bar.
    static IEnumerable<double> ValuesOf(Series line) =>
        line.Points.SelectMany((point, i) => line.Errors is { } errors ? (double[])[point.Y - errors[i], point.Y + errors[i]] : [point.Y]);

    static void Draw(Picture picture, Series line, Axis x, Axis y)
    {
        if (line.Errors is { } errors)
            foreach (var (point, error) in line.Points.Zip(errors).Where(one => one.Second > 0 && double.IsFinite(one.First.Y)))
                DrawError(picture, x.At(point.X), y.At(point.Y - error), y.At(point.Y + error), $"bar {PlotStyle.Look(line.Look)}");
        if (!line.Joined)
        {
            DrawDots(picture, line, x, y);
            return;
        }
        picture.Path(line.Points.Select(point => (x.At(point.X), y.At(point.Y))), $"series {PlotStyle.Look(line.Look)}{(line.Faint ? " faint" : "")}");
        // A single point draws no line, so it always has a mark.
        if (line.Dots || line.Points.Count <= 1) DrawDots(picture, line, x, y);
    }

    static void DrawError(Picture picture, double x, double low, double high, string style)
    {
        const double cap = 4;
        picture.Line(x, low, x, high, style);
        picture.Line(x - cap, low, x + cap, low, style);
        picture.Line(x - cap, high, x + cap, high, style);
    }

    static void DrawDots(Picture picture, Series line, Axis x, Axis y)
    {
        foreach (var point in line.Points)
            if (double.IsFinite(point.Y)) picture.Dot(x.At(point.X), y.At(point.Y), 3.5, PlotStyle.Mark(line.Look));
    }

    void Legend(Picture picture)
    {
        double at = Left;
        foreach (var line in Lines.Where(line => line.Name.Length > 0))
        {
            if (line.Joined) picture.Line(at, 52, at + 26, 52, $"series {PlotStyle.Look(line.Look)}{(line.Faint ? " faint" : "")}");
            if (line.Dots || !line.Joined) picture.Dot(at + 13, 52, 3.5, PlotStyle.Mark(line.Look));
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
    readonly bool log;

    /// <summary>An axis that covers all finite values.</summary>
    /// <param name="from">The pixel of the smallest.</param>
    /// <param name="to">The pixel of the largest.</param>
    /// <param name="marks">About how many marks.</param>
    /// <param name="round">Whether the ends are round numbers, with all values between them.</param>
    /// <param name="log">Whether equal ratios are equally far apart.</param>
    internal Axis(IEnumerable<double> values, double from, double to, int marks, bool round, bool log = false)
    {
        this.log = log;
        if (log) values = values.Where(value => value > 0).Select(Math.Log10);
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
    internal double At(double value) => from + ((log ? Math.Log10(value) : value) - low) / (high - low) * (to - from);

    /// <summary>The values that have marks, with their labels.</summary>
    internal IEnumerable<(double Value, string Text)> Marks()
    {
        if (log)
        {
            // Each power of ten, or of a thousand; with 2 and 5 times it if there is room.
            double[] factors = high - low <= 3 ? [1, 2, 5] : [1];
            var step = Math.Max(1, (int)Math.Ceiling((high - low) / 8));
            for (var power = (int)Math.Floor(low); power <= high; power++)
                foreach (var factor in factors)
                    if (power % step == 0 && Math.Log10(factor) + power is var at && at >= low - 1e-9 && at <= high + 1e-9) yield return (factor * Math.Pow(10, power), ShowOne(factor * Math.Pow(10, power)));
            yield break;
        }
        for (var i = Math.Ceiling(low / spacing - 1e-9); i * spacing <= high + spacing * 1e-9; i++) yield return (i * spacing, Show(i * spacing));
    }

    // By its own magnitude: a logarithmic axis has all magnitudes.
    static string ShowOne(double value) => value switch
    {
        >= 1e12 or < 1e-3 => value.ToString("0.##e0", CultureInfo.InvariantCulture),
        >= 1e9 => (value / 1e9).ToString("0.###", CultureInfo.InvariantCulture) + "G",
        >= 1e6 => (value / 1e6).ToString("0.###", CultureInfo.InvariantCulture) + "M",
        >= 1e4 => (value / 1e3).ToString("0.###", CultureInfo.InvariantCulture) + "k",
        _ => value.ToString("0.####", CultureInfo.InvariantCulture),
    };

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
