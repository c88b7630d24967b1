using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Evaluation;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Reports.Plots;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Classifies texts.</summary>
sealed class ClassificationTask : StreamTask<LabelledBatch>
{
    readonly TextClassifier model;
    readonly Prefetcher<LabelledBatch> stream;
    readonly LabelledBatches? validation;
    readonly LabelledCorpus? validationTexts;
    readonly ModelFlops flops;
    readonly TextTokenizer tokenizer;
    ClassificationReport? validated;

    /// <summary>Creates a task on labelled texts.</summary>
    /// <exception cref="UserException">There is no text.</exception>
    public ClassificationTask(TextClassifier model, TextTokenizer tokenizer, LabelledCorpus train, LabelledCorpus? validation, RunConfig run, Device device) : base(model, run, device)
    {
        (this.model, this.tokenizer) = (model, tokenizer);
        var special = SpecialIds.Of(tokenizer);
        flops = ModelFlops.OfTokens(run.Model, (int)model.Encoder.TokenWeight.size(0), train.Classes.Count);
        var batches = new LabelledBatches(train, special, LabelledTexts.BatchesOf(run, train.Tokens));
        stream = new Prefetcher<LabelledBatch>(batches.At, batches.BatchesPerEpoch);
        if (validation is not { Count: > 0 }) return;
        validationTexts = validation;
        this.validation = new LabelledBatches(validation, special, LabelledTexts.BatchesOf(run, validation.Tokens));
    }

    protected override IBatchStream<LabelledBatch> Stream => stream;

    public override IReadOnlyList<MicroBatch> NextStep()
    {
        var batch = stream.Next();
        return Slices(batch.Texts.Rows, (first, rows) => new TextsBatch(this, batch, first, rows, Config.LabelSmoothing));
    }

    public override IEnumerable<MicroBatch> Validation(int? count) =>
        ValidationBatches(count).Select(batch => new TextsBatch(this, batch, 0, batch.Texts.Rows, smoothing: 0));

    IEnumerable<LabelledBatch> ValidationBatches(int? count) =>
        validation is null ? [] : LabelledTexts.Positions(validation.BatchesPerEpoch, count).Select(validation.At);

    public override bool HasValidation => validation is not null;

    public override IReadOnlyList<string> MetricNames => ["accuracy", "macro_f1"];

    /// <summary>Accuracy and macro F1 over the batches of a validation.</summary>
    public override IReadOnlyDictionary<string, double> Metrics(bool whole, CancellationToken cancel = default)
    {
        if (validationTexts is null) return new Dictionary<string, double>();
        var report = new ClassificationReport(validationTexts.Classes);
        foreach (var batch in OwnTurns(ValidationBatches(whole ? null : Config.Validate.Batches)))
        {
            cancel.ThrowIfCancellationRequested();
            TextClassification.Add(report, model, batch, Device);
        }
        report.AddOthers(Processes);
        validated = report;
        return new Dictionary<string, double> { ["accuracy"] = report.Accuracy, ["macro_f1"] = report.MacroF1 };
    }

    public override ConfusionCounts? Confusion => validated is { } report ? new(report.ConfusionRows(), report.Labels) : null;

    public override IReadOnlyList<ModelPicture> Pictures()
    {
        var pictures = new List<ModelPicture>();
        if (validationTexts is { Count: > 0 })
            pictures.Add(AttentionPlot.Of(model, tokenizer, validationTexts.Tokens.ToArray(0), Device, AttentionPlot.Few).ToPicture("attention"));
        if (Confusion is { } confusion) pictures.Add(ConfusionPlot.Of(confusion.Rows, confusion.Labels).ToPicture("confusion"));
        return pictures;
    }

    sealed class TextsBatch(ClassificationTask task, LabelledBatch batch, int first, int rows, double smoothing)
        : MicroBatch(rows, batch.Texts.Lengths.Skip(first).Take(rows).Sum(length => (long)length), first)
    {
        public override double Flops => task.flops.Of(new(rows, batch.Texts.Width, 0, Targets, Units));

        public override LossSum LossSum(RandomPosition random)
        {
            var S = batch.Texts.Width;
            var ids = tensor(batch.Texts.Ids[(first * S)..((first + rows) * S)], [rows, S]).SendTo(task.Device);
            var logits = task.model.forward(ids, batch.Texts.Lengths[first..(first + rows)], random);   // [B, N]
            return Layers.LossSum.Of(logits.to(ScalarType.Float32), tensor(batch.Labels[first..(first + rows)]).SendTo(task.Device), smoothing);
        }
    }
}

/// <summary>Predicts masked tokens of a text.</summary>
/// <remarks>Devlin et al. 2019, section 3.1. Every epoch masks different tokens; validation masks the same ones each time.</remarks>
sealed class MaskedTokenTask : StreamTask<MaskedBatch>
{
    readonly MaskedTokenModel model;
    readonly Prefetcher<MaskedBatch> stream;
    readonly MaskedBatches? validation;
    readonly TextTokenizer tokenizer;
    readonly TokenStore? validationTexts;
    readonly ModelFlops flops;

    /// <summary>Creates a task on texts.</summary>
    /// <exception cref="UserException">There is no text, a single one exceeds the tokens of a batch, or the vocabulary has no mask token.</exception>
    public MaskedTokenTask(MaskedTokenModel model, TextTokenizer tokenizer, TokenStore train, TokenStore? validation, MaskedHeadConfig head, RunConfig run, Device device) : base(model, run, device)
    {
        (this.model, this.tokenizer, validationTexts) = (model, tokenizer, validation);
        flops = ModelFlops.OfTokens(run.Model, (int)model.OutputWeight.size(0));
        var special = SpecialIds.Of(tokenizer);
        var options = LabelledTexts.BatchesOf(run, train);
        var batches = new MaskedBatches(train, special, new MaskedTokens(tokenizer, head.Options(SeedStreams.Of(run.Seed, "masks"))), options);
        stream = new Prefetcher<MaskedBatch>(batches.At, batches.BatchesPerEpoch);
        if (validation is not { Count: > 0 }) return;
        var masking = new MaskedTokens(tokenizer, head.Options(SeedStreams.Of(run.Seed, "validation masks")));
        this.validation = new MaskedBatches(validation, special, masking, LabelledTexts.BatchesOf(run, validation));
    }

    protected override IBatchStream<MaskedBatch> Stream => stream;

    public override IReadOnlyList<MicroBatch> NextStep()
    {
        var batch = stream.Next();
        return Slices(batch.Texts.Rows, (first, rows) => new HiddenBatch(this, batch, first, rows, Config.LabelSmoothing));
    }

    public override IEnumerable<MicroBatch> Validation(int? count) => ValidationBatches(count).Select(batch => new HiddenBatch(this, batch, 0, batch.Texts.Rows));

    IEnumerable<MaskedBatch> ValidationBatches(int? count) =>
        validation is null ? [] : LabelledTexts.Positions(validation.BatchesPerEpoch, count).Select(validation.At);

    public override IReadOnlyDictionary<string, double> DerivedMetrics(double loss) => new Dictionary<string, double> { ["perplexity"] = Math.Exp(loss) };

    public override bool HasValidation => validation is not null;

    public override IReadOnlyList<string> MetricNames => [.. base.MetricNames, "masked_accuracy"];

    /// <summary>The fraction of masked tokens that are predicted correctly; over the whole split at the end.</summary>
    public override IReadOnlyDictionary<string, double> Metrics(bool whole, CancellationToken cancel = default)
    {
        Span<double> counts = [0, 0];
        foreach (var batch in OwnTurns(whole ? ValidationBatches(null) : []))
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var (hidden, targets) = new HiddenBatch(this, batch, 0, batch.Texts.Rows).HeadInput();
            counts[0] += model.Logits(hidden).argmax(-1).eq(targets).sum().item<long>();
            counts[1] += targets.numel();
        }
        Processes.AllReduce(counts);
        return counts[1] == 0 ? new Dictionary<string, double>() : new Dictionary<string, double> { ["masked_accuracy"] = counts[0] / counts[1] };
    }

    public override IReadOnlyList<ModelPicture> Pictures() => validationTexts is not { Count: > 0 } ? []
        : [AttentionPlot.Of(model, tokenizer, validationTexts.ToArray(0), Device, AttentionPlot.Few).ToPicture("attention")];

    sealed class HiddenBatch(MaskedTokenTask task, MaskedBatch batch, int first, int rows, double smoothing = 0)
        : MicroBatch(rows * batch.Texts.Width - batch.Targets.AsSpan(first * batch.Texts.Width, rows * batch.Texts.Width).Count(MaskedBatch.IgnoreIndex),
            batch.Texts.Lengths.AsSpan(first, rows).ToArray().Sum(length => (long)length), first)
    {
        public override double Flops => task.flops.Of(new(rows, batch.Texts.Width, 0, Targets, Units));

        public override LossSum LossSum(RandomPosition random)
        {
            var (hidden, targets) = HeadInput(random);
            return LinearCrossEntropy.Sum(hidden, task.model.OutputWeight, targets, task.model.Compute, smoothing, task.model.OutputBias);
        }

        // Only masked tokens go through the head: about one position in seven.
        internal (Tensor hidden, Tensor targets) HeadInput(RandomPosition random = default)
        {
            var S = batch.Texts.Width;
            var from = first * S;
            long[] positions = [.. Enumerable.Range(0, rows * S).Where(i => batch.Targets[from + i] != MaskedBatch.IgnoreIndex).Select(i => (long)i)];
            var ids = tensor(batch.Texts.Ids[from..(from + rows * S)], [rows, S]).SendTo(task.Device);
            var mask = PaddingMask.Of(batch.Texts.Lengths[first..(first + rows)], S, task.Device);
            var all = task.model.Encoder.forward(ids, mask, random: random).reshape(rows * S, -1);      // [B·S, D]
            var chosen = all.index_select(0, tensor(positions).SendTo(task.Device));                      // [masked, D]
            return (task.model.Transform(chosen), tensor(Array.ConvertAll(positions, position => batch.Targets[from + position])).SendTo(task.Device));
        }
    }
}
