using System.Formats.Tar;

namespace Transformers.Tests.Data.Images.Sources;

public sealed class ImageSourceTests : FolderTest
{
    static RgbImage Plain(byte red, byte green, byte blue, int width = 4, int height = 3)
    {
        var image = new RgbImage(width, height);
        for (var i = 0; i < width * height; i++) (image.Pixels[3 * i], image.Pixels[3 * i + 1], image.Pixels[3 * i + 2]) = (red, green, blue);
        return image;
    }

    void WriteFolders(params string[] paths)
    {
        foreach (var path in paths) Write(path, ImageCodec.EncodePng(Plain((byte)path.Length, 2, 3)));
    }

    [Fact]
    public void Folders_name_the_classes_and_the_splits()
    {
        WriteFolders("train/cat/1.png", "train/dog/2.png", "train/dog/deep/3.PNG", "test/cat/4.png", "val/dog/5.png");
        Write("train/dog/notes.txt", [1]);
        using var source = ImageSources.Open(Folder);
        Assert.Equal(["cat", "dog"], source.Classes);
        Assert.Equal((5, 1), (source.Count, source.IgnoredFiles));
        var items = Enumerable.Range(0, 5).Select(i => (Path.GetFileName(source.NameOf(i)), source.LabelOf(i), source.SplitOf(i))).Order();
        Assert.Equal([("1.png", 0, ImageSplit.Train), ("2.png", 1, ImageSplit.Train), ("3.PNG", 1, ImageSplit.Train),
            ("4.png", 0, ImageSplit.Test), ("5.png", 1, ImageSplit.Validation)], items);
    }

    [Fact]
    public void Class_folders_without_splits_are_all_for_training()
    {
        WriteFolders("sub/test/1.png", "sub/cat/2.png");
        using var dataset = ImageDataset.Open(Folder);
        Assert.Equal(["cat", "test"], dataset.Classes);
        Assert.Equal((2, 0, 0), (dataset.Train.Length, dataset.Validation.Length, dataset.Test.Length));
    }

    [Fact]
    public void A_folder_without_classes_is_refused_with_a_remedy()
    {
        WriteFolders("1.png", "2.png");
        Assert.Contains("is not in a class folder", Assert.Throws<UserException>(() => ImageSources.Open(Folder)).Message);
    }

    [Theory]
    [InlineData(TarEntryFormat.Ustar)]
    [InlineData(TarEntryFormat.Gnu)]
    [InlineData(TarEntryFormat.Pax)]
    public void A_tar_archive_reads_as_the_folder_it_holds(TarEntryFormat format)
    {
        var longFolder = new string('x', 90);
        WriteFolders($"set/train/{longFolder}/{new string('y', 60)}.png", "set/train/b/2.png", "set/test/b/3.png");
        var tar = At("all.tar");
        using (var writer = new TarWriter(File.Create(tar), format))
            foreach (var file in Directory.EnumerateFiles(At("set"), "*", SearchOption.AllDirectories))
                writer.WriteEntry(file, Path.GetRelativePath(Folder, file));
        using var source = ImageSources.Open(tar);
        using var plain = ImageSources.Open(At("set"));
        Assert.Equal(["b", longFolder], source.Classes);
        Assert.Equal(3, source.Count);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal((plain.LabelOf(i), plain.SplitOf(i)), (source.LabelOf(i), source.SplitOf(i)));
            Assert.Equal(plain.ReadFile(i, 1000), source.ReadFile(i, 1000));
        }
    }

    [Fact]
    public void A_broken_tar_archive_is_refused()
    {
        WriteFolders("set/a/1.png");
        var tar = At("all.tar");
        TarFile.CreateFromDirectory(At("set"), tar, true);
        var bytes = File.ReadAllBytes(tar);
        foreach (var (name, change) in new (string, Action<byte[]>)[]
        {
            ("checksum", b => b[b.AsSpan().LastIndexOf("ustar"u8) + 20] ^= 1), ("size", b => "77777777777"u8.CopyTo(b.AsSpan(124))), ("text", b => b.AsSpan().Fill(65)),
        })
        {
            var broken = (byte[])bytes.Clone();
            change(broken);
            Assert.Throws<UserException>(() => ImageSources.Open(Write(name + ".tar", broken)));
        }
        Assert.Contains("ends inside a file", Assert.Throws<UserException>(
            () => ImageSources.Open(Write("cut.tar", bytes[..^(bytes.Length - Array.FindLastIndex(bytes, b => b != 0) + 20)]))).Message);
    }

    [Fact]
    public void A_table_names_paths_labels_and_splits()
    {
        Write("a.png", ImageCodec.EncodePng(Plain(1, 2, 3)));
        Write("in/b,2.png", ImageCodec.EncodePng(Plain(4, 5, 6)));
        var table = Write("list.csv", "split,Label,path\ntrain,10,a.png\n\ntest,9,\"in/b,2.png\"\n"u8.ToArray());
        using var source = ImageSources.Open(table);
        Assert.Equal(["9", "10"], source.Classes);
        Assert.Equal([(1, ImageSplit.Train), (0, ImageSplit.Test)], new[] { 0, 1 }.Select(i => (source.LabelOf(i), source.SplitOf(i))));
        Assert.Equal([4, 5, 6], source.Load(1, ImageDecodeOptions.Default).Span[..3].ToArray());
    }

    [Theory]
    [InlineData("path,label\na.png\n", 2, "needs a path and a label")]
    [InlineData("path,label,split\na.png,x,tset\n", 2, "not train, val or test")]
    [InlineData("path,kind\na.png,x\n", 1, "no column for labels")]
    [InlineData("\"a.png,x\n", 1, "never closed")]
    public void A_wrong_line_of_a_table_is_named(string text, int line, string message)
    {
        var problem = Assert.Throws<UserException>(() => ImageSources.Open(Write("list.csv", System.Text.Encoding.UTF8.GetBytes(text)))).Problems[0];
        Assert.Equal(line, problem.Line);
        Assert.Contains(message, problem.Message);
    }

    [Fact]
    public void A_table_without_images_is_refused() =>
        Assert.Contains("the table names no images", Assert.Throws<UserException>(() => ImageSources.Open(Write("list.csv", "path,label\n"u8.ToArray()))).Message);

    static byte[] Idx(int[] sides, byte[] data) =>
        [0, 0, 8, (byte)sides.Length, .. sides.SelectMany(s => new[] { (byte)(s >> 24), (byte)(s >> 16), (byte)(s >> 8), (byte)s }), .. data];

    static byte[] Gzip(byte[] bytes)
    {
        using var memory = new MemoryStream();
        using (var zip = new GZipStream(memory, CompressionLevel.Fastest)) zip.Write(bytes);
        return memory.ToArray();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Idx_files_give_grey_images_and_labels(bool packed)
    {
        byte[] Packed(byte[] bytes) => packed ? Gzip(bytes) : bytes;
        var end = packed ? ".gz" : "";
        Write("train-images-idx3-ubyte" + end, Packed(Idx([2, 2, 3], [.. Enumerable.Range(0, 12).Select(i => (byte)i)])));
        Write("train-labels-idx1-ubyte" + end, Packed(Idx([2], [3, 1])));
        Write("t10k-images-idx3-ubyte" + end, Packed(Idx([1, 2, 3], [9, 9, 9, 9, 9, 9])));
        Write("t10k-labels-idx1-ubyte" + end, Packed(Idx([1], [0])));
        using var source = ImageSources.Open(Folder);
        Assert.Equal(["0", "1", "2", "3"], source.Classes);
        Assert.Equal([(3, ImageSplit.Train), (1, ImageSplit.Train), (0, ImageSplit.Test)],
            Enumerable.Range(0, 3).Select(i => (source.LabelOf(i), source.SplitOf(i))));
        var second = source.Load(1, ImageDecodeOptions.Default);
        Assert.Equal((3, 2), (second.Width, second.Height));
        Assert.Equal([6, 6, 6, 7, 7, 7], second.Span[..6].ToArray());
    }

    [Fact]
    public void Idx_files_that_were_unpacked_beside_their_compressed_forms_are_read_once()
    {
        foreach (var (name, bytes) in new[] { ("images-idx3", Idx([2, 1, 1], [1, 2])), ("labels-idx1", Idx([2], [3, 1])) })
        {
            Write($"train-{name}-ubyte", bytes);
            Write($"train-{name}-ubyte.gz", Gzip(bytes));
        }
        using var source = ImageSources.Open(Folder);
        Assert.Equal(2, source.Count);
    }

    [Fact]
    public void Idx_files_that_lie_about_their_size_are_refused()
    {
        Write("train-labels-idx1-ubyte", Idx([1], [3]));
        foreach (var images in new[] { Idx([1, 2, 3], [1, 2]), Idx([2, 1, 1], [1, 2]), Idx([1, 70000, 70000], []), Idx([-1, 1, 1], []), Idx([1, 1], [1]), [0, 0] })
        {
            Write("train-images-idx3-ubyte", images);
            Assert.Throws<UserException>(() => ImageSources.Open(Folder));
        }
    }

    [Fact]
    public void Cifar_records_become_pixels()
    {
        byte[] Record(byte label, byte red, byte green, byte blue) =>
            [label, .. Enumerable.Repeat(red, 1024), .. Enumerable.Repeat(green, 1024), .. Enumerable.Repeat(blue, 1024)];
        Write("data_batch_1.bin", [.. Record(3, 1, 2, 3), .. Record(9, 4, 5, 6)]);
        Write("test_batch.bin", Record(0, 7, 8, 9));
        using var source = ImageSources.Open(Folder);
        Assert.Equal(("CIFAR-10 binary", 10, 3), (source.Kind, source.Classes.Count, source.Count));
        Assert.Equal([(3, ImageSplit.Train), (9, ImageSplit.Train), (0, ImageSplit.Test)],
            Enumerable.Range(0, 3).Select(i => (source.LabelOf(i), source.SplitOf(i))));
        Assert.Equal([4, 5, 6, 4, 5, 6], source.Load(1, ImageDecodeOptions.Default).Span[..6].ToArray());
        Write("data_batch_2.bin", new byte[100]);
        Assert.Throws<UserException>(() => ImageSources.Open(Folder));
    }

    [SharedDataFact("mnist-t10k")]
    public void The_published_mnist_files_divide_as_the_recipe_says()
    {
        using var dataset = ImageDataset.Open(Repository.SharedData("mnist-t10k"), new HoldoutEveryConfig { Every = 5, Remainder = 4 }, new HoldoutCountConfig { Count = 500 }, seed: 1);
        Assert.Equal((7500, 500, 2000), (dataset.Train.Length, dataset.Validation.Length, dataset.Test.Length));
        Assert.All(dataset.Test, i => Assert.Equal(4, i % 5));
        Assert.Equal(7, dataset.Source.LabelOf(0));
        Assert.Equal([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
            Enumerable.Range(0, 10_000).CountBy(dataset.Source.LabelOf).OrderBy(c => c.Key).Select(c => c.Value));
        var transform = new Transformers.Data.Images.ImageTransform { Size = 28, Channels = 1, Mean = [0], Std = [1] };
        var (mean, std) = dataset.MeasureStatistics(Enumerable.Range(0, 10_000).ToArray(), transform);
        Assert.Equal((0.1325, 0.3105), (Math.Round(mean[0], 4), Math.Round(std[0], 4)));
    }

    [SharedDataFact("cifar10-jpg.tar")]
    public void The_published_cifar_archive_is_read_in_place()
    {
        using var dataset = ImageDataset.Open(Repository.SharedData("cifar10-jpg.tar"), validation: new HoldoutCountConfig { Count = 500 });
        Assert.Equal((4500, 500, 10_000), (dataset.Train.Length, dataset.Validation.Length, dataset.Test.Length));
        Assert.Equal(["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"], dataset.Classes);
        Assert.All(dataset.Validation.CountBy(dataset.Source.LabelOf), c => Assert.Equal(50, c.Value));
        var image = dataset.Load(dataset.Train[0]);
        Assert.Equal((32, 32), (image!.Width, image.Height));
        Assert.Equal(0, dataset.Broken.Count);
    }
}
