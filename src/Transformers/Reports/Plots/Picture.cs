using SkiaSharp;
using Transformers.IO.Images;

namespace Transformers.Reports.Plots;

/// <summary>A drawing: shapes in order, each with a style of <see cref="PlotStyle"/>, as an SVG document or a PNG file.</summary>
/// <remarks>
/// The SVG keeps text as text and has one style sheet, with a second set of colours for dark mode; a viewer that ignores
/// it shows the light one. The PNG is painted from the same shapes, in the typeface that comes with the program.
/// </remarks>
public sealed class Picture
{
    // Two pixels for each CSS pixel keep text sharp on dense screens.
    const float Zoom = 2;

    readonly List<Shape> shapes = [];

    internal Picture(double width, double height, string title) => (Width, Height, Title) = (width, height, title);

    /// <summary>Width in CSS pixels; a PNG has two pixels for each.</summary>
    public double Width { get; }

    /// <summary>Height in CSS pixels; a PNG has two pixels for each.</summary>
    public double Height { get; }

    /// <summary>What it shows, in a sentence.</summary>
    public string Title { get; }

    /// <summary>Puts pictures one below another.</summary>
    internal static Picture Stack(string title, params IReadOnlyList<Picture> pictures)
    {
        var whole = new Picture(pictures.Max(picture => picture.Width), pictures.Sum(picture => picture.Height), title);
        double y = 0;
        foreach (var picture in pictures)
        {
            whole.shapes.Add(new Group(picture.shapes, y));
            y += picture.Height;
        }
        return whole;
    }

    internal void Line(double x1, double y1, double x2, double y2, string style) => shapes.Add(new Line(x1, y1, x2, y2, style));

    /// <summary>A line through points; where one is not finite, it is broken.</summary>
    internal void Path(IEnumerable<(double X, double Y)> points, string style) => shapes.Add(new Polyline([.. points], style));

    /// <summary>An area within points, all finite.</summary>
    internal void Area(IEnumerable<(double X, double Y)> points, string style) => shapes.Add(new Area([.. points], style));

    internal void Dot(double x, double y, double radius, string style) => shapes.Add(new Dot(x, y, radius, style));

    internal void Box(double x, double y, double width, double height, string style) => shapes.Add(new Box(x, y, width, height, style));

    /// <summary>A square raster in a frame, with a title above it.</summary>
    internal void Tile(double x, double y, double side, string title, RgbImage cells)
    {
        Text(x, y - 8, title, "soft label");
        Image(x, y, side, side, cells);
        Box(x, y, side, side, "frame");
    }

    /// <summary>A raster, since thousands of cells would be thousands of shapes.</summary>
    internal void Image(double x, double y, double width, double height, RgbImage cells) => shapes.Add(new Raster(x, y, width, height, cells));

    /// <summary>A text on one line.</summary>
    /// <param name="x">Its anchor point.</param>
    /// <param name="y">Its base line.</param>
    /// <param name="text">Any text; control characters are shown as boxes.</param>
    /// <param name="style">Names of styles.</param>
    /// <param name="anchor">Which part of the text is at its anchor point.</param>
    /// <param name="turn">Degrees, clockwise around the point.</param>
    internal void Text(double x, double y, string text, string style, Anchor anchor = Anchor.Start, double turn = 0) =>
        shapes.Add(new Label(x, y, text, style, anchor, turn));

    /// <summary>The SVG document.</summary>
    public string ToSvg()
    {
        var body = new StringBuilder();
        foreach (var shape in shapes) shape.Write(body);
        return string.Create(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" aria-label="{Label.Escape(Title)}" width="{Width:0.##}" height="{Height:0.##}" viewBox="0 0 {Width:0.##} {Height:0.##}">
            <title>{Label.Escape(Title)}</title>
            <style>{PlotStyle.Sheet}</style>
            <rect class="paper" width="100%" height="100%"/>
            {body}</svg>

            """);
    }

    /// <summary>The PNG file's bytes.</summary>
    /// <param name="dark">Whether to use the colours for dark mode.</param>
    public byte[] ToPng(bool dark = false)
    {
        var size = new SKImageInfo((int)Math.Ceiling(Width * Zoom), (int)Math.Ceiling(Height * Zoom), SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var bitmap = new SKBitmap(size);
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(PlotStyle.Of("paper").Fill!.Value.Color(dark));
        canvas.Scale(Zoom);
        foreach (var shape in shapes) shape.Paint(canvas, dark);
        canvas.Flush();
        using var pixels = bitmap.PeekPixels();
        using var png = pixels.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.AllFilters, 6))
            ?? throw new InvalidOperationException($"a picture of {size.Width} x {size.Height} pixels cannot be encoded");
        return png.ToArray();
    }
}

/// <summary>Saves pictures as SVG or PNG, by the file's extension.</summary>
public static class PlotFile
{
    /// <summary>Checks the name of a file before anything is computed for it.</summary>
    /// <param name="path">The file's name.</param>
    /// <param name="dark">Whether dark colours were requested.</param>
    /// <exception cref="UserException">It ends neither in <c>.svg</c> nor in <c>.png</c>, or dark colours were requested for an SVG.</exception>
    public static void CheckName(string path, bool dark = false)
    {
        if (!IsPng(path) && !Path.GetExtension(path).Equals(".svg", StringComparison.OrdinalIgnoreCase))
            throw new UserException($"--output ({path}) must end in .svg or .png");
        if (dark && !IsPng(path)) throw new UserException($"--dark is for PNG, but --output ({path}) is an SVG, which follows the reader's setting", "leave it out, or end --output in .png");
    }

    /// <summary>Saves a picture.</summary>
    /// <param name="path">A name that ends in <c>.svg</c> or <c>.png</c>.</param>
    /// <param name="dark">Whether a PNG has the colours for dark mode.</param>
    /// <exception cref="UserException">The file cannot be written.</exception>
    public static void Save(Picture picture, string path, bool dark = false)
    {
        CheckName(path, dark);
        if (IsPng(path)) DurableFile.WriteAsked(path, picture.ToPng(dark));
        else DurableFile.WriteAsked(path, picture.ToSvg());
    }

    static bool IsPng(string path) => Path.GetExtension(path).Equals(".png", StringComparison.OrdinalIgnoreCase);
}
