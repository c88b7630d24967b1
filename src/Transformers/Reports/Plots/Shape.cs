using System.Globalization;
using System.Text;
using SkiaSharp;

namespace Transformers.Reports.Plots;

/// <summary>One part of a picture, written as an SVG element and painted on a canvas.</summary>
/// <param name="Style">Names of styles of <see cref="PlotStyle"/>, separated by spaces.</param>
abstract record Shape(string Style)
{
    /// <summary>Appends the SVG element.</summary>
    internal abstract void Write(StringBuilder svg);

    /// <summary>Paints it.</summary>
    internal abstract void Paint(SKCanvas canvas, bool dark);

    protected static string Format(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    protected static SKPoint Point(double x, double y) => new((float)x, (float)y);
}

/// <summary>A straight line.</summary>
sealed record Line(double X1, double Y1, double X2, double Y2, string Style) : Shape(Style)
{
    internal override void Write(StringBuilder svg) =>
        svg.Append(Format($"<line class=\"{Style}\" x1=\"{X1:0.##}\" y1=\"{Y1:0.##}\" x2=\"{X2:0.##}\" y2=\"{Y2:0.##}\"/>\n"));

    internal override void Paint(SKCanvas canvas, bool dark)
    {
        using var stroke = PlotStyle.Of(Style).StrokePaint(dark);
        if (stroke is not null) canvas.DrawLine(Point(X1, Y1), Point(X2, Y2), stroke);
    }
}

/// <summary>A line through points, broken where one is not finite.</summary>
sealed record Polyline(IReadOnlyList<(double X, double Y)> Points, string Style) : Shape(Style)
{
    internal override void Write(StringBuilder svg)
    {
        var data = new StringBuilder();
        foreach (var (x, y, first) in Pieces()) data.Append(Format($"{(first ? 'M' : 'L')}{x:0.#} {y:0.#}"));
        if (data.Length > 0) svg.Append($"<path class=\"{Style}\" d=\"{data}\"/>\n");
    }

    internal override void Paint(SKCanvas canvas, bool dark)
    {
        using var path = new SKPathBuilder();
        foreach (var (x, y, first) in Pieces())
            if (first) path.MoveTo(Point(x, y));
            else path.LineTo(Point(x, y));
        using var line = path.Detach();
        using var stroke = PlotStyle.Of(Style).StrokePaint(dark);
        if (stroke is not null) canvas.DrawPath(line, stroke);
    }

    IEnumerable<(double X, double Y, bool First)> Pieces()
    {
        var first = true;
        foreach (var (x, y) in Points)
        {
            var finite = double.IsFinite(x) && double.IsFinite(y);
            if (finite) yield return (x, y, first);
            first = !finite;
        }
    }
}

/// <summary>A disc.</summary>
sealed record Dot(double X, double Y, double Radius, string Style) : Shape(Style)
{
    internal override void Write(StringBuilder svg) =>
        svg.Append(Format($"<circle class=\"{Style}\" cx=\"{X:0.##}\" cy=\"{Y:0.##}\" r=\"{Radius:0.##}\"/>\n"));

    internal override void Paint(SKCanvas canvas, bool dark)
    {
        using var fill = PlotStyle.Of(Style).FillPaint(dark);
        if (fill is not null) canvas.DrawCircle(Point(X, Y), (float)Radius, fill);
    }
}

/// <summary>A rectangle.</summary>
sealed record Box(double X, double Y, double Width, double Height, string Style) : Shape(Style)
{
    internal override void Write(StringBuilder svg) =>
        svg.Append(Format($"<rect class=\"{Style}\" x=\"{X:0.##}\" y=\"{Y:0.##}\" width=\"{Width:0.##}\" height=\"{Height:0.##}\"/>\n"));

    internal override void Paint(SKCanvas canvas, bool dark)
    {
        var area = SKRect.Create((float)X, (float)Y, (float)Width, (float)Height);
        using var fill = PlotStyle.Of(Style).FillPaint(dark);
        using var stroke = PlotStyle.Of(Style).StrokePaint(dark);
        if (fill is not null) canvas.DrawRect(area, fill);
        if (stroke is not null) canvas.DrawRect(area, stroke);
    }
}

/// <summary>Shapes moved down together.</summary>
sealed record Group(IReadOnlyList<Shape> Shapes, double Down) : Shape("")
{
    internal override void Write(StringBuilder svg)
    {
        svg.Append(Format($"<g transform=\"translate(0 {Down:0.##})\">\n"));
        foreach (var shape in Shapes) shape.Write(svg);
        svg.Append("</g>\n");
    }

    internal override void Paint(SKCanvas canvas, bool dark)
    {
        canvas.Save();
        canvas.Translate(0, (float)Down);
        foreach (var shape in Shapes) shape.Paint(canvas, dark);
        canvas.Restore();
    }
}
