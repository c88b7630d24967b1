namespace TransformerCli.Tests.Commands;

/// <summary><c>predict</c> with an encoder that predicts masked tokens.</summary>
[Collection("engine")]
public sealed class MaskedWordsTests(MaskedWordsTests.Trained runs) : IClassFixture<MaskedWordsTests.Trained>
{
    const string Text = "the theme was awful , but the plot was clever .";

    public sealed class Trained : TrainedRuns
    {
        public Trained()
        {
            foreach (var tokenizer in (string[])["words", "bpe, vocabulary: 400"])
                Train(tokenizer[..3], $$"""
                    data: { kind: labelled, source: { generator: sentiment, size: 200 }, tokenizer: { kind: {{tokenizer}} }, max_length: 48 }
                    model: { kind: encoder, layers: 1, heads: 2, width: 16, context: 48, head: { kind: masked } }
                    training: { steps: 4, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 }, precision: fp32 }
                    """);
        }
    }

    List<JsonElement> Predict(string run, params string[] words)
    {
        var output = CommandLine.Printed(["predict", runs.At(run), .. words, "--json", "--device", "cpu"]);
        return [.. JsonDocument.Parse(output).RootElement.GetProperty("predictions").EnumerateArray()];
    }

    [Theory]
    [InlineData("wor", "theme")]
    [InlineData("bpe", "was")]
    public void A_masked_word_has_the_probability_that_score_gives_it(string run, string word)
    {
        var file = runs.Write("scored.txt", Text);
        var scored = JsonDocument.Parse(CommandLine.Run("score", runs.At(run), "--input", file, "--json", "--device", "cpu").Output.Split('\n')[0]).RootElement;
        var index = scored.GetProperty("tokens").EnumerateArray().Select(token => token.GetString()!.Trim()).ToList().IndexOf(word);
        var expected = Math.Exp(scored.GetProperty("log_probabilities")[index].GetDouble());

        var at = Text.IndexOf(word, StringComparison.Ordinal);
        var predictions = Predict(run, Text[..at] + "<mask>" + Text[(at + word.Length)..], "--top", "400");
        var labels = Assert.Single(predictions).GetProperty("labels").EnumerateArray().ToList();
        Assert.Contains(labels, label => label.GetProperty("label").GetString() == word && Math.Abs(label.GetProperty("probability").GetDouble() - expected) < 1e-6);
        Assert.Equal(1, labels.Sum(label => label.GetProperty("probability").GetDouble()), 1e-5);
        Assert.True(labels.Zip(labels.Skip(1)).All(two => two.First.GetProperty("probability").GetDouble() >= two.Second.GetProperty("probability").GetDouble()));
    }

    [Fact]
    public void Each_mask_has_its_own_line_and_a_text_without_one_is_reported()
    {
        var (code, output, error) = CommandLine.Run("predict", runs.At("wor"), "the <mask> was [MASK] .", "the theme was awful .", "--top", "2", "--device", "cpu");
        Assert.Equal(2, code);
        Assert.Contains("'the theme was awful .' has no <mask>, which the model fills in (for example \"a <mask> film\")", error);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.All(lines[..2], line => Assert.EndsWith("  the <mask> was [MASK] .", line));
        Assert.NotEqual(lines[0], lines[1]);
        foreach (var word in lines[0].Split("  ")[..2]) Assert.InRange(double.Parse(word.Split(' ')[1], CultureInfo.InvariantCulture), 0, 1);

        var longText = string.Join(' ', Enumerable.Repeat("was", 60)) + " <mask>";
        Assert.Contains("the text has 63 tokens with its begin and end tokens, but the model reads at most 48", CommandLine.Run("predict", runs.At("wor"), longText, "--device", "cpu").Error);
    }
}
