namespace TransformerCli.Tests.Commands;

/// <summary>The program under --nproc and under both launchers: what it leaves, and what becomes of it when a process is stopped, killed or silent.</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed class SeveralProcessesTests : TrainingProcesses
{
    // Another number of processes goes on from the newest checkpoint.
    void AssertResumes(int processes, string mpi)
    {
        var newest = Store.FindNewestIntact(out var skipped);
        Assert.Empty(skipped);
        var from = newest?.Step ?? 0;
        var rest = processes == 1 ? ProgramProcess.Run(Folder, [.. Train(), "--max-steps", $"{from + 2}"])
            : ProgramProcess.Run(Folder, [.. Train(), "--max-steps", $"{from + 2}", "--nproc", $"{processes}"], Under(mpi));
        Assert.True(rest.ExitCode == 0, rest.Error);
        if (from > 0) Assert.Contains($"resuming from step {from} ", rest.Error);
        Assert.Equal(from + 2, Store.LatestStep);
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    [InlineData(Mpi.Mpich)]
    public void Nproc_trains_and_prints_once(string mpi)
    {
        var ended = ProgramProcess.Run(Folder, [.. Train("training.steps=20", "training.checkpoint.every=5"), "--nproc", "2", "--json"], Under(mpi)).Done();
        Assert.Equal((20, 2), (ended.Json.GetProperty("steps").GetInt32(), ended.Json.GetProperty("processes").GetInt32()));
        Assert.Single(ended.Error.Split('\n'), line => line.Contains("in each of 2 processes", StringComparison.Ordinal));
        Assert.True(File.Exists(Path.Combine(Run, "result.json")));
        Assert.Equal(20, Store.LatestStep);
        AssertNothingIsLeft();
        // A finished run is finished for all.
        ended = ProgramProcess.Run(Folder, [.. Train("training.steps=20", "training.checkpoint.every=5"), "--nproc", "2"], Under(mpi)).Done();
        Assert.Contains("is finished", ended.Error);
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi, "TERM", 143)]
    [InlineData(Mpi.OpenMpi, "INT", 130)]
    [InlineData(Mpi.Mpich, "TERM", 143)]
    public void A_signal_saves_and_ends_all(string mpi, string signal, int code)
    {
        using (var program = Start(mpi, 2))
        {
            program.WaitForError("step 20/");
            program.Signal(signal);
            var ended = program.End().Exits(code);
        }
        Assert.True(Store.LatestStep >= 20);
        AssertNothingIsLeft();
        AssertResumes(1, mpi);
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi, 0)]
    [InlineData(Mpi.OpenMpi, 1)]
    [InlineData(Mpi.Mpich, 1)]
    public void A_signal_to_one_process_saves_and_ends_all(string mpi, int rank)
    {
        using var program = Start(mpi, 2);
        program.WaitForError("step 20/");
        Signal(Ranks()[rank], "TERM");
        var ended = program.End().Exits(143);
        Assert.True(Store.LatestStep >= 20);
        AssertNothingIsLeft();
    }

    // Signals reach processes one after the other: what is late finds a process that has agreed to stop, and saves.
    [MpiTheory]
    [InlineData(Mpi.OpenMpi, 0)]
    [InlineData(Mpi.OpenMpi, 1)]
    [InlineData(Mpi.Mpich, 0)]
    public void A_signal_that_arrives_after_all_have_agreed_to_stop_ends_nothing(string mpi, int first)
    {
        using var program = Start(mpi, 2, "model.width=256", "model.layers=2");
        program.WaitForError("step 20/");
        var ranks = Ranks();
        Signal(ranks[first], "TERM");
        program.Until("a save, on which all have agreed", () => Directory.Exists(Store.Folder) && Directory.EnumerateFileSystemEntries(Store.Folder).Any());
        Signal(ranks[1 - first], "TERM");
        var ended = program.End().Exits(143);
        Assert.True(Store.LatestStep >= 20);
        AssertNothingIsLeft();
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    [InlineData(Mpi.Mpich)]
    public void A_signal_before_the_first_step_has_its_own_code(string mpi)
    {
        using var program = new ProgramProcess(Folder, [.. Train("data.source.size=40MB", "data.tokenizer={ kind: bpe, vocabulary: 4000 }"), "--nproc", "2", "--json"], Under(mpi));
        program.WaitForError("tokeniz");
        program.Signal("TERM");
        var ended = program.End().Exits(143);
        // MPICH's launcher adds a notice of its own to standard output: docs/processes.md.
        using (var document = JsonDocument.Parse(mpi == Mpi.Mpich ? ended.Output.Split('\n')[0] : ended.Output)) Assert.Equal("sigterm", document.RootElement.GetProperty("stopped").GetString());
        Assert.DoesNotContain("error", ended.Error);
        AssertNothingIsLeft();
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi, "step 20/", 0, "KILL", 5)]
    [InlineData(Mpi.OpenMpi, "step 20/", 1, "KILL", 5)]
    [InlineData(Mpi.OpenMpi, "step 20/", 1, "STOP", 5)]
    [InlineData(Mpi.OpenMpi, "step 20/", 0, "STOP", 5)]
    [InlineData(Mpi.OpenMpi, "gpt with", 1, "KILL", 5)]
    [InlineData(Mpi.OpenMpi, "gpt with", 0, "KILL", 5)]
    // With a checkpoint after every step, the first process is nearly always saving.
    [InlineData(Mpi.OpenMpi, "step 20/", 0, "KILL", 1)]
    [InlineData(Mpi.OpenMpi, "step 20/", 0, "STOP", 1)]
    [InlineData(Mpi.Mpich, "step 20/", 0, "KILL", 1)]
    [InlineData(Mpi.Mpich, "step 20/", 1, "STOP", 5)]
    public void A_process_that_dies_or_is_silent_ends_the_others_with_6(string mpi, string stage, int rank, string signal, int every)
    {
        const int silence = 8;
        using (var program = new ProgramProcess(Folder, [.. Train($"training.checkpoint.every={every}"), "--nproc", "3"], Under(mpi, signal == "STOP" ? silence : null)))
        {
            program.WaitForError(stage);
            var pid = Ranks()[rank];
            Signal(pid, signal);
            var ended = program.End().Exits(6);
            Assert.Contains(signal == "KILL" ? "ended" : $"has not answered for {silence} s", ended.Error);
            Assert.Contains($"process {rank} (pid {pid} on ", ended.Error);
        }
        AssertNothingIsLeft();
        AssertResumes(2, mpi);
    }

    // While one process is stopped, the others wait for it in an exchange.
    [MpiTheory]
    [InlineData(Mpi.OpenMpi, 0)]
    [InlineData(Mpi.OpenMpi, 1)]
    [InlineData(Mpi.Mpich, 0)]
    public void A_process_that_dies_in_an_exchange_ends_the_others_with_6(string mpi, int rank)
    {
        using (var program = Start(mpi, 3, "training.checkpoint.every=5"))
        {
            program.WaitForError("step 20/");
            var ranks = Ranks();
            Signal(ranks[2], "STOP");
            Thread.Sleep(500);
            Signal(ranks[rank], "KILL");
            Thread.Sleep(500);
            Signal(ranks[2], "CONT");
            var ended = program.End().Exits(6);
        }
        AssertNothingIsLeft();
        AssertResumes(1, mpi);
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    [InlineData(Mpi.Mpich)]
    public void When_the_program_that_started_them_is_killed_the_processes_save_and_end(string mpi)
    {
        using var program = Start(mpi, 2);
        program.WaitForError("step 20/");
        program.Signal("KILL");
        program.End();
        AssertNothingIsLeft();
        Assert.True(Store.LatestStep >= 20);
    }

    // A launcher may kill the processes before they have saved: docs/processes.md.
    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    [InlineData(Mpi.Mpich)]
    public void A_signal_to_the_launcher_leaves_no_process_and_a_run_that_resumes(string mpi)
    {
        using (var program = new ProgramProcess(Folder, Train("training.checkpoint.every=5"), [.. Mpi.Line(mpi, 2)]))
        {
            program.WaitForError("step 20/");
            program.Signal("TERM");
            program.End();
        }
        AssertNothingIsLeft();
        Assert.True(Store.LatestStep >= 10);
        AssertResumes(1, mpi);
    }

    [SlurmTheory]
    [InlineData("pmix", "Open MPI")]
    [InlineData("pmi2", "MPICH")]
    public void Tasks_of_a_Slurm_step_train_one_run(string interfaceName, string library)
    {
        var ended = ProgramProcess.Run(Folder, Train("training.steps=20", "training.checkpoint.every=5"), Repository.PathOf("tests/Long/processes/slurm"), "2", interfaceName).Done();
        Assert.Single(ended.Error.Split('\n'), line => line.Contains("in each of 2 processes", StringComparison.Ordinal) && line.Contains(library, StringComparison.Ordinal));
        Assert.Equal(20, Store.LatestStep);
        AssertNothingIsLeft();
        AssertResumes(1, Mpi.OpenMpi);
    }

    [MpiTheory]
    [InlineData("training.steps=0", "training.steps")]
    [InlineData("data.source.size=1MB", "--nproc")]
    public void A_mistake_is_printed_once_and_has_code_2(string set, string named)
    {
        string[] more = named == "--nproc" ? ["--nproc", "0"] : ["--nproc", "2"];
        var ended = ProgramProcess.Run(Folder, [.. Train(set), .. more], Under(Mpi.OpenMpi)).Exits(2);
        Assert.Single(ended.Error.Split('\n'), line => line.StartsWith("error: ", StringComparison.Ordinal) && line.Contains(named, StringComparison.Ordinal));
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    public void Several_seeds_are_trained_and_a_dry_run_is_made(string mpi)
    {
        var dry = ProgramProcess.Run(Folder, [.. Train("training.steps=4"), "--dry-run", "--nproc", "2"], Under(mpi)).Done();
        Assert.Single(dry.Output.Split('\n'), line => line.StartsWith("first pass", StringComparison.Ordinal));
        var seeds = ProgramProcess.Run(Folder, [.. Train("training.steps=4", "training.validate.every=4"), "--seeds", "2", "--nproc", "2", "--json"], Under(mpi)).Done();
        Assert.Equal([2, 2], seeds.Json.GetProperty("runs").EnumerateArray().Select(run => run.GetProperty("processes").GetInt32()));
        Assert.True(File.Exists(Path.Combine(Run, "seeds.json")));
        AssertNothingIsLeft();
        var sweep = ProgramProcess.Run(Folder, ["sweep", "tiny.yaml", "--vary", "model.layers=1,2"], [.. Mpi.Line(mpi, 2)]);
        Assert.NotEqual(0, sweep.ExitCode);
        Assert.Single(sweep.Error.Split('\n'), line => line.StartsWith("error: sweep is for one process", StringComparison.Ordinal));
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    public void Evaluation_and_generation_by_several_processes_are_those_of_one(string mpi)
    {
        Assert.Equal(0, ProgramProcess.Run(Folder, [.. Train(), "--max-steps", "10"]).ExitCode);
        File.WriteAllLines(At("prompts.txt"), Enumerable.Range(0, 100).Select(i => $"Once {i}"));
        foreach (var arguments in new string[][] { ["eval", Run, "--json", "--device", "cpu", "--threads", "1"], ["generate", Run, "--input", "prompts.txt", "--max-new-tokens", "8", "--device", "cpu", "--threads", "1"] })
        {
            var alone = ProgramProcess.Run(Folder, arguments);
            Assert.Equal(alone.Output, ProgramProcess.Run(Folder, [.. arguments, "--nproc", "3"], Under(mpi)).Done().Output);
        }
    }
}
