using static TorchSharp.torch;

namespace Transformers.Tests.Training;

[Collection("engine")]
public class SentenceTrainingTests : TinyRunTest
{
    [Theory]
    [InlineData("translation")]
    [InlineData("masked")]
    [InlineData("classify")]
    [Trait("Category", "slow")]
    public void Half_a_run_then_resumed_equals_the_whole_run_bit_for_bit(string kind)
    {
        var config = kind switch { "translation" => SentenceRuns.Translation(), "masked" => SentenceRuns.Masked(), _ => SentenceRuns.Classify() };
        var whole = runs.Start(config, "whole");
        runs.Start(config, "halves", maxSteps: 6);
        var rest = runs.Start(config, "halves");
        Assert.Equal(12, rest.Steps);
        Assert.Equal(whole.ValLoss, rest.ValLoss);
        foreach (var file in new[] { CheckpointFiles.Model, CheckpointFiles.Optimizer })
            Assert.Equal(runs.Newest("whole", file), runs.Newest("halves", file));
        string[] metrics = kind switch { "translation" => ["bleu", "chrf", "exact", "perplexity"], "masked" => ["masked_accuracy", "perplexity"], _ => ["accuracy", "macro_f1"] };
        Assert.Equal(metrics.Order(), rest.Metrics.Keys.Order());
    }

    [Fact]
    public void A_batch_that_is_too_small_for_the_longest_pair_is_reported_at_its_setting()
    {
        using var runs = new TinyRuns();
        var problem = Assert.Throws<UserException>(() => runs.Start(SentenceRuns.Translation("training.batch={ sequences: null, tokens: 4 }"), "run", maxSteps: 1)).Problems[0];
        Assert.Equal(("training.batch.tokens", "training.batch.tokens (4) must be at least the length of the longest sequence (11)"), (problem.Path, problem.Message));
    }

    [Theory]
    [InlineData("translation")]
    [InlineData("classify")]
    public void A_run_with_too_few_batches_to_reach_its_last_step_is_refused_and_left_unchanged(string kind)
    {
        RunConfig Config(params string[] sets) => kind == "translation" ? SentenceRuns.Translation(sets) : SentenceRuns.Classify(sets);
        runs.Start(Config(), "run", maxSteps: 6);
        var before = File.ReadAllText(Path.Combine(runs.PathOf("run"), "config.yaml"));
        Assert.Contains("cannot continue at batch 6 of epoch 0", Assert.Throws<UserException>(() => runs.Start(Config("training.batch.sequences=400"), "run")).Message);
        Assert.Equal(before, File.ReadAllText(Path.Combine(runs.PathOf("run"), "config.yaml")));
        Assert.Equal(12, runs.Start(Config(), "run").Steps);
    }

    [Fact]
    public void Separate_vocabularies_and_layers_of_their_own_train_and_load()
    {
        var config = SentenceRuns.Translation("data.source={ generator: translation, size: 300 }", "data.tokenizer={ kind: bpe, vocabulary: 300 }",
            "data.target_tokenizer={ kind: characters }", "model.decoder_layers=2", "model.context=400", "training.steps=2", "training.validate.sentences=0", "training.batch.sequences=4");
        // The whole validation at the end would translate every sentence.
        runs.Start(config, "run", maxSteps: 1);
        var run = TrainedRun.Open(runs.PathOf("run"));
        var (source, target) = run.LoadTokenizers();
        Assert.NotEqual(source.Hash, target.Hash);
        using var model = run.LoadSeq2Seq((source, target), CPU);
        Assert.Equal((source.VocabularySize, target.VocabularySize), (model.SourceVocabulary, model.Vocabulary));
        Assert.Equal(2, model.NewCache().Target.Layers.Count);
    }

    [Fact]
    public void A_handful_of_texts_is_learnt_by_heart()
    {
        var config = SentenceRuns.Classify("training.steps=40", "model.dropout=0", "model.layers=1", "model.norm={ kind: layer, placement: pre }",
            "data.source.size=12", "training.validate.every=1000", "training.checkpoint.every=1000", "training.optimizer.lr=1e-2");
        var result = runs.Start(config, "run", maxSteps: 39);
        Assert.True(result.TrainLoss < 0.05, $"loss {result.TrainLoss}");
    }

    [Theory]
    [InlineData("fp32")]
    [InlineData("bf16")]
    public void Texts_without_a_word_that_could_be_hidden_cost_nothing(string precision)
    {
        var folder = Directory.CreateDirectory(runs.PathOf("data")).FullName;
        File.WriteAllLines(Path.Combine(folder, "train.tsv"), Enumerable.Range(0, 40).Select(i => i % 4 == 0 ? "\t0" : $"a small dog runs over {i} hills\t{i % 2}"));
        File.WriteAllLines(Path.Combine(folder, "dev.tsv"), ["unseen\t0", "a small dog\t1", "neither\t1"]);
        var result = runs.Start(SentenceRuns.Masked($"data.source={{ folder: {folder} }}", "training.batch={ sequences: 4, micro: 1 }", $"training.precision={precision}"), "run");
        Assert.True(double.IsFinite(result.TrainLoss!.Value) && double.IsFinite(result.ValLoss!.Value));
    }

    [Fact]
    public void A_run_starts_from_another_ones_encoder_and_tokenizer()
    {
        runs.Start(SentenceRuns.Masked("training.steps=3"), "pretrained");
        // Other data would give another vocabulary: the pretrained run's is taken.
        var config = SentenceRuns.Classify("data.source.size=100", "training.freeze=[encoder.*]", "training.steps=3");
        runs.Start(config, "tuned", from: "pretrained");
        var (before, after) = (Tensors(runs.PathOf("pretrained")), Tensors(runs.PathOf("tuned")));
        var shared = before.Keys.Intersect(after.Keys).ToList();
        Assert.True(shared.Count > 20);
        Assert.All(shared, name => Assert.Equal(before[name], after[name]));
        Assert.Equal(["head.bias", "head.weight", "pooler.bias", "pooler.weight"], after.Keys.Except(before.Keys).Order());
        Assert.Equal(runs.Newest("pretrained", CheckpointFiles.Tokenizer), runs.Newest("tuned", CheckpointFiles.Tokenizer));
        // Without holding it still, the encoder learns too.
        runs.Start(SentenceRuns.Classify("data.source.size=100", "training.steps=3"), "free", from: "pretrained");
        Assert.NotEqual(before["encoder.blocks.0.mlp.up.weight"], Tensors(runs.PathOf("free"))["encoder.blocks.0.mlp.up.weight"]);
    }

    static Dictionary<string, byte[]> Tensors(string run)
    {
        var checkpoint = TrainedRun.Open(run, "latest").Checkpoint;
        using var file = checkpoint.OpenTensors(CheckpointFiles.Model);
        return file.Tensors.ToDictionary(tensor => tensor.Name, tensor => file.Span(tensor).ToArray());
    }

    [Theory]
    [InlineData("translation")]
    [InlineData("masked")]
    [InlineData("classify")]
    public void Label_smoothing_changes_what_is_learned_but_not_how_the_loss_is_reported(string kind)
    {
        var results = new List<TrainResult>();
        foreach (var smoothing in new[] { "0", "0.3" })
        {
            string[] sets = ["training.steps=1", "training.validate.sentences=0", $"training.label_smoothing={smoothing}"];
            results.Add(runs.Start(kind switch { "translation" => SentenceRuns.Translation(sets), "masked" => SentenceRuns.Masked(sets), _ => SentenceRuns.Classify(sets) }, smoothing));
        }
        Assert.Equal(results[0].TrainLoss!.Value, results[1].TrainLoss!.Value, 1e-5);
        Assert.NotEqual(runs.Newest("0", CheckpointFiles.Model), runs.Newest("0.3", CheckpointFiles.Model));
    }

    [Theory]
    [InlineData("[decoder.*]", "training.freeze[0]")]
    [InlineData("[encoder.*, nothing]", "training.freeze[1]")]
    [InlineData("['*']", "nothing to train")]
    public void A_pattern_that_holds_nothing_or_everything_is_refused(string patterns, string expected) =>
        Assert.Contains(expected, Assert.Throws<UserException>(() => runs.Start(SentenceRuns.Classify($"training.freeze={patterns}"), "run")).Message);

    [Fact]
    public void Starting_from_another_shape_names_the_setting()
    {
        runs.Start(SentenceRuns.Masked("training.steps=1", "model.width=16"), "narrow");
        Assert.Contains("model.width (32) must be 16", Assert.Throws<UserException>(() => runs.Start(SentenceRuns.Classify(), "wide", from: "narrow")).Message);
    }

    [Fact]
    public void A_step_over_sentences_leaves_no_tensor_behind()
    {
        foreach (var config in new[] { SentenceRuns.Translation("training.steps=40"), SentenceRuns.Classify("training.steps=40"), SentenceRuns.Masked("training.steps=40") })
        {
            var counts = new HandleCounts();
            TrainingRun.Start(config with { Training = config.Training with { Log = new LogConfig { Every = 10 }, Validate = new ValidateConfig { Every = 1000 }, Checkpoint = new CheckpointConfig { Every = 1000 } } },
                new TrainingOptions { Run = runs.PathOf(KindAttribute.Of(config.Data) + counts.GetHashCode()), Cache = runs.PathOf("cache"), MaxSteps = 39 }, counts);
            Assert.InRange(counts.At[30], 0, counts.At[10]); // Fewer: what earlier tests left was finalized meanwhile.
        }
    }
}
