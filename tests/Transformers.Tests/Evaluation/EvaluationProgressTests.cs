namespace Transformers.Tests.Evaluation;

/// <summary>How much of an evaluation is done, as every kind of model reports it.</summary>
[Collection("engine")]
public sealed class EvaluationProgressTests : TinyRunTest
{
    const string Small = "layers: 1, heads: 2, width: 16";

    [Theory]
    [InlineData("{ kind: text, source: { generator: stories, size: 60kB }, tokenizer: { kind: bytes }, holdout: 0.1 }", $"{{ kind: gpt, {Small}, context: 32 }}")]
    [InlineData("{ kind: text, source: { generator: stories, size: 60kB }, tokenizer: { kind: bytes }, holdout: 0.1, batches: { kind: packed } }", $"{{ kind: gpt, {Small}, context: 32 }}")]
    [InlineData("{ kind: labelled, source: { generator: sentiment, size: 400 }, tokenizer: { kind: words } }", $"{{ kind: encoder, {Small}, context: 64, head: {{ kind: classify }} }}")]
    [InlineData("{ kind: labelled, source: { generator: sentiment, size: 400 }, tokenizer: { kind: words } }", $"{{ kind: encoder, {Small}, context: 64, head: {{ kind: masked }} }}")]
    [InlineData("{ kind: parallel, source: { generator: copy, size: 300 }, tokenizer: { kind: words } }", $"{{ kind: seq2seq, {Small}, context: 32 }}")]
    [InlineData("{ kind: images, source: { generator: digits, count: 300, side: 16 }, input: { size: 16, channels: 1 } }", $"{{ kind: vit, patch: 4, {Small} }}")]
    [InlineData("{ kind: series, source: { generator: regimes, count: 2, length: 200 }, context: 48, horizon: 6, season: 24, validation: 12, test: 12 }", $"{{ kind: patchtst, patch: 8, {Small} }}")]
    [InlineData("{ kind: labelled_series, source: { generator: cylinder_bell_funnel, count: 400 }, length: 128 }", $"{{ kind: series_classifier, patch: 16, {Small} }}")]
    [InlineData("{ kind: audio, source: { generator: digits, count: 60 }, seconds: 0.5, mels: 32 }", $"{{ kind: ast, patch: 16, {Small} }}")]
    [InlineData("{ kind: image_text, source: { generator: scenes, size: 200 }, input: { size: 64 }, tokenizer: { kind: words } }",
        "{ kind: vilbert, text: { layers: 0, heads: 2, width: 16 }, image: { layers: 0, heads: 2, width: 16 }, co_layers: 1, width: 16, patch: 16, context: 32 }")]
    [Trait("Category", "slow")]
    public void Every_kind_reports_how_much_is_done_up_to_the_end(string data, string model)
    {
        runs.Train(ConfigFile.Parse<RunConfig>($"data: {data}\nmodel: {model}\ntraining: {{ steps: 1, batch: {{ sequences: 8 }}, optimizer: {{ kind: adamw, lr: 1.0e-3 }}, precision: fp32, sample: {{ tokens: 0 }} }}", "tiny.yaml"), "run");
        var fractions = new List<double>();
        var run = TrainedRun.Open(runs.PathOf("run"));
        Kind.For(run).Evaluate(run, "run", new EvaluationOptions { BatchSize = 4, Cache = runs.PathOf("cache"), Progress = fractions.Add });
        Assert.True(fractions.Count > 2, $"{fractions.Count} reports");
        Assert.Equal(fractions.Order(), fractions);
        Assert.InRange(fractions[0], 0, 0.75);
        // Of text, the first token of each document is no target.
        Assert.InRange(fractions[^1], 0.9, 1);
    }

    [Fact]
    public void Items_are_passed_on_and_counted_by_their_size_once_they_are_done()
    {
        var (seen, reported) = (new List<int>(), new List<double>());
        foreach (var item in new[] { 1, 2, 5 }.Counted(8, reported.Add, item => item))
        {
            Assert.Equal(seen.Count, reported.Count);
            seen.Add(item);
        }
        Assert.Equal([1, 2, 5], seen);
        Assert.Equal([0.125, 0.375, 1], reported);
        Assert.Equal([7], new[] { 7 }.Counted(1, null));
    }
}
