namespace Transformers.Tests.Data.Images;

public class ImageCodecTests
{
    static byte[] Golden(string name) => File.ReadAllBytes(Repository.PathOf("tests", "Transformers.Tests", "Data", "Images", "Golden", name));

    static RgbImage Picture(int width, int height, ulong seed = 1)
    {
        var random = new SampleRandom(seed);
        var image = new RgbImage(width, height);
        foreach (ref var value in image.Span) value = (byte)random.Next(256);
        return image;
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 3)]
    [InlineData(300, 200)]
    public void A_png_decodes_to_what_was_encoded(int width, int height)
    {
        var image = Picture(width, height);
        Assert.Equal(image.Span.ToArray(), ImageCodec.Decode(ImageCodec.EncodePng(image)).Span.ToArray());
    }

    [Fact]
    public void A_grey_png_decodes_to_three_equal_channels()
    {
        byte[] grey = [0, 50, 100, 150, 200, 255];
        var image = ImageCodec.Decode(ImageCodec.EncodePng(grey, 3, 2, channels: 1));
        Assert.Equal(RgbImage.FromGrey(grey, 3, 2).Span.ToArray(), image.Span.ToArray());
    }

    [Fact]
    public void Transparent_pixels_show_the_background_asked_for()
    {
        byte[] rgba = [10, 20, 30, 255, 10, 20, 30, 0, 200, 100, 0, 128];
        var file = ImageCodec.EncodePng(rgba, 3, 1, channels: 4);
        Assert.Equal([10, 20, 30, 255, 255, 255, 227, 177, 127], ImageCodec.Decode(file).Span.ToArray());
        Assert.Equal([10, 20, 30, 0, 0, 0, 100, 50, 0], ImageCodec.Decode(file, new ImageDecodeOptions { Background = 0 }).Span.ToArray());
    }

    [Fact]
    public void A_jpeg_decodes_to_nearly_what_was_encoded()
    {
        var image = new RgbImage(64, 48);
        for (var i = 0; i < image.Pixels.Length; i++) image.Pixels[i] = (byte)(128 + 90 * Math.Sin(i / 3 % 64 / 9.0 + i % 3) * Math.Cos(i / 192 / 7.0));
        var decoded = ImageCodec.Decode(ImageCodec.EncodeJpeg(image, 95)).Span;
        var worst = 0;
        for (var i = 0; i < decoded.Length; i++) worst = Math.Max(worst, Math.Abs(decoded[i] - image.Pixels[i]));
        Assert.InRange(worst, 1, 25);
    }

    [Theory]
    [InlineData("jpeg-cmyk.jpg", ImageFormat.Jpeg, 61, 47, 4, 8, false, 1)]
    [InlineData("jpeg-orientation-6.jpg", ImageFormat.Jpeg, 13, 19, 3, 8, false, 6)]
    [InlineData("png-grey-16.png", ImageFormat.Png, 61, 47, 1, 16, false, 1)]
    [InlineData("png-palette-transparent.png", ImageFormat.Png, 61, 47, 1, 8, true, 1)]
    [InlineData("webp-alpha.webp", ImageFormat.WebP, 61, 47, 4, 8, true, 1)]
    [InlineData("webp-lossy.webp", ImageFormat.WebP, 61, 47, 3, 8, false, 1)]
    [InlineData("webp-orientation-8.webp", ImageFormat.WebP, 13, 19, 3, 8, false, 8)]
    [InlineData("gif-palette.gif", ImageFormat.Gif, 61, 47, 1, 8, false, 1)]
    [InlineData("gif-transparent.gif", ImageFormat.Gif, 61, 47, 1, 8, true, 1)]
    [InlineData("bmp-one-bit.bmp", ImageFormat.Bmp, 61, 47, 1, 1, false, 1)]
    [InlineData("bmp-top-down.bmp", ImageFormat.Bmp, 61, 47, 3, 8, false, 1)]
    [InlineData("bmp-alpha.bmp", ImageFormat.Bmp, 61, 47, 4, 8, true, 1)]
    public void The_header_gives_format_size_and_channels(
        string name, ImageFormat format, int width, int height, int channels, int depth, bool alpha, int orientation) =>
        Assert.Equal(new ImageInfo(format, width, height, channels, depth, alpha, orientation), ImageCodec.Probe(Golden(name)));

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void A_jpeg_decoded_at_a_fraction_looks_like_itself(int scale)
    {
        var file = Golden("resize-source.jpg");
        var info = ImageCodec.Probe(file);
        var (width, height) = ImageCodec.ScaledSize(info, scale);
        var reduced = new RgbImage(width, height);
        ImageCodec.DecodeInto(file, reduced, scale);
        // Dividing inside the DCT keeps the low frequencies: about the mean of each square.
        var whole = ImageCodec.Decode(file);
        double apart = 0;
        for (var y = 0; y < height - 1; y++)
            for (var x = 0; x < 3 * (width - 1); x++)
            {
                var sum = 0;
                for (var k = 0; k < scale * scale; k++) sum += whole.Row(y * scale + k / scale)[3 * (x / 3 * scale + k % scale) + x % 3];
                apart += Math.Abs(reduced.Row(y)[x] - (double)sum / (scale * scale));
            }
        Assert.InRange(apart / (3 * (width - 1) * (height - 1)), 0, 4);
    }

    [Fact]
    public void A_header_of_60000_by_60000_is_refused_before_memory_is_allocated()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var file in new[] { HugePng(), HugeJpeg(), HugeWebP(), HugeGif(), HugeBmp() })
        {
            var fault = Assert.Throws<ImageException>(() => ImageCodec.Decode(file));
            Assert.Equal(ImageFault.TooLarge, fault.Fault);
            Assert.Contains("pixels, but the limit is 100000000", fault.Message);
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    static byte[] HugePng()
    {
        var file = Golden("png-rgb.png");
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), 60_000);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(20), 60_000);
        return file;
    }

    static byte[] HugeJpeg()
    {
        var file = Golden("jpeg-444.jpg");
        var frame = file.AsSpan().IndexOf([(byte)0xFF, (byte)0xC0]);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 5), 60_000);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 7), 60_000);
        return file;
    }

    static byte[] HugeGif()
    {
        var file = Golden("gif-palette.gif");
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(6), 60_000);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(8), 60_000);
        return file;
    }

    static byte[] HugeBmp()
    {
        var file = Golden("bmp-rgb.bmp");
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(18), 60_000);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(22), -60_000);
        return file;
    }

    // WebP's own limit is 16,383 a side: 268 million pixels, as a lossless header gives them.
    static byte[] HugeWebP()
    {
        var file = Golden("webp-lossless.webp");
        var header = file.AsSpan().IndexOf("VP8L"u8) + 9;
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(header), 16_382u | 16_382u << 14);
        return file;
    }

    [Theory]
    [InlineData("jpeg-420.jpg")]
    [InlineData("jpeg-progressive.jpg")]
    [InlineData("png-rgb.png")]
    [InlineData("png-interlaced.png")]
    [InlineData("webp-lossy.webp")]
    [InlineData("webp-lossless.webp")]
    [InlineData("webp-alpha.webp")]
    [InlineData("gif-palette.gif")]
    [InlineData("gif-plain.gif")]
    [InlineData("bmp-rgb.bmp")]
    [InlineData("bmp-runs.bmp")]
    public void A_file_truncated_anywhere_is_a_typed_error(string name)
    {
        var whole = Golden(name);
        var faults = new HashSet<ImageFault>();
        for (var length = 0; length < whole.Length - 24; length += 1 + whole.Length / 97)
            faults.Add(Assert.Throws<ImageException>(() => ImageCodec.Decode(whole.AsSpan(0, length))).Fault);
        Assert.Contains(ImageFault.Truncated, faults);
    }

    [Fact]
    public void A_file_that_is_not_an_image_has_another_fault_than_a_broken_one()
    {
        Assert.Equal(ImageFault.UnknownFormat, Assert.Throws<ImageException>(() => ImageCodec.Decode("GIF90, and so on"u8)).Fault);
        Assert.Equal(ImageFault.UnknownFormat, Assert.Throws<ImageException>(() => ImageCodec.Decode("BMW builds cars, and more"u8)).Fault);
        Assert.Equal(ImageFault.Truncated, Assert.Throws<ImageException>(() => ImageCodec.Decode([])).Fault);
        var broken = Golden("png-rgb.png");
        broken[^60] ^= 0xFF;
        Assert.Equal(ImageFault.Corrupt, Assert.Throws<ImageException>(() => ImageCodec.Decode(broken)).Fault);
    }

    [Fact]
    public void The_error_of_a_file_names_it()
    {
        var path = Path.Combine(Path.GetTempPath(), $"no-such-image-{Guid.NewGuid():N}.jpg");
        var fault = Assert.Throws<ImageException>(() => ImageCodec.DecodeFile(path));
        Assert.Equal((ImageFault.Unreadable, path), (fault.Fault, fault.Problems[0].File));
    }

    [Fact]
    public void A_file_larger_than_the_limit_is_not_read()
    {
        var options = new ImageDecodeOptions { Limits = new ImageLimits(1000, 100) };
        var path = Repository.PathOf("tests", "Transformers.Tests", "Data", "Images", "Golden", "png-rgb.png");
        Assert.Equal(ImageFault.TooLarge, Assert.Throws<ImageException>(() => ImageCodec.DecodeFile(path, options)).Fault);
    }

    [Fact]
    public void A_jpeg_without_its_end_is_truncated_even_where_every_row_was_decoded()
    {
        foreach (var name in new[] { "jpeg-420.jpg", "jpeg-progressive.jpg", "jpeg-orientation-3.jpg" })
            Assert.Equal(ImageFault.Truncated, Assert.Throws<ImageException>(() => ImageCodec.Decode(Golden(name).AsSpan()[..^2])).Fault);
        // What comes after the end is not the picture's.
        byte[] longer = [.. Golden("jpeg-420.jpg"), 1, 2, 0xFF, 3];
        Assert.Equal(ImageCodec.Decode(Golden("jpeg-420.jpg")).Span.ToArray(), ImageCodec.Decode(longer).Span.ToArray());
    }

    [Theory]
    [InlineData(0, 0xC3, "lossless")]
    [InlineData(0, 0xC9, "arithmetically")]
    [InlineData(3, 12, "12 bits")]
    public void A_jpeg_of_a_kind_that_is_not_read_is_unsupported(int offset, byte value, string message)
    {
        var file = Golden("jpeg-444.jpg");
        file[file.AsSpan().IndexOf([(byte)0xFF, (byte)0xC0]) + 1 + offset] = value;
        var fault = Assert.Throws<ImageException>(() => ImageCodec.Decode(file));
        Assert.Equal(ImageFault.Unsupported, fault.Fault);
        Assert.Contains(message, fault.Message);
    }

    [Fact]
    public void A_bitmap_whose_channels_have_scattered_bits_is_broken()
    {
        var file = Golden("bmp-alpha.bmp");
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(58), 0x50F0);
        var fault = Assert.Throws<ImageException>(() => ImageCodec.Decode(file));
        Assert.Equal(ImageFault.Corrupt, fault.Fault);
        Assert.Contains("000050f0", fault.Message);
    }

    [Fact]
    public void A_progressive_jpeg_of_too_many_scans_is_refused()
    {
        var file = Golden("jpeg-progressive.jpg");
        var last = file.AsSpan().LastIndexOf([(byte)0xFF, (byte)0xDA]);
        var scan = file[last..^2];
        byte[] Repeated(int times) => [.. file[..last], .. Enumerable.Repeat(scan, times).SelectMany(part => part), .. file[^2..]];
        Assert.Equal(61, ImageCodec.Decode(Repeated(20)).Width);
        var fault = Assert.Throws<ImageException>(() => ImageCodec.Decode(Repeated(300)));
        Assert.Equal(ImageFault.Corrupt, fault.Fault);
        Assert.Contains("200 scans", fault.Message);
    }

    [Theory]
    [InlineData("jpeg-420.jpg", 1)]
    [InlineData("jpeg-422.jpg", 1)]
    [InlineData("jpeg-grey.jpg", 1)]
    [InlineData("jpeg-cmyk.jpg", 1)]
    [InlineData("jpeg-progressive.jpg", 1)]
    [InlineData("resize-source.jpg", 1)]
    [InlineData("resize-source.jpg", 2)]
    [InlineData("resize-source.jpg", 4)]
    [InlineData("jpeg-420.jpg", 8)]
    public void Rows_decoded_without_the_others_have_the_pixels_of_the_whole_picture(string name, int scale)
    {
        var file = Golden(name);
        var info = ImageCodec.Probe(file);
        Assert.True(ImageCodec.HasRows(info));
        var (width, height) = ImageCodec.ScaledSize(info, scale);
        var whole = new RgbImage(width, height);
        ImageCodec.DecodeInto(file, whole, scale);
        for (var first = 0; first < height; first++)
            foreach (var count in (int[])[1, 3, 17, height - first])
            {
                if (first + count > height) continue;
                var rows = new RgbImage(width, count);
                ImageCodec.DecodeRows(file, info, first, rows, scale);
                Assert.Equal(whole.Span.Slice(3 * width * first, 3 * width * count), rows.Span);
            }
    }

    [Fact]
    public void Rows_of_a_turned_picture_or_of_another_format_are_not_decoded_alone()
    {
        Assert.False(ImageCodec.HasRows(ImageCodec.Probe(Golden("jpeg-orientation-3.jpg"))));
        Assert.False(ImageCodec.HasRows(ImageCodec.Probe(Golden("png-rgb.png"))));
        Assert.Throws<ImageException>(() => ImageCodec.DecodeRows(Golden("jpeg-420.jpg").AsSpan()[..^40], ImageCodec.Probe(Golden("jpeg-420.jpg")), 0, new RgbImage(61, 4), 1));
    }

    [Fact]
    public void Pixels_go_only_into_an_image_of_the_right_size_and_other_formats_are_not_decoded_at_a_fraction()
    {
        Assert.Throws<ArgumentException>(() => ImageCodec.DecodeInto(Golden("jpeg-420.jpg"), new RgbImage(47, 61)));
        Assert.Throws<ArgumentException>(() => ImageCodec.DecodeInto(Golden("png-rgb.png"), new RgbImage(31, 24), 2));
        Assert.Throws<ArgumentException>(() => ImageCodec.DecodeInto(Golden("jpeg-420.jpg"), new RgbImage(21, 16), 3));
    }

    [Fact]
    public void The_versions_of_the_decoder_and_its_native_library_are_known() => Assert.Matches(@"^SkiaSharp \d+\.\d+\.\d+ \(Skia \d+", ImageCodec.Versions());
}
