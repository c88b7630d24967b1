using Transformers.Generators.Scenes;
using static TorchSharp.torch;

namespace Transformers.Tests.Kinds;

/// <summary>A model of images with text from its config to every command, on scenes too few to learn from.</summary>
[Collection("engine")]
public sealed class VilbertKindTests : TempFolderTest
{
    const string Config = """
        data:
          kind: image_text
          source: { generator: scenes, size: 240 }
          tokenizer: { kind: words }
          input: { size: 64 }
        model:
          kind: vilbert
          text: { layers: 1, heads: 2, width: 8 }
          image: { layers: 1, heads: 2, width: 16 }
          co_layers: 1
          width: 16
          patch: 16
          context: 32
          norm: { kind: layer, placement: pre }
        training:
          steps: 4
          batch: { sequences: 32 }
          optimizer: { kind: adamw, lr: 0.001 }
          precision: fp32
          checkpoint: { every: 2 }
        """;

    static readonly string Regions = Config.Replace("input: { size: 64 }", "regions: { most: 5 }").Replace("  patch: 16\n", "");

    static readonly string[] Kinds = ["color", "comparison", "count", "position", "relation", "shape"];

    static RunConfig Parse(string config = Config) => ConfigFile.Parse<RunConfig>(config);

    static TrainResult Train(TempFolder folder, string run, string config = Config, long? most = null, string? from = null) =>
        TrainingRun.Start(Parse(config), new TrainingOptions { Run = folder[run], Cache = folder["cache"], MaxSteps = most, From = from is null ? null : folder[from] });

    static EvaluationResult Evaluate(TempFolder folder, string run, string? split = null, string? data = null, bool output = true) =>
        Kind.For(TrainedRun.Open(folder[run])).Evaluate(TrainedRun.Open(folder[run]), run, new EvaluationOptions { Cache = folder["cache"], Split = split, Data = data, Output = output ? folder["predictions.jsonl"] : null });

    [Theory]
    [Trait("Category", "slow")]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_trains_is_evaluated_by_kind_of_question_and_inspected(bool regions)
    {
        var config = regions ? Regions : Config;
        var result = Train(folder, "run", config);
        Assert.Equal(("vilbert", 4L), (result.Model, result.Steps));
        Assert.Equal(["accuracy", .. Kinds.Select(kind => $"accuracy_{kind}"), "masked_accuracy", "match_accuracy"], result.Metrics.Keys.Order());
        foreach (var split in new[] { null, "unseen", "validation" })
        {
            var evaluation = Evaluate(folder, "run", split);
            Assert.Equal((split ?? "test", 200L), (evaluation.Split, evaluation.Examples));
            Assert.Equal([.. Kinds, "all"], evaluation.Questions!.Select(one => one.Kind));
            Assert.Equal(evaluation.Metrics["accuracy"], evaluation.Questions!.SkipLast(1).Sum(one => one.Accuracy * one.Examples) / 200, 1e-9);
            Assert.InRange(evaluation.Metrics["majority"], 0.2, 0.45);
            Assert.All(evaluation.Questions!, one => Assert.True(one is { TextAlone: not null, ImageAlone: not null }));
            // Each caption is among as many as there are, and in the first k of an untrained order about as often as k in N.
            Assert.InRange(evaluation.Metrics["retrieved_from"], 190, 200);
            Assert.InRange(evaluation.Metrics["image_recall_10"], 0, 0.3);
        }
        Assert.Equal(200, File.ReadLines(folder["predictions.jsonl"]).Count());
        var inspection = Inspector.Inspect(Parse(config), new InspectionOptions { Measure = false, Cache = folder["cache"] });
        Assert.Equal(result.Parameters, inspection.Cost.Parameters);
    }

    [Trait("Category", "slow")]
    [Fact]
    public void A_run_that_was_interrupted_ends_with_the_same_weights_and_micro_batches_change_the_sum_of_losses_by_rounding_alone()
    {
        Train(folder, "whole");
        Train(folder, "parts", most: 2);
        Train(folder, "parts");
        string Weights(string run) => Path.Combine(folder[run], "checkpoints", "step-00000004", "model.safetensors");
        Assert.Equal(File.ReadAllBytes(Weights("whole")), File.ReadAllBytes(Weights("parts")));

        using var setup = Kind.For(Parse().Model).CreateTask(Parse(), new TrainingOptions { Run = folder["task"], Cache = folder["cache"] }, new Quiet(), new StopRequest());
        setup.Task.Model.eval();
        double Sum(int? micro)
        {
            setup.Task.SamplerState = new Dictionary<string, long> { ["epoch"] = 0, ["next"] = 0, ["offset"] = 0, ["batches"] = 0 };
            setup.Task.Micro = new MicroSize(micro);
            using var scope = NewDisposeScope();
            using var plain = no_grad();
            return setup.Task.NextStep().Sum(batch => (double)batch.LossSum().Objective.item<float>());
        }
        var all = Sum(null);
        Assert.InRange(all, 32, 32 * 6);
        Assert.Equal(all, Sum(7), 1e-4 * all);
    }

    [Fact]
    public void A_trained_run_answers_questions_about_a_file_and_draws_what_it_attends_to()
    {
        Train(folder, "run");
        File.WriteAllBytes(folder["scene.png"], ImageCodec.EncodePng(SceneGenerator.Draw(SceneSplit.Test, 1, 0)));
        var run = TrainedRun.Open(folder["run"]);
        using (var pairs = ImageTextRun.Open(run, CPU))
        {
            var (_, seen) = pairs.ReadImage(folder["scene.png"]);
            var answers = pairs.Predict(seen, "how many red things are there?");
            Assert.Equal(SceneGenerator.Answers.Order(StringComparer.Ordinal), answers.Select(one => one.Label).Order(StringComparer.Ordinal));
            Assert.Equal(1, answers.Sum(one => one.Probability), 1e-5);
            Assert.Equal(answers.OrderByDescending(one => one.Probability), answers);
        }
        // Answers that never occur in training count as wrong and have no loss.
        File.WriteAllText(folder["unknown.jsonl"], """{"image": "scene.png", "text": "how many red things are there?", "answer": "seventeen"}""");
        var unknown = Evaluate(folder, "run", data: folder["unknown.jsonl"]);
        Assert.Equal(("data", 1L, 0.0), (unknown.Split, unknown.Examples, unknown.Metrics["accuracy"]));
        Assert.DoesNotContain("loss", unknown.Metrics.Keys);
        var subject = new AttentionSubject { Image = folder["scene.png"], Text = "how many red things" };
        var svg = Kind.For(run).DrawAttention(run, subject, CPU).ToSvg();
        Assert.Contains("what each word attends to (layer 1, mean of heads)", svg);
        Assert.Contains("what each patch attends to", svg);
        Assert.Contains(">things", svg);
        Assert.Contains("--layer (2) must be from 1 to 1", Assert.Throws<UserException>(() => Kind.For(run).DrawAttention(run, subject with { Choice = new(Layer: 2) }, CPU)).Message);
        Assert.Contains("--image must be given", Assert.Throws<UserException>(() => Kind.For(run).DrawAttention(run, subject with { Image = null }, CPU)).Message);
        using var embedder = Kind.For(run).OpenEmbedder(run, CPU);
        var vectors = embedder.Embed(["red circle", "how many red things are there?"], Pooling.Mean).Select(one => one.Vectors[0]).ToList();
        Assert.Equal(8, vectors[0].Length);
        Assert.NotEqual(vectors[0], vectors[1]);
    }

    [Trait("Category", "slow")]
    [Fact]
    public void Answers_are_learned_from_the_weights_of_pretraining_with_positions_of_another_scale()
    {
        var pretraining = Config.Replace("  context: 32", "  context: 32\n  positions: { kind: sinusoidal }\n  objectives: { answer: 0 }");
        var answering = Config.Replace("  context: 32", "  context: 32\n  positions: { kind: sinusoidal, scale: 20 }");
        var result = Train(folder, "pretrained", pretraining);
        Assert.DoesNotContain("accuracy", result.Metrics.Keys);
        Assert.Null(Evaluate(folder, "pretrained", output: false).Questions);
        Assert.Contains("--output", Assert.Throws<UserException>(() => Evaluate(folder, "pretrained")).Message);
        Train(folder, "answers", answering, from: "pretrained");
        Assert.NotNull(Evaluate(folder, "answers").Questions);
        var other = Assert.Throws<UserException>(() => Train(folder, "wider", answering.Replace("width: 16 }", "width: 32 }"), from: "pretrained"));
        Assert.Contains("model.image.width (32) must be 16", other.Message);
    }
}
