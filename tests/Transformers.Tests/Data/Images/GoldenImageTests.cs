namespace Transformers.Tests.Data.Images;

/// <summary>Pillow's pixels against ours; Golden/make_golden.py made the files.</summary>
public class GoldenImageTests
{
    sealed record Case(
        string Name, string File, int Width, int Height, string? Op = null, string? Filter = null, double[]? Args = null, int[]? Box = null);

    const int PillowFill = 124 << 16 | 116 << 8 | 104;

    static string Folder => Repository.PathOf("tests", "Transformers.Tests", "Data", "Images", "Golden");

    static List<Case> Cases() => JsonSerializer.Deserialize<List<Case>>(
        File.ReadAllText(Path.Combine(Folder, "golden.json")), JsonSerializerOptions.Web)!;

    static List<(Case Case, byte[] Expected)> CasesWithPixels()
    {
        using var pixels = new GZipStream(File.OpenRead(Path.Combine(Folder, "golden.rgb.gz")), CompressionMode.Decompress);
        var result = new List<(Case, byte[])>();
        foreach (var one in Cases())
        {
            var expected = new byte[3 * one.Width * one.Height];
            pixels.ReadExactly(expected);
            result.Add((one, expected));
        }
        Assert.Equal(-1, pixels.ReadByte());
        return result;
    }

    static RgbImage Ours(Case one)
    {
        var image = ImageCodec.DecodeFile(Path.Combine(Folder, one.File));
        var filter = one.Filter == "bilinear" ? ResizeFilter.Bilinear : ResizeFilter.Bicubic;
        var args = one.Args ?? [];
        switch (one.Op)
        {
            case null: return image;
            case "resize":
                var box = one.Box is [var x, var y, var width, var height] ? new PixelBox(x, y, width, height) : new PixelBox(0, 0, image.Width, image.Height);
                return ImageResize.Resize(image, box, one.Width, one.Height, filter);
            case "affine": return new AffineTransform(args[0], args[1], args[2], args[3], args[4], args[5]).Apply(image, filter, PillowFill);
            case "rotate": return AffineTransform.Rotate(args[0], image.Width, image.Height).Apply(image, filter, PillowFill);
            case "autocontrast":
                foreach (ref var value in image.Span) value = (byte)(40 + value / 2);
                PixelOps.AutoContrast(image);
                break;
            case "equalize": PixelOps.Equalize(image); break;
            case "invert": PixelOps.Invert(image); break;
            case "posterize": PixelOps.Posterize(image, (int)args[0]); break;
            case "solarize": PixelOps.Solarize(image, (int)args[0]); break;
            case "solarize-add": PixelOps.SolarizeAdd(image, (int)args[0]); break;
            case "brightness": ImageEnhance.Brightness(image, args[0]); break;
            case "contrast": ImageEnhance.Contrast(image, args[0]); break;
            case "color": ImageEnhance.Color(image, args[0]); break;
            case "sharpness": ImageEnhance.Sharpness(image, args[0]); break;
            default: throw new InvalidOperationException($"golden.json names an operation that the test does not know: {one.Op}");
        }
        return image;
    }

    static void AssertAgree(Func<Case, bool> chosen, int atLeast, double exactly)
    {
        var failures = new List<string>();
        long same = 0, all = 0;
        var cases = CasesWithPixels().Where(c => chosen(c.Case)).ToList();
        Assert.True(cases.Count >= atLeast, $"only {cases.Count} cases");
        foreach (var (one, expected) in cases)
        {
            var image = Ours(one);
            Assert.Equal((one.Width, one.Height), (image.Width, image.Height));
            var ours = image.Span;
            int near = 0, most = 0;
            for (var i = 0; i < expected.Length; i++)
            {
                var apart = Math.Abs(ours[i] - expected[i]);
                most = Math.Max(most, apart);
                if (apart <= 1) near++;
                if (apart == 0) same++;
            }
            all += expected.Length;
            if (near < 0.999 * expected.Length) failures.Add($"{one.Name}: {(double)near / expected.Length:P2} within one level, worst {most}");
        }
        Assert.Empty(failures);
        Assert.True(same >= exactly * all, $"{(double)same / all:P3} of the values are equal");
    }

    [Fact]
    public void Decoded_pixels_equal_Pillows_within_one_level() => AssertAgree(c => c.Op is null, 42, 0.99);

    [Fact]
    public void Resized_pixels_equal_Pillows_exactly() => AssertAgree(c => c.Op == "resize", 16, 1);

    [Fact]
    public void Affine_maps_equal_Pillows_within_one_level() => AssertAgree(c => c.Op is "affine" or "rotate", 14, 0.999);

    [Fact]
    public void Pixel_operations_equal_Pillows_within_one_level() =>
        AssertAgree(c => c.Op is not (null or "resize" or "affine" or "rotate"), 26, 1);
}
