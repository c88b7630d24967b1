using System.Globalization;
using SkiaSharp;

namespace Transformers.Reports.Plots;

/// <summary>A colour in light and in dark surroundings, each 0xRRGGBB.</summary>
readonly record struct PlotColor(int Light, int Dark)
{
    internal SKColor Color(bool dark) => new((uint)(dark ? Dark : Light) | 0xFF000000);

    internal string Css(bool dark) => $"#{(dark ? Dark : Light):x6}";
}

/// <summary>How shapes look: named styles, each a class of the SVG's style sheet, and the paints of a canvas.</summary>
/// <remarks>Series are coloured after Okabe and Ito (2008), which the common kinds of colour blindness tell apart, and differ in dashes too.</remarks>
sealed record PlotStyle
{
    /// <summary>How many series have a look of their own.</summary>
    internal const int Series = 6;

    static readonly PlotColor[] Colors = [new(0x0072b2, 0x56b4e9), new(0xd55e00, 0xe69f00), new(0x009e73, 0x3fc39b), new(0xcc79a7, 0xe4a5c8), new(0xb07d00, 0xf0e442), new(0x5b5b5b, 0xbdbdbd)];
    static readonly float[][] Dashes = [[], [], [7, 3], [2, 3], [9, 3, 2, 3], [5, 5]];

    // Where a shape has several, later ones win.
    static readonly PlotStyle[] All =
    [
        new() { Name = "paper", Fill = new(0xffffff, 0x17191c) }, new() { Name = "ink", Fill = new(0x222222, 0xececec) }, new() { Name = "soft", Fill = new(0x595959, 0xb4b4b4) },
        new() { Name = "title", Size = 17, Bold = true }, new() { Name = "label", Size = 13 }, new() { Name = "small", Size = 11 },
        new() { Name = "axis", Stroke = new(0x555555, 0xa0a0a0), Width = 1 }, new() { Name = "grid", Stroke = new(0xe2e2e2, 0x34373c), Width = 1 },
        new() { Name = "frame", Stroke = new(0x999999, 0x7a7a7a), Width = 1 }, new() { Name = "series", Width = 2, Round = true },
        new() { Name = "faint", Width = 1, Opacity = 0.35 }, new() { Name = "on-dark", Fill = new(0xffffff, 0xffffff) }, new() { Name = "on-light", Fill = new(0x222222, 0x222222) },
        .. Enumerable.Range(0, Series).SelectMany(i => (PlotStyle[])[new() { Name = Look(i), Stroke = Colors[i], Dash = Dashes[i] }, new() { Name = Mark(i), Fill = Colors[i] }]),
    ];

    /// <summary>The name by which shapes ask for it.</summary>
    internal string Name { get; private init; } = "";
    /// <summary>The colour of an area or a text.</summary>
    internal PlotColor? Fill { get; private init; }
    /// <summary>The colour of a line.</summary>
    internal PlotColor? Stroke { get; private init; }
    /// <summary>A line's width in CSS pixels.</summary>
    internal double Width { get; private init; }
    /// <summary>Lengths of dashes and gaps in CSS pixels, null or empty for none.</summary>
    internal float[]? Dash { get; private init; }
    /// <summary>Whether a line has round ends and corners.</summary>
    internal bool Round { get; private init; }
    /// <summary>From 0 to 1.</summary>
    internal double Opacity { get; private init; } = 1;
    /// <summary>A text's size in CSS pixels.</summary>
    internal double Size { get; private init; }
    /// <summary>Whether a text is bold.</summary>
    internal bool Bold { get; private init; }

    /// <summary>The style sheet: light colours first, then those for dark surroundings.</summary>
    internal static string Sheet { get; } = ".plot{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif}"
        + string.Concat(All.Select(style => style.Css())) + "@media (prefers-color-scheme:dark){" + string.Concat(All.Select(style => style.DarkCss())) + "}";

    /// <summary>The look of a series: its colour and dashes.</summary>
    internal static string Look(int index) => $"s{index % Series}";

    /// <summary>The colour of a series' marks.</summary>
    internal static string Mark(int index) => $"f{index % Series}";

    /// <summary>Several styles as one.</summary>
    /// <param name="names">Their names, separated by spaces.</param>
    internal static PlotStyle Of(string names)
    {
        var asked = names.Split(' ');
        return All.Where(style => asked.Contains(style.Name)).Aggregate(new PlotStyle(), (sum, style) => new()
        {
            Fill = style.Fill ?? sum.Fill, Stroke = style.Stroke ?? sum.Stroke, Width = style.Width > 0 ? style.Width : sum.Width, Dash = style.Dash ?? sum.Dash,
            Round = sum.Round || style.Round, Opacity = sum.Opacity * style.Opacity, Size = style.Size > 0 ? style.Size : sum.Size, Bold = sum.Bold || style.Bold,
        });
    }

    /// <summary>What fills areas and texts, or null for nothing.</summary>
    internal SKPaint? FillPaint(bool dark) => Fill is { } color ? new SKPaint { Color = Transparent(color.Color(dark)), IsAntialias = true } : null;

    /// <summary>What draws lines, or null for nothing.</summary>
    internal SKPaint? StrokePaint(bool dark) => Stroke is not { } color ? null : new SKPaint
    {
        Color = Transparent(color.Color(dark)), IsAntialias = true, Style = SKPaintStyle.Stroke, StrokeWidth = (float)Width,
        StrokeCap = Round ? SKStrokeCap.Round : SKStrokeCap.Butt, StrokeJoin = Round ? SKStrokeJoin.Round : SKStrokeJoin.Miter,
        PathEffect = Dash is { Length: > 0 } ? SKPathEffect.CreateDash(Dash, 0) : null,
    };

    SKColor Transparent(SKColor color) => color.WithAlpha((byte)Math.Round(255 * Opacity));

    string Css()
    {
        var rules = new List<string>();
        if (Fill is { } fill) rules.Add($"fill:{fill.Css(false)}");
        else if (Round || Name == "frame") rules.Add("fill:none");
        if (Stroke is { } stroke) rules.Add($"stroke:{stroke.Css(false)}");
        if (Dash is { Length: > 0 }) rules.Add($"stroke-dasharray:{string.Join(' ', Dash)}");
        if (Width > 0) rules.Add(string.Create(CultureInfo.InvariantCulture, $"stroke-width:{Width}"));
        if (Round) rules.Add("stroke-linejoin:round;stroke-linecap:round");
        if (Opacity < 1) rules.Add(string.Create(CultureInfo.InvariantCulture, $"opacity:{Opacity}"));
        if (Size > 0) rules.Add(string.Create(CultureInfo.InvariantCulture, $"font-size:{Size}px"));
        if (Bold) rules.Add("font-weight:600");
        return $".{Name}{{{string.Join(';', rules)}}}";
    }

    string DarkCss()
    {
        var rules = new List<string>();
        if (Fill is { } fill && fill.Light != fill.Dark) rules.Add($"fill:{fill.Css(true)}");
        if (Stroke is { } stroke) rules.Add($"stroke:{stroke.Css(true)}");
        return rules.Count > 0 ? $".{Name}{{{string.Join(';', rules)}}}" : "";
    }
}
