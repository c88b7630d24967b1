using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.Generators;
using Transformers.Interchange;
using Transformers.Interchange.HuggingFace;
using Transformers.Interchange.Onnx;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Encoder-decoders on sentence pairs.</summary>
sealed class Seq2SeqKind : Kind<Seq2SeqConfig, ParallelDataConfig>
{
    const int DefaultBatch = 64, PairLength = 32;

    public override bool Translates => true;

    public override string Example => "sentence pair";

    protected override TaskSetup CreateTask(RunConfig run, ParallelDataConfig data, Seq2SeqConfig model, TrainingOptions options, ITrainingObserver observer, StopRequest stop) =>
        TranslationTask.Prepare(run, data, model, options, observer, stop);

    // loss, perplexity and bits_per_byte are over the pairs that fit the model; bleu, chrf, exact and mean_score over all pairs.
    public override EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options, CancellationToken cancel = default)
    {
        if (run.Config.Data is not ParallelDataConfig data) throw new UserException("the run was not trained on sentence pairs");
        using var predictions = new PredictionFile(options.Output, options.Processes);
        var split = (options.Data is { } folder ? data.Source.At(folder).Open() : data.Open()).Choose(options.Split, File.Exists(options.Data));
        options.WarnOfText(split.Files);
        var tokenizers = run.LoadTokenizers();
        using var model = run.LoadSeq2Seq(tokenizers, options.Device);
        var (source, target) = tokenizers;
        var broken = new List<string>();
        List<SentencePair> pairs = [.. LabelledTexts.Readable(split.Read(), split.Name, broken, (source, pair => pair.Source), (target, pair => pair.Target))];
        if (pairs.Count == 0) throw new UserException($"the split {split.Name} contains no sentence pairs that the model can read", broken.FirstOrDefault());
        // The losses take little time compared to the translations.
        var (translated, own) = (0, options.Processes.PartOf(pairs.Count).Count);
        var translator = new Translator(model, source, target, options.Device)
        {
            Precision = options.Precision, Quantized = options.Quantized, Translated = count => options.Progress?.Invoke((double)(translated += count) / own),
        };
        var scores = TranslationScores.Of(translator, pairs, options.Translation with { BatchSize = options.BatchSize ?? DefaultBatch }, options.Processes, cancel);
        foreach (var (pair, translation) in pairs.Zip(scores.Translations))
            predictions.Add(new PredictionLine(pair.Source, translation.Text, pair.Target, translation.Best.Score));
        var metrics = Losses(model, tokenizers, pairs, options, cancel);
        foreach (var (metric, value) in scores.Metrics) metrics[metric] = value;
        metrics["mean_score"] = scores.MeanScore;
        predictions.Complete();
        return new EvaluationResult
        {
            Run = name, Checkpoint = run.Checkpoint.Step, Split = split.Name, Examples = pairs.Count, Metrics = metrics, Broken = broken.Count == 0 ? null : broken,
            Signatures = new Dictionary<string, string> { ["bleu"] = scores.Bleu.Signature, ["chrf"] = scores.Chrf.Signature },
        };
    }

    public override IReadOnlyList<string> EvaluationMetrics(TrainedRun run) => ["loss", "perplexity", "bits_per_byte", "bleu", "chrf", "exact", "mean_score"];

    protected override ExportResult ExportToHuggingFace(TrainedRun run, ExportRequest request) => HuggingFaceExport.Write(run, request, (Seq2SeqConfig)run.Config.Model);

    // Over the pairs that fit in the model's context.
    static Dictionary<string, double> Losses(Seq2Seq model, (TextTokenizer source, TextTokenizer target) tokenizers, IEnumerable<SentencePair> pairs, EvaluationOptions options, CancellationToken cancel)
    {
        var filter = new ParallelFilter { MinimumTokens = 0, MaximumTokens = model.Context - 1 };
        var corpus = ParallelCorpus.Encode(pairs, tokenizers.source, tokenizers.target, filter, keepTexts: true, cancel);
        if (corpus.Count == 0) return [];
        var batches = new ParallelBatches(corpus, SpecialIds.Of(tokenizers.source), SpecialIds.Of(tokenizers.target), new BucketOptions { Sequences = options.BatchSize ?? DefaultBatch, Shuffle = false });
        using var inference = no_grad();
        Precisions.Apply(model, options.Precision);
        using var decoder = options.Quantized ? new TargetDecoder(model, options.Device, new DecoderFormat(options.Precision, Quantized: true)) : null;
        var (sum, targets) = LossPart.Add(options.Processes.Divide(LabelledTexts.Positions(batches.BatchesPerEpoch, null), position =>
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var batch = batches.At(position);
            return new LossPart(decoder?.LossOf(batch.Source, batch.SourceLengths, Array.ConvertAll(batch.TargetInput, id => (int)id), batch.TargetOutput)
                ?? TranslationTask.SumLosses(model, batch, smoothing: 0, options.Device).CrossEntropy.to(ScalarType.Float64).item<double>(), batch.TargetTokens);
        }));
        var bytes = corpus.Texts!.Sum(pair => (long)System.Text.Encoding.UTF8.GetByteCount(pair.Target));
        return new Dictionary<string, double>
        {
            ["loss"] = sum / targets, ["perplexity"] = Math.Exp(sum / targets), ["bits_per_byte"] = sum / Math.Max(1, bytes) / Math.Log(2),
        };
    }

    internal override void CheckSplit(RunConfig run, string split) => ((ParallelDataConfig)run.Data).Open().Choose(split, file: false);

    public override TextScorer OpenScorer(TrainedRun run, Device device, Precision precision = Precision.Fp32, int? stride = null)
    {
        if (stride is not null) throw LanguageModelScorer.StrideRefused;
        return new TranslationScorer(run, device, precision);
    }

    public override Embedder OpenEmbedder(TrainedRun run, Device device)
    {
        var tokenizer = run.LoadTokenizer();
        var model = run.LoadSeq2Seq(run.LoadTokenizers(), device);
        var special = SpecialIds.Of(tokenizer);
        return new Embedder(model, (ids, mask) => model.Encode(ids, mask), run.Config.Model.Width, special.Padding, device,
            text => [.. tokenizer.EncodeToIds(text).Take(model.Context - 1), special.End]);
    }

    public override Picture DrawAttention(TrainedRun run, AttentionSubject subject, Device device)
    {
        NativeLibraries.Load();
        var tokenizers = run.LoadTokenizers();
        var text = subject.RequiredText;
        using var model = run.LoadSeq2Seq(tokenizers, device);
        var target = subject.Target ?? new Translator(model, tokenizers.source, tokenizers.target, device).Translate([text], new TranslationOptions()).First().Text;
        return AttentionPlot.Of(model, tokenizers, (text, target), subject.Part, device, subject.Choice).Draw();
    }

    public override Picture DrawPositions(ModelConfig model, Func<string, Tensor?> weights, int count, int layer = 1)
    {
        var pair = (Seq2SeqConfig)model;
        return TokenPositions.Draw(pair.Positions, weights, "src_", Math.Min(count, pair.Context), pair.Width, pair.Heads, bidirectional: true);
    }

    private protected override DataProfile ReadProfile(RunConfig run, ParallelDataConfig data, Seq2SeqConfig model, TrainingOptions options)
    {
        var (source, target, train, _) = TranslationTask.Read(data, model, options, DataProfile.Silent, default);
        var batch = run.Training.Batch;
        var batches = new ParallelBatches(train, SpecialIds.Of(source), SpecialIds.Of(target),
            new BucketOptions { Tokens = batch.Tokens, Sequences = batch.Sequences, Seed = SeedStreams.Of(run.Seed, "batches") });
        return new()
        {
            Vocabulary = model.Vocabulary ?? target.VocabularySize, Sources = model.Vocabulary ?? source.VocabularySize, Shared = ReferenceEquals(source, target),
            Batches = [.. LabelledTexts.Positions(batches.BatchesPerEpoch, DataProfile.SeenBatches).Select(batches.At).Select(one =>
                new BatchShape(one.Rows, one.SourceWidth, one.TargetWidth, one.TargetTokens, one.TargetTokens))],
        };
    }

    private protected override DataProfile AssumeProfile(ParallelDataConfig data, Seq2SeqConfig model, BatchConfig batch)
    {
        var length = Math.Min(DataProfile.AssumedTokens, Math.Min(data.MaxLength, model.Context));
        long rows = batch.Sequences ?? Math.Max(1, batch.Tokens!.Value / length);
        return new()
        {
            Vocabulary = DataProfile.AssumedVocabulary(model, data.TargetTokenizer ?? data.Tokenizer), Sources = DataProfile.AssumedVocabulary(model, data.Tokenizer),
            Shared = data.TargetTokenizer is null,
            Batches = [new(rows, length, length, rows * length, rows * length)],
        };
    }

    private protected override DataProfile ProfileAlone(Seq2SeqConfig model)
    {
        long length = Math.Min(DataProfile.AssumedTokens, model.Context);
        return DataProfile.OfText(model, new(1, length, length, length, length), [$"counted for a source and a target of {length} tokens"]);
    }

    internal override DataProfile ProfileStep(ModelConfig model, StepRequest request)
    {
        var pair = (Seq2SeqConfig)model;
        var length = Math.Min(PairLength, pair.Context);
        request.Notes.Add($"pairs of {length} tokens per side are assumed");
        return ProfileStep(pair, request.VocabularyOf(pair), request.Rows(length), length) with { Smoothing = request.Run?.Training.LabelSmoothing ?? 0 };
    }

    /// <summary>Pairs without padding; tokens of both sides count.</summary>
    internal static DataProfile ProfileStep(Seq2SeqConfig model, int vocabulary, int rows, int length) => new()
    {
        Vocabulary = vocabulary, Sources = vocabulary, Shared = model.Embeddings.Shared ?? true,
        Batches = [new(rows, length, length, (long)rows * length, 2L * rows * length)],
    };

    protected override ExportResult ExportToOnnx(TrainedRun run, ExportRequest request)
    {
        var (source, target) = run.LoadTokenizers();
        using var model = run.LoadSeq2Seq((source, target), NativeLibraries.Cpu);
        var weights = OnnxExport.WeightsOf(model, request);
        var (read, written) = (SpecialIds.Of(source), SpecialIds.Of(target));
        return OnnxExport.Write(run, request, weights, new()
        {
            Kind = NameOf(run), Task = "translate", Context = model.Context, Vocabulary = target.VocabularySize, Begin = written.Begin, End = written.End, SourceEnd = read.End, Padding = read.Padding,
        }, ("encoder.onnx", OnnxSeq2Seq.BuildEncoder(model.Config, weights)), ("decoder.onnx", OnnxSeq2Seq.BuildDecoder(model.Config, model.Vocabulary, weights)));
    }

    private protected override SmallModel OneOfEachBlock(Seq2SeqConfig model, DataProfile data) =>
        new(new Seq2Seq(model with { Layers = 1, DecoderLayers = 1 }, data.Sources, data.Vocabulary, data.Shared), ("encoder.", [model.Layers]), ("decoder.", [model.DecoderLayers ?? model.Layers]));

    private protected override StepWork CreateWork(Seq2SeqConfig config, DataProfile data, double smoothing, Device device, Generator generator)
    {
        var model = new Seq2Seq(config, data.Sources, data.Vocabulary, data.Shared, generator).to(device);
        return new(model, shape =>
        {
            var source = StepWork.Ids(data.Sources, [shape.Rows, shape.Source], device);
            var read = StepWork.Ids(data.Vocabulary, [shape.Rows, shape.Target], device);
            var targets = StepWork.Ids(data.Vocabulary, [Math.Min(shape.Targets, shape.Rows * shape.Target)], device);
            return () => LinearCrossEntropy.Sum(StepWork.First(model.Decode(read, model.Encode(source)), targets.numel()), model.OutputWeight, targets, model.Compute, smoothing, model.OutputBias).Objective;
        });
    }
}
