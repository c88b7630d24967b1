using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Transformers.IO.Images;

namespace Transformers.Data.Images;

/// <summary>RandAugment (Cubuk et al. 2019) in timm's notation, such as <c>rand-m9-mstd0.5</c>.</summary>
/// <remarks>
/// Of 15 operations, <see cref="Layers"/> are drawn with replacement; each is applied with <see cref="Probability"/>,
/// at a magnitude drawn from a normal distribution and clamped to 0..<see cref="MaxMagnitude"/>. Level 10, the highest
/// in the paper, rotates by 30 degrees, shears by 0.3 and shifts by 0.45 of the side. Without <c>inc1</c> some operations
/// are mild at a high magnitude, as in timm's default set.
/// </remarks>
sealed record RandAugment
{
    /// <summary><c>m</c>: mean magnitude, 0 to 10.</summary>
    public double Magnitude { get; init; } = 9;
    /// <summary><c>mstd</c>: standard deviation of the magnitude; if infinite, it is drawn uniformly from 0 to <see cref="Magnitude"/>.</summary>
    public double MagnitudeDeviation { get; init; }
    /// <summary><c>n</c>: operations per image.</summary>
    public int Layers { get; init; } = 2;
    /// <summary><c>p</c>: probability that a drawn operation is applied.</summary>
    public double Probability { get; init; } = 0.5;
    /// <summary><c>inc</c>: every operation grows with the magnitude.</summary>
    public bool Increasing { get; init; }
    /// <summary><c>mmax</c>: the highest magnitude that can be drawn.</summary>
    public double MaxMagnitude { get; init; } = Levels;
    /// <summary>The fill colour of geometric operations, 0xRRGGBB.</summary>
    public int Fill { get; init; } = 0x808080;

    const double Levels = 10;

    public static IReadOnlyList<string> Operations { get; } =
    [
        "AutoContrast", "Equalize", "Invert", "Rotate", "Posterize", "Solarize", "SolarizeAdd", "Color", "Contrast",
        "Brightness", "Sharpness", "ShearX", "ShearY", "TranslateX", "TranslateY",
    ];

    /// <summary>Reads timm's notation: <c>rand</c>, then any of <c>-m9 -mstd0.5 -n2 -p0.5 -inc1 -mmax10</c>.</summary>
    public static RandAugment Parse(string text)
    {
        var parts = text.Split('-');
        if (parts[0] != "rand") throw Wrong(text, "it must start with \"rand\"");
        var result = new RandAugment();
        foreach (var part in parts.Skip(1))
        {
            var letters = part.TakeWhile(char.IsAsciiLetter).Count();
            var (key, number) = (part[..letters], part[letters..]);
            if (!double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) || value < 0)
                throw Wrong(text, $"\"{part}\" needs a number of at least 0 after its letters");
            result = key switch
            {
                "m" when value <= 10 => result with { Magnitude = value },
                // timm's convention: a deviation above 100 means a uniform draw.
                "mstd" => result with { MagnitudeDeviation = value > 100 ? double.PositiveInfinity : value },
                "n" when value is >= 1 and <= 15 && value == Math.Floor(value) => result with { Layers = (int)value },
                "p" when value <= 1 => result with { Probability = value },
                "inc" => result with { Increasing = value != 0 },
                "mmax" when value <= 10 => result with { MaxMagnitude = value },
                "m" or "mmax" => throw Wrong(text, $"\"{part}\" must be at most 10"),
                "n" => throw Wrong(text, $"\"{part}\" must be a whole number from 1 to 15"),
                "p" => throw Wrong(text, $"\"{part}\" must be at most 1"),
                _ => throw Wrong(text, $"\"{part}\" is not m, mstd, n, p, inc or mmax"),
            };
        }
        return result;
    }

    static UserException Wrong(string text, string rule) =>
        new($"RandAugment \"{text}\" cannot be read: {rule}", "for example rand-m9-mstd0.5");

    /// <summary>Applies randomly drawn operations; may modify the given image, and may return it.</summary>
    public RgbImage Apply(RgbImage image, SampleRandom random)
    {
        for (var layer = 0; layer < Layers; layer++)
        {
            var operation = Operations[random.Next(Operations.Count)];
            if (!random.Chance(Probability)) continue;
            var magnitude = double.IsPositiveInfinity(MagnitudeDeviation) ? random.Uniform(0, Magnitude)
                : Magnitude + (MagnitudeDeviation > 0 ? MagnitudeDeviation * random.Normal() : 0);
            magnitude = Math.Clamp(magnitude, 0, MaxMagnitude);
            var filter = random.Chance(0.5) ? ResizeFilter.Bilinear : ResizeFilter.Bicubic;
            image = Apply(operation, image, magnitude, random.Chance(0.5), filter);
        }
        return image;
    }

    public RgbImage Apply(string operation, RgbImage image, double magnitude, bool negate, ResizeFilter filter)
    {
        var level = magnitude / Levels;
        var sign = negate ? -1 : 1;
        // Without inc1, from 0.1 to 1.9 regardless of the sign; with it, up to 0.9 away from 1 in either direction.
        var factor = Increasing ? Math.Max(0.1, 1 + sign * level * 0.9) : level * 1.8 + 0.1;
        RgbImage Warp(AffineTransform map) => map.Apply(image, filter, Fill);
        switch (operation)
        {
            case "AutoContrast": PixelOps.AutoContrast(image); return image;
            case "Equalize": PixelOps.Equalize(image); return image;
            case "Invert": PixelOps.Invert(image); return image;
            case "Posterize": PixelOps.Posterize(image, Increasing ? 4 - (int)(level * 4) : (int)(level * 4)); return image;
            case "Solarize": PixelOps.Solarize(image, Increasing ? 256 - (int)(level * 256) : (int)(level * 256)); return image;
            case "SolarizeAdd": PixelOps.SolarizeAdd(image, Math.Min(128, (int)(level * 110))); return image;
            case "Color": ImageEnhance.Color(image, factor); return image;
            case "Contrast": ImageEnhance.Contrast(image, factor); return image;
            case "Brightness": ImageEnhance.Brightness(image, factor); return image;
            case "Sharpness": ImageEnhance.Sharpness(image, factor); return image;
            case "Rotate": return Warp(AffineTransform.Rotate(sign * level * 30, image.Width, image.Height));
            case "ShearX": return Warp(AffineTransform.ShearX(sign * level * 0.3));
            case "ShearY": return Warp(AffineTransform.ShearY(sign * level * 0.3));
            case "TranslateX": return Warp(AffineTransform.Translate(sign * level * 0.45 * image.Width, 0));
            case "TranslateY": return Warp(AffineTransform.Translate(0, sign * level * 0.45 * image.Height));
            default: throw new ArgumentException($"no operation of RandAugment is called {operation}");
        }
    }
}

/// <summary>
/// A linear map of the plane with a shift: target pixel (x, y) shows what the source has at
/// (<c>A x + B y + C</c>, <c>D x + E y + F</c>), coordinates taken at pixel centres.
/// </summary>
/// <remarks>The interpolation is that of Pillow's <c>Image.transform</c>: without antialiasing, cubic with a = -1.</remarks>
readonly record struct AffineTransform(double A, double B, double C, double D, double E, double F)
{
    /// <summary>Slants rows: <c>x + factor * y</c>.</summary>
    public static AffineTransform ShearX(double factor) => new(1, factor, 0, 0, 1, 0);
    /// <summary>Slants columns: <c>y + factor * x</c>.</summary>
    public static AffineTransform ShearY(double factor) => new(1, 0, 0, factor, 1, 0);
    /// <summary>Moves the source window by pixels (the image moves the other way).</summary>
    public static AffineTransform Translate(double x, double y) => new(1, 0, x, 0, 1, y);

    /// <summary>Rotates an image of a given size about its centre, counter-clockwise, in degrees.</summary>
    public static AffineTransform Rotate(double degrees, int width, int height)
    {
        var (sin, cos) = Math.SinCos(-degrees * Math.PI / 180);
        var (x, y) = (width / 2.0, height / 2.0);
        return new AffineTransform(cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y);
    }

    /// <summary>Applies the map; the result has the same size.</summary>
    /// <param name="source">The image.</param>
    /// <param name="filter">The interpolation.</param>
    /// <param name="fill">The colour of pixels from outside the image, 0xRRGGBB.</param>
    public RgbImage Apply(RgbImage source, ResizeFilter filter, int fill)
    {
        var target = new RgbImage(source.Width, source.Height);
        ImageGeometry.Fill(target, fill);
        for (var y = 0; y < target.Height; y++)
        {
            var row = target.Row(y);
            for (var x = 0; x < target.Width; x++)
            {
                var fromX = A * (x + 0.5) + B * (y + 0.5) + C;
                var fromY = D * (x + 0.5) + E * (y + 0.5) + F;
                if (fromX < 0 || fromX >= source.Width || fromY < 0 || fromY >= source.Height) continue;
                var value = filter == ResizeFilter.Bicubic ? Cubic(source, fromX - 0.5, fromY - 0.5) : Linear(source, fromX - 0.5, fromY - 0.5);
                var bytes = Vector256.Min(Vector256.Max(value, Vector256<double>.Zero), Vector256.Create(255.0));
                var pixel = row.Slice(3 * x, 3);
                (pixel[0], pixel[1], pixel[2]) = ((byte)bytes[0], (byte)bytes[1], (byte)bytes[2]);
            }
        }
        return target;
    }

    // A pixel's three channels are side by side in a vector, so each formula is written, and computed, once.
    static Vector256<double> Linear(RgbImage source, double atX, double atY)
    {
        var (x, y) = ((int)Math.Floor(atX), (int)Math.Floor(atY));
        var (dx, dy) = (Vector256.Create(atX - x), Vector256.Create(atY - y));
        var (left, right) = (Inside(x, source.Width), Inside(x + 1, source.Width));
        var (upper, lower) = (Inside(y, source.Height), Inside(y + 1, source.Height));
        Vector256<double> p = Pixel(source, left, upper), q = Pixel(source, left, lower);
        var above = p + (Pixel(source, right, upper) - p) * dx;
        var below = q + (Pixel(source, right, lower) - q) * dx;
        return above + (below - above) * dy;
    }

    static Vector256<double> Cubic(RgbImage source, double atX, double atY)
    {
        var (x, y) = ((int)Math.Floor(atX), (int)Math.Floor(atY));
        var (dx, dy) = (Vector256.Create(atX - x), Vector256.Create(atY - y));
        var (x0, x1) = (Inside(x - 1, source.Width), Inside(x, source.Width));
        var (x2, x3) = (Inside(x + 1, source.Width), Inside(x + 2, source.Width));
        Vector256<double> Row(int at) =>
            Keys(Pixel(source, x0, at), Pixel(source, x1, at), Pixel(source, x2, at), Pixel(source, x3, at), dx);
        return Keys(Row(Inside(y - 1, source.Height)), Row(Inside(y, source.Height)),
            Row(Inside(y + 1, source.Height)), Row(Inside(y + 2, source.Height)), dy);
    }

    // Keys' cubic through four points with a = -1, at a distance from the second.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<double> Keys(Vector256<double> p, Vector256<double> q, Vector256<double> r, Vector256<double> s, Vector256<double> at) =>
        q + at * (r - p + at * (2 * (p - q) + r - s + at * (q - p + s - r)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<double> Pixel(RgbImage source, int x, int y)
    {
        ref var at = ref source.Pixels[3 * (y * source.Width + x)];
        // Four bytes at once; the last pixel has only three, so it is shifted down from one byte earlier.
        var last = x == source.Width - 1 && y == source.Height - 1;
        var bits = last && x + y > 0 ? Unsafe.ReadUnaligned<uint>(ref Unsafe.Subtract(ref at, 1)) >> 8
            : last ? (uint)(at | Unsafe.Add(ref at, 1) << 8 | Unsafe.Add(ref at, 2) << 16) : Unsafe.ReadUnaligned<uint>(ref at);
        var whole = Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(bits).AsByte())).AsInt32();
        return Vector256.ConvertToDouble(Vector256.Create(Vector128.WidenLower(whole), Vector128.WidenUpper(whole)));
    }

    static int Inside(int i, int length) => Math.Clamp(i, 0, length - 1);
}
