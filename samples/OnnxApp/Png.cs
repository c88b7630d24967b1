using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace OnnxApp;

/// <summary>An image from a PNG file of 8-bit grey or colour, with or without transparency, not interlaced.</summary>
/// <param name="Width">Pixels per row.</param>
/// <param name="Height">Rows.</param>
/// <param name="Channels">Bytes per pixel: 1 for grey, 2 for grey with transparency, 3 for colour, 4 for colour with transparency.</param>
/// <param name="Pixels">Row by row.</param>
sealed record Png(int Width, int Height, int Channels, byte[] Pixels)
{
    public static Png Read(string path)
    {
        var file = File.ReadAllBytes(path).AsSpan()[8..];
        int width = 0, height = 0, channels = 0;
        using var packed = new MemoryStream();
        while (file.Length > 0)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(file);
            var data = file.Slice(8, length);
            switch (Encoding.ASCII.GetString(file.Slice(4, 4)))
            {
                case "IHDR":
                    (width, height) = (BinaryPrimitives.ReadInt32BigEndian(data), BinaryPrimitives.ReadInt32BigEndian(data[4..]));
                    channels = data[9] switch { 0 => 1, 2 => 3, 4 => 2, 6 => 4, _ => 0 };
                    if (data[8] != 8 || channels == 0 || data[12] != 0) throw new NotSupportedException("only PNG files of 8-bit grey or colour that are not interlaced can be read");
                    break;
                case "IDAT": packed.Write(data); break;
            }
            file = file[(12 + length)..];
        }
        packed.Position = 0;
        using var inflated = new ZLibStream(packed, CompressionMode.Decompress);
        return new(width, height, channels, Unfilter(inflated, width * channels, height, channels));
    }

    // Each row gives its bytes as differences from their neighbours (PNG, section 9).
    static byte[] Unfilter(Stream rows, int stride, int height, int step)
    {
        var pixels = new byte[stride * height];
        for (var y = 0; y < height; y++)
        {
            var filter = rows.ReadByte();
            var row = pixels.AsSpan(y * stride, stride);
            rows.ReadExactly(row);
            for (var i = 0; i < stride; i++)
            {
                int left = i < step ? 0 : row[i - step], up = y == 0 ? 0 : pixels[(y - 1) * stride + i], corner = i < step || y == 0 ? 0 : pixels[(y - 1) * stride + i - step];
                row[i] += (byte)(filter switch { 1 => left, 2 => up, 3 => (left + up) / 2, 4 => Nearest(left, up, corner), _ => 0 });
            }
        }
        return pixels;
    }

    static int Nearest(int left, int up, int corner)
    {
        var (a, b, c) = (Math.Abs(up - corner), Math.Abs(left - corner), Math.Abs(left + up - 2 * corner));
        return a <= b && a <= c ? left : b <= c ? up : corner;
    }

    /// <summary>The image as a model's input: resized and cropped to the middle, in planes of values from 0 to 255.</summary>
    public float[] Fit(ImageInput input)
    {
        var (side, shorter) = (input.Resize ?? input.Size, Math.Min(Width, Height));
        var (width, height) = input.KeepRatio ? (side * Width / shorter, side * Height / shorter) : (side, side);
        double[][] colours = [.. Enumerable.Range(0, 3).Select(c => Resize(Resize(Plane(c, input.Background), Width, width, input.Filter), Height, height, input.Filter))];
        var (left, top) = ((int)Math.Round((width - input.Size) / 2.0), (int)Math.Round((height - input.Size) / 2.0));
        var values = new float[input.Channels * input.Size * input.Size];
        for (var i = 0; i < values.Length; i++)
        {
            var (c, y, x) = (i / (input.Size * input.Size), i / input.Size % input.Size, i % input.Size);
            var at = (top + y) * width + left + x;
            // The input of a model with one channel is the luma.
            values[i] = input.Channels == 3 ? (float)colours[c][at] : ((int)colours[0][at] * 19595 + (int)colours[1][at] * 38470 + (int)colours[2][at] * 7471 + 0x8000) >> 16;
        }
        return values;
    }

    // Red, green or blue of every pixel; transparent ones are blended with the background.
    double[] Plane(int colour, int background)
    {
        var (behind, plane) = (background >> (16 - 8 * colour) & 255, new double[Width * Height]);
        for (var i = 0; i < plane.Length; i++)
        {
            var pixel = Pixels.AsSpan(i * Channels, Channels);
            var opacity = Channels is 2 or 4 ? pixel[^1] / 255.0 : 1;
            plane[i] = Math.Floor(pixel[Channels < 3 ? 0 : colour] * opacity + behind * (1 - opacity) + 0.5);
        }
        return plane;
    }

    // Resizes the rows of an image and transposes it: a second call resizes the columns and transposes it back. If rows shrink,
    // the filter is stretched by the same factor.
    static double[] Resize(double[] pixels, int length, int target, string filter)
    {
        var (rows, scale) = (pixels.Length / length, (double)length / target);
        var (stretch, result) = (Math.Max(scale, 1), new double[target * rows]);
        for (var i = 0; i < target; i++)
        {
            var (centre, reach) = ((i + 0.5) * scale, (filter == "bicubic" ? 2 : 1) * stretch);
            var (first, last) = (Math.Max((int)(centre - reach + 0.5), 0), Math.Min((int)(centre + reach + 0.5), length));
            double[] weights = [.. Enumerable.Range(first, last - first).Select(at => Weight(Math.Abs(at + 0.5 - centre) / stretch))];
            var all = weights.Sum();
            for (var row = 0; row < rows; row++)
            {
                var sum = 0.0;
                for (var k = 0; k < weights.Length; k++) sum += weights[k] * pixels[row * length + first + k];
                result[i * rows + row] = Math.Clamp(Math.Floor(sum / all + 0.5), 0, 255);
            }
        }
        return result;

        // The triangle, or Keys' cubic with a = -1/2.
        double Weight(double x) => filter != "bicubic" ? Math.Max(1 - x, 0) : x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((2.5 - 0.5 * x) * x - 4) * x + 2 : 0;
    }
}
