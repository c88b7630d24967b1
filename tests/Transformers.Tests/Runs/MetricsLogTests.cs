namespace Transformers.Tests.Runs;

public class MetricsLogTests : TempFolderTest
{
    static RunFolder Open(TempFolder folder) => RunFolder.OpenForTraining(folder["run"], new CheckpointPolicy(1));

    static void Log(RunFolder run, long resumed, params long[] steps)
    {
        using var log = run.OpenMetrics(resumed);
        foreach (var step in steps) log.Append(step, "train", ("loss", 1.0 / step), ("lr", 1e-3));
        log.Flush();
    }

    static long[] Steps(RunFolder run) => [.. MetricsLog.Read(run.MetricsFile).Select(e => e.Step)];

    [Fact]
    public void Lines_have_the_documented_form_and_numbers_that_are_not_finite_are_null()
    {
        using var run = Open(folder);
        using (var log = run.OpenMetrics(0))
        {
            log.Append(3, "val", ("loss", 0.1), ("perplexity", double.PositiveInfinity));
        }
        Assert.Equal("{\"step\":3,\"split\":\"val\",\"loss\":0.1,\"perplexity\":null}\n", File.ReadAllText(run.MetricsFile));
        var read = Assert.Single(MetricsLog.Read(run.MetricsFile));
        Assert.Equal((3L, "val", 0.1), (read.Step, read.Split, read.Values["loss"]));
        Assert.True(double.IsNaN(read.Values["perplexity"]));
    }

    [Fact]
    public void Resuming_drops_events_after_the_resumed_step()
    {
        using var run = Open(folder);
        Log(run, 0, 1, 2, 3, 4, 5);
        Log(run, 3, 4, 5, 6);
        Assert.Equal([1, 2, 3, 4, 5, 6], Steps(run));
        Log(run, 6, 7);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], Steps(run));
        Log(run, 0, 1);
        Assert.Equal([1], Steps(run));
    }

    [Theory]
    [InlineData("{\"step\":3,\"spl")]
    [InlineData("{\"step\":3,\"split\":\"train\"}")]
    [InlineData("\0\0\0\0")]
    [InlineData("{\"step\":3,\"split\":\"\\ud800\"}\n")]
    [InlineData("[]\n\n7\n{\"step\":1.5,\"split\":\"train\"}\n{\"split\":\"train\"}\n")]
    public void A_torn_or_other_line_is_skipped_and_gone_after_resuming(string tail)
    {
        using var run = Open(folder);
        Log(run, 0, 1, 2);
        File.AppendAllText(run.MetricsFile, tail);
        Assert.Equal([1, 2], Steps(run).Where(s => s < 3));
        Log(run, 2, 3);
        Assert.Equal([1, 2, 3], Steps(run));
        Assert.Equal(3, File.ReadAllLines(run.MetricsFile).Length);
    }

    [Fact]
    public void A_file_cut_short_at_any_byte_is_read_and_continued()
    {
        using var run = Open(folder);
        Log(run, 0, 1, 2, 3);
        var whole = File.ReadAllBytes(run.MetricsFile);
        for (var cut = 0; cut < whole.Length; cut++)
        {
            File.WriteAllBytes(run.MetricsFile, whole[..cut]);
            var before = Steps(run);
            Log(run, 3, 4);
            Assert.Equal([.. before, 4], Steps(run));
        }
    }

    [Fact]
    public void A_line_without_end_is_refused_and_not_kept_in_memory()
    {
        File.WriteAllText(folder["m"], new string('x', 2 << 20));
        Assert.Throws<CheckpointException>(() => MetricsLog.Read(folder["m"]).Count());
    }

    [Fact]
    public void An_absent_file_has_no_events() => Assert.Empty(MetricsLog.Read("/nonexistent/metrics.jsonl"));
}
