namespace Transformers.Tests.Configs;

public sealed class ConfigWriterTests
{
    [Fact]
    public void What_is_written_reads_back_as_the_same_config()
    {
        foreach (var entry in ReadyConfigs.List())
        {
            var config = ModelFragment.LoadOrRun([entry.Path]);
            var text = ConfigWriter.ToYaml(config);
            object again = config is RunConfig ? ConfigFile.Parse<RunConfig>(text) : ConfigFile.Parse<ModelFragment>(text);
            Assert.Equal(text, ConfigWriter.ToYaml(again));
        }
    }

    [Fact]
    public void A_resolved_config_names_every_default()
    {
        var text = ConfigWriter.ToYaml(ConfigFile.Parse<RunConfig>(BadConfigs.Good));
        Assert.StartsWith("""
            seed: 1337
            data:
              kind: text
              source: { generator: stories, size: 20MB, seed: 1 }
              tokenizer: { kind: bpe, vocabulary: 2048, pattern: gpt2, min_frequency: 2 }
              holdout: 0.05
              holdout_mode: auto
              batches: { kind: random }
            model:
              kind: gpt
              layers: 4
            """, text);
        Assert.Contains("  norm: { kind: layer, placement: pre, epsilon: 1.0e-05 }\n", text);
    }

    [Theory]
    [InlineData("Once upon a time")]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("12")]
    [InlineData("1e3")]
    [InlineData("0x10")]
    [InlineData("- a: b # c")]
    [InlineData("*star &and !bang %per @at `tick")]
    [InlineData("tab\tnew\nline\r\"quote\" back\\slash")]
    [InlineData("\u0001\u0085\u2028\ufeff")]
    [InlineData("Größe 数 🙂")]
    [InlineData(" leading and trailing ")]
    [InlineData("C:\\data\\x.txt")]
    public void Every_text_survives(string text)
    {
        var source = new TextFilesConfig { Files = [text], Separator = text };
        var back = (TextFilesConfig)ConfigFile.Parse<TextSourceConfig>(ConfigWriter.ToYaml(source));
        Assert.Equal(text, Assert.Single(back.Files));
        Assert.Equal(text, back.Separator);
        back = (TextFilesConfig)ConfigFile.Parse<TextSourceConfig>(ConfigWriter.ToJson(source).ToJsonString(), "a.json");
        Assert.Equal(text, back.Separator);
    }

    [Fact]
    public void Every_number_survives()
    {
        var random = new Random(3);
        for (var i = 0; i < 200; i++)
        {
            var init = new Gpt2InitConfig { Std = Math.Pow(10, random.NextDouble() * 7 - 6) };
            Assert.Equal(init, ConfigFile.Parse<InitConfig>(ConfigWriter.ToYaml(init)));
        }
    }
}
