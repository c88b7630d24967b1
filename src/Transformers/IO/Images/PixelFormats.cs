using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Transformers.IO.Images;

/// <summary>Converts between four bytes per pixel, which the codecs use, and three.</summary>
static class PixelFormats
{
    /// <summary>Composites pixels on a colour, in place.</summary>
    /// <param name="rgba">Not multiplied by alpha.</param>
    /// <param name="background">0xRRGGBB.</param>
    internal static void Composite(Span<byte> rgba, int background)
    {
        ReadOnlySpan<int> under = [background >> 16 & 255, background >> 8 & 255, background & 255];
        for (var i = 0; i < rgba.Length; i += 4)
        {
            var alpha = rgba[i + 3];
            for (var c = 0; c < 3; c++)
            {
                // x / 255 to the nearest whole number, exactly.
                var sum = rgba[i + c] * alpha + under[c] * (255 - alpha) + 128;
                rgba[i + c] = (byte)((sum >> 8) + sum >> 8);
            }
        }
    }

    internal static void ToRgb(ReadOnlySpan<byte> rgba, Span<byte> rgb)
    {
        var order = Vector128.Create((byte)0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255);
        int from = 0, to = 0;
        // Each vector of four pixels writes four bytes beyond its own, which the next one overwrites.
        for (; to + 16 <= rgb.Length; from += 16, to += 12)
            Vector128.Shuffle(Vector128.Create(rgba.Slice(from, 16)), order).CopyTo(rgb[to..]);
        for (; to < rgb.Length; from += 4, to += 3) rgba.Slice(from, 3).CopyTo(rgb[to..]);
    }

    internal static void ToRgba(ReadOnlySpan<byte> rgb, Span<byte> rgba)
    {
        for (int from = 0, to = 0; from < rgb.Length; from += 3, to += 4)
        {
            rgb.Slice(from, 3).CopyTo(rgba[to..]);
            rgba[to + 3] = 255;
        }
    }

    /// <summary>Drops every fourth byte and applies the picture's EXIF orientation.</summary>
    internal static void ToOrientedRgb(ReadOnlySpan<byte> rgba, int width, int height, int orientation, Span<byte> rgb)
    {
        var pixels = MemoryMarshal.Cast<byte, int>(rgba);
        var (right, bottom) = (width - 1, (height - 1) * width);
        // Where the displayed picture's first pixel is stored, and the steps to the next pixels to the right and below.
        var (start, across, down) = orientation switch
        {
            2 => (right, -1, width),
            3 => (right + bottom, -1, -width),
            4 => (bottom, 1, -width),
            5 => (0, width, 1),
            6 => (bottom, -width, 1),
            7 => (right + bottom, -width, -1),
            8 => (right, width, -1),
            _ => (0, 1, width),
        };
        var (columns, rows) = orientation >= 5 ? (height, width) : (width, height);
        for (int y = 0, to = 0; y < rows; y++)
            for (int x = 0, at = start + y * down; x < columns; x++, at += across, to += 3)
                (rgb[to], rgb[to + 1], rgb[to + 2]) = ((byte)pixels[at], (byte)(pixels[at] >> 8), (byte)(pixels[at] >> 16));
    }
}
