using System.Reflection;
using SkiaSharp;

namespace Transformers.Reports.Plots;

/// <summary>A colour in light and in dark mode, each 0xRRGGBB.</summary>
readonly record struct PlotColor(int Light, int Dark)
{
    internal SKColor Color(bool dark) => new((uint)(dark ? Dark : Light) | 0xFF000000);

    internal string Css(bool dark) => $"#{(dark ? Dark : Light):x6}";
}

/// <summary>How shapes look: named styles, each a class of the SVG's style sheet, and the paints of a canvas.</summary>
/// <remarks>Series have the colours of Okabe and Ito (2008), which readers with the common kinds of colour blindness can distinguish, and also differ in their dashes.</remarks>
sealed record PlotStyle
{
    /// <summary>The number of different looks of series.</summary>
    internal const int Series = 6;

    static readonly PlotColor[] Colors = [new(0x0072b2, 0x56b4e9), new(0xd55e00, 0xe69f00), new(0x009e73, 0x3fc39b), new(0xcc79a7, 0xe4a5c8), new(0xb07d00, 0xf0e442), new(0x5b5b5b, 0xbdbdbd)];
    static readonly float[][] Dashes = [[], [], [7, 3], [2, 3], [9, 3, 2, 3], [5, 5]];

    // If a shape has several, later ones win. Sizes are in CSS pixels.
    static readonly PlotStyle[] All =
    [
        new() { Name = "paper", Fill = new(0xffffff, 0x17191c) }, new() { Name = "ink", Fill = new(0x222222, 0xececec) }, new() { Name = "soft", Fill = new(0x595959, 0xb4b4b4) },
        new() { Name = "title", Size = 17, Bold = true }, new() { Name = "label", Size = 13 }, new() { Name = "small", Size = 11 },
        new() { Name = "axis", Stroke = new(0x555555, 0xa0a0a0), Width = 1 }, new() { Name = "grid", Stroke = new(0xe2e2e2, 0x34373c), Width = 1 },
        new() { Name = "frame", Stroke = new(0x999999, 0x7a7a7a), Width = 1 }, new() { Name = "series", Width = 2, Round = true }, new() { Name = "bar", Width = 1.2 },
        new() { Name = "faint", Width = 1, Opacity = 0.35 }, new() { Name = "band", Opacity = 0.25 }, new() { Name = "on-dark", Fill = new(0xffffff, 0xffffff) }, new() { Name = "on-light", Fill = new(0x222222, 0x222222) },
        .. Enumerable.Range(0, Series).SelectMany(i => (PlotStyle[])[new() { Name = Look(i), Stroke = Colors[i], Dash = Dashes[i] }, new() { Name = Mark(i), Fill = Colors[i] }]),
    ];

    internal string Name { get; private init; } = "";
    internal PlotColor? Fill { get; private init; }
    internal PlotColor? Stroke { get; private init; }
    internal double Width { get; private init; }
    internal float[]? Dash { get; private init; }
    internal bool Round { get; private init; }
    internal double Opacity { get; private init; } = 1;
    internal double Size { get; private init; }
    internal bool Bold { get; private init; }

    /// <summary>The style sheet: light colours first, then those for dark mode.</summary>
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
        var wanted = names.Split(' ');
        return All.Where(style => wanted.Contains(style.Name)).Aggregate(new PlotStyle(), (sum, style) => new()
        {
            Fill = style.Fill ?? sum.Fill, Stroke = style.Stroke ?? sum.Stroke, Width = style.Width > 0 ? style.Width : sum.Width, Dash = style.Dash ?? sum.Dash,
            Round = sum.Round || style.Round, Opacity = sum.Opacity * style.Opacity, Size = style.Size > 0 ? style.Size : sum.Size, Bold = sum.Bold || style.Bold,
        });
    }

    /// <summary>Fills areas and texts; null for nothing.</summary>
    internal SKPaint? FillPaint(bool dark) => Fill is { } color ? new SKPaint { Color = Transparent(color.Color(dark)), IsAntialias = true } : null;

    /// <summary>Draws lines; null for nothing.</summary>
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

/// <summary>The fonts of painted pictures: Inter, which is part of the program, and the system's fonts for other scripts.</summary>
/// <remarks>
/// The Inter typeface (rsms.me/inter, SIL Open Font License 1.1) is in the resources of the package Avalonia.Fonts.Inter.
/// Latin, Greek and Cyrillic text never depends on the system, so a picture with them has the same pixels everywhere.
/// </remarks>
static class Typeface
{
    static readonly Lazy<SKTypeface> Regular = new(() => Read("/Assets/Inter-Regular.ttf")), Bold = new(() => Read("/Assets/Inter-SemiBold.ttf"));
    static readonly Lazy<IReadOnlyList<SKTypeface>> System = new(OfSystem);

    /// <summary>A font without hinting, which would depend on the version of the rasterizer.</summary>
    internal static SKFont Font(SKTypeface face, double size) =>
        new(face, (float)size) { Edging = SKFontEdging.Antialias, Subpixel = true, Hinting = SKFontHinting.None };

    /// <summary>A text in pieces that each have one typeface.</summary>
    internal static List<(SKTypeface Face, string Text)> Pieces(string text, bool bold)
    {
        var usual = (bold ? Bold : Regular).Value;
        var pieces = new List<(SKTypeface Face, string Text)>();
        foreach (var rune in text.EnumerateRunes())
        {
            var face = Has(usual, rune) ? usual : Other(rune) ?? usual;
            if (pieces.Count > 0 && pieces[^1].Face == face) pieces[^1] = (face, pieces[^1].Text + rune);
            else pieces.Add((face, rune.ToString()));
        }
        return pieces;
    }

    static bool Has(SKTypeface face, Rune rune)
    {
        using var font = new SKFont(face);
        return font.ContainsGlyph(rune.Value);
    }

    static SKTypeface? Other(Rune rune) =>
        System.Value.FirstOrDefault(face => Has(face, rune)) ?? SKFontManager.Default.MatchCharacter(rune.Value);

    // On Linux, Skia is built without fontconfig and does not find the system's fonts.
    static IReadOnlyList<SKTypeface> OfSystem()
    {
        const string folder = "/usr/share/fonts";
        if (!Directory.Exists(folder)) return [];
        var files = Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true });
        return [.. files.Where(file => Path.GetExtension(file).ToLowerInvariant() is ".ttf" or ".otf" or ".ttc").Order(StringComparer.Ordinal)
            .Select(file => SKTypeface.FromFile(file)).OfType<SKTypeface>()];
    }

    // The resources of an Avalonia package: the size of an index, the index (version, count, and for each file its name,
    // offset and size), then the files.
    static SKTypeface Read(string name)
    {
        using var package = typeof(Typeface).Assembly.GetManifestResourceStream("Avalonia.Fonts.Inter.dll")!;
        var assembly = new byte[package.Length];
        package.ReadExactly(assembly);
        using var resources = new BinaryReader(Assembly.Load(assembly).GetManifestResourceStream("!AvaloniaResources")!);
        var start = sizeof(int) + resources.ReadInt32();
        resources.ReadInt32();
        for (var files = resources.ReadInt32(); files > 0; files--)
        {
            var (file, offset, size) = (resources.ReadString(), resources.ReadInt32(), resources.ReadInt32());
            if (file != name) continue;
            resources.BaseStream.Position = start + offset;
            using var data = SKData.CreateCopy(resources.ReadBytes(size));
            return SKTypeface.FromData(data);
        }
        throw new InvalidDataException($"the package of the typeface has no {name}");
    }
}
