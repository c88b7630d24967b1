namespace Transformers.Tests.Data.Images.Loading;

public sealed class ImageLoaderTests : FolderTest
{
    void WriteImages(int count, int side = 12)
    {
        for (var i = 0; i < count; i++)
        {
            var random = new SampleRandom(7, (ulong)i);
            var image = new RgbImage(side, side);
            foreach (ref var value in image.Span) value = (byte)random.Next(256);
            var path = Directory.CreateDirectory(At($"class{i % 3}")).FullName;
            File.WriteAllBytes(Path.Combine(path, $"{i:d4}.png"), ImageCodec.EncodePng(image));
        }
    }

    static readonly ImageTransform Transform = new() { Size = 8, Mean = [0.5, 0.5, 0.5], Std = [0.25, 0.25, 0.25] };

    static readonly ImageLoaderOptions Everything = new()
    {
        Transform = Transform, BatchSize = 4, Shuffle = true, Seed = 5,
        Augmentation = new ImageAugmentation(new AugmentConfig { Crop = (0.3, 1), Flip = 0.5, RandAugment = "rand-m9-mstd0.5", Erase = 0.5 }, Transform),
        Mixing = new BatchMixing(0.8, 1),
    };

    sealed record Seen(int Epoch, int Number, string Pixels, string Labels, string Targets);

    static List<Seen> Take(ImageLoader loader, int batches) => [.. Enumerable.Range(0, batches).Select(_ =>
    {
        using var batch = loader.Next();
        return new Seen(batch.Epoch, batch.Number, string.Join(' ', batch.Pixels), string.Join(' ', batch.Labels), string.Join(' ', batch.Targets ?? []));
    })];

    [Theory]
    [InlineData(0)]
    [InlineData(1 << 20)]
    public void Batches_are_the_same_whatever_the_number_of_threads(long cache)
    {
        WriteImages(22);
        using var dataset = ImageDataset.Open(Folder, cacheBytes: cache);
        Assert.Equal(cache > 0, dataset.Cached);
        var all = new[] { 1, 2, 5 }.Select(threads =>
        {
            using var loader = new ImageLoader(dataset, dataset.Train, Everything with { Threads = threads });
            return Take(loader, 14);
        }).ToList();
        Assert.Equal(all[0], all[1]);
        Assert.Equal(all[0], all[2]);
        Assert.Equal(14, all[0].Select(b => b.Pixels).Distinct().Count());
    }

    [Fact]
    public void A_loader_continues_with_the_exact_next_batch()
    {
        WriteImages(22);
        using var dataset = ImageDataset.Open(Folder);
        using var whole = new ImageLoader(dataset, dataset.Train, Everything);
        var before = Take(whole, 8);
        var state = whole.Position;
        Assert.Equal(new DataPosition(1, 2, Batches: 8), state);
        using var resumed = new ImageLoader(dataset, dataset.Train, Everything with { Threads = 3 }, state);
        Assert.Equal(Take(whole, 9), Take(resumed, 9));
        Assert.Equal(before[^1] with { Number = 1 }, before[^1]);
    }

    [Fact]
    public void An_epoch_shows_every_image_once_in_an_order_of_its_own()
    {
        WriteImages(22);
        using var dataset = ImageDataset.Open(Folder);
        using var loader = new ImageLoader(dataset, dataset.Train, new ImageLoaderOptions { Transform = Transform, BatchSize = 5, Shuffle = true });
        var epochs = new List<int[]>();
        for (var epoch = 0; epoch < 2; epoch++)
        {
            var batches = loader.RestOfEpoch().ToList();
            Assert.Equal([5, 5, 5, 5, 2], batches.Select(b => b.Count));
            Assert.All(batches, b => Assert.Equal(b.Count * 3 * 8 * 8, b.Pixels.Length));
            epochs.Add([.. batches.SelectMany(b => b.Indices)]);
        }
        Assert.All(epochs, e => Assert.Equal(Enumerable.Range(0, 22), e.Order()));
        Assert.NotEqual(epochs[0], epochs[1]);
    }

    [Fact]
    public void Without_shuffling_or_augmentation_a_batch_is_the_transform_of_the_images_in_order()
    {
        WriteImages(6);
        using var dataset = ImageDataset.Open(Folder);
        using var loader = new ImageLoader(dataset, [4, 1, 3], new ImageLoaderOptions { Transform = Transform, BatchSize = 3 });
        using var batch = loader.Next();
        Assert.Equal([4, 1, 3], batch.Indices);
        Assert.Equal(batch.Indices.SelectMany(i => Transform.Apply(dataset.Load(i)!)), batch.Pixels);
        Assert.Equal(batch.Indices.Select(i => (long)dataset.Source.LabelOf(i)), batch.Labels);
    }

    [Fact]
    public void Broken_files_are_skipped_counted_and_named()
    {
        WriteImages(9);
        var victim = At("class1", "0004.png");
        File.WriteAllBytes(victim, File.ReadAllBytes(victim)[..80]);
        File.WriteAllText(At("class2", "0005.png"), "not an image");
        using var dataset = ImageDataset.Open(Folder);
        using var loader = new ImageLoader(dataset, dataset.Train, new ImageLoaderOptions { Transform = Transform, BatchSize = 4 });
        for (var epoch = 0; epoch < 2; epoch++) Assert.Equal(7, loader.RestOfEpoch().Sum(b => b.Count));
        Assert.Equal(2, dataset.Broken.Count);
        Assert.Equal([(victim, ImageFault.Truncated), (At("class2", "0005.png"), ImageFault.UnknownFormat)],
            dataset.Broken.All.Select(b => (b.Fault.Problems[0].File!, b.Fault.Fault)));
    }

    [Fact]
    public void A_broken_file_ends_the_run_where_the_policy_says_so()
    {
        WriteImages(9);
        File.WriteAllText(At("class0", "0003.png"), "not an image");
        using var dataset = ImageDataset.Open(Folder, broken: BrokenFilePolicy.Fail);
        using var loader = new ImageLoader(dataset, dataset.Train, new ImageLoaderOptions { Transform = Transform, BatchSize = 1, Threads = 2 });
        Assert.Equal([0], loader.Next().Indices);
        Assert.Contains("0003.png", Assert.Throws<ImageException>(loader.Next).Message);
        Assert.Throws<ImageException>(() => dataset.MeasureStatistics(dataset.Train, Transform));
    }

    [Theory]
    [InlineData(5, 1_000_000, null, 5)]
    [InlineData(5, 1_000_000, 8_000_000_000L, 5)]
    [InlineData(5, 200_000_000, 8_000_000_000L, 5)]
    [InlineData(5, 500_000_000, 8_000_000_000L, 2)]
    [InlineData(5, 3_000_000_000L, 8_000_000_000L, 1)]
    public void Batches_made_ahead_take_at_most_an_eighth_of_the_free_memory(int wanted, long batchBytes, long? free, int window) =>
        Assert.Equal(window, ImageLoader.WindowFor(wanted, batchBytes, free));

    [Fact]
    public void A_batch_larger_than_the_data_set_is_refused()
    {
        WriteImages(3);
        using var dataset = ImageDataset.Open(Folder);
        Assert.Throws<UserException>(() => new ImageLoader(dataset, dataset.Train, new ImageLoaderOptions { Transform = Transform, BatchSize = 4, DropLast = true }));
    }

    [Fact]
    public void Measured_statistics_normalize_to_mean_0_and_deviation_1()
    {
        WriteImages(12);
        using var dataset = ImageDataset.Open(Folder);
        var (mean, std) = dataset.MeasureStatistics(dataset.Train, Transform);
        var measured = Transform with { Mean = mean, Std = std };
        var values = dataset.Train.SelectMany(i => measured.Apply(dataset.Load(i)!)).ToArray();
        Assert.Equal(0, values.Average(), 0.001);
        Assert.Equal(1, values.Average(v => v * v), 0.001);
    }

    [Fact]
    public void Held_out_images_keep_the_proportions_of_the_classes_and_the_draw_of_the_seed()
    {
        var labels = Enumerable.Range(0, 100).Select(i => i < 70 ? 0 : i < 95 ? 1 : 2).ToArray();
        var rule = new HoldoutFractionConfig { Fraction = 0.2 };
        var (kept, held) = rule.Divide(Enumerable.Range(0, 100).ToArray(), i => labels[i], 3);
        Assert.Equal([14, 5, 1], held.CountBy(i => labels[i]).OrderBy(c => c.Key).Select(c => c.Value));
        Assert.Equal(Enumerable.Range(0, 100), kept.Concat(held).Order());
        Assert.Equal(held, rule.Divide(Enumerable.Range(0, 100).ToArray(), i => labels[i], 3).Held);
        Assert.NotEqual(held, rule.Divide(Enumerable.Range(0, 100).ToArray(), i => labels[i], 4).Held);
    }
}
