using static TorchSharp.torch;

namespace Transformers.Tests.Benchmarks;

[Collection("engine")]
public class StepBenchmarkTests
{
    static readonly StepBenchmarkOptions Short = new(CPU, Precision.Fp32, Seconds: 0);

    [Fact]
    public void An_image_costs_what_its_patches_and_its_class_token_cost()
    {
        var shape = new VitConfig { Patch = 4, Layers = 2, Heads = 2, Width = 8 };
        var result = StepBenchmark.Images(shape, new ImageShape(8, 3, 5), rows: 3, Short);
        // 4 patches of 48 numbers and a class token; a block's matrices are 12·D².
        const double patches = 4 * 8 * 48, blocks = 5.0 * 2 * 12 * 64, head = 8 * 5, attention = 12.0 * 8 * 2 * 5 * 5;
        Assert.Equal(3 * (6 * (patches + blocks + head) + attention), result.FlopsPerStep);
        Assert.Equal(("vit", "images", 3), (result.Model, result.Unit, result.UnitsPerStep));
        Assert.InRange(result.FirstLoss, Math.Log(5) - 0.2, Math.Log(5) + 0.2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_pair_costs_what_both_sides_cost_and_the_output_layer_once(bool tied)
    {
        var shape = new Seq2SeqConfig
        {
            Layers = 2, DecoderLayers = 3, Heads = 2, Width = 8, Context = 16, FeedForward = new ReluConfig { Width = 16 },
            Embeddings = new EmbeddingsConfig { TieOutput = tied },
        };
        var result = StepBenchmark.Pairs(shape, vocabulary: 11, rows: 2, length: 4, smoothing: 0.1, Short);
        const double encoder = 2 * (4 * 64 + 2 * 8 * 16), decoder = 3 * (8 * 64 + 2 * 8 * 16), output = 8 * 11;
        Assert.Equal(2 * (6 * 4 * (encoder + decoder + output) + 12.0 * 8 * (2 + 2 * 3) * 16), result.FlopsPerStep);
        Assert.Equal(2 * 2 * 4, result.UnitsPerStep);
    }

    [Fact]
    public void A_language_models_step_costs_six_a_matrix_parameter_and_twelve_a_pair()
    {
        var shape = new GptConfig { Layers = 2, Heads = 2, Width = 8, Context = 4 };
        var result = StepBenchmark.Text(shape, vocabulary: 7, rows: 5, Short);
        const double matrices = 2 * (4 * 64 + 2 * 8 * 32) + 7 * 8;
        Assert.Equal(5 * (6 * 4 * matrices + 12.0 * 2 * 8 * 16), result.FlopsPerStep);
        Assert.True(result.Steps >= 5 && result.FastSeconds <= result.Seconds && result.Seconds <= result.SlowSeconds);
        Assert.InRange(result.FirstLoss, Math.Log(7) - 0.2, Math.Log(7) + 0.2);
    }

    [Fact]
    public void A_config_without_data_is_measured_and_assumptions_are_noted()
    {
        var notes = new List<string>();
        var fragment = ConfigFile.Parse<ModelFragment>("model: { kind: seq2seq, layers: 1, heads: 2, width: 8, context: 16, vocabulary: 9 }", "model.yaml");
        var result = StepBenchmarkConfig.Run(fragment, rows: null, Short, run: null, notes.Add);
        Assert.Equal(2 * 8 * 16, result.UnitsPerStep);
        Assert.Equal(["pairs of 16 tokens per side are assumed", "a batch of 8 is assumed; --rows sets another size"], notes);
        Assert.Equal(2 * 3 * 16, StepBenchmarkConfig.Run(fragment, rows: 3, Short, run: null, _ => { }).UnitsPerStep);
    }

    const string Texts = "{ kind: text, source: { generator: stories, size: 60kB }, tokenizer: { kind: bytes } }",
        Series = "{ kind: series, source: { generator: regimes, count: 4, length: 300 }, context: 48, horizon: 12 }",
        Images = "{ kind: images, source: { generator: digits, count: 200, side: 16 }, input: { size: 16, channels: 1 } }",
        Block = "layers: 1, heads: 2, width: 8";

    // A run of each kind: its data, its model and the units of a step of three rows.
    static readonly Dictionary<string, (string Data, string Model, int Units)> Kinds = new()
    {
        ["gpt"] = (Texts, $"{{ kind: gpt, {Block}, context: 16 }}", 3 * 16),
        ["seq2seq"] = ("{ kind: parallel, source: { generator: reverse, size: 100 }, tokenizer: { kind: words } }", $"{{ kind: seq2seq, {Block}, context: 16 }}", 2 * 3 * 16),
        ["encoder"] = ("{ kind: labelled, source: { generator: sentiment, size: 100 }, tokenizer: { kind: words } }", $"{{ kind: encoder, {Block}, context: 16, head: {{ kind: masked }} }}", 3 * 16),
        ["vit"] = (Images, $"{{ kind: vit, {Block}, patch: 4 }}", 3),
        ["swin"] = (Images, "{ kind: swin, patch: 2, width: 8, layers: [1, 1], heads: [2, 2], window: 4 }", 3),
        ["resnet"] = (Images, "{ kind: resnet, width: 4, layers: [1, 1] }", 3),
        ["vilbert"] = ("{ kind: image_text, source: { generator: scenes, size: 100 }, tokenizer: { kind: words }, input: { size: 16 } }",
            "{ kind: vilbert, context: 16, patch: 8, text: { width: 8, layers: 1, heads: 2 }, image: { width: 8, layers: 1, heads: 2 }, co_layers: 1, width: 8 }", 3),
        ["ast"] = ("{ kind: audio, source: { generator: digits, count: 40 }, seconds: 0.5, mels: 32 }", $"{{ kind: ast, {Block}, patch: 16 }}", 3 * 7),
        ["patchtst"] = (Series, $"{{ kind: patchtst, {Block}, patch: 6 }}", 3 * 8),
        ["series_decoder"] = (Series, $"{{ kind: series_decoder, {Block}, patch: 6, calibration: {{ windows: 4 }} }}", 3 * 8),
        ["series_classifier"] = ("{ kind: labelled_series, source: { generator: cylinder_bell_funnel, count: 60 }, length: 48 }", $"{{ kind: series_classifier, {Block}, patch: 6 }}", 3 * 8),
    };

    public static TheoryData<string> AllKinds() => new(ConfigShape.Variants(typeof(ModelConfig)).Where(shape => shape.Type.Assembly == typeof(ModelConfig).Assembly).Select(shape => shape.Kind!));

    [Theory, MemberData(nameof(AllKinds))]
    public void Steps_of_every_kind_of_model_are_measured_without_its_data(string kind)
    {
        var (data, model, units) = Kinds[kind];
        var batch = kind is "seq2seq" or "encoder" or "gpt" ? "tokens: 96" : "sequences: 5";
        var config = ConfigFile.Parse<RunConfig>($"data: {data}\nmodel: {model}\ntraining: {{ steps: 1, batch: {{ {batch} }}, optimizer: {{ kind: adamw, lr: 1.0e-3 }} }}", "tiny.yaml");
        var result = StepBenchmarkConfig.Run(config, rows: 3, Short, run: null, _ => { });
        Assert.Equal((kind, units), (result.Model, result.UnitsPerStep));
        Assert.True(result.FlopsPerStep > 0 && result.Parameters > 0 && double.IsFinite(result.FirstLoss) && result.FirstLoss > 0, $"{result}");
    }

    [Fact]
    public void A_model_whose_sizes_come_from_the_data_is_not_measured_alone()
    {
        var fragment = ConfigFile.Parse<ModelFragment>("model: { kind: patchtst, patch: 6, layers: 1, heads: 2, width: 8 }", "model.yaml");
        Assert.Contains("give a config that also has data", Assert.Throws<UserException>(() => StepBenchmarkConfig.Run(fragment, null, Short, null, _ => { })).Problems[0].Hint);
    }

    [Fact]
    public void Any_vocabulary_of_a_measured_generation_is_one_of_characters() =>
        Assert.Equal(50_257, CharacterTokenizer.FromText(string.Concat(Enumerable.Range(0, 50_257).Select(GenerationBenchmark.CharacterAt))).VocabularySize);

    [Fact]
    public void Generation_makes_the_tokens_that_were_asked_for_and_counts_the_weights_read()
    {
        var shape = new GptConfig { Layers = 1, Heads = 2, Width = 8, Context = 16 };
        var result = GenerationBenchmark.Run(shape, vocabulary: 10, prompts: 3, tokens: 6, Short);
        Assert.Equal(3 * 6, result.Tokens);
        Assert.Equal(4 * (10 * 8 + 12 * 64), result.WeightBytes);
        Assert.True(result.TokensPerSecond > 0 && result.BandwidthShare > 0);
    }
}
