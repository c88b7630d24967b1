using Transformers.Generators.Drawing;

namespace Transformers.Tests.Training;

[Collection("engine")]
public class ImageRunTests : TinyRunTest
{
    const string Vit = "{ kind: vit, patch: 4, layers: 2, heads: 2, width: 16 }";
    const string Swin = "{ kind: swin, patch: 2, width: 8, layers: [2, 1], heads: [2, 2], window: 3 }";

    const string Resnet = "{ kind: resnet, width: 4, layers: [1, 1] }";

    static RunConfig Config(string model = Vit, params string[] sets) => ConfigFile.Parse<RunConfig>($$"""
        data:
          kind: images
          source: { generator: digits, count: 300, side: 12 }
          input: { size: 12, channels: 1 }
          holdout: { count: 40 }
          augment: { pad: 1, mixup: 0.2, erase: 0.2 }
          threads: 2
        model: {{model}}
        training:
          steps: 8
          batch: { sequences: 16 }
          optimizer: { kind: adamw, lr: 2.0e-3, weight_decay: 0.05 }
          label_smoothing: 0.1
          precision: fp32
          validate: { every: 4 }
          checkpoint: { every: 1000 }
        """, "tiny.yaml", sets);

    [Theory]
    [InlineData(Vit, "model.drop={ path: 0.3, activations: 0.1 }")]
    [InlineData(Swin, "model.drop={ path: 0.3 }")]
    [InlineData(Vit, "training.batch.micro=6")]
    [InlineData(Swin, "training.ema.decay=0.9")]
    [InlineData(Resnet, "training.ema.decay=0.9")]
    [InlineData(Resnet, "training.batch.micro=6")]
    [Trait("Category", "slow")]
    public void Half_a_run_then_resumed_equals_the_whole_run_bit_for_bit(string model, string setting)
    {
        var config = Config(model, setting);
        runs.Train(config, "whole");
        runs.Train(config, "halves", maxSteps: 4);
        Assert.Equal(8, runs.Train(config, "halves").Steps);
        foreach (var file in new[] { CheckpointFiles.Model, CheckpointFiles.Optimizer })
            Assert.Equal(runs.Newest("whole", file), runs.Newest("halves", file));
    }

    [Theory]
    [Trait("Category", "slow")]
    [InlineData(Vit)]
    [InlineData(Swin)]
    [InlineData(Resnet)]
    public void A_few_images_are_learnt_by_heart(string model)
    {
        var config = Config(model, "data.source.count=156", "data.augment.pad=0", "data.augment.mixup=0", "data.augment.erase=0", "data.holdout={ count: 114 }", "training.batch.sequences=16", "training.label_smoothing=0",
            "training.steps=150", "training.validate.every=1000", "training.optimizer.lr=1e-2");
        var result = runs.Train(config, "heart");
        Assert.True(result.TrainLoss < 0.2, $"loss {result.TrainLoss}");
    }

    [Fact]
    [Trait("Category", "slow")]
    public void Smoothing_of_mixed_targets_is_trained_and_not_reported()
    {
        var plain = runs.Train(Config(Vit, "training.steps=1", "training.log.every=1", "training.label_smoothing=0", "training.optimizer.lr=1e-12"), "plain");
        var smooth = runs.Train(Config(Vit, "training.steps=1", "training.log.every=1", "training.label_smoothing=0.5", "training.optimizer.lr=1e-12"), "smooth");
        Assert.Equal(plain.TrainLoss!.Value, smooth.TrainLoss!.Value, 1e-6);
        double Norm(string run) => MetricsLog.Read(Path.Combine(runs.PathOf(run), "metrics.jsonl")).First(one => one.Split == "train").Values["gradient_norm"];
        Assert.NotEqual(Norm("plain"), Norm("smooth"), 1e-4);
        // Validation is without either: the same weights, the same loss.
        Assert.Equal(plain.ValLoss!.Value, smooth.ValLoss!.Value, 1e-6);
    }

    [Theory]
    [InlineData(Vit)]
    [InlineData(Resnet)]
    public void Evaluation_of_the_validation_split_gives_the_metrics_of_the_last_step(string model)
    {
        var result = runs.Train(Config(model, "training.ema.decay=0.5"), "run");
        using var run = ImageRun.Open(runs.PathOf("run"), "latest");
        using var images = run.OpenImages(generated: Path.Combine(runs.PathOf("cache"), "images"));
        foreach (var batch in new[] { 7, 64 })
        {
            var judged = new List<PredictionLine>();
            var evaluation = ImageEvaluation.Run(run, images, "validation", batch, worst: 5, each: judged.Add);
            Assert.Equal(result.ValLoss!.Value, evaluation.Loss, 1e-4);
            Assert.Equal(result.Metrics["top1"], evaluation.Metrics["top1"], 1e-9);
            Assert.Equal(result.Metrics["top5"], evaluation.Metrics["top5"], 1e-9);
            Assert.Equal(result.Metrics["macro_f1"], evaluation.Metrics["macro_f1"], 1e-9);
            Assert.Equal(40, evaluation.Report.Examples);
            Assert.Equal(40, judged.Count);
            Assert.Equal(evaluation.Metrics["top1"], judged.Count(one => one.Reference == one.Prediction) / 40.0, 1e-9);
            Assert.Equal(5, evaluation.Mistakes.Count);
            Assert.All(evaluation.Mistakes, mistake => Assert.NotEqual(mistake.Label, mistake.Predicted));
            Assert.Equal(evaluation.Mistakes.OrderBy(mistake => mistake.LabelProbability), evaluation.Mistakes);
        }
        Assert.Equal("test", ImageEvaluation.Run(run, images).Split);
    }

    [Fact]
    public void Predictions_of_files_are_those_of_the_evaluation()
    {
        runs.Train(Config(Swin), "run");
        using var run = ImageRun.Open(runs.PathOf("run"));
        var folder = runs.PathOf("digits");
        ImageGenerator.Write(DrawingKind.Digits, folder, 156, 9, side: 16);
        using var images = run.OpenImages(folder, "test");
        var judged = new Dictionary<string, PredictionLine>();
        ImageEvaluation.Run(run, images, "test", each: one => judged[Path.GetFileName(one.Input)] = one);
        var predictions = new ImagePredictor(run).Predict([Path.Combine(folder, "test")], top: 3, batchSize: 4).ToList();
        Assert.Equal(judged.Count, predictions.Count);
        foreach (var prediction in predictions)
        {
            var same = judged[Path.GetFileName(prediction.Input)];
            Assert.Equal(3, prediction.Labels.Count);
            Assert.Equal(same.Prediction, prediction.Labels[0].Label);
            Assert.Equal(same.Score, prediction.Labels[0].Probability, 1e-5);
            Assert.Equal(prediction.Labels.OrderByDescending(label => label.Probability), prediction.Labels);
        }
    }

    [Fact]
    public void A_broken_file_that_is_named_has_a_problem_in_place_of_classes_and_one_in_a_folder_is_skipped()
    {
        runs.Train(Config(Vit, "training.steps=1"), "run");
        using var run = ImageRun.Open(runs.PathOf("run"));
        var folder = runs.PathOf("some");
        Directory.CreateDirectory(folder);
        var broken = Path.Combine(folder, "a.png");
        File.WriteAllText(broken, "no image");
        File.WriteAllBytes(Path.Combine(folder, "b.png"), ImageCodec.EncodePng(new RgbImage(20, 9, new byte[20 * 9 * 3])));
        var predictor = new ImagePredictor(run);
        Assert.Single(predictor.Predict([folder]));
        Assert.Equal(broken, Assert.Single(predictor.Skipped).Problems[0].File);
        var named = predictor.Predict([broken, Path.Combine(folder, "b.png")]).ToList();
        Assert.Equal([broken, null], named.Select(one => one.Problem?.File));
        Assert.Equal([0, 5], named.Select(one => one.Labels.Count));
        Assert.Contains("the file or folder does not exist", Assert.Throws<UserException>(() => predictor.Predict([runs.PathOf("absent")]).ToList()).Message);
    }

    [Fact]
    public void Images_of_classes_that_the_model_does_not_know_are_refused_and_some_of_its_classes_are_found_by_name()
    {
        runs.Train(Config(Vit, "training.steps=1"), "run");
        using var run = ImageRun.Open(runs.PathOf("run"));
        var folder = runs.PathOf("some");
        foreach (var (name, shade) in new[] { ("7", 40), ("3", 200) })
        {
            Directory.CreateDirectory(Path.Combine(folder, name));
            File.WriteAllBytes(Path.Combine(folder, name, "x.png"), ImageCodec.EncodePng(new RgbImage(12, 12, [.. Enumerable.Repeat((byte)shade, 12 * 12 * 3)])));
        }
        using (var images = run.OpenImages(folder))
        {
            var evaluation = ImageEvaluation.Run(run, images);
            Assert.Equal(("all", 2), (evaluation.Split, evaluation.Report.Examples));
            Assert.Equal([3, 7], Enumerable.Range(0, 10).Where(label => evaluation.Report.Classes()[label].Support > 0));
        }
        Directory.Move(Path.Combine(folder, "7"), Path.Combine(folder, "seven"));
        Assert.Contains("seven", Assert.Throws<UserException>(() => run.OpenImages(folder)).Message);
    }

    [Fact]
    public void The_transform_and_the_classes_are_read_back_as_they_were_saved_and_damage_is_reported()
    {
        runs.Train(Config(Vit, "training.steps=1"), "run");
        using var run = ImageRun.Open(runs.PathOf("run"));
        Assert.Equal(12, run.Input.Transform.Size);
        Assert.InRange(run.Input.Transform.Mean[0], 0.01, 0.99);
        Assert.Equal(Enumerable.Range(0, 10).Select(digit => digit.ToString()), run.Input.Classes);
        var text = run.Input.ToJson();
        Assert.Equal(text, ImageInput.Parse(text, "x").ToJson());
        foreach (var damaged in new[] { "{}", "[", text.Replace("\"size\": 12", "\"size\": -1"), text.Replace("\"size\"", "\"siez\""), text.Replace("\"9\"", "\"8\""), "null" })
            Assert.Throws<UserException>(() => ImageInput.Parse(damaged, "x"));
    }

    [Fact]
    public void Layer_decay_lowers_the_rate_towards_the_input_and_changes_what_is_learnt()
    {
        using var model = new Vit(new VitConfig { Patch = 4, Layers = 2, Heads = 2, Width = 16 }, new ImageShape(12, 1, 10));
        using var optimizer = Optimizer.Create(new AdamWConfig { Lr = 1, LayerDecay = 0.5 }, model);
        var rates = model.named_parameters().Zip(optimizer.RatesAt(0.8)).ToDictionary(pair => pair.First.name, pair => pair.Second);
        Assert.Equal(0.8, rates["head.weight"], 12);
        Assert.Equal(0.4, rates["blocks.1.attn.qkv.weight"], 12);
        Assert.Equal(0.2, rates["blocks.0.attn.qkv.weight"], 12);
        Assert.Equal(0.1, rates["patch_emb.weight"], 12);

        runs.Train(Config(), "even");
        runs.Train(Config(Vit, "training.optimizer.layer_decay=0.7"), "decayed");
        Assert.NotEqual(runs.Newest("even", CheckpointFiles.Model), runs.Newest("decayed", CheckpointFiles.Model));
        Assert.Contains("layer_decay", Assert.Throws<UserException>(() => runs.Train(TinyRuns.Config("training.optimizer.layer_decay=0.5"), "text")).Message);
    }

    [Fact]
    public void A_run_starts_from_the_weights_of_another_resolution_with_other_classes()
    {
        runs.Train(Config(), "small");
        var other = TrainedRun.Open(runs.PathOf("small"), "latest");
        var shape = (VitConfig)Config().Model;
        using var large = new Vit(shape, new ImageShape(20, 1, 3));
        Assert.Equal(["head.weight", "head.bias"], WarmStart.From(large, other).Fresh.Order().Reverse());
        using var same = new Vit(shape, new ImageShape(12, 1, 10));
        Assert.Empty(WarmStart.From(same, other).Fresh);
        Assert.True(large.state_dict()["blocks.1.mlp.up.weight"].allclose(same.state_dict()["blocks.1.mlp.up.weight"]));
        using var wide = new Vit(shape with { Width = 32 }, new ImageShape(12, 1, 10));
        Assert.Throws<UserException>(() => WarmStart.From(wide, other));

        var notes = new Notes();
        TrainingRun.Start(Config(Vit, "data.input.size=20", "training.steps=1", "data.source.generator=shapes"),
            new TrainingOptions { Run = runs.PathOf("large"), Cache = runs.PathOf("cache"), From = runs.PathOf("small") }, notes);
        Assert.Contains(notes.All, note => note.Contains("head.weight"));
    }

    sealed class Notes : ITrainingObserver
    {
        internal List<string> All { get; } = [];
        public void Note(string message) => All.Add(message);
        public void Warn(string message) => All.Add(message);
    }

    [Theory]
    [InlineData("model.patch=5", "model.patch (5) must divide data.input.size (12)")]
    [InlineData("model.size=16", "model.size (16) must be data.input.size (12)")]
    [InlineData("model.channels=3", "model.channels (3) must be data.input.channels (1)")]
    [InlineData("training.batch={ sequences: null, tokens: 64 }", "training.batch.tokens (64) is for text")]
    public void What_does_not_fit_the_images_is_reported_before_anything_starts(string setting, string message) =>
        Assert.Contains(Assert.Throws<UserException>(() => Config(Vit, setting)).Problems, problem => problem.Message.Contains(message));
}
