using static TorchSharp.torch;

namespace Transformers.Tests.Benchmarks;

[Collection("engine")]
public class InspectorTests
{
    static GptConfig Shape(params string[] sets) => (GptConfig)ConfigFile.Parse<ModelFragment>(
        "model: { kind: gpt, layers: 3, heads: 4, width: 16, context: 8 }", "model.yaml", sets).Model;

    static readonly InspectionOptions Unmeasured = new() { Measure = false };

    static ModelCost Cost(ModelConfig model) => Inspector.Inspect(new ModelFragment { Model = model }, Unmeasured).Cost;
    static ModelConfig Ready(string name) => ConfigFile.Load<ModelFragment>([Path.Combine(TestSupport.Repository.Root, "configs", "models", name + ".yaml")]).Model;

    // What the papers give: parameters, and multiplications with additions of one image forwards, each of them two operations.
    [Theory]
    [InlineData("vit-b16", 86_567_656, 17.6e9)]
    [InlineData("vit-s16", 22_050_664, 4.6e9)]
    [InlineData("swin-t", 28_288_354, 4.5e9)]
    [InlineData("swin-s", 49_606_258, 8.7e9)]
    [InlineData("swin-b", 87_768_224, 15.4e9)]
    public void Networks_over_images_have_the_parameters_and_the_cost_of_their_papers(string name, long parameters, double multiplications)
    {
        var cost = Cost(Ready(name));
        Assert.Equal(parameters, cost.Parameters);
        Assert.InRange(cost.ForwardFlops / 2 / multiplications, 0.97, 1.03);
    }

    [Theory]
    [InlineData("attention-base", 60_900_000, 68_000_000)]
    [InlineData("attention-big", 208_000_000, 218_000_000)]
    public void The_models_of_Attention_Is_All_You_Need_have_its_parameters(string name, long fewest, long most) =>
        Assert.InRange(Cost(Ready(name)).Parameters, fewest, most);

    [Theory]
    [InlineData("model: { kind: seq2seq, vocabulary: 30, layers: 3, decoder_layers: 2, heads: 2, width: 16, context: 12 }")]
    [InlineData("model: { kind: seq2seq, vocabulary: 30, layers: 1, heads: 2, width: 16, positions: { kind: relative }, embeddings: { tie_output: false }, norm: { kind: layer, placement: pre } }")]
    [InlineData("model: { kind: encoder, vocabulary: 30, layers: 3, heads: 2, width: 16, context: 12, head: { kind: masked } }")]
    [InlineData("model: { kind: encoder, vocabulary: 30, layers: 2, heads: 2, width: 16, context: 12, head: { kind: classify } }")]
    [InlineData("model: { kind: vit, size: 8, classes: 3, patch: 4, layers: 3, heads: 2, width: 16, layer_scale: 0.1 }")]
    [InlineData("model: { kind: vit, size: 8, classes: 3, patch: 4, layers: 2, heads: 2, width: 16, pool: mean, positions: { kind: sinusoidal } }")]
    [InlineData("model: { kind: swin, size: 16, channels: 1, classes: 3, patch: 2, width: 8, layers: [2, 3], heads: [2, 4], window: 4 }")]
    public void The_table_of_every_family_is_that_of_its_model(string yaml)
    {
        var config = ConfigFile.Parse<ModelFragment>(yaml, "model.yaml").Model;
        using TorchSharp.torch.nn.Module model = config switch
        {
            Seq2SeqConfig pair => new Seq2Seq(pair, 30, 30, shared: true),
            EncoderConfig encoder => EncoderModel.Create(encoder, 30, 2),
            IImageModelConfig image => ImageModel.Create(image, ImageShape.Of(image)),
            _ => throw new InvalidOperationException(),
        };
        var inspection = Inspector.Inspect(new ModelFragment { Model = config }, Unmeasured);
        Assert.Equal(ParameterTable.Of(model).Select(one => $"{one.Name} {string.Join('x', one.Shape)}"), inspection.Parameters.Select(one => $"{one.Name} {string.Join('x', one.Shape)}"));
        Assert.True(inspection.Cost.ForwardFlops > 0);
        Assert.Null(inspection.Training);
    }

    [Theory]
    [InlineData("copy")]
    [InlineData("sentiment")]
    public void Runs_over_generated_pairs_and_texts_have_the_sizes_of_their_batches(string name)
    {
        var config = ConfigFile.Load<RunConfig>([Path.Combine(TestSupport.Repository.Root, "configs", name + ".yaml")], ["training.precision=fp32"]);
        var inspection = Inspector.Inspect(config, Unmeasured with { Cache = Directory.CreateTempSubdirectory("transformer-inspect-").FullName });
        var plan = inspection.Training!;
        Assert.Equal("tokens", inspection.Unit);
        Assert.Empty(inspection.Notes);
        Assert.InRange(plan.SequencesPerStep, 50, 80);
        Assert.All(plan.SequenceLengths!, length => Assert.InRange(length, 3, 64));
        Assert.True(plan.UnitsPerStep <= plan.SequencesPerStep * (plan.SequenceLengths![^1] + 1));
    }

    [Fact]
    public void Images_that_are_not_there_are_replaced_by_assumptions_which_are_noted()
    {
        var config = ConfigFile.Load<RunConfig>([Path.Combine(TestSupport.Repository.Root, "configs/vit-mnist.yaml")],
            ["data.source.path=/nowhere", "training.batch.sequences=4", "model.layers=1", "training.precision=fp32"]);
        var inspection = Inspector.Inspect(config, Unmeasured);
        Assert.Equal(("images", 4L), (inspection.Unit, inspection.Training!.UnitsPerStep));
        Assert.Contains(inspection.Notes, note => note.Contains("not read", StringComparison.Ordinal));
        Assert.Contains(inspection.Notes, note => note.Contains("10 classes", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("model.bias=true")]
    [InlineData("model.key_value_heads=2")]
    [InlineData("model.feed_forward={ kind: swiglu }")]
    [InlineData("model.tie_embeddings=false")]
    [InlineData("model.positions={ kind: relative }")]
    [InlineData("model.norm={ kind: rms, placement: post }")]
    [InlineData("model.layers=12")]
    public void The_table_of_a_config_is_that_of_its_model(string set)
    {
        var shape = Shape(set);
        using var model = new Gpt(shape, 50);
        static IEnumerable<string> Lines(IEnumerable<ParameterShape> table) => table.Select(one => $"{one.Name} {string.Join('x', one.Shape)}").Order(StringComparer.Ordinal);
        Assert.Equal(Lines(ParameterTable.Of(model)), Lines(ParameterTable.Of(shape, 50)));
    }

    [Fact]
    public void GPT_2_small_has_124_439_808_parameters_in_17_rows_and_its_known_cost()
    {
        var shape = (GptConfig)ConfigFile.Load<ModelFragment>([Path.Combine(TestSupport.Repository.Root, "configs/models/gpt2-small.yaml")]).Model;
        var table = ParameterTable.Of(shape, shape.Vocabulary!.Value);
        var cost = Cost(shape);
        Assert.Equal(124_439_808, cost.Parameters);
        // All but positions, norms and biases: 50257·768 + 12·(4 + 8)·768².
        Assert.Equal(50_257L * 768 + 12 * 12 * 768 * 768, cost.MatrixParameters);
        Assert.Equal(6.0 * cost.MatrixParameters + 12.0 * 12 * 768 * 1024, cost.TrainingFlops);
        Assert.Equal(16, ParameterTable.Grouped(table).Count);
    }

    [Fact]
    public void A_token_embedding_of_its_own_is_looked_up_in_and_costs_nothing()
    {
        var (tied, own) = (Shape(), Shape("model.tie_embeddings=false"));
        Assert.Equal(Cost(tied with { Vocabulary = 50 }).MatrixParameters, Cost(own with { Vocabulary = 50 }).MatrixParameters);
    }

    [Theory]
    [InlineData("{ kind: masked }", 2 * 5 * (16 * 16 + 16 * 30))]
    [InlineData("{ kind: classify }", 2 * 5 * (16 * 16 + 16 * 3))]
    public void The_head_of_an_encoder_costs_its_two_matrices(string head, double flops)
    {
        var config = (EncoderConfig)ConfigFile.Parse<ModelFragment>(
            $"model: {{ kind: encoder, layers: 2, heads: 2, width: 16, context: 12, head: {head} }}", "model.yaml").Model;
        var forward = ModelFlops.OfTokens(config, vocabulary: 30, classes: 3).Forward(new(Rows: 5, Source: 7, Target: 0, Targets: 5, Units: 35));
        // A block's matrices are 12·D²; attention is 4·T·D a query.
        Assert.Equal(2 * 4.0 * 5 * 7 * 7 * 16, forward.AttentionFlops);
        Assert.Equal(2 * 2.0 * 5 * 7 * 12 * 16 * 16 + flops, forward.Flops - forward.AttentionFlops);
    }

    [Fact]
    public void Grouped_heads_and_gates_change_the_matrices_and_not_the_scores()
    {
        var forward = ModelFlops.OfTokens(Shape("model.key_value_heads=2", "model.feed_forward={ kind: swiglu, width: 24 }"), vocabulary: 50).Forward(new(1, 8, 0, 8, 8));
        // 4 query heads and two of keys and values each, of width 4; gate and value; the vocabulary.
        Assert.Equal(3 * (16 * 32 + 16 * 16 + 16 * 48 + 24 * 16) + 16 * 50, forward.Matrices.Sum(one => one.In * one.Out * one.Times));
        Assert.Equal(3 * 4.0 * 8 * 8 * 16, forward.AttentionFlops);
    }

    [Fact]
    public void A_model_alone_needs_a_vocabulary_and_has_no_training_plan()
    {
        Assert.Null(Inspector.Inspect(new ModelFragment { Model = Shape("model.vocabulary=70") }, Unmeasured).Training);
        Assert.Contains("model.vocabulary", Assert.Throws<UserException>(() => Inspector.Inspect(new ModelFragment { Model = Shape() })).Message);
    }

    [Fact]
    public void A_measured_peak_is_kept_and_only_a_higher_one_replaces_it()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("transformer-peaks-").FullName, "below", "peaks.json");
        NativeLibraries.Load();
        var first = MachinePeaks.FlopsPerSecond(CPU, Precision.Fp32, again: false, file);
        Assert.InRange(first, 1e6, 1e18);
        Assert.Equal(first, MachinePeaks.FlopsPerSecond(CPU, Precision.Fp32, again: false, file));
        Assert.InRange(MachinePeaks.FlopsPerSecond(CPU, Precision.Fp32, again: true, file), first, 1e18);
        var text = File.ReadAllText(file);
        File.WriteAllText(file, System.Text.RegularExpressions.Regex.Replace(text, @":[0-9.E+]+\}$", ":9E+17}"));
        Assert.Equal(9e17, MachinePeaks.FlopsPerSecond(CPU, Precision.Fp32, again: true, file));
        File.WriteAllText(file, "not json");
        Assert.InRange(MachinePeaks.FlopsPerSecond(CPU, Precision.Fp32, again: false, file), 1e6, 8e17);
    }
}
