using System.Globalization;
using System.Text;

namespace Transformers.Plots;

/// <summary>Where a text stands against its point.</summary>
enum Anchor
{
    Start,
    Middle,
    End,
}

/// <summary>Writes an SVG picture: a few shapes, numbers with a point, text escaped.</summary>
/// <remarks>Colours are classes of one style sheet, which has a second set for dark surroundings; a converter that knows no such sheet shows the light one.</remarks>
sealed class Svg
{
    readonly StringBuilder body = new();
    readonly double width, height;
    readonly string title;

    /// <summary>An empty picture.</summary>
    /// <param name="width">Its width in pixels.</param>
    /// <param name="height">Its height in pixels.</param>
    /// <param name="title">What it shows, for those who hear it read out.</param>
    internal Svg(double width, double height, string title) => (this.width, this.height, this.title) = (width, height, title);

    /// <summary>Pictures one under another.</summary>
    internal static string Stack(string title, params IReadOnlyList<Svg> pictures)
    {
        var whole = new Svg(pictures.Max(picture => picture.width), pictures.Sum(picture => picture.height), title);
        double y = 0;
        foreach (var picture in pictures)
        {
            whole.body.Append(Format($"<g transform=\"translate(0 {y:0.##})\">\n{picture.body}</g>\n"));
            y += picture.height;
        }
        return whole.ToString();
    }

    internal void Line(double x1, double y1, double x2, double y2, string style) =>
        body.Append(Format($"<line class=\"{style}\" x1=\"{x1:0.##}\" y1=\"{y1:0.##}\" x2=\"{x2:0.##}\" y2=\"{y2:0.##}\"/>\n"));

    /// <summary>A line through points; where one is not finite, it is broken.</summary>
    internal void Path(IEnumerable<(double X, double Y)> points, string style)
    {
        var data = new StringBuilder();
        var pen = 'M';
        foreach (var (x, y) in points)
        {
            if (!double.IsFinite(x) || !double.IsFinite(y))
            {
                pen = 'M';
                continue;
            }
            data.Append(Format($"{pen}{x:0.#} {y:0.#}"));
            pen = 'L';
        }
        if (data.Length > 0) body.Append($"<path class=\"{style}\" d=\"{data}\"/>\n");
    }

    internal void Dot(double x, double y, double radius, string style) =>
        body.Append(Format($"<circle class=\"{style}\" cx=\"{x:0.##}\" cy=\"{y:0.##}\" r=\"{radius:0.##}\"/>\n"));

    internal void Box(double x, double y, double boxWidth, double boxHeight, string style) =>
        body.Append(Format($"<rect class=\"{style}\" x=\"{x:0.##}\" y=\"{y:0.##}\" width=\"{boxWidth:0.##}\" height=\"{boxHeight:0.##}\"/>\n"));

    /// <summary>A raster of cells, in the picture: thousands of cells would be as many shapes.</summary>
    internal void Image(double x, double y, double boxWidth, double boxHeight, RasterPicture raster) =>
        body.Append(Format($"<image x=\"{x:0.##}\" y=\"{y:0.##}\" width=\"{boxWidth:0.##}\" height=\"{boxHeight:0.##}\" preserveAspectRatio=\"none\" image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{Convert.ToBase64String(raster.Png)}\"/>\n"));

    /// <summary>A text on one line.</summary>
    /// <param name="x">Its point.</param>
    /// <param name="y">Its base line, or the middle of the turned one.</param>
    /// <param name="text">Anything; what XML cannot hold is shown as a box.</param>
    /// <param name="style">Classes of the style sheet.</param>
    /// <param name="anchor">Where it stands against the point.</param>
    /// <param name="turn">Degrees, clockwise.</param>
    internal void Text(double x, double y, string text, string style, Anchor anchor = Anchor.Start, double turn = 0)
    {
        var turned = turn == 0 ? "" : Format($" transform=\"rotate({turn:0.##} {x:0.##} {y:0.##})\"");
        var name = anchor switch { Anchor.Middle => "middle", Anchor.End => "end", _ => "start" };
        body.Append(Format($"<text class=\"{style}\" x=\"{x:0.##}\" y=\"{y:0.##}\" text-anchor=\"{name}\"{turned}>{Escape(text)}</text>\n"));
    }

    /// <summary>The text with what means something in XML spelt out.</summary>
    internal static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            escaped.Append(rune.Value switch
            {
                '<' => "&lt;",
                '>' => "&gt;",
                '&' => "&amp;",
                '"' => "&quot;",
                < 0x20 or 0x7f or 0xfffe or 0xffff => "\u25a1",
                _ => rune.ToString(),
            });
        return escaped.ToString();
    }

    /// <summary>The whole document.</summary>
    public override string ToString() => Format($"""
        <svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" aria-label="{Escape(title)}" width="{width:0.##}" height="{height:0.##}" viewBox="0 0 {width:0.##} {height:0.##}">
        <title>{Escape(title)}</title>
        <style>{PlotStyle.Sheet}</style>
        <rect class="paper" width="100%" height="100%"/>
        {body}</svg>

        """);

    static string Format(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
