using Transformers.Tests.Checkpoints;

namespace Transformers.Tests.Runs;

public class RunFolderTests : TempFolderTest
{
    static readonly CheckpointPolicy Policy = new(2);

    [Fact]
    public void A_run_folder_is_created_and_its_files_have_the_documented_paths()
    {
        using var run = RunFolder.OpenForTraining(folder["runs/gpt"], Policy);
        Assert.True(run.IsEmpty);
        Assert.False(run.IsFinished);
        run.WriteText("config.yaml", "seed: 1\n");
        run.WriteText("tensorboard/events", "");
        run.WriteResult("{}");
        Assert.True(run.IsFinished);
        Assert.False(run.IsEmpty);
        string[] files = [run.ConfigFile, run.TokenizerFile, run.MetricsFile, run.LogFile, run.ResultFile, run.ReportFile, run.TensorBoardFolder, run.Checkpoints.Folder];
        Assert.Equal(["config.yaml", "tokenizer.json", "metrics.jsonl", "log.jsonl", "result.json", "report.html", "tensorboard", "checkpoints"],
            files.Select(f => Path.GetRelativePath(folder["runs/gpt"], f)));
        run.ClearResult();
        Assert.False(run.IsFinished);
        Assert.Throws<UserException>(() => run.WriteText("../x", ""));
    }

    [Fact]
    public void A_second_run_in_the_same_folder_is_refused_and_the_message_names_the_first()
    {
        using (var first = RunFolder.OpenForTraining(folder["run"], Policy))
        {
            Assert.Contains($"process {Environment.ProcessId} on '{Environment.MachineName}'", Assert.Throws<UserException>(() => RunFolder.OpenForTraining(folder["run"], Policy)).Message);
            using var reader = RunFolder.OpenForReading(folder["run"]);
            Assert.Throws<InvalidOperationException>(() => reader.WriteResult("{}"));
        }
        RunFolder.OpenForTraining(folder["run"], Policy).Dispose();
    }

    [Fact]
    public void A_run_in_another_process_is_refused_too_and_its_folder_is_free_once_it_is_killed()
    {
        using var first = CrashHostProcess.Start(["hold", folder["run"]]);
        Assert.Equal("held", first.StandardOutput.ReadLine());
        Assert.Contains($"process {first.Id} on", Assert.Throws<UserException>(() => RunFolder.OpenForTraining(folder["run"], Policy)).Message);
        first.Kill();
        first.WaitForExit();
        Assert.True(File.Exists(folder["run/.lock.json"]));
        RunFolder.OpenForTraining(folder["run"], Policy).Dispose();
    }

    [Fact]
    public void An_owner_is_dead_only_if_its_process_is_gone_or_started_at_another_time()
    {
        Assert.False(RunOwner.Self.IsKnownDead());
        Assert.False((RunOwner.Self with { Host = "elsewhere", Pid = int.MaxValue }).IsKnownDead());
        Assert.True((RunOwner.Self with { Pid = int.MaxValue }).IsKnownDead());
        Assert.True((RunOwner.Self with { ProcessStart = "1" }).IsKnownDead());
        Assert.True((RunOwner.Self with { BootId = "before" }).IsKnownDead());
    }

    [Fact]
    public void A_checkpoint_is_meant_by_its_own_folder_or_by_its_run()
    {
        var policy = new CheckpointPolicy(9, "val_loss");
        using (var run = RunFolder.OpenForTraining(folder["run"], policy))
        {
            Assert.Throws<CheckpointException>(() => RunFolder.OpenCheckpoint(folder["run"]));
            for (var step = 1; step <= 3; step++) run.Checkpoints.Save(new CheckpointContents(step).AddText("x", "").AddMetric("val_loss", step == 2 ? 0 : 1), policy);
        }
        Assert.Equal(2, RunFolder.OpenCheckpoint(folder["run"]).Step);
        Assert.Equal(3, RunFolder.OpenCheckpoint(folder["run"] + "/", "latest").Step);
        Assert.Equal(1, RunFolder.OpenCheckpoint(folder["run"], "1").Step);
        Assert.Equal(1, RunFolder.OpenCheckpoint(folder["run/checkpoints/step-00000001"]).Step);
        Assert.Contains("the steps are 3, 2, 1", Assert.Throws<CheckpointException>(() => RunFolder.OpenCheckpoint(folder["run"], "7")).Message);
        Assert.Throws<CheckpointException>(() => RunFolder.OpenCheckpoint(folder["run"], "../../x"));
        Assert.Throws<CheckpointException>(() => RunFolder.OpenCheckpoint(folder["run/checkpoints/step-00000001"], "best"));
        Assert.Throws<CheckpointException>(() => RunFolder.OpenCheckpoint(folder["absent"]));
    }

    [Fact]
    public void A_folder_that_is_a_file_is_an_error_of_the_user()
    {
        File.WriteAllText(folder["run"], "");
        Assert.Throws<CheckpointException>(() => RunFolder.OpenForTraining(folder["run"], Policy));
        Assert.Throws<CheckpointException>(() => RunFolder.OpenForReading(folder["run"]));
    }

    [Fact]
    public void Leftovers_of_a_killed_run_are_gone_when_the_next_begins()
    {
        Directory.CreateDirectory(folder["run/checkpoints/step-00000009.tmp"]);
        File.WriteAllText(folder["run/result.json.tmp"], "{");
        using var run = RunFolder.OpenForTraining(folder["run"], Policy);
        Assert.True(Directory.Exists(run.Checkpoints.Folder));
        Assert.Empty(Directory.GetFileSystemEntries(run.Checkpoints.Folder));
        Assert.False(File.Exists(folder["run/result.json.tmp"]));
    }
}
