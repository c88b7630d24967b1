using static TorchSharp.torch;

namespace Transformers.Tests.Evaluation.Scoring;

[Collection("engine")]
public sealed class TextScorerTests : TinyRunTest
{
    const string Long = "Once upon a time Anna found a bugle under the bench. She gave it to Elsa, and Elsa blew it until the sun went down over the hill.";
    static readonly string[] Texts = ["a", "Once upon a time", "The cat sat on the mat.", Long, "", "ab", "Once upon a tree"];

    static TrainedRun Text(TinyRuns runs, string tokenizer, params string[] more)
    {
        runs.Train(TinyRuns.Config([$"data.tokenizer={tokenizer}", "training.steps=6", "training.optimizer.lr=0.01", .. more]), "run");
        return TrainedRun.Open(runs.PathOf("run"), "latest");
    }

    static List<TextScore> Score(TrainedRun run, IEnumerable<string> texts, int? stride = null) => ScoreAll(run, texts.Select(text => new ScoreInput(text)), stride);

    static List<TextScore> ScoreAll(TrainedRun run, IEnumerable<ScoreInput> inputs, int? stride = null)
    {
        using var scorer = Kind.For(run).OpenScorer(run, CPU, stride: stride);
        return [.. scorer.Score(inputs)];
    }

    [Theory]
    [InlineData("Once upon a time")]
    [InlineData(Long)]
    public void Without_a_token_before_the_text_the_loss_is_that_of_eval_on_the_same_text(string text)
    {
        var run = Text(runs, "{ kind: characters }", "data.document_start=false");
        File.WriteAllText(runs.PathOf("text.txt"), text);
        var whole = Kind.For(run).Evaluate(run, "run", new EvaluationOptions { Data = runs.PathOf("text.txt"), Cache = runs.PathOf("cache") });

        var score = Assert.Single(Score(run, [text]));

        Assert.Null(score.LogProbabilities[0]);
        Assert.Equal(text.Length - 1, score.Scored);
        Assert.Equal(whole.Examples, score.Scored);
        Assert.Equal(whole.Metrics["loss"] * score.Scored, -score.Sum, 1e-4 * score.Scored);
        Assert.Equal(whole.Metrics["perplexity"], score.Perplexity!.Value, 1e-3);
        Assert.Equal(whole.Metrics["bits_per_byte"], score.BitsPerByte!.Value, 1e-4);
        Assert.Equal(text, string.Concat(score.Tokens));
    }

    [Fact]
    public void Each_log_probability_is_the_softmax_of_the_full_passs_logits_after_the_end_of_the_text_before()
    {
        var run = Text(runs, "{ kind: bytes }");
        var tokenizer = run.LoadTokenizer();
        var score = Score(run, Texts)[1];
        Assert.Equal(score.Ids.Count, score.Scored);

        using var scope = NewDisposeScope();
        using var model = run.LoadLanguageModel(tokenizer, CPU);
        long[] read = [tokenizer.EndOfTextId!.Value, .. score.Ids.Select(id => (long)id)];
        var logs = model.forward(tensor(read[..^1], [1, read.Length - 1])).log_softmax(-1)[0];
        for (var i = 0; i < score.Ids.Count; i++)
            Assert.Equal(logs[i, score.Ids[i]].item<float>(), score.LogProbabilities[i]!.Value, 1e-4);
    }

    [Fact]
    public void Neighbours_and_order_do_not_change_what_comes_of_a_text()
    {
        var run = Text(runs, "{ kind: bytes }", "training.batch.sequences=2");
        var together = Score(run, Texts);
        Assert.Equal(Texts, together.Select(score => score.Text));
        Assert.Equal(0, together[4].Sum);
        Assert.Null(together[4].Perplexity);
        var many = Score(run, Enumerable.Repeat(Texts, 50).SelectMany(texts => texts.Reverse()));
        for (var i = 0; i < Texts.Length; i++)
            foreach (var other in new[] { Assert.Single(Score(run, [Texts[i]])), many[Texts.Length - 1 - i], many[^(1 + i)] })
            {
                Assert.Equal(together[i].Ids, other.Ids);
                Assert.Equal(together[i].LogProbabilities.Count, other.LogProbabilities.Count);
                foreach (var (a, b) in together[i].LogProbabilities.Zip(other.LogProbabilities)) Assert.Equal(a!.Value, b!.Value, 1e-5);
            }
    }

    [Fact]
    public void With_a_stride_each_token_sees_as_many_before_it_as_its_window_holds()
    {
        var run = Text(runs, "{ kind: bytes }");
        var tokenizer = run.LoadTokenizer();
        const int context = 32;
        var score = Score(run, [Long], stride: 1)[0];
        using var scope = NewDisposeScope();
        using var model = run.LoadLanguageModel(tokenizer, CPU);
        long[] read = [tokenizer.EndOfTextId!.Value, .. score.Ids.Select(id => (long)id)];
        for (var i = 0; i < score.Ids.Count; i++)
        {
            var seen = read[Math.Max(0, i + 1 - context)..(i + 1)];
            var expected = model.forward(tensor(seen, [1, seen.Length])).log_softmax(-1)[0, -1, score.Ids[i]].item<float>();
            Assert.Equal(expected, score.LogProbabilities[i]!.Value, 1e-4);
        }
        Assert.NotEqual(score.Sum, Score(run, [Long])[0].Sum, 1e-3);
        foreach (var stride in new[] { 0, context + 1 })
            Assert.Contains("--stride", Assert.Throws<UserException>(() => Score(run, [Long], stride)).Message);
    }

    [Fact]
    public void A_targets_probabilities_are_those_of_evals_loss_and_favour_the_right_target()
    {
        runs.Start(SentenceRuns.Translation("training.steps=60"), "run");
        var run = TrainedRun.Open(runs.PathOf("run"), "latest");
        var whole = Kind.For(run).Evaluate(run, "run", new EvaluationOptions { Split = "validation" });
        var pairs = Enumerable.Range(0, 50).Select(i => new CopyGenerator().At(SyntheticSplit.Validation, 1, i)).ToList();

        var scores = ScoreAll(run, pairs.Select(pair => new ScoreInput(pair.Target, pair.Source)));

        Assert.Equal(whole.Metrics["loss"], -scores.Sum(score => score.Sum) / scores.Sum(score => score.Scored), 1e-5);
        Assert.All(scores, score => Assert.Equal("</s>", score.Tokens[^1]));
        Assert.Equal(pairs.Select(pair => pair.Source), scores.Select(score => score.Source));
        var alone = ScoreAll(run, [new ScoreInput(pairs[7].Target, pairs[7].Source)])[0];
        Assert.Equal(scores[7].Sum, alone.Sum, 1e-4);
        Assert.NotEqual(alone.Sum, ScoreAll(run, [new ScoreInput(pairs[7].Target, pairs[8].Source)])[0].Sum, 1e-3);
        var tooLong = new ScoreInput(string.Join(' ', Enumerable.Repeat(pairs[0].Target.Split(' ')[0], 40)), pairs[0].Source);
        Assert.Contains("pair 2 has", Assert.Throws<UserException>(() => ScoreAll(run, [new ScoreInput(pairs[0].Target, pairs[0].Source), tooLong])).Message);
        Assert.Throws<UserException>(() => Score(run, ["no source"]));
    }

    [Fact]
    public void A_masked_encoder_guesses_each_token_from_all_others()
    {
        runs.Start(SentenceRuns.Masked(), "run");
        var run = TrainedRun.Open(runs.PathOf("run"), "latest");
        var tokenizer = run.LoadTokenizer();
        var text = new SentimentGenerator().At(SyntheticSplit.Validation, 1, 0).Text;
        var score = Score(run, ["a", text])[1];
        Assert.Equal("pseudo_log_likelihood", score.Measure);
        Assert.Equal(score.Ids.Count, score.Scored);

        using var scope = NewDisposeScope();
        using var model = (Transformers.Models.MaskedTokenModel)run.LoadEncoder(tokenizer, CPU);
        var special = Transformers.Data.SpecialIds.Of(tokenizer);
        for (var i = 0; i < score.Ids.Count; i++)
        {
            long[] read = [special.Begin, .. score.Ids.Select((id, j) => (long)(i == j ? special.Mask!.Value : id)), special.End];
            var expected = model.forward(tensor(read, [1, read.Length])).log_softmax(-1)[0, i + 1, score.Ids[i]].item<float>();
            Assert.Equal(expected, score.LogProbabilities[i]!.Value, 1e-4);
        }
    }

    [Fact]
    public void A_run_without_probabilities_of_tokens_is_refused_with_what_to_do_instead()
    {
        runs.Start(SentenceRuns.Classify("training.steps=1"), "run", maxSteps: 1);
        Assert.Contains("predict", Assert.Throws<UserException>(() => Score(TrainedRun.Open(runs.PathOf("run"), "latest"), ["a"])).Problems[0].Hint);
    }
}
