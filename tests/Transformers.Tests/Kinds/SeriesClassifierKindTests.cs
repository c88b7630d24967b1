using static TorchSharp.torch;

namespace Transformers.Tests.Kinds;

[Collection("engine")]
public sealed class SeriesClassifierKindTests : TinyRunTest
{
    static RunConfig Config(params string[] sets) => ConfigFile.Parse<RunConfig>("""
        data:
          kind: labelled_series
          source: { generator: cylinder_bell_funnel, count: 120 }
          length: 128
        model: { kind: series_classifier, patch: 16, layers: 1, heads: 2, width: 16, dropout: 0.1 }
        training:
          steps: 8
          batch: { sequences: 16 }
          optimizer: { kind: adamw, lr: 3.0e-3 }
          precision: fp32
          validate: { every: 4 }
          checkpoint: { every: 1000 }
        """, "tiny.yaml", sets);

    [Fact]
    public void Half_a_run_then_resumed_equals_the_whole_run_bit_for_bit()
    {
        var config = Config("training.batch.micro=6");
        runs.Train(config, "whole");
        runs.Train(config, "halves", maxSteps: 4);
        Assert.Equal(8, runs.Train(config, "halves").Steps);
        foreach (var file in new[] { CheckpointFiles.Model, CheckpointFiles.Optimizer }) Assert.Equal(runs.Newest("whole", file), runs.Newest("halves", file));
    }

    [Fact]
    public void Attention_is_drawn_between_the_patches_of_a_series()
    {
        using var folder = new TempFolder();
        runs.Train(Config(), "run");
        var run = TrainedRun.Open(runs.PathOf("run"));
        var svg = Kind.For(run).DrawAttention(run, new AttentionSubject { Series = "series 3" }, CPU).ToSvg();
        Assert.Contains("layer 1, head 2", svg);
        Assert.Contains(">112<", svg);
        Assert.DoesNotContain(">128<", svg);
        var table = folder.Write("rows.csv", $",{string.Join(',', Enumerable.Range(0, 100))}");
        Assert.NotEqual(svg, Kind.For(run).DrawAttention(run, new AttentionSubject { Table = table }, CPU).ToSvg());
        Assert.Contains("--series (x): no such series", Assert.Throws<UserException>(() => Kind.For(run).DrawAttention(run, new AttentionSubject { Series = "x" }, CPU)).Message);
    }

    [Fact]
    public void It_learns_the_three_forms_and_names_the_rows_of_a_table()
    {
        using var folder = new TempFolder();
        var result = runs.Train(Config("training.steps=300", "data.source.count=600", "training.batch.sequences=64", "training.validate.every=1000"), "run");
        Assert.True(result.Metrics["top1"] > 0.9, $"{result.Metrics["top1"]}");
        var run = TrainedRun.Open(runs.PathOf("run"), "latest");
        var test = Kind.For(run).Evaluate(run, "run", new EvaluationOptions());
        Assert.Equal(("test", 120L), (test.Split, test.Examples));
        Assert.True(test.Metrics["top1"] > 0.9);

        string Row(int i, string label) => $"{label},{string.Join(',', CylinderBellFunnel.Draw(9, 3, i).Select(value => FormattableString.Invariant($"{value:0.###}")))}";
        var rows = Enumerable.Range(0, 30).ToList();
        var named = Kind.For(run).Evaluate(run, "run", new EvaluationOptions { Data = folder.Write("named.csv", string.Join('\n', rows.Select(i => Row(i, CylinderBellFunnel.Classes[i % 3])))) });
        using var network = SeriesClassifierRun.Open(run);
        var predictions = network.Predict([folder.Write("bare.csv", string.Join('\n', rows.Select(i => Row(i, ""))))], 1).ToList();
        Assert.Equal(30, predictions.Count);
        Assert.Equal(named.Metrics["top1"], predictions.Index().Count(one => one.Item.Labels[0].Label == CylinderBellFunnel.Classes[one.Index % 3]) / 30.0, 1e-9);
        Assert.EndsWith("bare.csv:2", predictions[1].Input);
    }

    [Fact]
    public void Tables_of_the_archives_format_train_whatever_the_lengths_of_their_rows()
    {
        using var folder = new TempFolder();
        string Rows(int count) => string.Join('\n', Enumerable.Range(0, count).Select(i => $"{1 + i % 2}\t{string.Join('\t', Enumerable.Range(0, 20).Select(t => t >= 15 && i % 3 == 0 ? "NaN" : FormattableString.Invariant($"{(i % 2 == 0 ? t : -t) + i % 5}")))}"));
        var config = Config("training.steps=60", "data.length=20", "model.patch=5", "training.validate.every=1000",
            $"data.source={{ train: {folder.Write("train.tsv", Rows(60))}, test: {folder.Write("test.tsv", Rows(12))} }}");
        Assert.Equal(1, runs.Train(config, "run").Metrics["top1"]);
        var run = TrainedRun.Open(runs.PathOf("run"), "latest");
        var result = Kind.For(run).Evaluate(run, "run", new EvaluationOptions());
        Assert.Equal(1, result.Metrics["top1"]);
        Assert.Equal(["1", "2"], result.Labels);
    }

    [Theory]
    [InlineData("a,1\n", "a.csv:1: the line has 2 columns, but needs a class and at least two values")]
    [InlineData("a,1,2\n,3,4\n", "a.csv:2: the class of the series, in the first column, is empty")]
    [InlineData("a,1,2\nb,3,many\n", "a.csv:2: 'many' in column '3' is not a number")]
    [InlineData("a,1,2\nb,,\n", "a.csv:2: the series has fewer than two values")]
    [InlineData("a,1,2\na,3,4\n", "a.csv: the series must have at least two classes")]
    public void A_table_that_is_wrong_says_where(string text, string message)
    {
        using var folder = new TempFolder();
        var exception = Assert.Throws<UserException>(() => LabelledSeriesDataset.Open(
            new() { Source = new LabelledSeriesFilesConfig { Train = folder.Write("a.csv", text) }, Length = 2 }, 1));
        Assert.Contains(message, exception.Message);
    }

    [Fact]
    public void Its_size_is_known_before_it_trains()
    {
        var config = Config("training.steps=1", "model.layers=2");
        Assert.Equal(runs.Train(config, "run").Parameters, Inspector.Inspect(config).Cost.Parameters);
    }
}
