namespace Transformers.Tests.Data.Images.Transforms;

public class AugmentationTests
{
    static RgbImage Picture(int width, int height)
    {
        var random = new SampleRandom(3);
        var image = new RgbImage(width, height);
        foreach (ref var value in image.Span) value = (byte)random.Next(256);
        return image;
    }

    [Fact]
    public void RandAugment_is_read_in_timms_notation()
    {
        Assert.Equal(new RandAugment { Magnitude = 9, MagnitudeDeviation = 0.5 }, RandAugment.Parse("rand-m9-mstd0.5"));
        Assert.Equal(new RandAugment { Magnitude = 7, Layers = 3, Increasing = true, Probability = 0.25, MaxMagnitude = 8 }, RandAugment.Parse("rand-n3-m7-inc1-p0.25-mmax8"));
        Assert.Equal(double.PositiveInfinity, RandAugment.Parse("rand-mstd101").MagnitudeDeviation);
        foreach (var wrong in new[] { "augmix-m9", "rand-m", "rand-m11", "rand-n0", "rand-n1.5", "rand-p2", "rand-x1", "rand-m-9", "rand-", "" })
            Assert.Throws<UserException>(() => RandAugment.Parse(wrong));
    }

    // What timm's functions give at m9 and m10, worked out from their formulas.
    [Theory]
    [InlineData("Posterize", 9, false, 100, 96)]    // int(0.9 * 4) = 3 bits
    [InlineData("Posterize", 9, true, 200, 128)]    // 4 - 3 = 1 bit
    [InlineData("Solarize", 5, false, 100, 100)]    // below 128
    [InlineData("Solarize", 5, false, 130, 125)]
    [InlineData("Solarize", 10, true, 7, 248)]      // threshold 256 - 256 = 0
    [InlineData("SolarizeAdd", 10, false, 20, 130)] // + 110
    [InlineData("Brightness", 5, false, 100, 100)]  // 0.5 * 1.8 + 0.1 = 1
    [InlineData("Brightness", 10, false, 100, 190)] // 1.9
    [InlineData("Brightness", 10, true, 100, 190)]  // 1 + 0.9
    public void Magnitudes_mean_what_timm_means(string operation, double magnitude, bool increasing, int value, int expected)
    {
        var image = new RgbImage(1, 1, [(byte)value, (byte)value, (byte)value]);
        var result = new RandAugment { Increasing = increasing }.Apply(operation, image, magnitude, false, ResizeFilter.Bilinear);
        Assert.Equal(expected, result.Pixels[0]);
    }

    [Fact]
    public void RandAugment_applies_about_as_often_as_its_probability_says_and_all_of_its_operations()
    {
        var augment = RandAugment.Parse("rand-m9-mstd0.5-n1");
        var plain = Picture(8, 8);
        var different = Enumerable.Range(0, 2000).Count(i => !augment.Apply(plain.Clone(), new SampleRandom(1, (ulong)i)).Span.SequenceEqual(plain.Span));
        Assert.InRange(different, 700, 1100);
        Assert.Equal(15, RandAugment.Operations.Count);
        foreach (var operation in RandAugment.Operations)
            augment.Apply(operation, Picture(5, 7), 9, true, ResizeFilter.Bicubic);
        Assert.Throws<ArgumentException>(() => augment.Apply("Cutout", plain, 9, true, ResizeFilter.Bicubic));
    }

    [Fact]
    public void Random_crops_lie_inside_and_keep_to_area_and_ratio()
    {
        var crop = new RandomResizedCrop(0.2, 0.5);
        for (ulong i = 0; i < 3000; i++)
        {
            var random = new SampleRandom(i);
            var (width, height) = (50 + random.Next(300), 50 + random.Next(300));
            var box = crop.Draw(width, height, random);
            Assert.True(box.X >= 0 && box.Y >= 0 && box.X + box.Width <= width && box.Y + box.Height <= height);
            if (width > 2 * height || height > 2 * width) continue;
            Assert.InRange((double)box.Width * box.Height / (width * height), 0.19, 0.52);
            Assert.InRange((double)box.Width / box.Height, 0.71, 1.4);
        }
        Assert.Equal(new PixelBox(0, 498, 3, 4), crop.Draw(3, 1000, new SampleRandom(1)));
        Assert.Equal(new PixelBox(0, 0, 1, 1), crop.Draw(1, 1, new SampleRandom(1)));
    }

    [Fact]
    public void Flipping_twice_and_padding_then_cutting_give_the_picture_back()
    {
        var image = Picture(7, 5);
        var copy = image.Clone();
        ImageGeometry.FlipHorizontal(copy);
        Assert.Equal(image.Row(2)[..3].ToArray(), copy.Row(2)[^3..].ToArray());
        ImageGeometry.FlipHorizontal(copy);
        Assert.Equal(image.Pixels, copy.Pixels);
        var padded = ImageGeometry.Pad(image, 9, 2, 4, 11, PadMode.Reflect);
        Assert.Equal(image.Pixels, ImageGeometry.Crop(padded, new PixelBox(9, 2, 7, 5)).Pixels);
        Assert.Equal(image.Row(1)[3..6].ToArray(), padded.Row(1)[(3 * 8)..(3 * 9)].ToArray()); // row 2 - 1 mirrors to 1, column 8 to 1
    }

    [Fact]
    public void Turning_the_hue_by_a_third_makes_red_green_and_a_full_turn_changes_nothing()
    {
        var image = new RgbImage(1, 1, [200, 40, 40]);
        ImageEnhance.Hue(image, 1.0 / 3);
        Assert.Equal([40, 200, 40], image.Pixels);
        var (before, after) = (Picture(9, 9), Picture(9, 9));
        ImageEnhance.Hue(after, 0.5);
        ImageEnhance.Hue(after, -0.5);
        Assert.All(before.Pixels.Zip(after.Pixels), p => Assert.InRange(p.First - p.Second, -2, 2));
    }

    [Fact]
    public void Erasing_changes_one_rectangle_of_an_allowed_size_in_all_channels()
    {
        for (ulong i = 0; i < 200; i++)
        {
            var pixels = Enumerable.Repeat(99f, 3 * 20 * 30).ToArray();
            new RandomErasing(1).Apply(pixels, 3, 20, 30, new SampleRandom(i));
            var changed = Enumerable.Range(0, 600).Where(p => pixels[p] != 99).ToArray();
            Assert.InRange(changed.Length, 600 * 0.015, 600 * 0.36);
            var (rows, columns) = (changed.Select(p => p / 30).Distinct().Count(), changed.Select(p => p % 30).Distinct().Count());
            Assert.Equal(rows * columns, changed.Length);
            Assert.All(changed, p => Assert.True(pixels[p + 600] != 99 && pixels[p + 1200] != 99));
        }
        var kept = new float[3];
        new RandomErasing(0).Apply(kept, 3, 1, 1, new SampleRandom(1));
        Assert.Equal(new float[3], kept);
    }

    [Theory]
    [InlineData(0.8, 0)]
    [InlineData(0, 1)]
    [InlineData(0.8, 1)]
    public void Mixed_pixels_and_targets_have_the_same_shares(double mixup, double cutmix)
    {
        const int batch = 5, side = 16, classes = 5;
        for (ulong i = 0; i < 50; i++)
        {
            // Image b is the number b everywhere, so its mean shows what was mixed.
            var pixels = Enumerable.Range(0, batch * side * side).Select(p => (float)(p / (side * side))).ToArray();
            long[] labels = [0, 1, 2, 3, 4];
            var targets = new BatchMixing(mixup, cutmix).Apply(pixels, labels, classes, 1, side, side, new SampleRandom(i));
            for (var b = 0; b < batch; b++)
            {
                Assert.Equal(1, targets.Skip(b * classes).Take(classes).Sum(), 1e-5);
                var expected = Enumerable.Range(0, classes).Sum(c => c * targets[b * classes + c]);
                Assert.Equal(expected, pixels.Skip(b * side * side).Take(side * side).Average(), 1e-4);
            }
        }
        Assert.Equal([1, 0, 0, 1], new BatchMixing(0.8, 1, Probability: 0).Apply(new float[2], [0, 1], 2, 1, 1, 1, new SampleRandom(1)));
    }

    [Fact]
    public void A_transform_survives_json_and_a_broken_one_is_refused()
    {
        var transform = new ImageTransform { Size = 32, Resize = 36, Channels = 1, Mean = [0.25], Std = [0.5], Filter = ResizeFilter.Bilinear };
        var read = JsonSerializer.Deserialize<ImageTransform>(JsonSerializer.Serialize(transform))!.Checked();
        Assert.Equal(transform with { Mean = read.Mean, Std = read.Std }, read);
        Assert.Equal(transform.Mean, read.Mean);
        Assert.Equal(transform.Std, read.Std);
        foreach (var wrong in new[] { transform with { Size = 0 }, transform with { Resize = 31 }, transform with { Channels = 2 }, transform with { Std = [0] }, transform with { Mean = [] } })
            Assert.Throws<UserException>(wrong.Checked);
    }

    [Fact]
    public void A_transform_resizes_the_shorter_side_cuts_the_middle_and_normalizes()
    {
        var image = Picture(90, 60);
        var transform = new ImageTransform { Size = 24, Resize = 30, Mean = [0.5, 0.4, 0.3], Std = [0.2, 0.3, 0.4] };
        var expected = ImageGeometry.Crop(ImageResize.Resize(image, 45, 30, ResizeFilter.Bicubic), new PixelBox(10, 3, 24, 24));
        Assert.Equal(expected.Span.ToArray(), transform.Fit(image).Span.ToArray());
        var floats = transform.Apply(image);
        Assert.Equal((expected.Pixels[3 * 50 + 1] / 255.0 - 0.4) / 0.3, floats[576 + 50], 1e-5);
        Assert.Equal((24, 24), (transform.Fit(Picture(2, 3000)).Width, transform.Fit(Picture(3000, 1)).Height));
        var grey = new ImageTransform { Size = 1, Channels = 1, Mean = [0], Std = [1], KeepRatio = false };
        Assert.Equal([77 / 255f], grey.Apply(RgbImage.FromGrey([77], 1, 1)));
    }

    [Fact]
    public void A_large_jpeg_augments_nearly_alike_whether_decoded_in_full_or_reduced()
    {
        var file = ImageCodec.EncodeJpeg(ImageResize.Resize(Picture(8, 6), 640, 480, ResizeFilter.Bicubic));
        var transform = new ImageTransform { Size = 32, Mean = [0, 0, 0], Std = [1, 1, 1] };
        var config = new AugmentConfig { Crop = (0.5, 1), Flip = 0.5 };
        for (ulong i = 0; i < 10; i++)
        {
            float[] reduced = new float[transform.Values], whole = new float[transform.Values];
            new ImageAugmentation(config, transform).Apply(file, transform, new SampleRandom(i), reduced, ImageLimits.Default);
            new ImageAugmentation(config, transform) { ReducedDecoding = false }.Apply(file, transform, new SampleRandom(i), whole, ImageLimits.Default);
            Assert.InRange(reduced.Zip(whole, (a, b) => Math.Abs(a - b)).Average(), 1e-6, 0.04);
        }
    }

    [Fact]
    public void Beta_samples_have_the_mean_and_the_spread_of_their_distribution()
    {
        foreach (var alpha in new[] { 0.2, 1.0, 4.0 })
        {
            var random = new SampleRandom(9);
            var samples = Enumerable.Range(0, 20_000).Select(_ => random.Beta(alpha)).ToArray();
            Assert.All(samples, s => Assert.InRange(s, 0, 1));
            Assert.Equal(0.5, samples.Average(), 0.01);
            Assert.Equal(1 / (4 * (2 * alpha + 1)), samples.Average(s => (s - 0.5) * (s - 0.5)), 0.005);
        }
    }
}
