namespace Transformers.Tests.Configs;

/// <summary>What is suggested to somebody who writes a config with the names of another program.</summary>
public sealed class SuggestionTests
{
    [Fact]
    public void Every_name_of_another_program_leads_to_a_setting_that_exists()
    {
        foreach (var (foreign, own) in Suggestion.Common)
            Assert.True(SettingSearch.Paths(typeof(RunConfig), own.Split('.')[^1]) is var paths && (own.Contains('.') ? paths.Contains(own) : paths.Count > 0), $"{foreign} leads to {own}, which is not a setting");
    }

    [Theory]
    [InlineData("eval_interval: 10", "training.eval_interval is not a setting (did you mean training.validate.every?)")]
    [InlineData("gradient_accumulation_steps: 4", "training.gradient_accumulation_steps is not a setting (did you mean training.batch.micro? (in sequences: those of a step / accumulation steps))")]
    [InlineData("num_train_epochs: 3", "training.num_train_epochs is not a setting (did you mean steps? (in steps: epochs × training examples / examples per step))")]
    [InlineData("seed: 3", "training.seed is not a setting (did you mean seed, at the top of the config?)")]
    [InlineData("fp16: true", "training.fp16 is not a setting (did you mean precision?)")]
    [InlineData("precision: float16", "training.precision (float16) must be one of auto, fp32, bf16 (did you mean bf16?)")]
    public void A_setting_of_another_program_is_answered_with_the_one_here(string line, string message)
    {
        var config = $$"""
            data: { kind: text, source: { generator: stories, size: 1MB }, tokenizer: { kind: bytes } }
            model: { kind: gpt, layers: 1, heads: 1, width: 8, context: 8 }
            training:
              steps: 1
              batch: { sequences: 1 }
              optimizer: { kind: adamw, lr: 1.0e-3 }
              {{line}}
            """;
        Assert.Equal($"a.yaml:7:{(line.StartsWith("precision", StringComparison.Ordinal) ? 14 : 3)}: {message}", Assert.Throws<UserException>(() => ConfigFile.Parse<RunConfig>(config, "a.yaml")).Message);
    }

    [Theory]
    [InlineData("kind: bert", "model.kind (bert)", "did you mean encoder?")]
    [InlineData("kind: Llama", "model.kind (Llama)", "did you mean gpt?")]
    [InlineData("kind: gpt, positions: { kind: rope }", "model.positions.kind (rope)", "did you mean rotary?")]
    [InlineData("kind: gpt, norm: rmsnorm", "model.norm (rmsnorm)", "write { kind: rms }")]
    public void A_kind_of_another_program_is_answered_with_the_one_here(string model, string subject, string hint)
    {
        var config = $$"""
            data: { kind: text, source: { generator: stories, size: 1MB }, tokenizer: { kind: bytes } }
            model: { {{model}}, layers: 1, heads: 1, width: 8, context: 8 }
            training: { steps: 1, batch: { sequences: 1 }, optimizer: { kind: adamw, lr: 1.0e-3 } }
            """;
        var message = Assert.Throws<UserException>(() => ConfigFile.Parse<RunConfig>(config, "a.yaml")).Message;
        Assert.Contains(subject, message);
        Assert.EndsWith($"({hint})", message);
    }
}
