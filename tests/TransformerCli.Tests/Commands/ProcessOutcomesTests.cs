namespace TransformerCli.Tests.Commands;

/// <summary>The exit code, the message and the output of several processes are those of one, whichever launcher starts them.</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed class ProcessOutcomesTests : TrainingProcesses
{
    // Without an end-of-text token, which would end samples early.
    static readonly string[] Characters = ["data.tokenizer={ kind: characters }", "data.document_start=false", "training.log.every=1"];

    static string[] Errors(Outcome ended) => [.. ended.Error.Split('\n').Where(line => line.StartsWith("error: ", StringComparison.Ordinal))];

    // Mistakes that the processes find: all of them at once, the first one alone, and one that reads the data before the others.
    [MpiTheory]
    [InlineData(Mpi.OpenMpi, "--expect=speed>=1", "speed")]
    [InlineData(Mpi.Mpich, "--expect=speed>=1", "speed")]
    [InlineData(Mpi.OpenMpi, "--resume=never", "not empty")]
    [InlineData(Mpi.Mpich, "--resume=never", "not empty")]
    [InlineData(Mpi.OpenMpi, "--set=data.source={ files: [missing.txt] }", "missing.txt")]
    [InlineData(Mpi.Mpich, "--set=data.source={ files: [missing.txt] }", "missing.txt")]
    public void A_mistake_that_the_processes_find_is_printed_once_and_has_code_2(string mpi, string argument, string named)
    {
        if (argument == "--resume=never")
        {
            Directory.CreateDirectory(Run);
            File.WriteAllText(Path.Combine(Run, "notes.txt"), "");
        }
        // When one process fails, MPICH's launcher kills the others and exits with the code of those.
        foreach (var nproc in mpi == Mpi.Mpich ? new[] { true } : [true, false])
        {
            var ended = nproc ? ProgramProcess.Run(Folder, [.. Train(), argument, "--nproc", "3"], Under(mpi)) : ProgramProcess.Run(Folder, [.. Train(), argument], [.. Mpi.Line(mpi, 3)]);
            Assert.True(ended.ExitCode == 2, $"{ended.ExitCode}: {ended.Error}");
            Assert.Contains(named, Assert.Single(Errors(ended)));
            Assert.DoesNotContain("   at ", ended.Error);
        }
        AssertNothingIsLeft();
    }

    // Only the first process knows the number of parameters and its own speed.
    [MpiTheory]
    [InlineData(Mpi.OpenMpi, "parameters>=1000", 0)]
    [InlineData(Mpi.Mpich, "parameters>=1000", 0)]
    [InlineData(Mpi.OpenMpi, "parameters<=1000", 3)]
    public void An_expectation_has_the_same_outcome_for_all(string mpi, string rule, int code)
    {
        var ended = ProgramProcess.Run(Folder, [.. Train(), "--max-steps", "2", "--expect", rule], [.. Mpi.Line(mpi, 2)]).Exits(code);
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    [InlineData(Mpi.Mpich)]
    public void A_signal_while_samples_are_made_saves_and_ends_all(string mpi)
    {
        // Samples that would take long, and that the first process alone makes.
        using var program = Start(mpi, 2, [.. Characters, "training.sample={ every: 1, tokens: 1000000, prompts: [a, b, c, d, e, f, g, h] }"]);
        program.WaitForError("step 1/");
        program.Signal("TERM");
        var ended = program.End().Exits(143);
        Assert.Empty(Errors(ended));
        Assert.DoesNotContain("sample at step", ended.Error);
        Assert.InRange(Store.LatestStep ?? 0, 1, 2);
        AssertNothingIsLeft();
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    [InlineData(Mpi.Mpich)]
    public void A_second_signal_ends_all_at_once(string mpi)
    {
        // A step that takes many seconds: the first signal alone would wait for its end.
        using var program = Start(mpi, 2, "training.batch.sequences=131072", "training.batch.micro=2048", "training.log.every=1");
        program.WaitForError("step 1/");
        program.Signal("INT");
        Assert.False(program.EndsWithin(TimeSpan.FromMilliseconds(500)));
        program.SignalUntilTheEnd("INT");
        var ended = program.End().Exits(130);
        Assert.Empty(Errors(ended));
        Assert.Null(Store.LatestStep);
        AssertNothingIsLeft();
    }

    // A launcher sends SIGTERM to the others when one has died, and they may receive it before they notice the death themselves.
    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    [InlineData(Mpi.Mpich)]
    public void A_process_that_dies_has_failed_even_if_another_one_was_asked_to_stop_first(string mpi)
    {
        using var program = Start(mpi, 2, "training.log.every=1");
        program.WaitForError("step 20/");
        var ranks = Ranks();
        Signal(ranks[1], "STOP");
        // Once the first process waits for the other in an exchange, they cannot agree to stop.
        for (var before = -1; program.Error.Length != before; Thread.Sleep(3000)) before = program.Error.Length;
        Signal(ranks[0], "TERM");
        Assert.False(program.EndsWithin(TimeSpan.FromMilliseconds(500)));
        Signal(ranks[1], "KILL");
        var ended = program.End().Exits(6);
        Assert.Contains("ended", Assert.Single(Errors(ended)));
        Assert.Null(Store.LatestStep);
        AssertNothingIsLeft();
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    public void More_processes_than_cores_are_warned_about_once(string mpi)
    {
        foreach (var cores in new[] { 1, 2 })
        {
            var ended = ProgramProcess.Run(Folder, [.. Train(), "--max-steps", $"{cores}", "--nproc", "2"], [.. Under(mpi), $"DOTNET_PROCESSOR_COUNT={cores}"]).Done();
            Assert.Equal(2 - cores, ended.Error.Split('\n').Count(line => line.StartsWith("warning: --nproc (2) starts more processes than there are cores here (1)", StringComparison.Ordinal)));
        }
    }

    static void MakeExecutable(string script)
    {
        using var change = System.Diagnostics.Process.Start("chmod", ["+x", script]);
        change.WaitForExit();
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    [InlineData(Mpi.Mpich)]
    public void A_launcher_may_write_as_much_as_it_likes_with_its_version(string mpi)
    {
        var launcher = At("launcher");
        File.WriteAllText(launcher, $"#!/bin/sh\n[ \"$1\" != --version ] || head -c 300000 /dev/zero >&2\nexec {Mpi.Launcher(mpi)} \"$@\"\n");
        MakeExecutable(launcher);
        Assert.Contains("in each of 2 processes", ProgramProcess.Run(Folder, [.. Train(), "--max-steps", "2", "--nproc", "2"], "env", $"TRANSFORMER_MPIRUN={launcher}").Done().Error);
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    [InlineData(Mpi.Mpich)]
    public void A_process_that_never_joins_the_others_ends_them_with_6(string mpi)
    {
        var line = Mpi.Line(mpi, 1);
        using var program = new ProgramProcess(Folder, [.. Train(), ":", "-n", "1", "sleep", "120"], ["env", "TRANSFORMER_SILENCE=5", .. line]);
        var ended = program.End();
        Assert.NotEqual(0, ended.ExitCode);
        Assert.Contains("have not found each other within 5 s", Assert.Single(Errors(ended)));
        AssertNothingIsLeft();
    }

    // Until they have met, the others do not notice the death of a process: the launcher does.
    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    [InlineData(Mpi.Mpich)]
    public void A_process_that_dies_before_it_has_met_the_others_ends_them_with_6(string mpi)
    {
        var dying = At("dying");
        File.WriteAllText(dying, """
            #!/bin/sh
            [ "${PMI_RANK:-$OMPI_COMM_WORLD_RANK}" != 1 ] || { printf %s $$ > $TRANSFORMER_LAUNCHED/1.pid; kill -9 $$; }
            exec "$@"
            """);
        var launcher = At("launcher");
        // The program comes after the options, which end with -n 2 and, under MPICH, with the four words of its shell.
        File.WriteAllText(launcher, $"""
            #!/bin/bash
            [ "$1" != --version ] || exec {Mpi.Launcher(mpi)} --version
            for ((i = 1; i <= $#; i++)); do [[ ${"{!i}"} != */dotnet ]] || exec {Mpi.Launcher(mpi)} "${"{@:1:i-1}"}" {dying} "${"{@:i}"}"; done
            """);
        MakeExecutable(dying);
        MakeExecutable(launcher);
        var ended = ProgramProcess.Run(Folder, [.. Train(), "--nproc", "2"], "env", $"TRANSFORMER_MPIRUN={launcher}").Exits(6);
        Assert.Contains(mpi == Mpi.Mpich ? "has ended because of signal 9" : "one of the 2 processes ended prematurely", Assert.Single(Errors(ended)));
        AssertNothingIsLeft();
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi, "--nproc=2")]
    [InlineData(Mpi.Mpich, "--nproc:2")]
    public void The_log_file_has_what_the_first_process_and_the_one_that_started_it_report(string mpi, string nproc)
    {
        var ended = ProgramProcess.Run(Folder, [.. Train(), "--max-steps", "3", nproc, "--log-file", "log.txt"], Under(mpi)).Done();
        var log = File.ReadAllText(At("log.txt"));
        Assert.Contains("in each of 2 processes", log);
        Assert.Contains("exit code 0", log);
        using (var program = new ProgramProcess(Folder, [.. Train(), nproc, "--log-file", "log.txt"], Under(mpi)))
        {
            program.WaitForError("step 20/");
            Signal(Ranks()[1], "KILL");
            ended = program.End().Exits(6);
        }
        log = File.ReadAllText(At("log.txt"));
        Assert.True(log.Contains("process 1 (pid ", StringComparison.Ordinal), log + ended.Error);
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    [InlineData(Mpi.Mpich)]
    public void Files_with_fewer_lines_than_processes_give_as_many_results(string mpi)
    {
        Assert.Equal(0, ProgramProcess.Run(Folder, [.. Train(), "--max-steps", "2"]).ExitCode);
        foreach (var text in new[] { "", "a\n", "a\nb\n\nc" })
        {
            File.WriteAllText(At("few.txt"), text);
            string[] arguments = ["generate", Run, "--input", "few.txt", "--max-new-tokens", "4", "--device", "cpu", "--threads", "1"];
            var (alone, together) = (ProgramProcess.Run(Folder, arguments), ProgramProcess.Run(Folder, [.. arguments, "--nproc", "4"], Under(mpi)));
            Assert.Equal((alone.ExitCode, alone.Output), (together.ExitCode, together.Output));
        }
        File.WriteAllText(At("few.txt"), "Once upon");
        string[] few = ["eval", Run, "--data", "few.txt", "--json", "--device", "cpu", "--threads", "1"];
        var (one, four) = (ProgramProcess.Run(Folder, few), ProgramProcess.Run(Folder, [.. few, "--nproc", "4"], Under(mpi)));
        Assert.Equal((0, one.Output), (four.ExitCode, four.Output));
        var input = ProgramProcess.Run(Folder, ["generate", Run, "--input", "-", "--nproc", "2"], Under(mpi)).Exits(2);
        Assert.Contains("standard input", Assert.Single(Errors(input)));
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi, "data: { kind: labelled_series, source: { generator: cylinder_bell_funnel, count: 400 }, length: 64 }", "model: { kind: series_classifier, patch: 16, layers: 1, heads: 2, width: 16 }")]
    [InlineData(Mpi.Mpich, "data: { kind: audio, source: { generator: digits, count: 40 }, seconds: 0.3, mels: 16, holdout: 0.4 }", "model: { kind: ast, patch: 8, layers: 1, heads: 2, width: 16 }")]
    [InlineData(Mpi.OpenMpi, "data: { kind: images, source: { generator: digits, count: 300, side: 12 }, input: { size: 12, channels: 1 }, holdout: { count: 41 } }", "model: { kind: resnet, width: 4, layers: [1, 1] }")]
    [InlineData(Mpi.Mpich, "data: { kind: series, source: { generator: regimes, count: 4, length: 300 }, context: 48, horizon: 12, season: 24, validation: 60, test: 36 }", "model: { kind: patchtst, patch: 6, layers: 1, heads: 2, width: 16 }")]
    [InlineData(Mpi.OpenMpi, "data: { kind: labelled, source: { generator: sentiment, size: 300 }, tokenizer: { kind: words } }", "model: { kind: encoder, layers: 1, heads: 2, width: 16, context: 64, head: { kind: classify } }")]
    [InlineData(Mpi.Mpich, "data: { kind: image_text, source: { generator: scenes, size: 240 }, tokenizer: { kind: words }, input: { size: 32 } }", "model: { kind: vilbert, text: { layers: 1, heads: 2, width: 8 }, image: { layers: 1, heads: 2, width: 16 }, co_layers: 1, width: 16, patch: 16, context: 32 }")]
    public void Evaluations_of_other_models_by_several_processes_are_those_of_one(string mpi, string data, string model)
    {
        File.WriteAllText(At("other.yaml"), $"{data}\n{model}\ntraining: {{ steps: 3, batch: {{ sequences: 8 }}, optimizer: {{ kind: adamw, lr: 1.0e-3 }}, precision: fp32 }}\n");
        ProgramProcess.Run(Folder, ["train", "other.yaml", "--run", Run, "--device", "cpu", "--threads", "1", "--nproc", "2"], Under(mpi)).Done();
        string[] arguments = ["eval", Run, "--json", "--batch-size", "7", "--device", "cpu", "--threads", "1"];
        var (alone, together) = (ProgramProcess.Run(Folder, arguments), ProgramProcess.Run(Folder, [.. arguments, "--nproc", "3"], Under(mpi)));
        Assert.True(together.ExitCode == 0, together.Error);
        Assert.Equal(alone.Output, together.Output);
    }
}
