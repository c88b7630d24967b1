using System.Formats.Tar;

namespace Transformers.Tests.Conventions;

/// <summary>Writes a little data in the format that a ready-made config expects from its user, so that the config can run here.</summary>
static class MadeUpData
{
    static readonly string[] Words = ["a", "small", "dog", "runs", "over", "the", "green", "hill", "and", "sees", "two", "birds"];

    /// <summary>Writes it.</summary>
    /// <param name="config">The config.</param>
    /// <param name="folder">An empty folder.</param>
    /// <returns>What <c>--data</c> is to name.</returns>
    internal static string Write(RunConfig config, string folder)
    {
        Directory.CreateDirectory(folder);
        switch (config.Data)
        {
            case TextDataConfig:
                File.WriteAllLines(Path.Combine(folder, "input.txt"), Lines(400));
                return Path.Combine(folder, "input.txt");
            case ParallelDataConfig { Source: ParallelFolderConfig pairs }:
                foreach (var (split, count) in new[] { ("train", 120), ("val", 10), ("test_2016_flickr", 10) })
                    foreach (var language in new[] { pairs.From, pairs.To }) File.WriteAllLines(Path.Combine(folder, $"{split}.{language}"), Lines(count));
                return folder;
            case LabelledDataConfig:
                foreach (var (split, count) in new[] { ("train", 120), ("dev", 10), ("test", 10) })
                    File.WriteAllLines(Path.Combine(folder, split + ".tsv"), Lines(count).Select((line, i) => $"{line}\t{i % 2}"));
                return folder;
            case SeriesDataConfig { Source: SeriesFileConfig file } series:
                var table = Path.Combine(folder, "series.csv");
                var names = file.Columns ?? ["value"];
                File.WriteAllLines(table, [$"time,{string.Join(',', names)}", .. Enumerable.Range(0, series.Context + series.Horizon + series.Validation + series.Test + 200)
                    .Select(i => FormattableString.Invariant($"{i},{string.Join(',', names.Select(_ => FormattableString.Invariant($"{100 + i + 10 * Math.Sin(i)}")))}"))]);
                return table;
            case ImageDataConfig { Input.Channels: 1 } images:
                WriteIdx(folder, images.Input.Size, 100);
                return folder;
            case ImageDataConfig images:
                var tar = Path.Combine(folder, "images.tar");
                WriteTar(tar, images.Input.Size);
                return tar;
            default: throw new ArgumentException($"no data are made up for {config.Data}", nameof(config));
        }
    }

    static IEnumerable<string> Lines(int count) => Enumerable.Range(0, count).Select(i => string.Join(' ', Enumerable.Range(0, 4 + i % 9).Select(j => Words[(i * 7 + j * 5) % Words.Length])));

    static byte[] Pixels(int label, int count) => [.. Enumerable.Range(0, count).Select(i => (byte)(i * (label + 3)))];

    // MNIST's own format.
    static void WriteIdx(string folder, int side, int count)
    {
        var (images, labels) = (new byte[16 + count * side * side], new byte[8 + count]);
        foreach (var (bytes, numbers) in new[] { (images, new[] { 0x803, count, side, side }), (labels, [0x801, count]) })
            for (var i = 0; i < numbers.Length; i++) BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 * i), numbers[i]);
        for (var i = 0; i < count; i++)
        {
            labels[8 + i] = (byte)(i % 10);
            Pixels(i % 10, side * side).CopyTo(images, 16 + i * side * side);
        }
        File.WriteAllBytes(Path.Combine(folder, "t10k-images-idx3-ubyte"), images);
        File.WriteAllBytes(Path.Combine(folder, "t10k-labels-idx1-ubyte"), labels);
    }

    static void WriteTar(string path, int side)
    {
        using var stream = File.Create(path);
        using var tar = new TarWriter(stream);
        foreach (var (split, count) in new[] { ("train", 60), ("test", 10) })
            for (var i = 0; i < count; i++)
            {
                var jpeg = ImageCodec.EncodeJpeg(new RgbImage(side, side, Pixels(i % 10, side * side * 3)));
                tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, $"set/{split}/class{i % 10}/{i:d4}.jpg") { DataStream = new MemoryStream(jpeg) });
            }
    }
}
