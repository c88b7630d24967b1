using Transformers.Generators.Drawing;

namespace Transformers.Tests.Data.Images;

public sealed class ImageInspectionTests : FolderTest
{
    [Fact]
    public void A_report_counts_classes_sizes_broken_files_and_duplicates_across_splits()
    {
        ImageGenerator.Write(DrawingKind.Digits, At("set"), 60, 3, 16);
        var set = At("set");
        var first = Path.Combine(set, "train", "3", "000003.png");
        File.Copy(first, Path.Combine(set, "test", "4", "copy.png"));
        File.WriteAllBytes(Path.Combine(set, "train", "0", "cut.png"), File.ReadAllBytes(first)[..60]);
        File.WriteAllBytes(Path.Combine(set, "train", "0", "grey.jpg"), ImageCodec.EncodeJpeg(new RgbImage(20, 30)));
        File.WriteAllText(Path.Combine(set, "notes.txt"), "");

        var report = ImageInspection.Inspect(set);

        Assert.Equal(("class folders", 63, 1), (report.Kind, report.Images, report.IgnoredFiles));
        Assert.Equal([new ImageClassReport("0", 7, 0, 1, 0), new ImageClassReport("1", 5, 0, 1, 0)], report.Classes.Take(2));
        Assert.Equal(new Dictionary<string, int> { ["PNG"] = 61, ["JPEG"] = 1 }, report.Formats);
        Assert.Equal((16, 20, 16, 30), (report.MinWidth, report.MaxWidth, report.MinHeight, report.MaxHeight));
        Assert.Equal(new Dictionary<string, int> { ["16x16"] = 61, ["20x30"] = 1 }, report.Sizes);
        Assert.Equal(1, report.Grey);
        Assert.Equal((1, "Truncated"), (report.Unreadable, report.UnreadableFiles[0].Fault));
        Assert.EndsWith("cut.png", report.UnreadableFiles[0].Name);
        Assert.Equal((1, 1), (report.Duplicates, report.DuplicatesAcrossSplits));
        Assert.True(report.DuplicatePairs[0] is { AcrossSplits: true, LabelsDiffer: true });
    }

    [SharedDataFact("cifar10-jpg.tar")]
    public void The_published_cifar_archive_has_no_broken_files()
    {
        var report = ImageInspection.Inspect(Repository.SharedData("cifar10-jpg.tar"));
        Assert.Equal((15_000, 0), (report.Images, report.Unreadable));
        Assert.All(report.Classes, c => Assert.Equal((500, 1000), (c.Train, c.Test)));
        Assert.Equal(new Dictionary<string, int> { ["32x32"] = 15_000 }, report.Sizes);
    }
}
