namespace TransformerCli.Tests.Commands;

/// <summary>How tables and folders of series are laid out is reported alike by <c>data inspect</c> and by training.</summary>
[Collection("engine")]
public sealed class SeriesLayoutTests : FolderTest
{
    const string Learning = "training: { steps: 1, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 } }";

    [Fact]
    public void A_table_of_numbers_with_a_row_per_series_and_step_is_warned_of_with_the_settings_that_change_it()
    {
        var table = Write("long.csv", "id,t,value\n" + string.Concat(Enumerable.Range(0, 120).Select(i => $"{1 + i / 60},{i % 60},{i % 7}\n")));
        var config = Write("series.yaml", $$"""
            data: { kind: series, source: { path: "{{table}}" }, context: 24, horizon: 6, validation: 12 }
            model: { kind: patchtst, patch: 8, layers: 1, heads: 2, width: 16 }
            {{Learning}}
            """);
        const string warning = "all 3 columns were read as series, but the table seems to have one row per series and step";
        Assert.Contains($"warning     {warning}", CommandLine.Done("data", "inspect", table).Output);
        Assert.Contains($"warning: {warning}", CommandLine.Done("train", config, "--run", At("run"), "--device", "cpu").Error);
        Assert.DoesNotContain(warning, CommandLine.Done("train", config, "--run", At("own"), "--device", "cpu", "--set", "data.source.columns=[value]").Error);
    }

    static string Rows(int count, params string[] classes) =>
        string.Concat(Enumerable.Range(0, count).Select(i => $"{classes[i % classes.Length]}\t{string.Join('\t', Enumerable.Range(0, 20).Select(k => (i + k) % 5))}\n"));

    [Fact]
    public void A_folder_of_the_ucr_archive_is_inspected_and_trained_on()
    {
        Write("Coffee/Coffee_TRAIN.tsv", Rows(20, "0", "1"));
        Write("Coffee/Coffee_TEST.tsv", Rows(9, "0", "1", "2") + "1\tx\t2\n");
        Write("Coffee/README.md", "About the data.\n");
        var inspected = CommandLine.Done("data", "inspect", At("Coffee")).Output;
        Assert.Contains($"train       20 series of 20 steps: {At("Coffee/Coffee_TRAIN.tsv")}\n  classes   2: 0 10, 1 10\n", inspected);
        Assert.Contains($"test        9 series of 20 steps: {At("Coffee/Coffee_TEST.tsv")}\n  classes   3: 0 3, 1 3, 2 3\n", inspected);
        Assert.Contains($"unusable    {At("Coffee/Coffee_TEST.tsv")}:10: 'x' in column '2' is not a number", inspected);
        Assert.Contains("warning     no training series is of class 2", inspected);
        using var document = JsonDocument.Parse(CommandLine.Done("data", "inspect", At("Coffee"), "--json").Output);
        Assert.Equal("labelled_series", document.RootElement.GetProperty("contents").GetString());
        Assert.Equal(["train", "test"], document.RootElement.GetProperty("report").GetProperty("splits").EnumerateArray().Select(split => split.GetProperty("name").GetString()));

        Write("Coffee/Coffee_TEST.tsv", Rows(8, "0", "1"));
        var config = Write("classes.yaml", $$"""
            data: { kind: labelled_series, source: { generator: cylinder_bell_funnel, count: 60 }, length: 20 }
            model: { kind: series_classifier, patch: 4, layers: 1, heads: 2, width: 16 }
            {{Learning}}
            """);
        CommandLine.Done("train", config, "--data", At("Coffee"), "--run", At("run"), "--device", "cpu");
        Assert.Contains("test: 8 series", CommandLine.Done("eval", At("run"), "--device", "cpu").Output);
        Write("Coffee/Other_TRAIN.tsv", Rows(20, "0", "1"));
        Assert.Contains($"{At("Coffee")}: the folder has 2 training tables and 1 test table", CommandLine.Refused("train", config, "--data", At("Coffee"), "--run", At("run-2"), "--device", "cpu"));
        Assert.Contains("Other_TRAIN 20 series", CommandLine.Done("data", "inspect", At("Coffee")).Output);
    }
}
