using static TorchSharp.torch;

namespace Transformers.Tests.Benchmarks;

/// <summary>What <c>inspect</c> measures, the exact memory beside it, and what it reports where it cannot measure.</summary>
[Collection("engine")]
public class StepTimerTests
{
    const long MiB = 1 << 20;

    [Theory]
    [InlineData("{ kind: adamw, lr: 0.1 }", 2)]
    [InlineData("{ kind: sgd, lr: 0.1, momentum: 0.9 }", 1)]
    [InlineData("{ kind: sgd, lr: 0.1 }", 0)]
    public void Memory_counts_what_the_optimizer_really_keeps(string optimizer, int slots)
    {
        var config = TinyRuns.Config($"training.optimizer={optimizer}", "training.freeze=[blocks.0.*]");
        using var model = new Gpt((GptConfig)config.Model, new ByteTokenizer().VocabularySize);
        WarmStart.Freeze(model, config.Training.Freeze!);
        using var real = Optimizer.Create(config.Training.Optimizer, model);
        var memory = Inspector.Inspect(config, new() { Measure = false }).Training!.Memory;
        Assert.Equal(real.State.Sum(state => state.tensor.numel() * 4), memory.Optimizer);
        Assert.Equal(model.parameters().Sum(parameter => parameter.numel() * 4), memory.Weights);
        Assert.Equal(slots * memory.Gradients, memory.Optimizer);
        Assert.InRange(memory.Gradients, 1, memory.Weights - 1);
        Assert.Equal(memory.Weights + memory.Optimizer, memory.CheckpointCopy);
    }

    [Fact]
    public void Copies_in_the_compute_type_are_counted_for_linear_layers_alone()
    {
        var config = TinyRuns.Config("training.ema={ decay: 0.9 }");
        using var model = new Gpt((GptConfig)config.Model, 50);
        var memory = ModelMemory.Of(config.Training, ParameterTable.Of(model), copies: true);
        Assert.Equal(2 * model.modules().OfType<Linear>().Sum(layer => layer.parameters().Sum(parameter => parameter.numel())), memory.WeightCopies);
        Assert.Equal(memory.Weights, memory.Average);
        Assert.Equal(0, ModelMemory.Of(config.Training, ParameterTable.Of(model), copies: false).WeightCopies);
    }

    [Fact]
    public void A_plan_has_the_batch_its_passes_and_times_that_add_up()
    {
        var inspection = Inspector.Inspect(TinyRuns.Config("training.batch.sequences=20", "training.batch.micro=8"), new InspectionOptions { Devices = 4, LinkBytesPerSecond = 1e9 });
        var (plan, measured) = (inspection.Training!, inspection.Measured!);
        Assert.Equal((20L, 640L, 3L, 8L), (plan.SequencesPerStep, plan.UnitsPerStep, plan.MicroBatches, measured.Rows));
        Assert.Equal(640.0 * 20 / inspection.Cost.Parameters, plan.UnitsPerParameter, 1e-9);
        Assert.Equal(2.5 * measured.PassSeconds + measured.UpdateSeconds, measured.StepSeconds, 1e-12);
        Assert.Equal(640 / measured.StepSeconds, measured.UnitsPerSecond, 1e-6);
        Assert.Equal(640 * inspection.Cost.TrainingFlops / measured.StepSeconds / measured.PeakFlopsPerSecond, measured.Utilisation, 1e-9);
        Assert.Equal(20 * measured.StepSeconds, plan.TotalSeconds);
        var scaling = plan.Scaling!;
        // Buckets are padded so that their parts have equal size.
        Assert.InRange(scaling.BytesPerDevice / (2.0 * 3 / 4 * 4 * inspection.Cost.Parameters), 1, 1.05);
        Assert.Equal(scaling.BytesPerDevice / 1e9, scaling.ExchangeSeconds, 1e-12);
        // Each of four devices has five rows, which are one micro-batch.
        var part = measured.Part!;
        Assert.Equal((5L, 5L), (part.Rows, part.MicroRows));
        Assert.InRange(scaling.HiddenSeconds, 0, Math.Min(scaling.ExchangeSeconds, 2.0 / 3 * part.PassSeconds));
        Assert.Equal(part.PassSeconds + measured.UpdateSeconds + scaling.ExchangeSeconds - scaling.HiddenSeconds, scaling.StepSeconds, 1e-12);
        Assert.Equal(640 / scaling.StepSeconds, scaling.UnitsPerSecond, 1e-6);
        Assert.Equal(measured.StepSeconds / 4 / scaling.StepSeconds, scaling.Efficiency, 1e-12);
        Assert.Contains(inspection.Notes, note => note.Contains("takes 5 of 20, in micro-batches of 5", StringComparison.Ordinal));
    }

    // Two devices, buckets of 1,000 numbers that take 0.1 s to exchange, and a backward pass of 0.2 s: three in blocks, complete after 1/15, 2/15
    // and 3/15 s, and one of embeddings. They follow one another from 1/15 s to 7/15 s, 4/15 s longer than the pass.
    [Theory]
    [InlineData(false, 4.0 / 15)]
    // Half of each exchange overlaps with the pass, until 0.3 s; the other half follows the update.
    [InlineData(true, 0.1 + 0.2)]
    public void Exchanges_are_hidden_as_far_as_the_backward_pass_has_completed_them(bool sharded, double visible)
    {
        GradientBucket[] buckets = [new(0, 1000, 2), new(1000, 1000, 1), new(2000, 1000, 0), new(3000, 1000, null)];
        var measured = new StepMeasurement("cpu", "fp32", 8, null, 0.6, 0.04, 0.64, 100, new StepPart(4, 4, 0.3) { Buckets = buckets }, 1, 1);
        var scaling = DeviceScaling.Of(2, sharded, measured, 64, (40_000, 0));
        Assert.Equal(0.4, scaling.ExchangeSeconds, 1e-12);
        Assert.Equal(0.4 - visible, scaling.HiddenSeconds, 1e-12);
        Assert.Equal(0.3 + (sharded ? 0.02 : 0.04) + visible, scaling.StepSeconds, 1e-12);
        Assert.Equal(64 / scaling.StepSeconds, scaling.UnitsPerSecond, 1e-9);
        // A message has its latency in each direction.
        Assert.Equal(0.4 + 4 * 2 * 0.001, DeviceScaling.Of(2, sharded, measured, 64, (40_000, 0.001)).ExchangeSeconds, 1e-12);
    }

    [Theory]
    [InlineData(2, 10, 8)]
    [InlineData(3, 7, 7)]
    [InlineData(4096, 1, 1)]
    public void A_device_is_measured_with_its_own_part_of_the_batch(int devices, long rows, long micro)
    {
        var inspection = Inspector.Inspect(TinyRuns.Config("training.batch.sequences=20", "training.batch.micro=8", "training.shard_optimizer=true"), new InspectionOptions { Devices = devices, LinkBytesPerSecond = 1e9 });
        var (scaling, part) = (inspection.Training!.Scaling!, inspection.Measured!.Part!);
        Assert.Equal((rows, micro), (part.Rows, part.MicroRows));
        Assert.Equal(part.PassSeconds * rows / micro + inspection.Measured.UpdateSeconds / devices + scaling.ExchangeSeconds - scaling.HiddenSeconds, scaling.StepSeconds, 1e-12);
        // The weights that come back after the update are not hidden.
        Assert.InRange(scaling.HiddenSeconds, 0, scaling.ExchangeSeconds / 2);
        Assert.Equal(devices > 20, inspection.Notes.Any(note => note.EndsWith("some take none", StringComparison.Ordinal)));
    }

    [Fact]
    [Trait("Category", "slow")]
    public void Activations_grow_with_the_micro_batch_and_not_with_the_batch()
    {
        Assert.SkipUnless(ProcessMemory.CanMeasurePeak, "this system does not report the peak of memory");
        long Activations(params string[] sets) => Inspector.Inspect(TinyRuns.Config(["model.width=128", "model.context=128", .. sets])).Measured!.Activations!.Value;
        var whole = Activations("training.batch.sequences=64");
        Assert.InRange(whole, 20 * MiB, 2_000 * MiB);
        Assert.True(Activations("training.batch.sequences=64", "training.batch.micro=8") < whole / 3);
        Assert.True(Activations("training.batch.sequences=640", "training.batch.micro=8") < whole / 3);
    }

    [Theory]
    [InlineData("{ kind: seq2seq, vocabulary: 30, layers: 1, heads: 2, width: 16 }")]
    [InlineData("{ kind: encoder, vocabulary: 30, layers: 1, heads: 2, width: 16, context: 12, head: { kind: masked } }")]
    [InlineData("{ kind: encoder, vocabulary: 30, layers: 1, heads: 2, width: 16, context: 12, head: { kind: classify } }")]
    [InlineData("{ kind: vit, size: 8, classes: 3, patch: 4, layers: 1, heads: 2, width: 16 }")]
    [InlineData("{ kind: swin, size: 16, channels: 1, classes: 3, patch: 2, width: 8, layers: [1, 1], heads: [2, 4], window: 4 }")]
    public void One_row_of_a_model_alone_is_measured(string model)
    {
        var inspection = Inspector.Inspect(ConfigFile.Parse<ModelFragment>($"model: {model}", "model.yaml"));
        Assert.Equal((1L, null), (inspection.Measured!.Rows, inspection.NotMeasured));
        Assert.True(inspection.Measured.PassSeconds > 0 && inspection.Measured.UpdateSeconds > 0);
    }

    [Fact]
    public void Without_time_nothing_is_measured_and_the_reason_is_given()
    {
        var inspection = Inspector.Inspect(TinyRuns.Config(), new InspectionOptions { Limit = TimeSpan.Zero, Devices = 2 });
        Assert.Contains("measuring stops after 0 s", inspection.NotMeasured);
        Assert.Equal((null, null, null), (inspection.Measured, inspection.Training!.Scaling, inspection.Training.TotalSeconds));
        Assert.True(inspection.Training.Memory.Weights > 0);
    }

    [Fact]
    public void A_model_larger_than_the_memory_is_not_made()
    {
        Assert.SkipUnless(ProcessMemory.CanMeasurePeak, "this system does not report the peak of memory");
        // 126 billion parameters: 2 TB with gradients and moments.
        var inspection = Inspector.Inspect(ConfigFile.Parse<ModelFragment>("model: { kind: gpt, vocabulary: 30, layers: 10000, heads: 2, width: 1024, context: 2 }", "model.yaml"));
        Assert.Matches("gradients and optimizer state take [0-9,]+ MiB, but only [0-9,]+ MiB are free", inspection.NotMeasured);
        Assert.Null(inspection.Measured);
    }

    [Fact]
    public void A_micro_batch_that_does_not_fit_is_not_tried()
    {
        var gauge = new Gauge(growth: 100 * MiB, room: 350 * MiB);
        var exception = Assert.Throws<NotMeasuredException>(() => Measure(gauge));
        // 1 row takes 100 MiB, 2 take 200; 4 would take 400.
        Assert.Equal(2, gauge.Begun);
        Assert.Contains("a micro-batch of 8 takes 800 MiB at its peak, predicted from 2", exception.Message);
    }

    [Fact]
    public void Activations_are_what_the_largest_micro_batch_adds()
    {
        var gauge = new Gauge(growth: MiB, room: 10_000 * MiB);
        Assert.Equal(8 * MiB, Measure(gauge).Activations);
        Assert.Null(Measure(null).Activations);
    }

    static StepMeasurement Measure(MemoryGauge? gauge)
    {
        var config = TinyRuns.Config("training.optimizer={ kind: sgd, lr: 0.1 }");
        var data = new DataProfile { Vocabulary = 50, Batches = [new(8, 32, 0, 8 * 32, 8 * 32)] };
        var memory = ModelMemory.Of(config.Training, ParameterTable.Of((GptConfig)config.Model, 50), copies: false);
        return new StepTimer(config.Model, config.Training, data, memory, CPU) { Gauge = gauge }.Measure(data.FlopsOf(config.Model));
    }

    // A device whose peak grows by the same number of bytes with each row; rows double from one measurement to the next.
    sealed class Gauge(long growth, long room) : MemoryGauge
    {
        internal int Begun { get; private set; }
        internal override bool HoldsCopies => false;
        internal override void Begin() => Begun++;
        internal override long Used => 0;
        internal override long Peak => growth << (Begun - 1);
        internal override MemoryRoom Room => new(room, "the test");
    }
}
