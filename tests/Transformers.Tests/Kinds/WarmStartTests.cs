using Transformers.Data.Audio;
using Transformers.Data.ImageText;

namespace Transformers.Tests.Kinds;

/// <summary>What comes along with the weights of another run, and what is refused.</summary>
[Collection("engine")]
public sealed class WarmStartTests : TinyRunTest
{
    const string Still = "training.optimizer.lr=1e-12";

    readonly Notes notes = new();

    static RunConfig Text(params string[] sets) => TinyRuns.Config(["training.steps=2", "training.validate.every=2", "training.schedule.warmup=1", .. sets]);

    static RunConfig Images(params string[] sets) => ConfigFile.Parse<RunConfig>("""
        data: { kind: images, source: { generator: digits, count: 200, side: 12 }, input: { size: 12, channels: 1 }, holdout: { count: 20 } }
        model: { kind: vit, patch: 4, layers: 2, heads: 2, width: 16 }
        training: { steps: 1, batch: { sequences: 8 }, optimizer: { kind: adamw, lr: 1.0e-3 }, precision: fp32 }
        """, "images.yaml", sets);

    TrainResult From(string run, RunConfig config, string name = "tuned") =>
        TrainingRun.Start(config, runs.OptionsOf(name) with { From = runs.PathOf(run) }, notes);

    void RefusesFrom(string run, RunConfig config, string setting, string value)
    {
        var wrong = Assert.Throws<UserException>(() => From(run, config, "refused"));
        Assert.Contains(wrong.Problems, problem => problem.Path == setting && problem.Message.Contains(value) && problem.Hint is not null);
        Assert.False(Directory.Exists(Path.Combine(runs.PathOf("refused"), "checkpoints")));
    }

    [Theory]
    [Trait("Category", "slow")]
    [InlineData("characters")]
    [InlineData("{ kind: bpe, vocabulary: 270 }")]
    public void Text_that_would_give_another_vocabulary_is_read_with_that_of_the_run(string tokenizer)
    {
        var (first, second) = (runs.PathOf("a.txt"), runs.PathOf("b.txt"));
        File.WriteAllText(first, string.Concat(Enumerable.Repeat("the quick brown fox jumps over the lazy dog.\n", 60)));
        File.WriteAllText(second, string.Concat(Enumerable.Repeat("a lazy dog jumps over a fox.\n", 60)));
        tokenizer = tokenizer.StartsWith('{') ? tokenizer : $"{{ kind: {tokenizer} }}";
        runs.Train(Text($"data.tokenizer={tokenizer}", $"data.source={{ files: [{first}] }}"), "base");
        From("base", Text($"data.tokenizer={tokenizer}", $"data.source={{ files: [{second}] }}"));
        Assert.Equal(runs.Newest("base", CheckpointFiles.Tokenizer), runs.Newest("tuned", CheckpointFiles.Tokenizer));
        // A run may be named as the tokenizer too.
        From("base", Text($"data.tokenizer={{ kind: file, path: {runs.PathOf("base")} }}", $"data.source={{ files: [{second}] }}"), "named");
    }

    [Theory]
    [InlineData("{ kind: bpe, vocabulary: 300 }", "data.tokenizer.kind", "bpe")]
    [InlineData("{ kind: characters }", "data.tokenizer.kind", "characters")]
    public void A_text_config_that_asks_for_other_tokens_is_refused_by_name(string tokenizer, string setting, string value)
    {
        runs.Train(Text(), "base");
        RefusesFrom("base", Text($"data.tokenizer={tokenizer}"), setting, value);
    }

    [Fact]
    public void Another_kind_of_tokenizer_is_one_problem_and_not_one_for_each_of_its_settings()
    {
        runs.Train(Text("data.tokenizer={ kind: characters }"), "base");
        Assert.Equal("data.tokenizer.kind", Assert.Single(Assert.Throws<UserException>(() => From("base", Text("data.tokenizer={ kind: bpe, vocabulary: 300 }"), "refused")).Problems).Path);
    }

    [Fact]
    public void Text_that_was_prepared_with_another_tokenizer_is_refused()
    {
        runs.Train(Text(), "base");
        var (text, prepared) = (runs.PathOf("a.txt"), runs.PathOf("prepared"));
        File.WriteAllText(text, string.Concat(Enumerable.Repeat("the quick brown fox jumps over the lazy dog.\n", 60)));
        var tokenizer = CharacterTokenizer.FromText(File.ReadAllText(text));
        DataPreparation.Prepare(new PreparationOptions(new FileTextSource(new TextFilesConfig { Files = [text] }), tokenizer, 0.1, HoldoutMode.Tail), prepared).Dispose();
        RefusesFrom("base", Text($"data.source={{ files: [{Directory.GetDirectories(prepared).Single()}] }}"), "data.source", "a different tokenizer");
    }

    [Fact]
    public void Sentence_pairs_are_read_with_the_tokenizers_of_the_run()
    {
        runs.Start(SentenceRuns.Translation("training.steps=1"), "base");
        runs.Start(SentenceRuns.Translation("training.steps=1", "data.source={ generator: reverse, size: 30 }"), "tuned", from: "base");
        Assert.Equal(runs.Newest("base", CheckpointFiles.Tokenizer), runs.Newest("tuned", CheckpointFiles.Tokenizer));
        RefusesFrom("base", SentenceRuns.Translation("data.tokenizer={ kind: bpe, vocabulary: 300 }"), "data.tokenizer.kind", "bpe");
        RefusesFrom("base", SentenceRuns.Translation("data.target_tokenizer={ kind: words }"), "data.target_tokenizer", "one tokenizer for both sides");
    }

    [Fact]
    public void Both_tokenizers_of_sentence_pairs_come_along()
    {
        runs.Start(SentenceRuns.Translation("training.steps=1", "data.target_tokenizer={ kind: words }"), "base");
        runs.Start(SentenceRuns.Translation("training.steps=1", "data.target_tokenizer={ kind: words }", "data.source={ generator: reverse, size: 30 }"), "tuned", from: "base");
        foreach (var file in new[] { CheckpointFiles.Tokenizer, "target_tokenizer.json" }) Assert.Equal(runs.Newest("base", file), runs.Newest("tuned", file));
        RefusesFrom("base", SentenceRuns.Translation(), "data.target_tokenizer", "a tokenizer for each side");
        RefusesFrom("base", SentenceRuns.Translation("data.target_tokenizer={ kind: bytes }"), "data.target_tokenizer.kind", "bytes");
    }

    [Fact]
    public void Labelled_texts_that_ask_for_other_tokens_are_refused_by_name()
    {
        runs.Start(SentenceRuns.Masked("training.steps=1"), "base");
        RefusesFrom("base", SentenceRuns.Classify("data.tokenizer={ kind: bpe, vocabulary: 300 }"), "data.tokenizer.kind", "bpe");
    }

    [Fact]
    public void Images_are_shown_with_the_statistics_of_the_run()
    {
        runs.Train(Images(), "base");
        From("base", Images("data.source={ generator: shapes, count: 200, side: 12 }"));
        var (before, after) = (InputOf("base").Transform, InputOf("tuned").Transform);
        Assert.Equal(before.Mean, after.Mean);
        Assert.Equal(before.Std, after.Std);
        RefusesFrom("base", Images("data.input.normalize={ kind: given, mean: [0.5], std: [0.5] }"), "data.input.normalize", "mean [");

        ImageInput InputOf(string run) => ImageInput.Parse(Stored(run, ImageInput.FileName), run);
    }

    string Stored(string run, string file) => TrainedRun.Open(runs.PathOf(run)).Checkpoint.ReadText(file);

    [Fact]
    public void As_many_classes_of_other_names_have_a_new_head()
    {
        var folder = runs.PathOf("pairs");
        Directory.CreateDirectory(folder);
        void Write(string good, string bad)
        {
            foreach (var split in new[] { "train", "val" })
                File.WriteAllLines(Path.Combine(folder, split + ".tsv"), Enumerable.Range(0, 20).SelectMany(i => new[] { $"good {i}\t{good}", $"bad {i}\t{bad}" }));
        }
        var config = SentenceRuns.Classify("training.steps=1", $"data.source={{ folder: {folder} }}");
        Write("yes", "no");
        runs.Start(config, "base");
        From("base", config, "same");
        Assert.DoesNotContain(notes.All, note => note.Contains("new: "));
        Write("left", "right");
        From("base", config, "other");
        Assert.Contains(notes.All, note => note.Contains("new: ") && note.Contains("head.weight"));
    }

    [Theory]
    [Trait("Category", "slow")]
    [InlineData("model.heads=4", "model.heads", "(4) must be 2")]
    [InlineData("model.positions={ kind: rotary }", "model.positions.kind", "must be \"learned\"")]
    [InlineData("model.norm={ kind: rms }", "model.norm.kind", "must be \"layer\"")]
    [InlineData("model.norm={ kind: layer, placement: post }", "model.norm.placement", "\"post\"")]
    [InlineData("model.feed_forward={ kind: relu }", "model.feed_forward.kind", "\"relu\"")]
    [InlineData("model.context=16", "model.context", "(16) must be 32")]
    [InlineData("model.tie_embeddings=false", "model.tie_embeddings", "(false) must be true")]
    public void A_language_model_whose_weights_would_mean_something_else_is_refused_by_name(string set, string setting, string message)
    {
        runs.Train(Text(), "base");
        RefusesFrom("base", Text(set), setting, message);
    }

    [Fact]
    public void The_base_of_positions_is_held_to_that_of_the_run()
    {
        runs.Train(Text("model.positions={ kind: rotary }"), "base");
        RefusesFrom("base", Text("model.positions={ kind: rotary, base: 100 }"), "model.positions.base", "(100)");
        // Where nothing is stored for each position, another context is another input size.
        From("base", Text("model.positions={ kind: rotary }", "model.context=16"));
        Assert.Contains(notes.All, note => note.Contains("model.context (16, there 32)"));
    }

    [Fact]
    public void A_run_of_another_kind_of_model_is_refused_by_its_kind()
    {
        runs.Train(Text(), "base");
        RefusesFrom("base", SentenceRuns.Classify(), "model.kind", "\"encoder\"");
    }

    [Fact]
    public void What_is_taken_new_and_not_used_is_listed_with_the_settings_that_differ()
    {
        runs.Train(Text(), "base");
        From("base", Text("model.layers=3", "model.dropout=0.2", Still));
        Assert.Contains(notes.All, note => note.Contains("tensors were loaded") && note.Contains("new: blocks.2.*") && note.Contains("model.layers (3, there 2)") && note.Contains("model.dropout (0.2, there 0.1)"));
        From("base", Text("model.layers=1"), "fewer");
        Assert.Contains(notes.All, note => note.Contains("not used: blocks.1.*"));
    }

    [Fact]
    public void A_network_over_images_that_pools_otherwise_has_a_new_head_and_one_that_scales_its_layers_is_refused()
    {
        runs.Train(Images(), "base");
        From("base", Images("model.pool=mean"));
        Assert.Contains(notes.All, note => note.Contains("new: head.weight, head.bias") && note.Contains("model.pool"));
        RefusesFrom("base", Images("model.layer_scale=0.1"), "model.layer_scale", "must be left out");
        From("base", Images("data.input.size=20"), "large");
        Assert.Contains(notes.All, note => note.Contains("resized: pos_emb.weight"));
    }

    static RunConfig Pairs(params string[] sets) => ConfigFile.Parse<RunConfig>("""
        data: { kind: image_text, source: { generator: scenes, size: 40 }, tokenizer: { kind: words }, input: { size: 32 } }
        model: { kind: vilbert, text: { layers: 1, heads: 2, width: 8 }, image: { layers: 1, heads: 2, width: 16 }, co_layers: 1, width: 16, patch: 16, context: 32 }
        training: { steps: 1, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 }, precision: fp32 }
        """, "pairs.yaml", sets);

    [Fact]
    public void Images_beside_texts_are_shown_with_the_statistics_of_the_run()
    {
        runs.Train(Pairs(), "base");
        From("base", Pairs("data.source={ generator: scenes, size: 20, seed: 9 }"));
        var (before, after) = (InputOf("base"), InputOf("tuned"));
        Assert.Equal(before.Mean, after.Mean);
        Assert.Equal(before.Std, after.Std);
        RefusesFrom("base", Pairs("data.input.normalize={ kind: imagenet }"), "data.input.normalize", "mean [");

        ImageTransform InputOf(string run) => ImageTextInput.Parse(Stored(run, ImageTextInput.FileName), run).Transform!;
    }

    static RunConfig Sounds(params string[] sets) => ConfigFile.Parse<RunConfig>("""
        data: { kind: audio, source: { generator: digits, count: 20 }, seconds: 0.5, mels: 32 }
        model: { kind: ast, patch: 16, layers: 1, heads: 2, width: 16 }
        training: { steps: 1, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 }, precision: fp32 }
        """, "sounds.yaml", sets);

    [Fact]
    public void Sounds_are_heard_with_the_statistics_and_the_bands_of_the_run()
    {
        runs.Train(Sounds(), "base");
        From("base", Sounds("data.source={ generator: digits, count: 20, seed: 9 }", "data.seconds=0.6"));
        var (before, after) = (InputOf("base"), InputOf("tuned"));
        Assert.Equal((before.Mean, before.Std), (after.Mean, after.Std));
        Assert.Contains(notes.All, note => note.Contains("data.seconds (0.6, there 0.5)"));
        RefusesFrom("base", Sounds("data.mels=48"), "data.mels", "(48) must be 32");

        SoundInput InputOf(string run)
        {
            var checkpoint = TrainedRun.Open(runs.PathOf(run)).Checkpoint;
            return SoundInput.Parse(checkpoint.ReadText(SoundInput.FileName), run);
        }
    }

    static RunConfig Series(params string[] sets) => ConfigFile.Parse<RunConfig>("""
        data: { kind: series, source: { generator: regimes, count: 2, length: 200 }, context: 48, horizon: 6, season: 24, validation: 12, test: 12 }
        model: { kind: series_decoder, patch: 8, layers: 1, heads: 2, width: 16, positions: { kind: rotary } }
        training: { steps: 1, batch: { sequences: 4 }, optimizer: { kind: adamw, lr: 1.0e-3 }, precision: fp32 }
        """, "series.yaml", sets);

    [Fact]
    public void What_the_model_sees_of_series_is_named_where_it_differs()
    {
        runs.Train(Series(), "base");
        From("base", Series("data.context=32", "data.season=12"));
        Assert.Contains(notes.All, note => note.Contains("data.context (32, there 48), data.season (12, there 24)"));
        var wrong = Assert.Throws<CheckpointException>(() => From("base", Series("data.horizon=4"), "refused"));
        Assert.Contains("give the model the same shape as the run that it starts from; settings that differ: data.horizon (4, there 6)", wrong.Message);
    }
}
