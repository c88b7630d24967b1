using static TorchSharp.torch;

namespace Transformers.Tests.Kinds;

/// <summary>Training, validation, <c>eval</c> and <c>score</c> read the same text in the same way.</summary>
[Collection("engine")]
public sealed class DocumentStartsTests : TinyRunTest
{
    // Documents of 1 to 50 characters: some are longer than a context of 16.
    static IEnumerable<string> Lines(int count = 300) => Enumerable.Range(0, count).Select(i => string.Concat(Enumerable.Range(0, 1 + i * i % 50).Select(j => (char)('a' + (i + j * j) % 17))));

    RunConfig Config(string file, params string[] more) => Read($"{{ files: [{file}], document: line }}", more);

    static RunConfig Read(string source, params string[] more) => TinyRuns.Config([$"data.source={source}", "data.tokenizer={ kind: characters }", "model.context=16", "model.dropout=0", "model.positions={ kind: learned }", .. more]);

    EvaluationResult Evaluate(TrainedRun run, string? data = null) => Kind.For(run).Evaluate(run, "run", new EvaluationOptions { Data = data, Cache = runs.PathOf("cache") });

    static List<TextScore> Score(TrainedRun run, params IEnumerable<string> texts)
    {
        using var scorer = Kind.For(run).OpenScorer(run, CPU);
        return [.. scorer.Score(texts.Select(text => new ScoreInput(text)))];
    }

    static double Mean(List<TextScore> scores) => -scores.Sum(score => score.Sum) / scores.Sum(score => score.Scored);

    [Theory]
    [InlineData("{ kind: characters }", "data.holdout_mode=documents")]
    [InlineData("{ kind: characters }", "data.document_start=false")]
    [InlineData("{ kind: bytes }", "data.holdout_mode=documents")]
    [InlineData("{ kind: bytes }", "data.document_start=false")]
    public void The_validation_loss_of_packed_documents_is_the_mean_of_score_over_the_held_out_documents(string tokenizer, string setting)
    {
        List<string> lines = [.. Lines()];
        var config = Config(runs.Write("lines.txt", string.Join('\n', lines)), $"data.tokenizer={tokenizer}", "data.batches={ kind: packed }", "training.optimizer.lr=1e-2", setting);
        var result = runs.Train(config, "run");
        var run = TrainedRun.Open(runs.PathOf("run"), "latest");

        // The documents that were held out, from what was prepared.
        var tokenizerOfRun = run.LoadTokenizer();
        using var data = Transformers.Data.Text.PreparedData.Open(Directory.GetDirectories(runs.PathOf("cache"), "text-*").Single());
        var ids = new int[data.Validation.Count];
        data.Validation.Read(0, ids);
        List<string> heldOut = [.. Enumerable.Range(0, (int)data.Validation.DocumentCount).Select(i => tokenizerOfRun.Decode(ids[(int)data.Validation.DocumentStart(i)..(int)data.Validation.DocumentEnd(i)]))];
        Assert.InRange(heldOut.Count, 10, 60);
        Assert.Subset(lines.ToHashSet(), heldOut.ToHashSet());
        Assert.Contains(heldOut, text => text.Length > 40);

        var scores = Score(run, heldOut);
        Assert.Equal(result.ValLoss!.Value, Mean(scores), 1e-4);
        var evaluated = Evaluate(run);
        Assert.Equal(result.ValLoss.Value, evaluated.Metrics["loss"], 1e-4);
        Assert.Equal(evaluated.Examples, scores.Sum(score => score.Scored));
        Assert.Equal(evaluated.Metrics["loss"], Evaluate(run, runs.Write("held-out.txt", string.Join('\n', heldOut))).Metrics["loss"], 1e-4);
        // With a token before each document, every token is a target; without one, all but the first.
        var first = ((TextDataConfig)run.Config.Data).DocumentStart == true ? 0 : heldOut.Count;
        Assert.Equal(data.Validation.Count - first, evaluated.Examples);
    }

    [Theory]
    [Trait("Category", "slow")]
    [InlineData("random", "{ kind: bytes }")]
    [InlineData("packed", "{ kind: bytes }")]
    [InlineData("packed", "{ kind: characters }")]
    [InlineData("{ kind: packed, across: true }", "{ kind: characters }")]
    [InlineData("sequential", "{ kind: characters }")]
    public void Score_of_a_text_of_several_windows_is_evals_loss_on_it(string batches, string tokenizer)
    {
        var kind = batches.StartsWith('{') ? batches : $"{{ kind: {batches} }}";
        var config = Config(runs.Write("lines.txt", string.Join('\n', Lines())), $"data.batches={kind}", $"data.tokenizer={tokenizer}", "training.optimizer.lr=1e-2");
        runs.Train(config, "run");
        var run = TrainedRun.Open(runs.PathOf("run"));
        foreach (var length in new[] { 1, 15, 16, 17, 100 })
        {
            var text = string.Concat(string.Concat(Lines()).Take(length));
            var evaluated = Evaluate(run, runs.Write($"text-{length}.txt", text));
            var score = Assert.Single(Score(run, text));
            Assert.Equal(length + 1, score.Scored); // Its end is scored too.
            Assert.Equal(evaluated.Examples, score.Scored);
            Assert.Equal(evaluated.Metrics["loss"], score.Loss!.Value, 1e-4);
            Assert.Equal(evaluated.Metrics["bits_per_byte"], score.BitsPerByte!.Value, 1e-3);
        }
    }

    [Fact]
    public void A_model_of_packed_documents_begins_and_ends_documents_as_it_has_seen_them()
    {
        var config = Config(runs.Write("names.txt", string.Join("\r\n", Enumerable.Range(0, 200).Select(i => i % 2 == 0 ? "maria" : "marko"))), "data.batches={ kind: packed }",
            "training.optimizer.lr=1e-2", "training.steps=60");
        runs.Train(config, "run");
        var run = TrainedRun.Open(runs.PathOf("run"));
        Assert.True(Kind.For(run).StartsDocuments(run.Config.Data));
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadLanguageModel(tokenizer, CPU);
        using var generator = new TextGenerator(model, tokenizer, CPU) { StartsDocuments = true };
        var completions = generator.Generate(["", "mari"], new GenerationOptions { MaxNewTokens = 12, TopK = 1 });
        Assert.Contains(completions[0].Text, new[] { "maria", "marko" });
        Assert.Equal(("a", "eos"), (completions[1].Text, completions[1].Finish));
    }

    [Theory]
    [Trait("Category", "slow")]
    [InlineData("{ files: [lines.txt], document: line }", "{ kind: characters }", true)]
    [InlineData("{ files: [lines.txt], document: line }", "{ kind: words }", true)]
    [InlineData("{ files: [lines.txt], document: line }", "{ kind: bytes }", true)]
    [InlineData("{ files: [lines.txt, lines.txt] }", "{ kind: characters }", true)]
    [InlineData("{ files: [lines.txt] }", "{ kind: characters }", false)]
    [InlineData("{ files: [lines.txt], separator: '---' }", "{ kind: characters }", false)]
    [InlineData("{ files: [one.jsonl] }", "{ kind: characters }", false)]
    [InlineData("{ generator: stories, size: 20kB }", "{ kind: characters }", true)]
    public void The_token_before_documents_is_there_where_there_are_several_and_the_run_records_it(string source, string tokenizer, bool there)
    {
        runs.Write("lines.txt", string.Join('\n', Lines()));
        runs.Write("one.jsonl", """{"text": "a document that is long enough for one window of text"}""" + "\n\n{\"text\": \"\"}\n");
        var config = Read(source.Replace("lines.txt", runs.PathOf("lines.txt")).Replace("one.jsonl", runs.PathOf("one.jsonl")), $"data.tokenizer={tokenizer}", "training.steps=1", "training.schedule.warmup=1", "data.holdout=0");
        runs.Train(config, "run");
        var run = TrainedRun.Open(runs.PathOf("run"));
        Assert.Equal(there, ((TextDataConfig)run.Config.Data).DocumentStart);
        if (there || tokenizer == "{ kind: bytes }") Assert.NotNull(run.LoadTokenizer().EndOfTextId);
        else Assert.Null(run.LoadTokenizer().EndOfTextId);
        // The finished run is the same config's.
        Assert.Equal(1, runs.Train(config, "run").Steps);
    }

    [Fact]
    public void A_run_without_the_setting_goes_on_without_the_token()
    {
        var config = Config(runs.Write("lines.txt", string.Join('\n', Lines())));
        Directory.CreateDirectory(runs.PathOf("old"));
        File.WriteAllText(Path.Combine(runs.PathOf("old"), "config.yaml"), ConfigWriter.ToYaml(config).Replace("  document_start: null\n", ""));
        Assert.Null(((TextDataConfig)DocumentStarts.Resolve(config, runs.OptionsOf("old")).Data).DocumentStart);
        Assert.True(((TextDataConfig)DocumentStarts.Resolve(config, runs.OptionsOf("new")).Data).DocumentStart);
    }

    [Fact]
    public void A_token_before_documents_that_the_tokenizer_lacks_is_refused_with_the_setting_that_asks_for_it()
    {
        var lines = runs.Write("lines.txt", string.Join('\n', Lines()));
        runs.Train(Config(lines, "data.document_start=false", "training.steps=1", "training.schedule.warmup=1"), "run");
        var own = $"data.tokenizer={{ kind: file, path: {Path.Combine(runs.PathOf("run"), "tokenizer.json")} }}";
        Assert.Null(TokenizerIn(own));
        var refused = Assert.Throws<UserException>(() => runs.Train(Config(lines, own, "data.document_start=true"), "refused"));
        Assert.Contains("end-of-text token", refused.Message);

        int? TokenizerIn(string tokenizer)
        {
            runs.Train(Config(lines, tokenizer, "training.steps=1", "training.schedule.warmup=1"), "file");
            return TrainedRun.Open(runs.PathOf("file")).LoadTokenizer().EndOfTextId;
        }
    }
}
