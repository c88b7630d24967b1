namespace TransformerCli.Tests.Commands;

/// <summary>Data that a model would learn nothing from, or whose result would mislead, are refused or named; one file that cannot be read hides no other.</summary>
[Collection("engine")]
public sealed class SuspiciousDataTests(TrainedKinds kinds) : FolderTest, IClassFixture<TrainedKinds>
{
    const string Learning = "training: { steps: 2, batch: { sequences: 8 }, optimizer: { kind: adamw, lr: 1.0e-3 }, sample: { tokens: 0 } }";

    [Fact]
    public void Images_of_a_single_class_are_refused()
    {
        Assert.Equal(0, CommandLine.Run("data", "make", "digits", "--output", At("all"), "--size", "60").ExitCode);
        var one = At("images/only");
        Directory.CreateDirectory(one);
        foreach (var (file, i) in Directory.EnumerateFiles(At("all"), "*.png", SearchOption.AllDirectories).Take(20).Select((file, i) => (file, i))) File.Copy(file, Path.Combine(one, $"{i}.png"));
        var config = Write("images.yaml", $$"""
            data: { kind: images, source: { path: {{At("images")}} }, input: { size: 16 }, holdout: { fraction: 0.2 } }
            model: { kind: vit, patch: 8, layers: 1, heads: 2, width: 16 }
            {{Learning}}
            """);
        Assert.Contains("all images are of one class, 'only'", CommandLine.Refused("train", config, "--run", At("run")));
    }

    [Fact]
    public void Texts_of_a_single_class_are_refused()
    {
        var config = Write("texts.yaml", $$"""
            data: { kind: labelled, source: { folder: {{Write("texts.csv", "text,label\n" + string.Concat(Enumerable.Range(0, 30).Select(i => $"text {i},good\n")))}}, text: text, label: label }, tokenizer: { kind: words }, holdout: 0.2, max_length: 16 }
            model: { kind: encoder, layers: 1, heads: 2, width: 16, context: 16, head: { kind: classify } }
            {{Learning}}
            """);
        var outcome = CommandLine.Run("train", config, "--run", At("run")).Exits(2);
        Assert.Contains("all texts are of one class, 'good'", outcome.Error);
        Assert.DoesNotContain("step 1", outcome.Error);
    }

    [Theory]
    [InlineData(14, false)]
    [InlineData(15, true)]
    public void Labels_most_of_which_occur_only_once_are_warned_of(int once, bool warned)
    {
        var config = Write("labels.yaml", $$"""
            data: { kind: labelled, source: { folder: {{Write("labels.csv", "text,label\n" + string.Concat(Enumerable.Range(0, 30).Select(i => $"text {i},{(i < once ? $"title {i}" : i % 2 == 0 ? "good" : "bad")}\n")))}}, text: text, label: label }, tokenizer: { kind: words }, max_length: 16 }
            model: { kind: encoder, layers: 1, heads: 2, width: 16, context: 16, head: { kind: classify } }
            {{Learning}}
            """);
        Assert.Equal(warned, CommandLine.Done("train", config, "--run", At("run"), "--dry-run").Error.Contains($"labels.csv: {once} of 30 texts have a label that no other text has"));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(4, true)]
    [InlineData(20, true)]
    public void Validation_pairs_that_are_training_pairs_too_are_counted(int same, bool warned)
    {
        Write("pairs/train.tsv", string.Concat(Enumerable.Range(0, 80).Select(i => $"{i} + 2\t{i + 2}\n")));
        Write("pairs/val.tsv", string.Concat(Enumerable.Range(0, 20).Select(i => i < same ? $"{i} + 2\t{i + 2}\n" : $"{i} - 2\t{i}\n")));
        var config = Write("pairs.yaml", $$"""
            data: { kind: parallel, source: { folder: {{At("pairs")}}, from: a, to: b }, tokenizer: { kind: bytes } }
            model: { kind: seq2seq, layers: 1, heads: 2, width: 16, context: 24 }
            {{Learning}}
            """);
        Assert.Equal(warned, CommandLine.Done("train", config, "--run", At("run"), "--dry-run").Error.Contains($"{same} of 20 validation pairs are training pairs too"));
    }

    [Fact]
    public void An_image_that_cannot_be_read_is_named_and_the_others_are_predicted()
    {
        Assert.Equal(0, CommandLine.Run("data", "make", "digits", "--output", At("all"), "--size", "60").ExitCode);
        var good = Directory.EnumerateFiles(At("all"), "*.png", SearchOption.AllDirectories).Take(2).ToList();
        var bad = Write("empty.png", "");
        var outcome = CommandLine.Run("predict", kinds.Vit, good[0], bad, good[1], "--json").Exits(2);
        Assert.Contains($"{bad}: the file is empty", outcome.Error);
        Assert.Contains("1 of 3 images could not be read", outcome.Error);
        var predictions = outcome.Json.GetProperty("predictions").EnumerateArray().ToList();
        Assert.Equal([good[0], bad, good[1]], predictions.Select(one => one.GetProperty("input").GetString()));
        Assert.Equal([5, 0, 5], predictions.Select(one => one.GetProperty("labels").GetArrayLength()));
    }

    [Fact]
    public void A_run_is_not_put_into_another()
    {
        var inside = Path.Combine(kinds.Gpt, "checkpoints", "mine");
        var config = Path.Combine(kinds.Gpt, "config.yaml");
        Assert.Contains("is inside the run folder", CommandLine.Refused("train", config, "--run", inside));
        Assert.False(Directory.Exists(inside));
    }

    [Fact]
    public void A_setting_of_another_kind_of_source_is_named()
    {
        var config = Write("texts.yaml", $$"""
            data: { kind: labelled, source: { files: [a.csv] }, tokenizer: { kind: words }, max_length: 16 }
            model: { kind: encoder, layers: 1, heads: 2, width: 16, context: 16, head: { kind: classify } }
            {{Learning}}
            """);
        Assert.Contains("texts.yaml:1:35: data.source.files is not a setting here; data.source needs one of folder, generator", CommandLine.Refused("config", "check", config));
    }
}
