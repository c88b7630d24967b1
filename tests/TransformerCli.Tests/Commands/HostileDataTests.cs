using SkiaSharp;
using Transformers.IO.Sounds;

namespace TransformerCli.Tests.Commands;

/// <summary>Folders and tables of images and sounds with files that no one meant to be there: one message each, and the rest is read.</summary>
[Collection("engine")]
public sealed class HostileDataTests : FolderTest
{
    static string Done(params string[] line)
    {
        var outcome = CommandLine.Done(line);
        return outcome.Output + outcome.Error;
    }

    void Images(string folder, int count)
    {
        Directory.CreateDirectory(At(folder));
        for (var i = 0; i < count; i++)
        {
            using var bitmap = new SKBitmap(16, 16);
            bitmap.Erase(new SKColor((byte)(i * 20), (byte)folder.Length, 90));
            using var file = File.Create(At($"{folder}/{i}.png"));
            bitmap.Encode(file, SKEncodedImageFormat.Png, 90);
        }
    }

    void Sounds(string folder, int count)
    {
        Directory.CreateDirectory(At(folder));
        for (var i = 0; i < count; i++)
            Write($"{folder}/{i}.wav", WavFile.Write(new([.. Enumerable.Range(0, 4000).Select(k => (float)Math.Sin(k * (0.1 + 0.01 * i + 0.001 * folder.Length)))], 16_000)));
    }

    // What both commands print about a set of images or sounds.
    string Reports(string set)
    {
        var config = Write("run.yaml", $$"""
            data: { {{(Directory.Exists(At($"{set}/sounds")) ? "kind: audio, seconds: 0.5, mels: 16, holdout: 0.25" : "kind: images, input: { size: 16 }, holdout: { count: 4 }")}}, source: { path: "{{At(set)}}" } }
            model: { {{(Directory.Exists(At($"{set}/sounds")) ? "kind: ast, patch: 16" : "kind: vit, patch: 8")}}, layers: 1, heads: 2, width: 16 }
            training: { steps: 1, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 } }
            """);
        return Done("data", "inspect", At(set)) + Done("train", config, "--run", At($"run-{Guid.NewGuid():n}"), "--device", "cpu");
    }

    static int Count(string text, string part) => text.Split(part).Length - 1;

    [Fact]
    public void A_pipe_among_images_is_left_out_instead_of_waited_for()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pipes with names");
        Images("set/a", 8);
        Images("set/bb", 8);
        Run("mkfifo", At("set/a/pipe.png"));
        Assert.Equal(2, Count(Reports("set"), $"{At("set/a/pipe.png")}: is a pipe or a device, but a file is needed"));
        // A pipe that the user names is read.
        using var writer = Process.Start("sh", ["-c", $"cat '{At("set/a/1.png")}' > '{At("set/a/pipe.png")}'"]);
        var run = Directory.GetDirectories(Folder, "run-*").Single();
        Assert.Contains("pipe.png", Done("predict", run, At("set/a/pipe.png"), "--device", "cpu"));
        writer.WaitForExit();
    }

    [Theory]
    [InlineData("images")]
    [InlineData("sounds")]
    public void A_link_to_a_folder_above_it_is_not_followed_and_other_links_are(string what)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "links");
        if (what == "images") Images("else/ccc", 8);
        else Sounds("else/ccc", 8);
        if (what == "images") Images("set/a", 8);
        else Sounds("set/sounds", 8);
        Directory.CreateSymbolicLink(At("set/ccc"), At("else/ccc"));
        Directory.CreateSymbolicLink(At("set/ccc/up"), At("set"));
        Directory.CreateSymbolicLink(At("set/ccc/here"), ".");
        var reports = Reports("set");
        Assert.Matches($"(?m)^{(what == "images" ? "images" : "recordings")} +16[ ,]", reports);
        foreach (var link in (string[])["up", "here"])
            Assert.Equal(2, Count(reports, $"the link {At($"set/ccc/{link}")} leads to a folder that contains it, and is not followed"));
    }

    [Fact]
    public void A_folder_that_may_not_be_read_is_named()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "permissions");
        Images("set/a", 4);
        Images("set/locked", 4);
        Run("chmod", "000", At("set/locked"));
        // The administrator may read everything, except without these capabilities.
        string[] likeOthers = Environment.IsPrivilegedProcess ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"] : [];
        var ended = ProgramProcess.Run(Folder, ["data", "inspect", At("set")], likeOthers);
        var list = ProgramProcess.Run(Folder, ["runs", At("set")], likeOthers);
        Run("chmod", "700", At("set/locked"));
        Assert.True(ended.ExitCode == 2, $"{ended.ExitCode}: {ended.Error}");
        Assert.Contains($"error: {At("set/locked")}: the folder cannot be read: permission denied", ended.Error);
        // A list of the runs beside it is still made.
        Assert.True(list.ExitCode == 0, $"{list.ExitCode}: {list.Error}");
        Assert.Contains($"warning: {At("set/locked")}: the folder cannot be read: permission denied", list.Error);
    }

    static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
    }

    [Fact]
    public void Names_of_files_and_classes_cannot_control_the_terminal()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "such names");
        Images("set/a", 8);
        Images("set/b\u001b[2Jb\n", 8);
        Write("set/a/x\ny\u001b[31m.png", "no image");
        var reports = Reports("set");
        Assert.DoesNotContain('\u001b', reports);
        Assert.Equal(2, Count(reports, @"x\ny\u001b[31m.png: the file is not JPEG"));
        Assert.Contains(@"class       b\u001b[2Jb\n: 8", reports);
    }

    [Fact]
    public void A_table_of_paths_is_inspected_as_images_and_paths_that_cannot_be_are_skipped()
    {
        Images("set/a", 8);
        Images("set/bb", 8);
        Write("set/t.csv", "path,label\n" + string.Concat(Enumerable.Range(0, 8).Select(i => $"a/{i}.png,a\nbb/{i}.png,b\n")) + "a,a\nno\0ne.png,b\n");
        var reports = Reports("set/t.csv");
        Assert.Contains("images      18 (table of paths and labels)", reports);
        Assert.Contains("14 training, 4 validation", reports);
        Assert.Contains("a: the file cannot be read: ", reports);
        Assert.Contains(@"no\u0000ne.png: the file cannot be read: ", reports);
    }

    [Fact]
    public void Samples_that_would_overflow_in_a_spectrum_are_skipped()
    {
        Sounds("set/sounds", 8);
        Sounds("set/b", 8);
        byte[] header = [.. "RIFF\0\0\0\0WAVEfmt "u8, 16, 0, 0, 0, 3, 0, 1, 0, .. BitConverter.GetBytes(16_000), .. BitConverter.GetBytes(64_000), 4, 0, 32, 0, .. "data"u8, .. BitConverter.GetBytes(16_000)];
        Write("set/b/large.wav", [.. header, .. Enumerable.Repeat(BitConverter.GetBytes(1e38f), 4000).SelectMany(sample => sample)]);
        Write("set/b/integers.wav", [.. header, .. Enumerable.Range(0, 4000).SelectMany(i => BitConverter.GetBytes(30_000f * (i % 2)))]);
        var reports = Reports("set");
        Assert.Equal(2, Count(reports, $"{At("set/b/large.wav")}: has a sample of 1E+38, at 0; samples are from -1 to 1"));
        Assert.DoesNotContain("integers.wav", reports);
        Assert.DoesNotMatch("(?i)\\bnan\\b", reports);
    }

    [Fact]
    public void An_example_without_text_is_left_out_and_an_empty_answer_is_none()
    {
        Images("pairs", 4);
        const string good = """{"image": "0.png", "text": "what color is it?", "answer": "red"}""";
        Write("pairs/train.jsonl", $$"""
            {{good}}
            {"image": "1.png", "text": " ", "answer": "blue"}
            {"image": "2.png", "text": "what color is it?", "answer": ""}
            """);
        var inspected = Done("data", "inspect", At("pairs"));
        Assert.Contains("2 examples with 2 images, 1 without an answer", inspected);
        Assert.Contains("answers   1 different: red 1", inspected);
        Assert.Contains($"warning     1 example that cannot be used is left out; the first: {At("pairs/train.jsonl")}:2: the text is empty", inspected);
        // The same as a table of tabs.
        File.Delete(At("pairs/train.jsonl"));
        Write("pairs/train.tsv", "image\ttext\tanswer\n0.png\twhat color is it?\tred\n1.png\t\tblue\n2.png\twhat color is it?\t\n");
        Assert.Contains($"{At("pairs/train.tsv")}:3: the text is empty", Done("data", "inspect", At("pairs")));
    }
}
