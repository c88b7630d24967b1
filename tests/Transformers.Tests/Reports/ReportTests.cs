using System.Text.RegularExpressions;
using Transformers.Reports;
using Transformers.Runs;
using Transformers.Tests.Training;
using Transformers.Training;

namespace Transformers.Tests.Reports;

[Collection("engine")]
public class ReportTests
{
    static ReportedRun Read(string path)
    {
        using var folder = RunFolder.OpenForReading(path);
        return ReportedRun.Read(folder);
    }

    [Fact]
    public void A_run_leaves_a_page_with_its_curves_samples_config_and_machine_that_needs_no_network()
    {
        using var runs = new TinyRuns();
        runs.Train(TinyRuns.Config("training.sample={ tokens: 4, every: 5, prompts: ['<b>&'] }", "training.log.every=5"), "run");
        var page = File.ReadAllText(Path.Combine(runs.PathOf("run"), "report.html"));
        foreach (var expected in new[] { "val_loss", "perplexity", "Loss of run", "Learning rate", "Speed", "&lt;b&gt;&amp;", "Step 20", "Step 5", "libtorch", "holdout", "kind: gpt" })
            Assert.Contains(expected, page);
        Assert.DoesNotContain("<b>&", page);
        Assert.DoesNotContain("<script", page);
        // Links of any kind; the name of the SVG namespace is not one.
        Assert.DoesNotMatch(@"(src|href)\s*=\s*[""'](?!data:)|url\(|@import", page);
        Assert.Equal(page.Split("<section>").Length, page.Split("</section>").Length);
    }

    [Fact]
    public void Samples_of_a_resumed_run_stand_once_and_in_order()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("transformer-samples-").FullName, "samples.jsonl");
        var log = new SampleLog(path);
        log.Open(0);
        log.Sampled(10, ["a"]);
        log.Sampled(20, ["b\nc"]);
        File.AppendAllText(path, "torn {");
        var resumed = new SampleLog(path);
        resumed.Open(10);
        Assert.Equal([10L], SampleLog.Read(path).Select(one => one.Step));
        resumed.Sampled(20, ["d\ne"]);
        Assert.Equal([(10L, "a"), (20L, "d\ne")], SampleLog.Read(path).Select(one => (one.Step, one.Samples[0])));
    }

    [Fact]
    public void A_comparison_names_the_settings_that_differ_and_only_those()
    {
        using var runs = new TinyRuns();
        runs.Train(TinyRuns.Config("training.steps=4", "training.schedule.warmup=1", "training.log.every=2"), "one");
        runs.Train(TinyRuns.Config("training.steps=4", "training.schedule.warmup=1", "training.log.every=2", "model.heads=4", "training.schedule.kind=linear"), "two", maxSteps: 2);
        var page = HtmlReport.Of(Read(runs.PathOf("one")), Read(runs.PathOf("two")));
        var section = Regex.Match(page, "<h2>Settings that differ</h2>(.*?)</section>", RegexOptions.Singleline).Groups[1].Value;
        Assert.Equal(["model.heads", "training.schedule.kind"], Regex.Matches(section, "<th scope=\"row\">(.*?)</th>").Select(match => match.Groups[1].Value).Order());
        Assert.Contains("steps so far", page);
        Assert.Contains("Config of two", page);
    }

    [Fact]
    public void A_folder_that_is_no_run_is_refused() =>
        Assert.Contains("config.yaml", Assert.Throws<UserException>(() => Read(Directory.CreateTempSubdirectory("transformer-none-").FullName)).Message);
}
