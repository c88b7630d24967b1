using System.IO.Compression;

namespace TransformerCli.Tests.Commands;

/// <summary>Files that commands write: a file gets its name when it is complete, and all commands report one that cannot be written
/// alike.</summary>
[Collection("engine")]
public sealed class OutputFileTests(TrainedKinds runs) : IClassFixture<TrainedKinds>
{
    // This input ends in the middle of its compressed data.
    string Broken()
    {
        using var whole = new MemoryStream();
        using (var compressed = new GZipStream(whole, CompressionLevel.Optimal, leaveOpen: true))
            for (var i = 0; i < 5000; i++) compressed.Write(Encoding.UTF8.GetBytes($"line {i * 7919L % 5003}\n"));
        File.WriteAllBytes(runs.At("broken.txt.gz"), whole.ToArray()[..(int)(whole.Length / 2)]);
        return runs.At("broken.txt.gz");
    }

    [Theory]
    [InlineData("vectors.npy")]
    [InlineData("vectors.jsonl")]
    public void Vectors_of_an_input_that_cannot_be_read_to_its_end_do_not_replace_those_before(string name)
    {
        var path = runs.Write(name, "before");
        Assert.Contains("broken.txt.gz", CommandLine.Refused("embed", runs.Classifier, "--input", Broken(), "--output", path, "--device", "cpu"));
        Assert.Equal("before", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(Path.GetDirectoryName(path)!, $"{name}*"));
    }

    [Fact]
    public void Predictions_get_their_name_when_the_evaluation_is_complete()
    {
        var path = runs.Write("predictions.jsonl", "before");
        CommandLine.Refused("eval", runs.Translator, "--data", runs.At("nowhere.tsv"), "--output", path, "--device", "cpu");
        Assert.Equal("before", File.ReadAllText(path));
        var bad = runs.Write("bad.tsv", "1 2\t2 1\n1 2 3\n");
        Assert.Contains("bad.tsv:2: the line has 1 column, but 2 are needed", CommandLine.Refused("eval", runs.Translator, "--data", bad, "--output", path, "--device", "cpu"));
        Assert.Equal("before", File.ReadAllText(path));
        Assert.False(File.Exists(path + ".tmp"));
        Assert.Equal(0, CommandLine.Run("eval", runs.Translator, "--output", path, "--device", "cpu").ExitCode);
        Assert.StartsWith("{\"input\":", File.ReadAllText(path));
        Assert.False(File.Exists(path + ".tmp"));
    }

    [Fact]
    public void A_file_of_predictions_is_refused_where_there_are_none()
    {
        foreach (var run in new[] { runs.Gpt, runs.Masked })
            Assert.Contains("--output is for models that give one answer per example", CommandLine.Refused("eval", run, "--output", runs.At("none.jsonl"), "--device", "cpu"));
        Assert.False(File.Exists(runs.At("none.jsonl")));
    }

    [Fact]
    public void Where_no_file_can_be_made_every_command_says_so()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/proc is Linux's");
        var text = runs.Write("lines.txt", "a\n");
        foreach (var line in new string[][]
        {
            ["embed", runs.Classifier, "--input", text, "--output", "/proc/x.npy", "--device", "cpu"], ["embed", runs.Classifier, "--input", text, "--output", "/proc/x.jsonl", "--device", "cpu"],
            ["eval", runs.Translator, "--output", "/proc/x.jsonl", "--device", "cpu"], ["tokenizer", "encode", runs.Gpt, "--input", text, "--output", "/proc/x.bin"],
            ["config", "copy", "gpt-stories", "/proc/x.yaml"], ["plot", "loss", runs.Gpt, "--output", "/proc/x.svg"], ["data", "make", "copy", "--output", "/proc/x"],
            ["average", runs.Gpt, "--last", "2", "--output", "/proc/x"], ["export", runs.Vit, "--to", "onnx", "--output", "/proc/x"], ["train", runs.At("gpt.yaml"), "--run", "/proc/x"],
            ["train", runs.At("gpt.yaml"), "--run", runs.At("logged"), "--log-file", "/proc/x.log"],
        })
        {
            var error = CommandLine.Refused(line);
            Assert.Contains("/proc/x", error);
            Assert.Matches("cannot be (written|created)", error);
            Assert.Matches("the system does not allow a file to be created there|its folder cannot be created|permission denied|Permission denied", error);
            Assert.DoesNotContain("does not exist", error);
        }
    }

    [Fact]
    public void A_pipe_is_written_to_and_stays_a_pipe()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pipes with names");
        foreach (var name in (string[])["ids.pipe", "pipe.npy"])
            using (var made = Process.Start("mkfifo", runs.At(name))) made.WaitForExit();
        var text = runs.Write("lines.txt", "ab\n");
        using (var reader = Process.Start(new ProcessStartInfo("timeout", ["60", "wc", "-c", runs.At("ids.pipe")]) { RedirectStandardOutput = true })!)
        {
            Assert.Equal(0, CommandLine.Run("tokenizer", "encode", runs.Gpt, "--input", text, "--output", runs.At("ids.pipe")).ExitCode);
            Assert.StartsWith("12 ", reader.StandardOutput.ReadToEnd());
        }
        using (var reader = Process.Start(new ProcessStartInfo("timeout", ["60", "cat", runs.At("pipe.npy")]) { RedirectStandardOutput = true })!)
        {
            Assert.Contains("is a pipe, but a .npy file starts with its number of rows", CommandLine.Refused("embed", runs.Classifier, "--input", text, "--output", runs.At("pipe.npy"), "--device", "cpu"));
            reader.WaitForExit();
        }
        foreach (var name in (string[])["ids.pipe", "pipe.npy"])
            Assert.Equal(0, Process.Start("test", ["-p", runs.At(name)]) is var test && test.WaitForExit(10_000) ? test.ExitCode : -1);
    }
}
