using TorchSharp;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.Generators;
using Transformers.IO;
using Transformers.Kinds.Tasks;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Evaluates encoder-decoders.</summary>
public static class TranslationEvaluation
{
    const int DefaultBatch = 64;

    /// <summary>Loss, BLEU and chrF of a run over a split, on detokenized text.</summary>
    /// <param name="run">A run of kind seq2seq over sentence pairs.</param>
    /// <param name="name">The run's name for the document.</param>
    /// <param name="options">Data, split, search, device and precision.</param>
    /// <param name="cancel">Ends it between two batches.</param>
    /// <returns>Metrics <c>loss</c>, <c>perplexity</c> and <c>bits_per_byte</c> of the pairs that fit the model, and of all <c>bleu</c>, <c>chrf</c>, <c>exact</c> and <c>mean_score</c>.</returns>
    /// <exception cref="UserException">The run is of another kind, or there is no such split.</exception>
    public static EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options, CancellationToken cancel = default)
    {
        if (run.Config.Data is not ParallelDataConfig data) throw new UserException("the run did not learn from sentence pairs");
        using var predictions = new PredictionFile(options.Output);
        var split = Choose((options.Data is { } folder ? data.Source.At(folder) : data.Source).Open(), options.Split);
        var tokenizers = run.LoadTokenizers();
        using var model = run.LoadSeq2Seq(tokenizers, options.Device);
        var (source, target) = tokenizers;
        List<SentencePair> pairs = [.. split.Read()];
        if (pairs.Count == 0) throw new UserException($"the split {split.Name} holds no sentence pairs");
        var translator = new Translator(model, source, target, options.Device) { Precision = options.Precision, Quantized = options.Quantized };
        var scores = TranslationScores.Of(translator, pairs, options.Translation with { BatchSize = options.BatchSize ?? DefaultBatch }, cancel);
        foreach (var (pair, translation) in pairs.Zip(scores.Translations))
            predictions.Add(new PredictionLine(pair.Source, translation.Text, pair.Target, translation.Best.Score));
        var metrics = Losses(model, tokenizers, pairs, options, cancel);
        foreach (var (metric, value) in scores.Metrics) metrics[metric] = value;
        metrics["mean_score"] = scores.MeanScore;
        return new EvaluationResult
        {
            Run = name, Checkpoint = run.Checkpoint.Step, Split = split.Name, Examples = pairs.Count, Metrics = metrics,
            Signatures = new Dictionary<string, string> { ["bleu"] = scores.Bleu.Signature, ["chrf"] = scores.Chrf.Signature },
        };
    }

    // Of the pairs that fit the model's context.
    static Dictionary<string, double> Losses(Models.Seq2Seq model, (TextTokenizer source, TextTokenizer target) tokenizers, IEnumerable<SentencePair> pairs, EvaluationOptions options, CancellationToken cancel)
    {
        var filter = new ParallelFilter { MinimumTokens = 0, MaximumTokens = model.Context - 1 };
        var corpus = ParallelCorpus.Encode(pairs, tokenizers.source, tokenizers.target, filter, keepTexts: true, cancel);
        if (corpus.Count == 0) return [];
        var batches = new ParallelBatches(corpus, SpecialIds.Of(tokenizers.source), SpecialIds.Of(tokenizers.target), new BucketOptions { Sequences = options.BatchSize ?? DefaultBatch, Shuffle = false });
        using var inference = no_grad();
        Layers.Precisions.Apply(model, options.Precision);
        using var decoder = options.Quantized ? new Decoding.TargetDecoder(model, options.Device, new Layers.DecoderFormat(options.Precision, Quantized: true)) : null;
        double sum = 0;
        long targets = 0;
        foreach (var position in LabelledOptions.Positions(batches.BatchesPerEpoch, null))
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var batch = batches.At(position);
            sum += decoder?.LossOf(batch.Source, batch.SourceLengths, Array.ConvertAll(batch.TargetInput, id => (int)id), batch.TargetOutput)
                ?? TranslationLoss.Sum(model, batch, smoothing: 0, options.Device).CrossEntropy.to(ScalarType.Float64).item<double>();
            targets += batch.TargetTokens;
        }
        var bytes = corpus.Texts!.Sum(pair => (long)System.Text.Encoding.UTF8.GetByteCount(pair.Target));
        return new Dictionary<string, double>
        {
            ["loss"] = sum / targets, ["perplexity"] = Math.Exp(sum / targets), ["bits_per_byte"] = sum / Math.Max(1, bytes) / Math.Log(2),
        };
    }

    static ParallelSplit Choose(ParallelSplits splits, string? name)
    {
        var found = name switch
        {
            null => splits.Test ?? splits.Validation,
            "train" => splits.Train,
            "validation" => splits.Validation,
            "test" => splits.Test,
            _ => splits.Tests.FirstOrDefault(test => test.Name == name),
        };
        List<string> there = ["train", .. splits.Validation is null ? [] : new[] { "validation" }, .. splits.Tests.Select(test => test.Name)];
        return found ?? throw new UserException($"there is no split {name ?? "test or validation"}", $"there are {string.Join(", ", there)}");
    }
}
