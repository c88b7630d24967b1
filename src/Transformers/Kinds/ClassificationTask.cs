using TorchSharp;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Classifies texts.</summary>
sealed class ClassificationTask : StreamTask<LabelledBatch>
{
    readonly TextClassifier model;
    readonly Device device;
    readonly TrainingConfig config;
    readonly Prefetcher<LabelledBatch> stream;
    readonly LabelledBatches? validation;
    readonly LabelledCorpus? validationTexts;
    readonly ModelFlops flops;
    readonly TextTokenizer tokenizer;
    ClassificationReport? validated;

    /// <summary>Creates a task on labelled texts.</summary>
    /// <exception cref="UserException">There is no text.</exception>
    public ClassificationTask(TextClassifier model, TextTokenizer tokenizer, LabelledCorpus train, LabelledCorpus? validation, RunConfig run, Device device)
    {
        this.tokenizer = tokenizer;
        var special = SpecialIds.Of(tokenizer);
        (this.model, this.device, config) = (model, device, run.Training);
        Micro = new MicroSize(config.Batch.Micro);
        flops = ModelFlops.OfTokens(run.Model, (int)model.Encoder.TokenWeight.size(0), train.Classes.Count);
        var batches = new LabelledBatches(train, special, LabelledTexts.BatchesOf(run, train.Tokens));
        stream = new Prefetcher<LabelledBatch>(batches.At, batches.BatchesPerEpoch);
        if (validation is not { Count: > 0 }) return;
        validationTexts = validation;
        this.validation = new LabelledBatches(validation, special, LabelledTexts.BatchesOf(run, validation.Tokens));
    }

    public override nn.Module Model => model;

    public override string Unit => "tokens";

    protected override IBatchStream<LabelledBatch> Stream => stream;

    public override IReadOnlyList<MicroBatch> NextStep()
    {
        var batch = stream.Next();
        return Slices(batch.Texts.Rows, (first, rows) => new TextsBatch(this, batch, first, rows, config.LabelSmoothing));
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
        foreach (var batch in OwnTurns(ValidationBatches(whole ? null : config.Validate.Batches)))
        {
            cancel.ThrowIfCancellationRequested();
            TextClassification.Add(report, model, batch, device);
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
            pictures.Add(AttentionPlot.Of(model, tokenizer, validationTexts.Tokens.ToArray(0), device, AttentionPlot.Few).ToPicture("attention"));
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
            var ids = tensor(batch.Texts.Ids[(first * S)..((first + rows) * S)], [rows, S]).SendTo(task.device);
            var logits = task.model.forward(ids, batch.Texts.Lengths[first..(first + rows)], random);   // [B, N]
            return Layers.LossSum.Of(logits.to(ScalarType.Float32), tensor(batch.Labels[first..(first + rows)]).SendTo(task.device), smoothing);
        }
    }
}
