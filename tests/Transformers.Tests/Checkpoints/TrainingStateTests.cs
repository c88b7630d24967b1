namespace Transformers.Tests.Checkpoints;

public class TrainingStateTests : TempFolderTest
{
    internal static TrainingState Example { get; } = new()
    {
        Trainer = new()
        {
            Step = 123,
            Targets = 1L << 40,
            Seconds = 0.1 + 0.2,
            OptimizerSteps = 122,
            TrainLoss = double.NaN,
            Best = new(100, 1.25),
            ValidationsSinceBest = 2,
            ValidatedStep = 120,
            SkippedSteps = 1,
            RollBacks = 3,
            MicroPieces = 4,
            Sampler = new Dictionary<string, long> { ["epoch"] = 2, ["position"] = long.MaxValue },
        },
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
        Assert.Equal(Example.Trainer.Seconds, back.Trainer.Seconds);
        Assert.Equal(Example.Trainer with { Sampler = back.Trainer.Sampler }, back.Trainer);
        Assert.Equal(long.MaxValue, back.Trainer.Sampler["position"]);
        Assert.Equal(Example.Hashes, back.Hashes);
        Assert.Equal(Example.Versions, back.Versions);
    }

    [Fact]
    public void The_state_of_version_1_is_read()
    {
        var old = TrainingState.Read(Repository.Golden("Runs", "gpt", "checkpoints", "step-00000300", "state.json"));
        Assert.Equal((300, 153600, 300, 300, 1), (old.Trainer.Step, old.Trainer.Targets, old.Trainer.OptimizerSteps, old.Trainer.ValidatedStep, old.Trainer.MicroPieces));
        Assert.Equal(new BestSoFar(300, 3.573210347410313), old.Trainer.Best);
        Assert.Equal(300, old.Trainer.Sampler["batches"]);
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
    [InlineData("\"loss\": 1.25", "\"loss\": \"NaN\"")]
    [InlineData("\"micro_pieces\": 4", "\"micro_pieces\": 0")]
    [InlineData("\"optimizer_steps\": 122", "\"optimizer_steps\": -5")]
    [InlineData("\"validated_step\": 120", "\"validated_step\": -1")]
    [InlineData("\"validations_since_best\": 2", "\"validations_since_best\": -1")]
    [InlineData("\"skipped_steps\": 1", "\"skipped_steps\": -1")]
    [InlineData("\"roll_backs\": 3", "\"roll_backs\": -1")]
    [InlineData("\"epoch\": 2", "\"epoch\": 2.5")]
    [InlineData("\"epoch\": 2", "\"epoch\": 2, \"epoch\": 3")]
    [InlineData("transformer.state/2", "transformer.state/3")]
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
    public void A_mistake_is_reported_with_its_line_counted_from_1()
    {
        var problem = Refused(Text.Replace("\"threads\": 2", "\"threads\": x")).Problems[0];
        Assert.Equal(Text.Split("\"threads\": 2")[0].Count(one => one == '\n') + 1, problem.Line);
        Assert.DoesNotContain("LineNumber", problem.Message);
    }

    [Fact]
    public void Deep_nesting_is_refused() => Refused(Text.Replace("\"epoch\": 2", "\"epoch\": " + new string('[', 100_000)));

    [Fact]
    public void A_file_too_large_to_be_a_state_is_not_read()
    {
        using (var file = File.Create(folder["state.json"])) file.SetLength(1L << 40);
        Assert.Contains("at most", Assert.ThrowsAny<UserException>(() => TrainingState.Read(folder["state.json"])).Message);
    }

    [Fact]
    public void A_state_out_of_range_is_not_written() => Assert.Throws<ArgumentException>(() => (Example with { Threads = 0 }).ToJson());
}
