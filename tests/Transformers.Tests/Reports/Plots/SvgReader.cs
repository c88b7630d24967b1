using System.Xml.Linq;
using Transformers.Reports.Plots;

namespace Transformers.Tests.Reports.Plots;

/// <summary>Reads plots back: as XML, and the cells of their rasters as numbers of colours.</summary>
static class SvgReader
{
    internal static readonly XNamespace Namespace = "http://www.w3.org/2000/svg";

    // Two neighbours may have the same colour: the first is meant.
    static readonly IReadOnlyList<Dictionary<(byte, byte, byte), byte>> Scales = [.. new[] { ColorScale.Amount, ColorScale.Signed }.Select(scale =>
        Enumerable.Range(0, 256).DistinctBy(i => Color(scale, i)).ToDictionary(i => Color(scale, i), i => (byte)i))];

    static (byte, byte, byte) Color(ColorScale scale, int i) => (scale.Palette[3 * i], scale.Palette[3 * i + 1], scale.Palette[3 * i + 2]);

    internal static XElement Parse(string svg) => XDocument.Parse(svg).Root!;

    internal static List<string> Texts(string svg) => [.. Parse(svg).Descendants(Namespace + "text").Select(text => text.Value)];

    /// <summary>The cells of each raster: rows, columns, colour numbers.</summary>
    internal static List<byte[,]> Rasters(string svg) => [.. Parse(svg).Descendants(Namespace + "image")
        .Select(image => Cells(ImageCodec.Decode(Convert.FromBase64String(image.Attribute("href")!.Value["data:image/png;base64,".Length..]))))];

    // A cell is a square of equal pixels, of the largest side that all of them are.
    static byte[,] Cells(RgbImage pixels)
    {
        for (var side = 16; ; side--)
        {
            if (pixels.Height % side != 0 || pixels.Width % side != 0 || Math.Clamp(512 / (Math.Max(pixels.Height, pixels.Width) / side), 1, 16) != side) continue;
            var equal = true;
            for (var y = 0; y < pixels.Height; y++)
                for (var x = 0; x < pixels.Width; x++) equal &= At(pixels, x, y) == At(pixels, x / side * side, y / side * side);
            if (equal) return Numbers(pixels, side);
        }
    }

    static byte[,] Numbers(RgbImage pixels, int side)
    {
        var colors = Enumerable.Range(0, pixels.Width * pixels.Height).Select(i => At(pixels, i % pixels.Width, i / pixels.Width)).ToHashSet();
        var scale = Assert.Single(Scales, numbers => colors.IsSubsetOf(numbers.Keys));
        var cells = new byte[pixels.Height / side, pixels.Width / side];
        for (var y = 0; y < cells.GetLength(0); y++)
            for (var x = 0; x < cells.GetLength(1); x++) cells[y, x] = scale[At(pixels, x * side, y * side)];
        return cells;
    }

    static (byte, byte, byte) At(RgbImage pixels, int x, int y)
    {
        var row = pixels.Row(y);
        return (row[3 * x], row[3 * x + 1], row[3 * x + 2]);
    }
}
