using System.Numerics.Tensors;
using Transformers.Generators.Drawing;

namespace Transformers.Tests.Data.Images.Drawing;

public sealed class ImageGeneratorTests : FolderTest
{
    [Theory]
    [InlineData(DrawingKind.Digits, 10)]
    [InlineData(DrawingKind.Letters, 26)]
    [InlineData(DrawingKind.Shapes, 8)]
    public void A_written_set_has_its_classes_equally_often_in_both_splits_and_the_same_pixels_every_time(DrawingKind kind, int classes)
    {
        string[] folders = [At("a"), At("b")];
        foreach (var one in folders) ImageGenerator.Write(kind, one, classes * 12, seed: 7, side: 16);
        using var dataset = ImageDataset.Open(folders[0]);
        Assert.Equal(ImageGenerator.Classes(kind), dataset.Classes);
        Assert.Equal((10 * classes, 2 * classes), (dataset.Train.Length, dataset.Test.Length));
        Assert.All(dataset.Train.CountBy(dataset.Source.LabelOf), c => Assert.Equal(10, c.Value));
        using var again = ImageDataset.Open(folders[1]);
        for (var i = 0; i < dataset.Source.Count; i++) Assert.Equal(dataset.Source.ReadFile(i, 1 << 20), again.Source.ReadFile(i, 1 << 20));
        var report = ImageInspection.Inspect(folders[0]);
        Assert.Equal((0, 0), (report.Unreadable, report.Duplicates));
    }

    [Fact]
    public void A_folder_that_holds_something_is_left_alone()
    {
        Write("mine.txt", "mine");
        Assert.Throws<UserException>(() => ImageGenerator.Write(DrawingKind.Digits, Folder, 60, 1));
        Assert.Equal("mine.txt", Path.GetFileName(Assert.Single(Directory.GetFileSystemEntries(Folder))));
    }

    [Fact]
    public void A_cancelled_writing_leaves_nothing()
    {
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();
        Assert.Throws<OperationCanceledException>(() => ImageGenerator.Write(DrawingKind.Digits, At("set"), 60, 1, cancel: cancel.Token));
        Assert.Empty(Directory.GetFileSystemEntries(Folder));
    }

    [Theory]
    [InlineData(59, 32)]
    [InlineData(60, 7)]
    public void Numbers_out_of_range_are_refused(int count, int side) =>
        Assert.Throws<UserException>(() => ImageGenerator.Write(DrawingKind.Digits, At("set"), count, 1, side));

    [Fact]
    public void A_linear_classifier_on_the_pixels_stays_under_seventy_percent()
    {
        const int count = 3000, side = 16, classes = 10, inputs = side * side;
        var images = new float[count][];
        // Grey at half the side: fewer weights than images, so the classifier does its best rather than learning by heart.
        Parallel.For(0, count, i =>
        {
            var image = ImageGenerator.Draw(DrawingKind.Digits, i % classes, 2 * side, new SampleRandom(1, (ulong)DrawingKind.Digits, (ulong)i));
            var small = Transformers.Data.Images.ImageResize.Resize(image, side, side, Transformers.Data.Images.ResizeFilter.Bilinear);
            var values = new float[inputs];
            for (var p = 0; p < inputs; p++)
                values[p] = Transformers.Data.Images.ImageEnhance.Luma(small.Pixels[3 * p], small.Pixels[3 * p + 1], small.Pixels[3 * p + 2]) / 255f;
            var mean = TensorPrimitives.Average(values);
            TensorPrimitives.Subtract(values, mean, values);
            TensorPrimitives.Divide(values, TensorPrimitives.StdDev(values), values);
            images[i] = values;
        });
        var accuracy = SoftmaxRegression(images, trained: 2500, classes, rounds: 12);
        Assert.InRange(accuracy, 0.3, 0.7);
    }

    // Plain stochastic gradient descent on the cross entropy; images i of class i mod the number of classes.
    static double SoftmaxRegression(float[][] images, int trained, int classes, int rounds)
    {
        var inputs = images[0].Length;
        var weights = Enumerable.Range(0, classes).Select(_ => new float[inputs]).ToArray();
        var scores = new float[classes];
        void Score(float[] image)
        {
            for (var c = 0; c < classes; c++) scores[c] = TensorPrimitives.Dot<float>(image, weights[c]);
        }
        for (var round = 0; round < rounds; round++)
            for (var i = 0; i < trained; i++)
            {
                var image = images[(i * 7919 + round) % trained];
                var label = (i * 7919 + round) % trained % classes;
                Score(image);
                TensorPrimitives.SoftMax<float>(scores, scores);
                for (var c = 0; c < classes; c++)
                    TensorPrimitives.MultiplyAdd(image, 0.01f / (1 + round) * ((c == label ? 1 : 0) - scores[c]), weights[c], weights[c]);
            }
        var right = 0;
        for (var i = trained; i < images.Length; i++)
        {
            Score(images[i]);
            if (TensorPrimitives.IndexOfMax<float>(scores) == i % classes) right++;
        }
        return (double)right / (images.Length - trained);
    }
}
