namespace Transformers.Tests.Data.Images;

public sealed class ImagesDataTests : FolderTest
{
    sealed record Holder
    {
        public required DataConfig Data { get; init; }
    }

    const string Text = """
        data:
          kind: images
          source: { generator: digits, count: 240, side: 16 }
          input: { size: 12, channels: 1, normalize: { kind: measured } }
          test: { every: 5, remainder: 4 }
          holdout: { count: 20 }
          augment: { crop: [0.5, 1], flip: 0.5, rand_augment: rand-m9-mstd0.5, erase: 0.25, mixup: 0.8 }
        """;

    [Fact]
    public void A_config_opens_as_divided_images_with_their_transform()
    {
        var config = Assert.IsType<ImageDataConfig>(ConfigFile.Parse<Holder>(Text).Data);
        using var images = OpenedImages.Open(config, seed: 1, generated: Folder);
        // The generated set has its own test split, which the rule leaves alone.
        Assert.Equal((180, 20, 40), (images.Dataset.Train.Length, images.Dataset.Validation.Length, images.Dataset.Test.Length));
        Assert.InRange(images.Transform.Mean.Single(), 0.2, 0.6);
        using var loader = images.TrainingBatches(16, seed: 2);
        using var batch = loader.Next();
        Assert.Equal((16 * 12 * 12, 160), (batch.Pixels.Length, batch.Targets!.Length));
        using var evaluation = images.EvaluationBatches(images.Dataset.Test, 16);
        Assert.Equal(images.Dataset.Test, evaluation.RestOfEpoch().SelectMany(b => b.Indices));
        using var again = OpenedImages.Open(config with { Source = new ImageFilesConfig { Path = "nowhere" } }, 1, path: Directory.GetDirectories(Folder).Single());
        Assert.Equal(images.Dataset.Validation, again.Dataset.Validation);
    }

    [Fact]
    public async Task Runs_that_draw_one_set_at_the_same_time_all_have_it()
    {
        var config = Assert.IsType<ImageDataConfig>(ConfigFile.Parse<Holder>(Text).Data);
        var opened = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => OpenedImages.Open(config, seed: 1, generated: Folder))));
        Assert.All(opened, images => Assert.Equal(180, images.Dataset.Train.Length));
        Assert.Single(Directory.GetDirectories(Folder));
        foreach (var images in opened) images.Dispose();
    }

    [Theory]
    [InlineData("channels: 1, normalize: { kind: measured }", "channels: 2", "data.input.channels (2) must be 1 or 3")]
    [InlineData("size: 12", "size: 12, resize: 10", "data.input.resize (10) must be at least data.input.size (12)")]
    [InlineData("kind: measured", "kind: imagenet", "needs 3 channels")]
    [InlineData("remainder: 4", "remainder: 5", "data.test.remainder (5) must be below data.test.every (5)")]
    [InlineData("rand-m9-mstd0.5", "rand-m90", "\"m90\" must be at most 10")]
    [InlineData("flip: 0.5", "pad: 4", "data.augment.pad (4) and data.augment.crop cannot be combined")]
    public void Settings_that_do_not_fit_are_refused_with_their_path(string good, string bad, string message) =>
        Assert.Contains(message, Assert.Throws<UserException>(() => ConfigFile.Parse<Holder>(Text.Replace(good, bad))).Message);
}
