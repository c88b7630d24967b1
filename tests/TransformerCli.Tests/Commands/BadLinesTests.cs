namespace TransformerCli.Tests.Commands;

/// <summary>One bad line among many stops none of the others, and is not hidden: its line is named, and the exit code is 2.</summary>
[Collection("engine")]
public sealed class BadLinesTests : FolderTest
{
    // A vocabulary of characters without an unknown token: x is not in it.
    string Letters()
    {
        var config = Write("letters.yaml", $$"""
            data: { kind: text, source: { files: [{{Write("letters.txt", string.Concat(Enumerable.Repeat("abc cba\n", 300)))}}] }, tokenizer: { kind: characters } }
            model: { kind: gpt, layers: 1, heads: 2, width: 16, context: 16 }
            training: { steps: 2, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 }, sample: { tokens: 0 }, precision: fp32 }
            """);
        CommandLine.Done("train", config, "--run", At("run"), "--device", "cpu", "--quiet");
        return At("run");
    }

    [Fact]
    public void Score_and_embed_report_it_and_do_the_others()
    {
        var run = Letters();
        var (good, bad) = (Write("good.txt", "abc\ncab\n"), Write("bad.txt", "abc\nabx\ncab\n"));
        foreach (var command in new[] { "score", "embed" })
        {
            var json = command == "score" ? new[] { "--json" } : [];
            var (whole, some) = (CommandLine.Run([command, run, "--input", good, .. json]), CommandLine.Run([command, run, "--input", bad, .. json]));
            Assert.Equal((0, 2), (whole.ExitCode, some.ExitCode));
            Assert.Contains($"warning: {bad}:2: character 'x' (U+0078) is not in the vocabulary", some.Error);
            Assert.Contains("error: 1 of 3 lines could not be read; the rest were processed", some.Error);
            var (expected, given) = (whole.JsonLines, some.JsonLines);
            Assert.Equal(3, given.Count);
            Assert.Equal([expected[0].ToString(), expected[1].ToString()], [given[0].ToString(), given[2].ToString()]);
            Assert.Equal("abx", given[1].GetProperty("text").GetString());
            Assert.Equal(0, given[1].GetProperty(command == "score" ? "ids" : "vector").GetArrayLength());
        }
        var plain = CommandLine.Run("score", run, "--input", bad).Output.Split('\n');
        Assert.Equal(["sum", "", "sum"], plain[..3].Select(line => line.Split(' ')[0]));
    }

    [Fact]
    public void A_file_of_vectors_keeps_a_row_for_every_line()
    {
        var run = Letters();
        var bad = Write("bad.txt", "abc\nabx\ncab\n");
        Assert.Equal(2, CommandLine.Run("embed", run, "--input", bad, "--output", At("v.npy")).ExitCode);
        var bytes = File.ReadAllBytes(At("v.npy"));
        var numbers = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes.AsSpan()[^(3 * 16 * sizeof(float))..]).ToArray();
        Assert.Contains("'shape': (3, 16)", System.Text.Encoding.Latin1.GetString(bytes));
        Assert.Equal([false, true, false], numbers.Chunk(16).Select(row => row.All(float.IsNaN)));
        Assert.Equal(2, CommandLine.Run("embed", run, "--input", bad, "--pool", "none", "--output", At("t.npy")).ExitCode);
        Assert.Contains("'shape': (6, 16)", System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(At("t.npy"))));
    }

    [Fact]
    public void A_path_with_nothing_at_it_gets_a_remedy()
    {
        var run = Letters();
        Assert.Contains($"{At("leters.txt")}: --data: the file or folder does not exist (did you mean {At("letters.txt")}?)", CommandLine.Refused("eval", run, "--data", At("leters.txt")));
        Assert.Contains("--data: the file or folder does not exist (check the path, which is relative to the working directory, ", CommandLine.Refused("train", At("letters.yaml"), "--data", "nope-of-this-name.txt"));
        Assert.Contains($"its folder does not exist either: {At("no")}", CommandLine.Refused("score", run, "--input", At("no/such.txt")));
    }
}
