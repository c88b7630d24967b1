using SkiaSharp;
using Transformers.IO.Images;
using Transformers.Training;

namespace Transformers.Reports.Plots;

/// <summary>One part of a picture, written as an SVG element and painted on a canvas.</summary>
/// <param name="Style">The names of its styles in <see cref="PlotStyle"/>, separated by spaces.</param>
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

/// <summary>A polygon.</summary>
sealed record Area(IReadOnlyList<(double X, double Y)> Points, string Style) : Shape(Style)
{
    internal override void Write(StringBuilder svg) =>
        svg.Append($"<polygon class=\"{Style}\" points=\"{string.Join(' ', Points.Select(point => Format($"{point.X:0.#},{point.Y:0.#}")))}\"/>\n");

    internal override void Paint(SKCanvas canvas, bool dark)
    {
        using var path = new SKPathBuilder();
        path.MoveTo(Point(Points[0].X, Points[0].Y));
        foreach (var (x, y) in Points.Skip(1)) path.LineTo(Point(x, y));
        using var area = path.Detach();
        using var fill = PlotStyle.Of(Style).FillPaint(dark);
        if (fill is not null) canvas.DrawPath(area, fill);
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

/// <summary>The part of a text that is at its anchor point.</summary>
enum Anchor
{
    Start,
    Middle,
    End,
}

/// <summary>A text on one line.</summary>
sealed record Label(double X, double Y, string Text, string Style, Anchor Anchor, double Turn) : Shape(Style)
{
    internal override void Write(StringBuilder svg)
    {
        var turned = Turn == 0 ? "" : Format($" transform=\"rotate({Turn:0.##} {X:0.##} {Y:0.##})\"");
        var anchor = Anchor switch { Anchor.Middle => "middle", Anchor.End => "end", _ => "start" };
        svg.Append(Format($"<text class=\"{Style}\" x=\"{X:0.##}\" y=\"{Y:0.##}\" text-anchor=\"{anchor}\"{turned}>{Escape(Text)}</text>\n"));
    }

    internal override void Paint(SKCanvas canvas, bool dark)
    {
        var style = PlotStyle.Of(Style);
        using var paint = style.FillPaint(dark);
        if (paint is null) return;
        var pieces = Typeface.Pieces(Visible(Text), style.Bold);
        var fonts = pieces.ConvertAll(piece => Typeface.Font(piece.Face, style.Size));
        var widths = pieces.Zip(fonts, (piece, font) => font.MeasureText(piece.Text)).ToArray();
        var x = (float)X - widths.Sum() * Anchor switch { Anchor.Middle => 0.5f, Anchor.End => 1, _ => 0 };
        canvas.Save();
        canvas.RotateDegrees((float)Turn, (float)X, (float)Y);
        for (var i = 0; i < pieces.Count; i++)
        {
            canvas.DrawText(pieces[i].Text, x, (float)Y, SKTextAlign.Left, fonts[i], paint);
            x += widths[i];
        }
        canvas.Restore();
        foreach (var font in fonts) font.Dispose();
    }

    /// <summary>The text with XML's special characters escaped.</summary>
    internal static string Escape(string text) =>
        Visible(text).Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").Replace("\"", "&quot;");

    // Control characters, which XML does not allow.
    static string Visible(string text)
    {
        var visible = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            visible.Append(rune.Value is < 0x20 or 0x7f or 0xfffe or 0xffff ? "\u25a1" : rune.ToString());
        return visible.ToString();
    }
}

/// <summary>Coloured cells, stretched over a rectangle without smoothing.</summary>
sealed record Raster(double X, double Y, double Width, double Height, RgbImage Cells) : Shape("")
{
    internal override void Write(StringBuilder svg) =>
        svg.Append(Format($"<image x=\"{X:0.##}\" y=\"{Y:0.##}\" width=\"{Width:0.##}\" height=\"{Height:0.##}\" preserveAspectRatio=\"none\" image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{Convert.ToBase64String(Encode(Cells).Png)}\"/>\n"));

    internal override unsafe void Paint(SKCanvas canvas, bool dark)
    {
        using var rgba = new PooledPixels(Cells.Width, Cells.Height);
        PixelFormats.ToRgba(Cells.Span, rgba.Bytes);
        fixed (byte* pixels = rgba.Bytes)
        {
            using var image = SKImage.FromPixelCopy(new SKImageInfo(Cells.Width, Cells.Height, SKColorType.Rgba8888, SKAlphaType.Opaque), (nint)pixels);
            canvas.DrawImage(image, SKRect.Create((float)X, (float)Y, (float)Width, (float)Height), new SKSamplingOptions(SKFilterMode.Nearest));
        }
    }

    /// <summary>Cells by their indices in a colour scale.</summary>
    /// <param name="indices">Row by row from the top.</param>
    /// <param name="columns">Cells in a row.</param>
    /// <param name="scale">The colours.</param>
    internal static RgbImage Colored(ReadOnlySpan<byte> indices, int columns, ColorScale scale)
    {
        var cells = new RgbImage(columns, indices.Length / columns);
        for (var i = 0; i < indices.Length; i++) scale.Palette.Slice(3 * indices[i], 3).CopyTo(cells.Span[(3 * i)..]);
        return cells;
    }

    /// <summary>Cells as a PNG file in which each is a square of pixels: viewers smooth pixels that they enlarge, so one pixel per cell would be blurred.</summary>
    internal static RasterPicture Encode(RgbImage cells)
    {
        var side = Math.Clamp(512 / Math.Max(cells.Width, cells.Height), 1, 16); // pixels of a cell, each way
        var large = new RgbImage(cells.Width * side, cells.Height * side);
        for (var y = 0; y < large.Height; y++)
            for (var x = 0; x < large.Width; x++)
                cells.Row(y / side).Slice(3 * (x / side), 3).CopyTo(large.Row(y)[(3 * x)..]);
        return new(ImageCodec.EncodePng(large.Span, large.Width, large.Height, level: 9), large.Width, large.Height);
    }
}
