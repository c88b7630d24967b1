namespace TransformerCli.Tests.Commands;

[Collection("engine")]
public sealed class BenchCommandTests : FolderTest
{
    [Fact]
    public void Text_is_measured_with_one_and_with_several_threads_and_counted()
    {
        var path = Write("text.txt", string.Concat(Enumerable.Range(0, 3000).Select(i => $"line {i} of the text, ")));
        var outcome = CommandLine.Done("bench", "data", "--input", path, "--vocabulary", "300", "--threads", "2", "--json");
        Assert.Equal("transformer.bench/1", outcome.Json.GetProperty("schema").GetString());
        var text = outcome.Json.GetProperty("text");
        Assert.Equal(new FileInfo(path).Length, text.GetProperty("bytes").GetInt64());
        Assert.InRange(text.GetProperty("distinct_pieces").GetInt64(), 3000, 3100);
        Assert.Equal(["train 1", "train 2", "encode 1", "encode 2"],
            text.GetProperty("timings").EnumerateArray().Select(t => $"{t.GetProperty("name").GetString()} {t.GetProperty("threads").GetInt32()}"));
    }

    [Fact]
    public void Nothing_to_measure_is_an_error()
    {
        Assert.Equal(2, CommandLine.Run("bench", "data").ExitCode);
        Assert.Contains("the file does not exist", CommandLine.Run("bench", "data", "--input", At("none")).Error);
    }

    [Fact]
    [Trait("Category", "slow")]
    public void Kernels_are_measured_against_the_peaks_of_their_type()
    {
        using var document = Result("bench", "kernels");
        var kernels = document.RootElement.GetProperty("kernels");
        Assert.Equal("fp32", kernels.GetProperty("peaks")[0].GetProperty("precision").GetString());
        // Machines vary, but no kernel is far above a measured peak.
        Assert.All(kernels.GetProperty("kernels").EnumerateArray(), kernel => Assert.InRange(kernel.GetProperty("share").GetDouble(), 1e-4, 4));
        Assert.False(document.RootElement.TryGetProperty("step", out _));
    }

    [Fact]
    public void A_step_of_a_config_is_measured_with_its_share_of_the_peak()
    {
        using var document = Result("bench", "step", "shakespeare-char", "--set", "model.layers=1", "model.width=16", "model.heads=2", "--rows", "2", "--seconds", "0", "--precision", "fp32");
        var step = document.RootElement.GetProperty("step");
        Assert.Equal("gpt", step.GetProperty("model").GetString());
        Assert.Equal("fp32", step.GetProperty("precision").GetString());
        Assert.Equal(2 * 64, step.GetProperty("units_per_step").GetDouble());
        Assert.True(step.GetProperty("utilisation").GetDouble() > 0);
    }

    [Fact]
    public void Generation_is_measured_for_each_number_of_prompts()
    {
        using var document = Result("bench", "generate", "--prompts", "1", "2", "--tokens", "3", "--seconds", "0");
        Assert.Equal([(1, 3), (2, 6)], document.RootElement.GetProperty("generate").EnumerateArray().Select(one => (one.GetProperty("prompts").GetInt32(), one.GetProperty("tokens").GetInt32())));
    }

    [Theory]
    [InlineData("--rows (0) must be at least 1", "step", "--rows", "0")]
    [InlineData("--seconds (-1) must be between 0 and 3600", "step", "--seconds", "-1")]
    [InlineData("--prompts (0) must be at least 1", "generate", "--prompts", "0")]
    [InlineData("--tokens (0) must be at least 1", "generate", "--tokens", "0")]
    [InlineData("the run folder does not exist", "generate", "nowhere")]
    public void A_wrong_number_is_refused(string message, params string[] arguments) =>
        Assert.Contains(message, CommandLine.Run(["bench", .. arguments]).Exits(2).Error);

    static JsonDocument Result(params string[] arguments)
    {
        var outcome = CommandLine.Done([.. arguments, "--json"]);
        var document = JsonDocument.Parse(outcome.Output);
        Assert.Equal("transformer.bench/1", document.RootElement.GetProperty("schema").GetString());
        return document;
    }
}
