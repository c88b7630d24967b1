using TorchSharp;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Data.Text;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.Generators;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Reports.Plots;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Predicts each next token of a target from the source and the target so far.</summary>
sealed class TranslationTask : StreamTask<ParallelBatch>
{
    const int ShownExamples = 8;

    readonly Seq2Seq model;
    readonly Translator translator;
    readonly RunConfig run;
    readonly ParallelBatches batches;
    readonly Prefetcher<ParallelBatch> stream;
    readonly ParallelCorpus? validation;
    readonly ParallelBatches? validationBatches;
    readonly ModelFlops flops;
    readonly (TextTokenizer source, TextTokenizer target) tokenizers;
    IReadOnlyList<OutputExample> examples = [];

    /// <summary>Creates a task on sentence pairs.</summary>
    /// <param name="target">The target's tokenizer; the same object for a shared vocabulary.</param>
    /// <exception cref="UserException">There is no pair, or a single one exceeds the tokens of a batch.</exception>
    public TranslationTask(Seq2Seq model, TextTokenizer source, TextTokenizer target, ParallelCorpus train, ParallelCorpus? validation, RunConfig run, Device device) : base(model, run, device)
    {
        (this.model, this.run, tokenizers) = (model, run, (source, target));
        flops = ModelFlops.OfTokens(run.Model, model.Vocabulary);
        // In the run's own precision: otherwise the model would stay in another.
        translator = new Translator(model, source, target, device) { Precision = Precisions.Resolve(run.Training.Precision, device) };
        var (sourceIds, targetIds) = (SpecialIds.Of(source), SpecialIds.Of(target));
        var batch = run.Training.Batch;
        var options = new BucketOptions { Tokens = batch.Tokens, Sequences = batch.Sequences, Seed = SeedStreams.Of(run.Seed, "batches") };
        batches = new ParallelBatches(train, sourceIds, targetIds, options);
        stream = new Prefetcher<ParallelBatch>(batches.At, batches.BatchesPerEpoch);
        if (validation is not { Count: > 0 }) return;
        this.validation = validation;
        var longest = Enumerable.Range(0, validation.Count).Max(i => Math.Max(validation.Source.LengthOf(i), validation.Target.LengthOf(i))) + 1;
        // A pair must fit even if it is longer than any of the training pairs.
        if (options.Tokens < longest) options = options with { Tokens = longest };
        validationBatches = new ParallelBatches(validation, sourceIds, targetIds, options);
    }

    /// <summary>Prepares the pairs and creates the task.</summary>
    internal static TaskSetup Prepare(RunConfig config, ParallelDataConfig data, Seq2SeqConfig shape, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var (source, target, train, validation) = Read(data, shape, options, observer, stop.Token);
        var shared = ReferenceEquals(source, target);
        using var generator = new Generator(SeedStreams.Of(config.Seed, "weights"));
        var model = new Seq2Seq(shape, shape.VocabularyFor(source), shape.VocabularyFor(target), shared, generator).to(options.Device);
        observer.Note($"{train.Count:N0} training and {Amount.Of(validation?.Count ?? 0, "validation pair")}, vocabulary {source.VocabularySize:N0}{(shared ? "" : $" and {target.VocabularySize:N0}")}");
        return new TaskSetup
        {
            Task = new TranslationTask(model, source, target, train, validation, config, options.Device),
            Files = TokenizerPair.Files(source, target),
            FilesHash = shared ? source.Hash : $"{source.Hash} {target.Hash}",
        };
    }

    /// <summary>Tokenizers and encoded pairs, as in training.</summary>
    internal static (TextTokenizer source, TextTokenizer target, ParallelCorpus train, ParallelCorpus? validation) Read(
        ParallelDataConfig data, Seq2SeqConfig shape, TrainingOptions options, ITrainingObserver observer, CancellationToken cancel)
    {
        var splits = data.Open();
        var names = data.Source switch
        {
            ParallelFolderConfig folder => new[] { folder.From, folder.To },
            ParallelFilesConfig files => [files.From, files.To],
            _ => [],
        };
        foreach (var table in new[] { splits.Train, splits.Validation, splits.Test }.SelectMany(split => split?.Files ?? []))
            if (ParallelFiles.HeaderOf(table, [.. names.Select(name => name.ToLowerInvariant())]) is { } header)
                observer.Note($"{table}:1: the first line names the columns ({header}) and is not a pair");
        // Before the tokenizers, which could not be trained either.
        if (!splits.Train.Read().Any()) throw new UserException([new Problem("contains no pair to train on", splits.Train.Files is [var empty, ..] ? empty : null)]);
        foreach (var warning in IllFormedText.Warnings([.. splits.Train.Files, .. splits.Validation?.Files ?? []])) observer.Warn(warning);
        var (source, target) = TokenizersOf(data, splits.Train, options, observer, cancel);
        var broken = new List<string>();
        // The begin or end token takes one position.
        var limit = shape.Context - 1;
        var filter = data.Filter();
        var train = Encode(splits.Train, filter with { MaximumTokens = Math.Min(filter.MaximumTokens, limit) }, keepTexts: false);
        if (train.Report.Kept < train.Report.Read) observer.Note(train.Report.ToString());
        if (train.Report is { Kept: 0 } none)
            throw new UserException([new Problem($"contains no pair that fits: {none}", splits.Train.Files is [var file, ..] ? file : null,
                Hint: none.SourceTooLong + none.TargetTooLong > 0 ? $"data.max_length ({data.MaxLength}) and model.context ({shape.Context}) limit the number of tokens" : broken.FirstOrDefault())]);
        var validation = splits.Validation is null ? null
            : Encode(splits.Validation, new ParallelFilter { MinimumTokens = 0, MaximumTokens = limit }, keepTexts: true);
        if (validation is { Report: { } report } && report.Kept < report.Read)
            observer.Warn($"{Amount.Of(report.Read - report.Kept, "validation pair does", "validation pairs do")} not fit in the model's context of {Amount.Of(shape.Context, "token")} and {(report.Read - report.Kept == 1 ? "is" : "are")} left out");
        LabelledTexts.WarnOf(broken, observer);
        LabelledNotes.WarnOfOverlap([train.Source, train.Target], validation is null ? null : [validation.Source, validation.Target], "pairs", observer);
        return (source, target, train, validation);

        ParallelCorpus Encode(TextSplit<SentencePair> split, ParallelFilter which, bool keepTexts) =>
            ParallelCorpus.Encode(LabelledTexts.Readable(split.Read(), split.Name, broken, (source, pair => pair.Source), (target, pair => pair.Target)), source, target, which, keepTexts, cancel);
    }

    static (TextTokenizer source, TextTokenizer target) TokenizersOf(ParallelDataConfig data, TextSplit<SentencePair> train, TrainingOptions options, ITrainingObserver observer, CancellationToken cancel)
    {
        if (options.TakenFrom is { } from)
        {
            var before = TrainedRun.Open(from).LoadTokenizers();
            if (ReferenceEquals(before.source, before.target) != data.TargetTokenizer is null)
                throw new UserException([new Problem($"{(data.TargetTokenizer is null ? "must be given" : "must be left out")}: {from}, whose weights are used, has {(data.TargetTokenizer is null ? "a tokenizer for each side" : "one tokenizer for both sides")}",
                    Path: "data.target_tokenizer", Hint: "set data.tokenizer and data.target_tokenizer as in the run, or leave --from out")]);
            var taken = WarmStart.Tokenizer(from, data.Tokenizer, run => (run.Data as ParallelDataConfig)?.Tokenizer);
            return (taken, data.TargetTokenizer is null ? taken
                : WarmStart.Tokenizer(from, data.TargetTokenizer, run => (run.Data as ParallelDataConfig)?.TargetTokenizer, "data.target_tokenizer", before.target));
        }
        if (data.TargetTokenizer is not { } targetConfig)
        {
            var both = Create(data.Tokenizer, "both sides", pair => [pair.Source, pair.Target]);
            return (both, both);
        }
        return (Create(data.Tokenizer, "source", pair => [pair.Source]), Create(targetConfig, "target", pair => [pair.Target]));

        TextTokenizer Create(TokenizerConfig tokenizer, string side, Func<SentencePair, string[]> texts) =>
            TokenizerFactory.Create(tokenizer, new SentenceSource($"{data.Source}{(data.Holdout is { } held ? $" without {held}" : "")}{(data.Limit is { } limit ? $", {limit} of them" : "")} {side}", train.Files, () => train.Read().SelectMany(texts)),
                options.Cache, SpecialIds.ForTranslation, done => observer.OnPreparing("training the tokenizer", done), cancel);
    }

    protected override IBatchStream<ParallelBatch> Stream => stream;

    public override IReadOnlyList<MicroBatch> NextStep()
    {
        var batch = stream.Next();
        // A slice is padded to its own longest pair.
        return Slices(batch.Rows, (first, rows) => new PairBatch(this, rows == batch.Rows ? batch : batches.Make(batch.Examples.AsSpan(first, rows)), run.Training.LabelSmoothing, first));
    }

    public override IEnumerable<MicroBatch> Validation(int? count) => validationBatches is null ? []
        : LabelledTexts.Positions(validationBatches.BatchesPerEpoch, count).Select(position => new PairBatch(this, validationBatches.At(position), smoothing: 0));

    public override IReadOnlyDictionary<string, double> DerivedMetrics(double loss) => new Dictionary<string, double> { ["perplexity"] = Math.Exp(loss) };

    /// <summary>BLEU, chrF and the fraction of exact translations, of greedy decoding.</summary>
    public override IReadOnlyDictionary<string, double> Metrics(bool whole, CancellationToken cancel = default)
    {
        var count = validation is null ? 0 : whole ? validation.Count : Math.Min(validation.Count, run.Training.Validate.Sentences);
        if (count == 0) return new Dictionary<string, double>();
        List<SentencePair> pairs = [.. validation!.Texts!.Take(count)];
        var scores = TranslationScores.Of(translator, pairs, new TranslationOptions(), Processes, cancel);
        examples = [.. pairs.Zip(scores.Translations, (pair, translation) => new OutputExample(pair.Source, translation.Text, pair.Target)).Take(ShownExamples)];
        return scores.Metrics;
    }

    public override bool HasValidation => validationBatches is not null;

    public override IReadOnlyList<string> MetricNames => [.. base.MetricNames, "bleu", "chrf", "exact"];

    public override IReadOnlyList<OutputExample> Examples => examples;

    public override IReadOnlyList<ModelPicture> Pictures()
    {
        if (validation?.Texts!.FirstOrDefault() is not { } pair) return [];
        return [AttentionPlot.Of(model, tokenizers, (pair.Source, pair.Target), AttentionPart.Cross, Device, AttentionPlot.Few).ToPicture("attention")];
    }

    public override IReadOnlyList<string> Samples(CancellationToken cancel = default)
    {
        if (run.Training.Sample.Tokens == 0) return [];
        var sources = run.Training.Sample.Prompts ?? validation?.Texts!.Take(3).Select(pair => pair.Source).ToList();
        if (sources is null) return [];
        model.eval();
        return [.. translator.Translate(sources, new TranslationOptions(), cancel).Select(translation => $"{translation.Source} → {translation.Text}")];
    }

    /// <summary>The sum of the cross entropies of a batch's target tokens, including end tokens, in nats.</summary>
    internal static LossSum SumLosses(Seq2Seq model, ParallelBatch batch, double smoothing, Device device, RandomPosition random = default)
    {
        var (B, S, T) = (batch.Rows, batch.SourceWidth, batch.TargetWidth);
        var mask = PaddingMask.Of(batch.SourceLengths, S, device);                                      // [B, 1, 1, S]
        var memory = model.Encode(tensor(batch.Source, [B, S]).SendTo(device), mask, random: random);   // [B, S, D]
        var hidden = model.Decode(tensor(batch.TargetInput, [B, T]).SendTo(device), memory, mask, random: random);   // [B, T, D]
        // Padding does not go through the output layer, which is the widest layer.
        long[] positions = [.. Enumerable.Range(0, B * T).Where(i => batch.TargetOutput[i] != ParallelBatch.IgnoreIndex).Select(i => (long)i)];
        var targets = tensor(Array.ConvertAll(positions, position => batch.TargetOutput[position])).SendTo(device);
        var chosen = hidden.reshape(B * T, -1).index_select(0, tensor(positions).SendTo(device));         // [targets, D]
        return LinearCrossEntropy.Sum(chosen, model.OutputWeight, targets, model.Compute, smoothing, model.OutputBias);
    }

    /// <summary>Rows of a batch of sentence pairs.</summary>
    sealed class PairBatch(TranslationTask task, ParallelBatch batch, double smoothing, int first = 0) : MicroBatch(batch.TargetTokens, batch.TargetTokens, first)
    {
        public override double Flops => task.flops.Of(new(batch.Rows, batch.SourceWidth, batch.TargetWidth, Targets, Units));

        public override LossSum LossSum(RandomPosition random) => SumLosses(task.model, batch, smoothing, task.Device, random);
    }
}
