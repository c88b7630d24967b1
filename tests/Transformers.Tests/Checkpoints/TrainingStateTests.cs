using System.Text;
using Transformers.Checkpoints;
using Transformers.IO;

namespace Transformers.Tests.Checkpoints;

public class TrainingStateTests
{
    internal static TrainingState Example { get; } = new()
    {
        Step = 123,
        Tokens = 1L << 40,
        Examples = 77,
        Seconds = 0.1 + 0.2,
        Sampler = new Dictionary<string, long> { ["epoch"] = 2, ["position"] = long.MaxValue },
        Generators = new Dictionary<string, byte[]> { ["dropout"] = [0, 255, 128], ["empty"] = [] },
        Schedule = new Dictionary<string, double> { ["steps"] = 800, ["lr"] = double.Epsilon },
        Metrics = new Dictionary<string, double> { ["loss"] = double.NaN, ["norm"] = double.PositiveInfinity },
        Best = new("val_loss", 1.25, 100),
        Hashes = new("c", "m", "t"),
        Precision = "bf16",
        Threads = 2,
        Versions = new("0.1.0", "1.13.1", "10.0"),
    };

    static readonly string Text = Encoding.UTF8.GetString(Example.ToJson());

    static UserException Refused(string text) => Assert.ThrowsAny<UserException>(() => TrainingState.Parse(Encoding.UTF8.GetBytes(text), "state.json"));

    [Fact]
    public void Every_number_and_byte_comes_back()
    {
        var back = TrainingState.Parse(Example.ToJson(), "state.json");
        Assert.Equal(Text, Encoding.UTF8.GetString(back.ToJson()));
        Assert.Equal(Example.Seconds, back.Seconds);
        Assert.Equal(Example.Generators["dropout"], back.Generators["dropout"]);
        Assert.Equal(long.MaxValue, back.Sampler["position"]);
        Assert.Equal(double.Epsilon, back.Schedule["lr"]);
        Assert.True(double.IsNaN(back.Metrics["loss"]));
        Assert.Equal(Example.Best, back.Best);
        Assert.Equal(Example.Hashes, back.Hashes);
        Assert.Equal(Example.Versions, back.Versions);
    }

    [Theory]
    [InlineData("\"step\": 123", "\"step\": -1")]
    [InlineData("\"step\": 123", "\"step\": 1.5")]
    [InlineData("\"step\": 123", "\"step\": \"123\"")]
    [InlineData("\"step\": 123", "\"step\": 9223372036854775807")]
    [InlineData("\"step\": 123", "\"step\": 123, \"step\": 124")]
    [InlineData("\"step\": 123", "\"stepp\": 123")]
    [InlineData("\"step\": 123,", "")]
    [InlineData("\"threads\": 2", "\"threads\": 0")]
    [InlineData("\"examples\": 77", "\"examples\": -77")]
    [InlineData("\"value\": 1.25", "\"value\": \"NaN\"")]
    [InlineData("\"epoch\": 2", "\"epoch\": 2.5")]
    [InlineData("\"epoch\": 2", "\"epoch\": 2, \"epoch\": 3")]
    [InlineData("\"AP+A\"", "\"AP+\"")]
    [InlineData("\"AP+A\"", "null")]
    [InlineData("transformer.state/1", "transformer.state/2")]
    [InlineData("\"precision\": \"bf16\"", "\"precision\": null")]
    [InlineData("\"precision\": \"bf16\"", "\"precision\": \"\\ud800\"")]
    public void What_is_out_of_range_unknown_missing_or_double_is_refused(string part, string by)
    {
        Assert.Contains(part, Text);
        Assert.Equal("state.json", Refused(Text.Replace(part, by)).Problems[0].File);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("\u0000\u0000\u0000")]
    public void What_is_no_state_at_all_is_refused(string text) => Refused(text);

    [Fact]
    public void A_mistake_is_told_with_its_line() => Assert.NotNull(Refused(Text.Replace("\"threads\": 2", "\"threads\": x")).Problems[0].Line);

    [Fact]
    public void Deep_nesting_is_refused() => Refused(Text.Replace("\"epoch\": 2", "\"epoch\": " + new string('[', 100_000)));

    [Fact]
    public void A_file_too_large_to_be_a_state_is_not_read()
    {
        using var folder = new TempFolder();
        using (var file = File.Create(folder["state.json"])) file.SetLength(1L << 40);
        Assert.Contains("at most", Assert.ThrowsAny<UserException>(() => TrainingState.Read(folder["state.json"])).Message);
    }

    [Fact]
    public void A_state_out_of_range_is_not_written() => Assert.Throws<ArgumentException>(() => (Example with { Threads = 0 }).ToJson());
}
