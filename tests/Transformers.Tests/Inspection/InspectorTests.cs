using TorchSharp;
using Transformers.Configs;
using Transformers.Inspection;
using Transformers.Models;
using Transformers.Tests.Training;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Tests.Inspection;

[Collection("engine")]
public class InspectorTests
{
    static GptConfig Shape(params string[] sets) => (GptConfig)ConfigFile.Parse<ModelFragment>(
        "model: { kind: gpt, layers: 3, heads: 4, width: 16, context: 8 }", "model.yaml", sets).Model;

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
        var shape = (GptConfig)ConfigFile.Load<ModelFragment>([Path.Combine(TestSupport.Repository.Root, "configs/gpt2-small.yaml")]).Model;
        var table = ParameterTable.Of(shape, shape.Vocabulary!.Value);
        var cost = ModelCost.Of(shape, table);
        Assert.Equal(124_439_808, cost.Parameters);
        // All but places, norms and biases: 50257·768 + 12·(4 + 8)·768².
        Assert.Equal(50_257L * 768 + 12 * 12 * 768 * 768, cost.MatrixParameters);
        Assert.Equal(6.0 * cost.MatrixParameters + 12.0 * 12 * 768 * 1024, cost.TrainingFlops);
        Assert.Equal(16, ParameterTable.Grouped(table).Count);
    }

    [Fact]
    public void A_token_embedding_of_its_own_is_looked_up_in_and_costs_nothing()
    {
        var (tied, own) = (Shape(), Shape("model.tie_embeddings=false"));
        Assert.Equal(ModelCost.Of(tied, ParameterTable.Of(tied, 50)).MatrixParameters, ModelCost.Of(own, ParameterTable.Of(own, 50)).MatrixParameters);
    }

    [Theory]
    [InlineData("{ kind: adamw, lr: 0.1 }", 2)]
    [InlineData("{ kind: sgd, lr: 0.1, momentum: 0.9 }", 1)]
    [InlineData("{ kind: sgd, lr: 0.1 }", 0)]
    public void Memory_counts_what_the_optimizer_really_keeps(string optimizer, int slots)
    {
        var config = TinyRuns.Config($"training.optimizer={optimizer}");
        var plan = Inspector.Inspect(config, CPU).Training!;
        using var model = new Gpt((GptConfig)config.Model, new ByteTokenizer().VocabularySize);
        using var real = Transformers.Training.Optimizer.Create(config.Training.Optimizer, model);
        Assert.Equal(real.State.Sum(state => state.Item2.numel() * 4), plan.Memory.Optimizer);
        Assert.Equal(slots * plan.Memory.Gradients, plan.Memory.Optimizer);
    }

    [Fact]
    public void Activations_grow_with_the_micro_batch_and_not_with_the_batch()
    {
        MemoryPlan Memory(params string[] sets) => Inspector.Inspect(TinyRuns.Config(sets), CPU).Training!.Memory;
        var whole = Memory("training.batch.sequences=64");
        var cut = Memory("training.batch.sequences=64", "training.batch.micro=8");
        Assert.Equal(8.0, (double)whole.Activations / cut.Activations, 0.5);
        Assert.Equal(cut.Activations, Memory("training.batch.sequences=640", "training.batch.micro=8").Activations);
    }

    [Fact]
    public void A_plan_says_the_batch_the_passes_and_the_tokens_a_parameter()
    {
        var inspection = Inspector.Inspect(TinyRuns.Config("training.batch.sequences=20", "training.batch.micro=8"), CPU);
        var plan = inspection.Training!;
        Assert.Equal((20L, 640L, 3L), (plan.SequencesPerStep, plan.TokensPerStep, plan.MicroBatches));
        Assert.Equal(640.0 * 20 / inspection.Cost.Parameters, plan.TokensPerParameter, 1e-9);
        Assert.All([plan.Step.Products, plan.Step.Attention, plan.Step.Memory, plan.Step.Operations], seconds => Assert.InRange(seconds, 1e-9, 60));
        Assert.Equal(plan.Steps * plan.Step.Seconds, plan.TotalSeconds);
    }

    [Fact]
    public void A_model_alone_needs_a_vocabulary_and_has_no_training_plan()
    {
        Assert.Null(Inspector.Inspect(new ModelFragment { Model = Shape("model.vocabulary=70") }, CPU).Training);
        Assert.Contains("model.vocabulary", Assert.Throws<UserException>(() => Inspector.Inspect(new ModelFragment { Model = Shape() }, CPU)).Message);
    }

    [Fact]
    public void A_measured_peak_is_kept_and_only_a_higher_one_replaces_it()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("transformer-peaks-").FullName, "below", "peaks.json");
        Engine.Load();
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
