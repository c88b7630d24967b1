using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace OnnxApp;

/// <summary>A picture from a PNG file of 8-bit gray or colour, with or without transparency, not interlaced.</summary>
/// <param name="Width">Pixels per row.</param>
/// <param name="Height">Rows.</param>
/// <param name="Channels">Bytes a pixel: 1 gray, 2 with transparency, 3 colour, 4 with transparency.</param>
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
                    if (data[8] != 8 || channels == 0 || data[12] != 0) throw new NotSupportedException("only PNG files of 8-bit gray or colour that are not interlaced are read");
                    break;
                case "IDAT": packed.Write(data); break;
            }
            file = file[(12 + length)..];
        }
        packed.Position = 0;
        using var inflated = new ZLibStream(packed, CompressionMode.Decompress);
        return new(width, height, channels, Unfilter(inflated, width * channels, height, channels));
    }

    // Each row says how its bytes differ from their neighbours (PNG, section 9).
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

    /// <summary>The middle square, resized where it has another size, as planes of values from 0 to 255.</summary>
    /// <remarks>The resizing is bilinear: an image of the model's size gives the program's numbers exactly, others nearly.</remarks>
    public float[] Square(int size, int channels)
    {
        var side = Math.Min(Width, Height);
        var (left, top, scale) = ((Width - side) / 2, (Height - side) / 2, (float)side / size);
        var values = new float[channels * size * size];
        for (var i = 0; i < values.Length; i++)
        {
            var (c, y, x) = (i / (size * size), i / size % size, i % size);
            var (fy, fx) = (Math.Clamp((y + 0.5f) * scale - 0.5f, 0, side - 1), Math.Clamp((x + 0.5f) * scale - 0.5f, 0, side - 1));
            var (y0, x0) = ((int)fy, (int)fx);
            var (y1, x1) = (Math.Min(y0 + 1, side - 1), Math.Min(x0 + 1, side - 1));
            float At(int row, int column) => Value(left + column, top + row, c, channels);
            var above = float.Lerp(At(y0, x0), At(y0, x1), fx - x0);
            values[i] = float.Lerp(above, float.Lerp(At(y1, x0), At(y1, x1), fx - x0), fy - y0);
        }
        return values;
    }

    // A gray model sees the luma of colours, a colour model gray three times. Transparent pixels lie on white.
    float Value(int x, int y, int channel, int channels)
    {
        var pixel = Pixels.AsSpan((y * Width + x) * Channels, Channels);
        var opacity = Channels is 2 or 4 ? pixel[^1] / 255f : 1;
        float value = Channels < 3 ? pixel[0] : channels == 3 ? pixel[channel] : (pixel[0] * 19595 + pixel[1] * 38470 + pixel[2] * 7471 + 0x8000) >> 16;
        return value * opacity + 255 * (1 - opacity);
    }
}
