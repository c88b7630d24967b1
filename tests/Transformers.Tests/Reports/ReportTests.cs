using Transformers.Reports;

namespace Transformers.Tests.Reports;

[Collection("engine")]
public class ReportTests : TinyRunTest
{
    static ReportedRun Read(string path)
    {
        using var folder = RunFolder.OpenForReading(path);
        return ReportedRun.Read(folder);
    }

    [Fact]
    public void A_run_leaves_a_page_with_its_curves_samples_config_and_machine_that_needs_no_network()
    {
        runs.Train(TinyRuns.Config("training.sample={ tokens: 4, every: 5, prompts: ['<b>&'] }", "training.log.every=5"), "run");
        var page = File.ReadAllText(Path.Combine(runs.PathOf("run"), "report.html"));
        foreach (var expected in new[] { "val_loss", "perplexity", "Loss of run", "Learning rate", "Speed", "&lt;b&gt;&amp;", "Step 20", "Step 5", "libtorch", "holdout", "kind: gpt",
            "Settings that differ from the defaults", "training.schedule.warmup", "layer 1, head 1", "What the model attends to" })
            Assert.Contains(expected, page);
        Assert.DoesNotContain("<b>&", page);
        Assert.DoesNotContain("<script", page);
        // Links of any kind; the name of the SVG namespace is not one.
        Assert.DoesNotMatch(@"(src|href)\s*=\s*[""'](?!data:)|url\(|@import", page);
        Assert.Equal(page.Split("<section>").Length, page.Split("</section>").Length);
    }

    [Fact]
    public void A_validated_run_keeps_its_attention_as_a_picture_and_its_event_file_holds_scalars_pictures_and_weights()
    {
        runs.Train(TinyRuns.Config("training.steps=4", "training.schedule.warmup=1", "training.log.every=2", "training.validate.every=2"), "run");
        Assert.StartsWith("<svg", File.ReadAllText(Path.Combine(runs.PathOf("run"), "pictures", "attention.svg")));
        var file = Assert.Single(Directory.GetFiles(Path.Combine(runs.PathOf("run"), "tensorboard")));
        var values = Training.TensorBoardReader.Read(file).SelectMany(one => one.Values.Select(value => (one.Step, value))).ToList();
        Assert.Equal([2L, 4L], values.Where(one => one.value.Tag == "pictures/attention").Select(one => one.Step));
        Assert.Equal([2L, 4L], values.Where(one => one.value.Tag == "weights/blocks.1.mlp.up.weight").Select(one => one.Step));
        Assert.Contains(values, one => one.value.Tag == "loss/val");
        var (height, width, _, png) = values.First(one => one.value.Image is not null).value.Image!.Value;
        // PNG: the sizes follow the signature and the header of the first chunk.
        Assert.Equal((width, height), (System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)), System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20))));
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(4, false)]
    public void A_metric_that_was_measured_once_has_no_curve(int every, bool curve)
    {
        runs.Train(TinyRuns.Config("training.steps=4", "training.schedule.warmup=1", $"training.validate.every={every}"), "run");
        var page = HtmlReport.Of(Read(runs.PathOf("run")));
        Assert.Contains("perplexity", page);
        Assert.Equal(curve, page.Contains("Validation: perplexity"));
    }

    [Fact]
    public void The_page_has_the_confusion_matrix_and_the_translations_of_the_result()
    {
        runs.Train(TinyRuns.Config("training.steps=2", "training.schedule.warmup=1"), "run");
        var run = Read(runs.PathOf("run"));
        var page = HtmlReport.Of(run with
        {
            Result = run.Result! with { Confusion = [[3, 1], [0, 4]], Labels = ["cat", "dog"], Examples = [new("ein <Hund>", "a dog", "a hound")] },
        });
        var section = Regex.Match(page, "<h2>Confusion matrix</h2>(.*?)</section>", RegexOptions.Singleline).Groups[1].Value;
        // 3 of 4 cats were predicted, and no dog was predicted to be one.
        Assert.Matches("cat</th><td[^>]*>4</td><td[^>]*>1.000</td><td[^>]*>0.750</td><td[^>]*>0.857</td>", section);
        Assert.Contains("ein &lt;Hund&gt;", page);
        Assert.Contains("a hound", page);
    }

    [Fact]
    public void Samples_of_a_resumed_run_are_there_once_and_in_order()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("transformer-samples-").FullName, "samples.jsonl");
        var log = new SampleLog(path);
        log.Open(0);
        log.OnSamples(10, ["a"]);
        log.OnSamples(20, ["b\nc"]);
        File.AppendAllText(path, "torn {");
        var resumed = new SampleLog(path);
        resumed.Open(10);
        Assert.Equal([10L], SampleLog.Read(path).Select(one => one.Step));
        resumed.OnSamples(20, ["d\ne"]);
        Assert.Equal([(10L, "a"), (20L, "d\ne")], SampleLog.Read(path).Select(one => (one.Step, one.Samples[0])));
    }

    [Fact]
    public void A_comparison_names_the_settings_that_differ_and_only_those()
    {
        runs.Train(TinyRuns.Config("training.steps=4", "training.schedule.warmup=1", "training.log.every=2"), "one");
        runs.Train(TinyRuns.Config("training.steps=4", "training.schedule.warmup=1", "training.log.every=2", "model.heads=4", "training.schedule={ kind: linear, warmup: 1 }"), "two", maxSteps: 2);
        var page = HtmlReport.Of(Read(runs.PathOf("one")), Read(runs.PathOf("two")));
        var section = Regex.Match(page, "<h2>Settings that differ</h2>(.*?)</section>", RegexOptions.Singleline).Groups[1].Value;
        Assert.Equal(["model.heads", "training.schedule.kind"], Regex.Matches(section, "<th scope=\"row\">(.*?)</th>").Select(match => match.Groups[1].Value).Order());
        Assert.Contains("steps so far", page);
        Assert.Contains("Config of two", page);
    }

    [Fact]
    public void A_folder_that_is_not_a_run_is_refused() =>
        Assert.Contains("config.yaml", Assert.Throws<UserException>(() => Read(Directory.CreateTempSubdirectory("transformer-none-").FullName)).Message);
}
