using System.Text;
using SkiaSharp;
using Transformers.IO.Images;
using Transformers.Training;

namespace Transformers.Reports.Plots;

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

    /// <summary>Cells by their numbers in a scale of colours.</summary>
    /// <param name="indices">Row by row from the top.</param>
    /// <param name="columns">Cells a row.</param>
    /// <param name="scale">The colours.</param>
    internal static RgbImage Colored(ReadOnlySpan<byte> indices, int columns, ColorScale scale)
    {
        var cells = new RgbImage(columns, indices.Length / columns);
        for (var i = 0; i < indices.Length; i++) scale.Palette.Slice(3 * indices[i], 3).CopyTo(cells.Span[(3 * i)..]);
        return cells;
    }

    /// <summary>Cells as a PNG file in which each is a square of pixels: a viewer smooths pixels that it enlarges, and one pixel a cell would leave a blur.</summary>
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
