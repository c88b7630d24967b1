using System.Text.Json;

namespace TransformerCli.Tests.Commands;

public sealed class BenchCommandTests : IDisposable
{
    readonly string root = Directory.CreateTempSubdirectory("transformer-bench-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void Text_is_measured_with_one_and_with_several_threads_and_counted()
    {
        var path = Path.Combine(root, "text.txt");
        File.WriteAllText(path, string.Concat(Enumerable.Range(0, 3000).Select(i => $"line {i} of the text, ")));
        var outcome = CommandLine.Run("bench", "data", "--input", path, "--vocabulary", "300", "--threads", "2", "--json");
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        using var document = JsonDocument.Parse(outcome.Output);
        Assert.Equal("transformer.bench/1", document.RootElement.GetProperty("schema").GetString());
        var text = document.RootElement.GetProperty("text");
        Assert.Equal(new FileInfo(path).Length, text.GetProperty("bytes").GetInt64());
        Assert.InRange(text.GetProperty("distinct_pieces").GetInt64(), 3000, 3100);
        Assert.Equal(["train 1", "train 2", "encode 1", "encode 2"],
            text.GetProperty("timings").EnumerateArray().Select(t => $"{t.GetProperty("name").GetString()} {t.GetProperty("threads").GetInt32()}"));
    }

    [Fact]
    public void Nothing_to_measure_is_told()
    {
        Assert.Equal(2, CommandLine.Run("bench", "data").ExitCode);
        Assert.Contains("no such file", CommandLine.Run("bench", "data", "--input", Path.Combine(root, "none")).Error);
    }
}
