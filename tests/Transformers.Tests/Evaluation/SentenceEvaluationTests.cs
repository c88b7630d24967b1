using static TorchSharp.torch;

namespace Transformers.Tests.Evaluation;

[Collection("engine")]
public class SentenceEvaluationTests : TinyRunTest
{
    static EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options) => Kind.For(run).Evaluate(run, name, options);

    [Fact]
    public void A_translation_runs_evaluation_equals_what_its_training_measured()
    {
        var trained = runs.Start(SentenceRuns.Translation(), "run");
        var options = new EvaluationOptions { Split = "validation", Output = runs.PathOf("out.jsonl"), BatchSize = 7 };
        var result = Evaluate(TrainedRun.Open(runs.PathOf("run"), "latest"), "run", options);
        Assert.Equal(trained.ValLoss!.Value, result.Metrics["loss"], 1e-5);
        foreach (var name in new[] { "bleu", "chrf", "exact" }) Assert.Equal(trained.Metrics[name], result.Metrics[name], 1e-9);
        Assert.Equal(50, result.Examples);
        Assert.Contains("tok:13a", result.Signatures!["bleu"]);
        var lines = File.ReadAllLines(runs.PathOf("out.jsonl"));
        Assert.Equal(50, lines.Length);
        Assert.Equal(new CopyGenerator().At(SyntheticSplit.Validation, 1, 0).Source, JsonDocument.Parse(lines[0]).RootElement.GetProperty("input").GetString());
        Assert.Equal("test", Evaluate(TrainedRun.Open(runs.PathOf("run")), "run", new EvaluationOptions { Translation = new TranslationOptions { Beams = 2 } }).Split);
        Assert.Throws<UserException>(() => Evaluate(TrainedRun.Open(runs.PathOf("run")), "run", new EvaluationOptions { Split = "test_2017" }));
    }

    [Fact]
    public void A_classifiers_evaluation_equals_what_its_training_measured_and_its_predictions()
    {
        var trained = runs.Start(SentenceRuns.Classify(), "run");
        var run = TrainedRun.Open(runs.PathOf("run"), "latest");
        var result = Kind.For(run).Evaluate(run, "run", new EvaluationOptions { Split = "validation", Output = runs.PathOf("out.jsonl") });
        Assert.Equal(trained.ValLoss!.Value, result.Metrics["loss"], 1e-4);
        Assert.Equal(trained.Metrics["accuracy"], result.Metrics["accuracy"], 1e-9);
        Assert.Equal(SentimentGenerator.Classes, result.Labels);
        Assert.Equal(result.Examples, result.Confusion!.Sum(row => row.Sum()));

        using var predictor = new TextPredictor(run, CPU);
        var lines = File.ReadAllLines(runs.PathOf("out.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        var predictions = predictor.Predict(lines.Select(line => line.GetProperty("input").GetString()!), batchSize: 3).ToList();
        for (var i = 0; i < lines.Count; i++)
        {
            Assert.Equal(lines[i].GetProperty("prediction").GetString(), predictions[i][0].Label);
            Assert.Equal(lines[i].GetProperty("score").GetDouble(), predictions[i][0].Probability, 1e-4);
            Assert.Equal(1, predictions[i].Sum(one => one.Probability), 1e-9);
        }
        Assert.True(predictions.Select(one => one[0].Probability).Distinct().Count() > 10);
    }

    [Fact]
    public void A_masked_runs_evaluation_equals_what_its_training_measured()
    {
        var trained = runs.Start(SentenceRuns.Masked(), "run");
        var result = Evaluate(TrainedRun.Open(runs.PathOf("run"), "latest"), "run", new EvaluationOptions { Split = "validation" });
        Assert.Equal(trained.ValLoss!.Value, result.Metrics["loss"], 1e-5);
        Assert.Equal(trained.Metrics["masked_accuracy"], result.Metrics["masked_accuracy"], 1e-9);
    }

    [Fact]
    public void Embeddings_do_not_depend_on_the_batch_and_pool_as_they_say()
    {
        runs.Start(SentenceRuns.Masked("training.steps=2"), "encoder");
        runs.Start(SentenceRuns.Translation("training.steps=2", "training.validate.sentences=0"), "pair", maxSteps: 1);
        runs.Train(TinyRuns.Config("training.steps=2", "training.schedule.warmup=1"), "gpt");
        string[] reviews = ["the film was funny .", "although the plot seemed dull , I loved the music .", "we liked the story ."];
        foreach (var (name, texts) in new[] { ("encoder", reviews), ("pair", ["1 2 3", "4 5 6 7 8 9", "10"]), ("gpt", reviews) })
        {
            var run = TrainedRun.Open(runs.PathOf(name));
            using var embedder = Kind.For(run).OpenEmbedder(run, CPU);
            var tokens = embedder.Embed(texts, null, batchSize: 3).ToList();
            foreach (var pooling in Enum.GetValues<Pooling>())
            {
                var alone = embedder.Embed(texts, pooling, batchSize: 1).ToList();
                for (var i = 0; i < texts.Length; i++)
                {
                    Assert.Equal(texts[i], alone[i].Text);
                    Assert.Equal(tokens[i].Ids.Count, tokens[i].Vectors.Length);
                    var expected = pooling switch
                    {
                        Pooling.Cls => tokens[i].Vectors[0],
                        Pooling.Last => tokens[i].Vectors[^1],
                        _ => [.. Enumerable.Range(0, embedder.Width).Select(d => tokens[i].Vectors.Average(vector => vector[d]))],
                    };
                    for (var d = 0; d < embedder.Width; d++) Assert.Equal(expected[d], alone[i].Vectors[0][d], 1e-4f);
                }
            }
        }
    }

    [Fact]
    public void A_run_of_another_kind_is_refused_by_name()
    {
        runs.Start(SentenceRuns.Masked("training.steps=1"), "run");
        var run = TrainedRun.Open(runs.PathOf("run"));
        Assert.Contains("encoder", Assert.Throws<UserException>(() => run.LoadTranslator(CPU)).Message);
        Assert.Contains("classifies", Assert.Throws<UserException>(() => new TextPredictor(run, CPU)).Message);
    }
}
