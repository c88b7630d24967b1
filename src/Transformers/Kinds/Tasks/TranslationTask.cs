using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.Generators;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Reports.Plots;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds.Tasks;

/// <summary>Predicts each next token of a target from the source and the target so far.</summary>
public sealed class TranslationTask : TrainingTask
{
    const int ShownExamples = 8;

    readonly Seq2Seq model;
    readonly Translator translator;
    readonly RunConfig run;
    readonly Device device;
    readonly ParallelBatches batches;
    readonly Prefetcher<ParallelBatch> stream;
    readonly ParallelCorpus? validation;
    readonly ParallelBatches? validationBatches;
    readonly ModelFlops flops;
    readonly (TextTokenizer source, TextTokenizer target) tokenizers;
    IReadOnlyList<OutputExample> examples = [];

    /// <summary>A task over sentence pairs.</summary>
    /// <param name="model">The model, on its device.</param>
    /// <param name="source">The source's tokenizer.</param>
    /// <param name="target">The target's tokenizer; the same object for a shared vocabulary.</param>
    /// <param name="train">The pairs to learn from.</param>
    /// <param name="validation">The pairs to choose by, with their texts.</param>
    /// <param name="run">The config, for batches, label smoothing and samples.</param>
    /// <param name="device">Where the model is.</param>
    /// <exception cref="UserException">There is no pair, or one alone exceeds the tokens of a batch.</exception>
    public TranslationTask(Seq2Seq model, TextTokenizer source, TextTokenizer target, ParallelCorpus train, ParallelCorpus? validation, RunConfig run, Device device)
    {
        (this.model, this.run, this.device) = (model, run, device);
        Micro = new MicroSize(run.Training.Batch.Micro);
        tokenizers = (source, target);
        flops = ModelFlops.OfTokens(run.Model, model.Vocabulary);
        translator = new Translator(model, source, target, device);
        var (sourceIds, targetIds) = (SpecialIds.Of(source), SpecialIds.Of(target));
        var batch = run.Training.Batch;
        var options = new BucketOptions { Tokens = batch.Tokens, Sequences = batch.Sequences, Seed = SeedStreams.Of(run.Seed, "batches") };
        batches = new ParallelBatches(train, sourceIds, targetIds, options);
        stream = new Prefetcher<ParallelBatch>(batches.At, batches.BatchesPerEpoch);
        if (validation is not { Count: > 0 }) return;
        this.validation = validation;
        var longest = Enumerable.Range(0, validation.Count).Max(i => Math.Max(validation.Source.LengthOf(i), validation.Target.LengthOf(i))) + 1;
        // A pair must fit even where it is longer than any that is learnt from.
        if (options.Tokens < longest) options = options with { Tokens = longest };
        validationBatches = new ParallelBatches(validation, sourceIds, targetIds, options);
    }

    /// <inheritdoc/>
    public override nn.Module Model => model;

    /// <inheritdoc/>
    public override string Unit => "tokens";

    /// <inheritdoc/>
    public override double DataWait => stream.WaitFraction;

    /// <inheritdoc/>
    public override IReadOnlyList<MicroBatch> NextStep()
    {
        var batch = stream.Next();
        var rows = Micro.Of(batch.Rows);
        if (rows >= batch.Rows) return [new PairBatch(this, batch, run.Training.LabelSmoothing)];
        return [.. batch.Examples.Chunk(rows).Select((part, i) => new PairBatch(this, batches.Make(part), run.Training.LabelSmoothing, i * rows))];
    }

    /// <inheritdoc/>
    public override IEnumerable<MicroBatch> Validation(int? count)
    {
        if (validationBatches is null) yield break;
        // Shuffled once and for all: the first batches are then like the whole, and the same every time.
        var position = new DataPosition(0, 0);
        for (var i = 0; i < Math.Min(count ?? int.MaxValue, validationBatches.BatchesPerEpoch); i++, position = position.Following(validationBatches.BatchesPerEpoch))
            yield return new PairBatch(this, validationBatches.At(position), smoothing: 0);
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, double> DerivedMetrics(double loss) => new Dictionary<string, double> { ["perplexity"] = Math.Exp(loss) };

    /// <summary>BLEU, chrF and the share of exact translations, of greedy decoding.</summary>
    public override IReadOnlyDictionary<string, double> Metrics(bool whole, CancellationToken cancel = default)
    {
        var count = validation is null ? 0 : whole ? validation.Count : Math.Min(validation.Count, run.Training.Validate.Sentences);
        if (count == 0) return new Dictionary<string, double>();
        List<SentencePair> pairs = [.. validation!.Texts!.Take(count)];
        var scores = TranslationScores.Of(translator, pairs, new TranslationOptions(), cancel);
        examples = [.. pairs.Zip(scores.Translations, (pair, translation) => new OutputExample(pair.Source, translation.Text, pair.Target)).Take(ShownExamples)];
        return scores.Metrics;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<OutputExample> Examples => examples;

    /// <inheritdoc/>
    public override IReadOnlyList<ModelPicture> Pictures()
    {
        if (validation?.Texts!.FirstOrDefault() is not { } pair) return [];
        return [AttentionPlot.Of(model, tokenizers, (pair.Source, pair.Target), AttentionPart.Cross, device, AttentionPlot.Few).ToPicture("attention")];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Samples(CancellationToken cancel = default)
    {
        if (run.Training.Sample.Tokens == 0) return [];
        var sources = run.Training.Sample.Prompts ?? validation?.Texts!.Take(3).Select(pair => pair.Source).ToList();
        if (sources is null) return [];
        model.eval();
        return [.. translator.Translate(sources, new TranslationOptions(), cancel).Select(translation => $"{translation.Source} → {translation.Text}")];
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, long> SamplerState { get => stream.Position.ToState(); set => stream.Position = DataPosition.FromState(value); }

    /// <inheritdoc/>
    public override void Dispose() => stream.Dispose();

    /// <summary>Sentence pairs side by side.</summary>
    sealed class PairBatch(TranslationTask task, ParallelBatch batch, double smoothing, int first = 0) : MicroBatch(batch.TargetTokens, batch.TargetTokens, first)
    {
        public override double Flops => task.flops.Of(new(batch.Rows, batch.SourceWidth, batch.TargetWidth, Targets, Units));

        public override LossSum LossSum(RandomPosition random) => TranslationLoss.Sum(task.model, batch, smoothing, task.device, random);
    }
}
