using System.Runtime.CompilerServices;
using Transformers.Reports.Plots;

namespace Transformers.Tests.Reports.Plots;

/// <summary>Pictures as PNG: the same shapes as in the SVG, with two pixels for each of its pixels.</summary>
public class PictureTests
{
    const int White = 0xffffff, Ink = 0x222222;

    static RgbImage Painted(Picture picture, bool dark = false) => ImageCodec.Decode(picture.ToPng(dark));

    static int At(RgbImage image, double x, double y)
    {
        var pixel = image.Row((int)(2 * y))[(3 * (int)(2 * x))..];
        return pixel[0] << 16 | pixel[1] << 8 | pixel[2];
    }

    static RgbImage Word(string text, string style = "ink label", Anchor anchor = Anchor.Start, double turn = 0)
    {
        var picture = new Picture(100, 100, "");
        picture.Text(50, 50, text, style, anchor, turn);
        return Painted(picture);
    }

    // Columns and rows of pixels that are not paper: first and last, from the left and the top.
    static (int Left, int Right, int Top, int Bottom) Extent(RgbImage image)
    {
        var (left, right, top, bottom) = (int.MaxValue, -1, int.MaxValue, -1);
        for (var y = 0; y < image.Height; y++)
            for (var x = 0; x < image.Width; x++)
                if (image.Row(y)[3 * x] < 128) (left, right, top, bottom) = (Math.Min(left, x), Math.Max(right, x), Math.Min(top, y), Math.Max(bottom, y));
        return (left, right, top, bottom);
    }

    [Fact]
    public void Each_shape_is_painted_at_its_position_in_the_colours_of_its_style()
    {
        var picture = new Picture(100, 60, "");
        picture.Box(10, 10, 20, 20, "ink");
        picture.Dot(60, 20, 5, PlotStyle.Mark(1));
        picture.Line(5, 45, 95, 45, "series " + PlotStyle.Look(0));
        picture.Line(5, 55, 95, 55, "series " + PlotStyle.Look(2));
        var image = Painted(picture);
        Assert.Equal((200, 120), (image.Width, image.Height));
        Assert.Equal((White, Ink, White), (At(image, 9, 20), At(image, 20, 20), At(image, 31, 20)));
        Assert.Equal((0xd55e00, White), (At(image, 63, 22), At(image, 64, 24)));
        Assert.Equal((0x0072b2, White), (At(image, 50, 45), At(image, 50, 47)));
        // Dashes of 7 with gaps of 3, of which round ends cover two thirds.
        Assert.Equal((0x009e73, White, 0x009e73), (At(image, 8, 55), At(image, 13.5, 55), At(image, 18, 55)));
        var dark = Painted(picture, dark: true);
        Assert.Equal((0x17191c, 0xececec, 0xe69f00), (At(dark, 1, 1), At(dark, 20, 20), At(dark, 60, 20)));
    }

    [Fact]
    public void A_line_is_broken_where_a_point_is_not_finite_and_stacked_pictures_are_below_one_another()
    {
        var line = new Picture(100, 20, "");
        line.Path([(0, 10), (30, 10), (40, double.NaN), (70, 10), (100, 10)], "series " + PlotStyle.Look(0));
        var box = new Picture(50, 20, "");
        box.Box(0, 0, 50, 20, "ink");
        var image = Painted(Picture.Stack("", line, box));
        Assert.Equal((200, 80), (image.Width, image.Height));
        Assert.Equal((0x0072b2, White, 0x0072b2), (At(image, 20, 10), At(image, 50, 10), At(image, 80, 10)));
        Assert.Equal((Ink, White), (At(image, 25, 30), At(image, 75, 30)));
    }

    [Fact]
    public void Cells_are_painted_without_smoothing()
    {
        var picture = new Picture(60, 60, "");
        picture.Image(10, 10, 40, 40, new RgbImage(2, 2, [1, 2, 3, 250, 0, 0, 0, 250, 0, 0, 0, 250]));
        var image = Painted(picture);
        Assert.Equal((White, 0x010203, 0xfa0000, 0x00fa00, 0x0000fa), (At(image, 9.5, 20), At(image, 29.5, 29.5), At(image, 30, 29.5), At(image, 29.5, 30), At(image, 30, 30)));
    }

    [Fact]
    public void A_label_has_the_pixels_that_another_renderer_gives_the_same_typeface()
    {
        // Made by Golden/make_label.py.
        var golden = ImageCodec.DecodeFile(Repository.PathOf("tests", "Transformers.Tests", "Reports", "Plots", "Golden", "label.png"));
        var picture = new Picture(golden.Width / 2, golden.Height / 2, "");
        picture.Text(4, 20, "Hg", "ink title");
        double Apart(RgbImage image) => golden.Span.ToArray().Zip(image.Span.ToArray(), (a, b) => Math.Abs(a - b)).Average();
        Assert.InRange(Apart(Painted(picture)), 0, 3);
        var other = new Picture(golden.Width / 2, golden.Height / 2, "");
        other.Text(4, 20, "Hq", "ink title");
        Assert.InRange(Apart(Painted(other)), 4, 255);
    }

    [Fact]
    public void Labels_are_anchored_and_turned_around_their_point()
    {
        var (start, middle, end) = (Extent(Word("HHHH")), Extent(Word("HHHH", anchor: Anchor.Middle)), Extent(Word("HHHH", anchor: Anchor.End)));
        Assert.InRange(start.Left, 100, 105);
        Assert.InRange(end.Right, 94, 99);
        Assert.InRange(middle.Left + middle.Right, 196, 203);
        Assert.Equal(99, start.Bottom);
        var turned = Extent(Word("HHHH", turn: -90));
        Assert.Equal((99, 99 - (start.Left - 100)), (turned.Right, turned.Bottom));
        Assert.Equal(start.Right - start.Left, turned.Bottom - turned.Top);
        Assert.True(Extent(Word("HHHH", "ink title")).Right > start.Right + 10);
    }

    [Fact]
    public void A_character_that_no_typeface_has_is_a_box_and_one_that_cannot_be_seen_too()
    {
        Assert.Equal(Word("\u25a1").Span.ToArray(), Word("\u0007").Span.ToArray());
        var missing = Extent(Word("\U0010FFFD"));
        Assert.True(missing.Right > missing.Left + 5 && missing.Bottom > missing.Top + 5);
    }

    [DejaVuFact]
    public void A_letter_that_the_typeface_lacks_comes_from_the_systems_fonts()
    {
        var shin = Word("\u05e9");
        Assert.NotEqual(Word("\U0010FFFD").Span.ToArray(), shin.Span.ToArray());
        Assert.NotEqual(Word("\u05d0").Span.ToArray(), shin.Span.ToArray());
        // Before and after it, the typeface is the usual one.
        Assert.Equal(Extent(Word("H")).Left, Extent(Word("H\u05e9")).Left);
    }

    sealed class DejaVuFactAttribute : FactAttribute
    {
        public DejaVuFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line) => Skip = File.Exists("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf") ? null : "needs the font DejaVu Sans (apt-get install fonts-dejavu-core)";
    }

    [Fact]
    public void The_native_library_that_paints_needs_no_fontconfig()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux");
        Word("a");
        var library = File.ReadLines("/proc/self/maps").First(line => line.EndsWith("libSkiaSharp.so", StringComparison.Ordinal));
        Assert.True(File.ReadAllBytes(library[library.IndexOf('/')..]).AsSpan().IndexOf("fontconfig.so"u8) < 0, library);
    }
}
