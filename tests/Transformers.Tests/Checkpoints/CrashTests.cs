namespace Transformers.Tests.Checkpoints;

/// <summary>A process that saves at every step is killed; whoever goes on must end with the weights of the one that was never killed.</summary>
[Trait("Category", "slow")]
public class CrashTests : TempFolderTest
{
    // TRANSFORMER_CRASHES=200 for the full count: tests/Long/fuzz.
    static readonly int Crashes = int.Parse(Environment.GetEnvironmentVariable("TRANSFORMER_CRASHES") ?? "8", CultureInfo.InvariantCulture);

    static string[] Train(string run, int steps, string when) => ["train", run, steps.ToString(CultureInfo.InvariantCulture), "5000", when];

    static string LastLine(string output) => output.TrimEnd().Split('\n')[^1];

    static readonly Dictionary<int, string> Results = [];

    static string Uninterrupted(int steps)
    {
        if (!Results.TryGetValue(steps, out var result)) Results[steps] = result = RunUninterrupted(steps);
        return result;
    }

    static string RunUninterrupted(int steps)
    {
        using var folder = new TempFolder();
        return LastLine(CrashHostProcess.Run(Train(folder["run"], steps, "now")).Done().Output);
    }

    public static TheoryData<string> FailPoints => [.. FailPoint.All];

    [Theory]
    [MemberData(nameof(FailPoints))]
    public void A_run_killed_between_any_two_stages_of_a_save_continues_to_the_same_weights(string failPoint)
    {
        const int Steps = 5;
        // The fourth step's save: by then older checkpoints are deleted and the pointers move. A save passes the boundaries of
        // its five files in a row; a folder is replaced only where the step is saved again.
        var count = failPoint switch
        {
            FailPoint.FilePart or FailPoint.FileWritten or FailPoint.FileSynced => 3 * 6 + 4,
            FailPoint.FileRenamed => 6,
            FailPoint.DeleteRenamed or FailPoint.Deleted or FailPoint.FolderReplaced => 1,
            _ => 4,
        };
        if (failPoint == FailPoint.FolderReplaced)
        {
            // Step 3 exists but is damaged, so the run continues from step 2 and writes step 3 again.
            Assert.Equal(0, CrashHostProcess.Run(Train(folder["run"], 3, "now")).ExitCode);
            File.WriteAllText(folder[$"run/checkpoints/step-00000003/{CheckpointFiles.Model}"], "");
        }
        var (code, output, error) = CrashHostProcess.Run(Train(folder["run"], Steps, "now"), $"{failPoint}:{count}");
        Assert.True(code == CrashHostProcess.Killed, $"was not killed at {failPoint}: {code} {output} {error}");
        AssertSound(folder["run"], atLeast: 1);

        Assert.Equal(Uninterrupted(Steps), LastLine(CrashHostProcess.Run(Train(folder["run"], Steps, "background")).Done().Output));
        AssertFinished(folder["run"], Steps);
    }

    [Theory]
    [InlineData("now")]
    [InlineData("background")]
    public void A_run_killed_at_random_moments_continues_to_the_same_weights(string when)
    {
        var random = new Random(20240607);
        const int Endless = 1_000_000_000;
        for (var i = 0; i < Crashes; i++)
        {
            using var process = CrashHostProcess.Start(Train(folder["run"], Endless, when));
            // Every fourth time in the start-up, else once the first step of this life is done.
            if (i % 4 != 3) while (process.StandardOutput.ReadLine() is { } line && !line.StartsWith("step", StringComparison.Ordinal)) ;
            Thread.Sleep(random.Next(0, 50));
            process.Kill();
            process.WaitForExit();
            Assert.Equal(CrashHostProcess.Killed, process.ExitCode);
            AssertSound(folder["run"], atLeast: 0);
        }
        var steps = (int)(new CheckpointStore(Path.Combine(folder["run"], "checkpoints")).LatestStep ?? 0) + 5;
        var last = CrashHostProcess.Run(Train(folder["run"], steps, when));
        Assert.True(last.ExitCode == 0, last.Error);
        Assert.Equal(Uninterrupted(steps), LastLine(last.Output));
        AssertFinished(folder["run"], steps);
    }

    /// <summary>What is under a checkpoint's name is whole, and the pointers name something, before anybody tidies.</summary>
    static void AssertSound(string run, int atLeast)
    {
        var store = new CheckpointStore(Path.Combine(run, "checkpoints"));
        var intact = store.FindNewestIntact(out var skipped);
        Assert.Empty(skipped);
        Assert.True(store.Steps().Count >= atLeast);
        Assert.Equal(store.Steps().Count > 0, intact is not null);
        foreach (var pointer in new[] { "latest", "best" })
        {
            var path = Path.Combine(store.Folder, pointer);
            if (File.Exists(path)) Checkpoint.Open(Path.Combine(store.Folder, File.ReadAllText(path).TrimEnd('\n')));
        }
    }

    static void AssertFinished(string run, int steps)
    {
        AssertSound(run, 2);
        var store = new CheckpointStore(Path.Combine(run, "checkpoints"));
        Assert.Equal(steps, store.LatestStep);
        Assert.Equal(Enumerable.Range(1, steps).Select(i => (long)i), MetricsLog.Read(Path.Combine(run, "metrics.jsonl")).Select(e => e.Step));
        Assert.DoesNotContain(Directory.GetFileSystemEntries(run, "*", SearchOption.AllDirectories), e => e.EndsWith(".tmp", StringComparison.Ordinal));
    }
}
