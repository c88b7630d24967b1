using Transformers.Data;
using Transformers.Evaluation;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Reports.Plots;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Classifies images, sounds or series: the metrics and figures of validation that all such tasks have.</summary>
/// <param name="classes">The names of the classes.</param>
/// <param name="measuresAll">Whether every validation reports all metrics, and not only the last one of a run.</param>
abstract class ClassifierTask<TBatch>(nn.Module model, IReadOnlyList<string> classes, RunConfig run, Device device, bool measuresAll = false) : StreamTask<TBatch>(model, run, device)
{
    ClassificationReport? validated;

    /// <summary>Starts the report of a validation.</summary>
    /// <param name="batches">The maximum number of batches; null for all.</param>
    /// <returns>The report to which micro-batches add their scores; null if there is nothing to validate.</returns>
    private protected ClassificationReport? BeginReport(int? batches) => validated = HasValidation && batches != 0 ? new ClassificationReport(classes) : null;

    public override IReadOnlyList<string> MetricNames => ClassifierMetrics.Names(classes.Count);

    public override IReadOnlyDictionary<string, double> Metrics(bool whole, CancellationToken cancel = default)
    {
        validated?.AddOthers(Processes);
        return validated is { Examples: > 0 } report ? ClassifierMetrics.Of(report, whole || measuresAll) : new Dictionary<string, double>();
    }

    public override ConfusionCounts? Confusion => validated is { Examples: > 0 } report ? new(report.ConfusionRows(), report.Labels) : null;

    public override IReadOnlyList<ModelPicture> Pictures() => Confusion is { } confusion ? [ConfusionPlot.Of(confusion.Rows, confusion.Labels).ToPicture("confusion")] : [];
}

/// <summary>Classifies sounds or series, whose patches are the tokens.</summary>
abstract class PatchClassifierTask<TBatch> : ClassifierTask<TBatch>
{
    readonly int batchSize;
    readonly long tokens;
    readonly int[] validation;
    readonly ModelFlops flops;
    readonly Prefetcher<TBatch> batches;

    /// <summary>Creates a task.</summary>
    /// <param name="name">What the rows of a batch are called in messages, such as <c>series</c>.</param>
    /// <param name="stream">The number of the random stream from which batches are drawn.</param>
    /// <param name="training">The number of training examples.</param>
    /// <param name="validation">The validation examples.</param>
    /// <param name="tokens">The number of patches of an example.</param>
    private protected PatchClassifierTask(nn.Module model, IReadOnlyList<string> classes, RunConfig run, Device device, string name, ulong stream, int training, int[] validation, long tokens,
        bool measuresAll = false) : base(model, classes, run, device, measuresAll)
    {
        (this.validation, this.tokens) = (validation, tokens);
        flops = ModelFlops.OfTokens(run.Model, vocabulary: 0, classes.Count);
        var seed = SeedStreams.Of(run.Seed, "batches");
        batchSize = Config.Batch.RowsOf(name);
        batches = new(position => Draw(batchSize, new SampleRandom(seed, stream, (ulong)position.Epoch, (ulong)position.Next)), Math.Max(1, training / batchSize));
    }

    protected sealed override IBatchStream<TBatch> Stream => batches;

    public sealed override bool HasValidation => validation.Length > 0;

    /// <summary>Draws training examples, augmented.</summary>
    private protected abstract TBatch Draw(int rows, SampleRandom random);

    /// <summary>Examples as they are.</summary>
    private protected abstract TBatch Read(int[] examples);

    /// <summary>The classes of a batch.</summary>
    private protected abstract long[] LabelsOf(TBatch batch);

    /// <summary>The scores of some rows of a batch, [B, N], in 32 bits.</summary>
    private protected abstract Tensor Logits(TBatch batch, int first, int rows, RandomPosition random);

    public sealed override IReadOnlyList<MicroBatch> NextStep()
    {
        var batch = batches.Next();
        var labels = LabelsOf(batch);
        return Slices(labels.Length, (first, rows) => new Rows(this, batch, labels, first, rows, Config.LabelSmoothing, report: null));
    }

    public sealed override IEnumerable<MicroBatch> Validation(int? count)
    {
        if (BeginReport(count) is not { } report) yield break;
        foreach (var part in validation.Chunk(Math.Max(Micro.Of(batchSize), 64)).Take(count ?? int.MaxValue))
        {
            var batch = Read(part);
            yield return new Rows(this, batch, LabelsOf(batch), 0, part.Length, smoothing: 0, report);
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        Model.Dispose();
    }

    sealed class Rows(PatchClassifierTask<TBatch> task, TBatch batch, long[] labels, int first, int rows, double smoothing, ClassificationReport? report)
        : MicroBatch(rows, rows * task.tokens, first)
    {
        public override double Flops => task.flops.Of(new(rows, task.tokens, 0, rows, Units));

        public override LossSum LossSum(RandomPosition random)
        {
            var own = labels[first..(first + rows)];
            var logits = task.Logits(batch, first, rows, random);                                                      // [B, N]
            report?.AddBatch(logits, own);
            return Layers.LossSum.Of(logits, tensor(own).SendTo(task.Device), smoothing);
        }
    }
}
