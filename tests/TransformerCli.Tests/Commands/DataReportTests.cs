using SkiaSharp;

namespace TransformerCli.Tests.Commands;

/// <summary>Data that are not what they seem: said alike where training starts, by a dry run and by <c>data inspect</c>.</summary>
[Collection("engine")]
public sealed class DataReportTests : FolderTest
{
    string Text(string files) => Write("text.yaml", $$"""
        data: { kind: text, source: { files: ["{{At(files)}}"] }, tokenizer: { kind: bytes } }
        model: { kind: gpt, layers: 1, heads: 2, width: 16, context: 16 }
        training: { steps: 1, batch: { sequences: 2 }, optimizer: { kind: adamw, lr: 1.0e-3 }, sample: { tokens: 0 } }
        """);

    string Encoder(string files) => Write("encoder.yaml", $$"""
        data: { kind: labelled, source: { folder: "{{At(files)}}" }, tokenizer: { kind: bpe, vocabulary: 300 }, max_length: 32 }
        model: { kind: encoder, layers: 1, heads: 2, width: 16, context: 32, head: { kind: classify } }
        training: { steps: 1, batch: { sequences: 8 }, optimizer: { kind: adamw, lr: 1.0e-3 } }
        """);

    string Vit(string files) => Write("vit.yaml", $$"""
        data: { kind: images, source: { path: "{{At(files)}}" }, input: { size: 16 } }
        model: { kind: vit, patch: 8, layers: 1, heads: 2, width: 16 }
        training: { steps: 1, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 } }
        """);

    string Train(string config, params string[] more) => CommandLine.Done(["train", config, "--run", At("run"), "--device", "cpu", .. more]).Error;

    void Images(string name, int count)
    {
        for (var i = 0; i < count; i++)
        {
            using var bitmap = new SKBitmap(16, 16);
            bitmap.Erase(new SKColor((byte)(i * 9), (byte)(name.GetHashCode() & 127), 90));
            Directory.CreateDirectory(At(name));
            using var file = File.Create(At($"{name}/{i}.png"));
            bitmap.Encode(file, SKEncodedImageFormat.Png, 90);
        }
    }

    [Fact]
    public void Ill_formed_text_and_files_passed_over_are_reported_alike_everywhere()
    {
        Write("t/a.txt", string.Concat(Enumerable.Repeat("the cat sat on the mat.\n", 50)));
        File.AppendAllText(At("t/a.txt"), "caf\u00e9\n", System.Text.Encoding.Latin1);
        Write("t/b.cs", "class B { }\n");
        Write("t/c.bin", "x");
        Write("t/.d.txt", "hidden");
        string[] notes = ["1 ill-formed UTF-8 sequence replaced", "1 file skipped because it is not text (read: 1 .cs, 1 .txt; skipped: 1 .bin)", "1 hidden file skipped"];
        foreach (var report in new[] { Train(Text("t"), "--dry-run"), Train(Text("t")), CommandLine.Done("data", "inspect", At("t")).Output, CommandLine.Done("data", "prepare", Text("t"), "--cache", At("cache")).Output })
            foreach (var note in notes) Assert.Contains(note, report);
        Assert.Contains("warning: 1 ill-formed", Train(Text("t"), "--dry-run"));
    }

    [Fact]
    public void Training_on_what_is_hardly_text_is_refused_with_the_file_and_the_remedy()
    {
        var bytes = new byte[5000];
        new Random(2).NextBytes(bytes);
        Write("bin.txt", bytes);
        foreach (var line in new[] { new[] { "train", Text("bin.txt"), "--run", At("run") }, ["train", Text("bin.txt"), "--run", At("run"), "--dry-run"], ["data", "prepare", Text("bin.txt"), "--cache", At("cache")], ["tokenizer", "train", "--input", At("bin.txt"), "--vocabulary", "300", "--output", At("t.json")] })
        {
            var error = CommandLine.Refused(line);
            Assert.Contains("bin.txt: ", error);
            Assert.Contains("iconv", error);
        }
        Assert.Contains("ill-formed UTF-8 sequences", CommandLine.Done("data", "inspect", At("bin.txt")).Output);
    }

    [Fact]
    public void Which_files_of_a_folder_are_text_can_be_said_on_the_line()
    {
        Write("t/a.cs", string.Concat(Enumerable.Repeat("class A { }\n", 50)));
        Write("t/b.html", "<p>\n");
        Assert.Contains("1 file skipped because it is not text (read: 1 .cs; skipped: 1 .html)", Train(Text("t"), "--include", "**/*.cs", "--dry-run"));
        Assert.Contains("skipped: 1 .html", Train("gpt-stories", "--data", At("t"), "--include", "**/*.cs", "--dry-run", "--set", "training.batch.tokens=512"));
        Assert.Contains("1 .html", CommandLine.Done("data", "inspect", At("t"), "--include", "*.cs").Output);
        Assert.Contains("--include is for text", CommandLine.Refused("train", "copy", "--include", "*.cs", "--run", At("x")));
    }

    [Fact]
    public void A_header_line_of_labelled_texts_is_no_example_and_is_reported()
    {
        foreach (var split in new[] { "train", "val", "test" })
            Write($"s/{split}.tsv", "sentence\tlabel\n" + string.Concat(Enumerable.Range(0, 20).Select(i => $"good {i}\t1\nbad {i}\t0\n")) + "\n");
        var report = Train(Encoder("s"), "--dry-run");
        Assert.Contains("train.tsv:1: the first line names the columns (sentence, label) and is not an example", report);
        Assert.Contains("test.tsv:1:", report);
        Assert.Contains("40 training and 40 validation texts, 2 classes", report);
    }

    [Fact]
    public void A_label_of_the_first_line_alone_and_a_class_without_validation_texts_are_warned_about()
    {
        var lines = string.Concat(Enumerable.Range(0, 20).Select(i => $"good {i}\t1\nbad {i}\t0\n"));
        Write("s/train.tsv", "phrase\tmood\n" + lines);
        Write("s/val.tsv", lines);
        var report = Train(Encoder("s"), "--dry-run");
        Assert.Contains("train.tsv:1: no other line has the label mood", report);
        Assert.Contains("no validation text is of class mood", report);
    }

    [Fact]
    public void A_line_with_more_columns_than_the_first_is_refused_with_its_line()
    {
        Write("s/train.tsv", "good\t1\nbad\t0\nbad\tand worse\t0\n");
        Assert.Contains("train.tsv:3: the line has 3 columns, but the first line has 2", CommandLine.Refused("train", Encoder("s"), "--run", At("run")));
    }

    [Theory]
    [InlineData("s.tsv", "good\t1\nbad\t \nbad\t0\n")]
    [InlineData("s.csv", "good,1\nbad,\nbad,0\n")]
    [InlineData("s.jsonl", "{\"text\":\"good\",\"label\":\"1\"}\n{\"text\":\"bad\",\"label\":\"\"}\n")]
    public void An_empty_label_is_not_a_class(string name, string text)
    {
        string[] fields = name.EndsWith("jsonl") ? ["--set", "data.source.text=text", "--set", "data.source.label=label"] : [];
        Write(name, text);
        Assert.Contains($"{name}:2: the label is empty (give the text a label, or leave the line out)", CommandLine.Run(["train", Encoder(name), "--run", At("run"), "--quiet", .. fields]).Error);
    }

    [Theory]
    [InlineData("t.csv", "sentence;label\ngood, and so on;1\nbad;0\n", "the columns seem to be separated by semicolons, but those of a .csv file must be separated by commas: write the table with commas")]
    [InlineData("t.csv", "date;load\n2024-01-01;1,5\n2024-01-02;2,5\n", "separated by semicolons")]
    [InlineData("t.csv", "good\t1\nbad\t0\n", "separated by tabs, but those of a .csv file must be separated by commas: write the table with commas, or name the file .tsv")]
    [InlineData("t.tsv", "good,1\nbad,0\n", "separated by commas, but those of a .tsv file must be separated by tabs: write the table with tabs")]
    [InlineData("t.tsv", "good; so\t1\nbad; so\t0\n", null)]
    [InlineData("t.csv", "good; so\nbad\n", null)]
    public void Columns_that_have_another_separator_are_warned_about(string name, string text, string? warning)
    {
        var report = CommandLine.Done("data", "inspect", Write(name, text)).Output;
        if (warning is null) Assert.DoesNotContain("warning", report);
        else Assert.Contains(warning, report);
    }

    [Fact]
    public void Lines_with_other_columns_are_counted_with_the_number_of_the_first_in_the_file() =>
        Assert.Contains("it is line 5", CommandLine.Done("data", "inspect", Write("u.csv", "\"a\nb\",1\nc,2\n\nd,3,4\n")).Output);

    [Fact]
    public void A_table_without_a_text_is_refused_and_the_fields_of_a_json_line_are_named()
    {
        foreach (var name in (string[])["empty.tsv", "empty.csv", "empty.jsonl"])
        {
            Write(name, "");
            foreach (var kind in (string[])["bpe, vocabulary: 300", "characters", "words"])
            {
                var refused = CommandLine.Run("train", Encoder(name), "--run", At("run"), "--quiet", "--set", $"data.tokenizer={{ kind: {kind} }}").Exits(2);
                Assert.Contains($"{name}: contains no text to train on", refused.Error);
            }
        }
        Write("fields.jsonl", "{\"body\":\"a\",\"mood\":1}\n");
        Assert.Contains("fields.jsonl:1: the document has no field 0 (its fields are body, mood; data.source names the ones to read)", CommandLine.Run("train", Encoder("fields.jsonl"), "--run", At("run")).Error);
        Write("fields.txt.jsonl", "{\"body\":\"a\"}\n");
        Assert.Contains("has no field \"text\" (set text_field to the name of the field that has the text)", CommandLine.Run("train", Text("fields.txt.jsonl"), "--run", At("run")).Error);
        Write("broken.jsonl", "{\"text\":\"a\n");
        Assert.Contains("broken.jsonl:1:11: the line is not JSON", CommandLine.Run("train", Text("broken.jsonl"), "--run", At("run")).Error);
    }

    [Fact]
    public void A_hold_out_that_the_images_do_not_allow_is_said_with_its_setting()
    {
        Images("im/a", 4);
        Images("im/b", 4);
        Assert.Contains("data.holdout: holding out 8 of 8 images leaves one side empty (hold out fewer or more", CommandLine.Refused("train", Vit("im"), "--run", At("run"), "--set", "data.holdout.count=8"));
        Assert.Contains("data.test: holding out 8 of 8 images leaves one side empty", CommandLine.Refused("train", Vit("im"), "--run", At("run"), "--set", "data.test={ count: 8 }"));
        Assert.Contains("data.holdout (0.25) must be a mapping (write { count: … } or { every: … } or { fraction: … })", CommandLine.Refused("train", Vit("im"), "--run", At("run"), "--set", "data.holdout=0.25"));
    }

    [Fact]
    public void An_image_that_cannot_be_read_is_named_when_training_meets_it()
    {
        Images("im/a", 6);
        Images("im/b", 6);
        Write("im.csv", "path,label\n" + string.Concat(Enumerable.Range(0, 6).Select(i => $"im/a/{i}.png,a\nim/{(i == 3 ? "none" : "b")}/{i}.png,b\n")));
        var report = Train(Vit("im.csv"), "--set", "data.holdout.count=4", "--set", "training.steps=8");
        Assert.Single(report.Split('\n'), line => line.StartsWith("warning: skipped ", StringComparison.Ordinal));
        Assert.Contains($"warning: skipped {At("im/none/3.png")}: the file does not exist", report);
    }

    [Fact]
    public void Class_folders_without_images_and_classes_of_one_split_are_reported_alike_everywhere()
    {
        Images("im/train/a", 6);
        Images("im/train/b", 6);
        Images("im/val/a", 3);
        Images("im/val/zzz", 3);
        Directory.CreateDirectory(At("im/train/d"));
        Write("im/train/c/1.tiff", "x");
        string[] notes =
        [
            $"the folder {At("im/train/c")} contains no images, so there is no class for it", $"the folder {At("im/train/d")} contains no images",
            "no training image is of class zzz", "no validation image is of class b", "1 file skipped, not named like images: 1 .tiff",
        ];
        foreach (var report in new[] { Train(Vit("im"), "--dry-run"), Train(Vit("im")), CommandLine.Done("data", "inspect", At("im")).Output, CommandLine.Done("data", "inspect", At("im"), "--json").Output })
            foreach (var note in notes) Assert.Contains(note, report);
    }

    [Fact]
    public void Lines_of_another_split_that_are_also_training_lines_are_counted()
    {
        Write("texts/train.tsv", "a fine film\tgood\na dull film\tbad\nso so\tbad\n");
        Write("texts/val.tsv", "new\tgood\nso so\tbad\na fine film\tgood\n");
        Write("texts/test.tsv", "a fine film\tbad\n");
        var shown = CommandLine.Done("data", "inspect", At("texts")).Output;
        Assert.Equal("note        2 lines are also in the split train; the first of them is line 2", Assert.Single(shown.Split('\n'), line => line.Contains("also in")));
        using var report = System.Text.Json.JsonDocument.Parse(CommandLine.Done("data", "inspect", At("texts"), "--json").Output);
        foreach (var split in report.RootElement.GetProperty("splits").EnumerateArray())
            Assert.Equal(split.GetProperty("name").GetString() switch { "val" => 2, "test" => 0, _ => (long?)null }, split.TryGetProperty("repeated", out var repeated) ? repeated.GetInt64() : null);
        Assert.Contains("; data inspect reports repeated lines", Train(Encoder("texts"), "--dry-run"));
    }
}
