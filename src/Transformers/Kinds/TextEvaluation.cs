using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Evaluation;
using Transformers.Generators;
using Transformers.IO;
using Transformers.Kinds.Tasks;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Evaluates encoders over labelled text.</summary>
public static class TextEvaluation
{
    /// <summary>A classifier's loss, accuracy, F1 and confusion matrix; of a run that guesses hidden tokens their loss and accuracy.</summary>
    /// <param name="run">A run of kind encoder over labelled text.</param>
    /// <param name="name">The run's name for the document.</param>
    /// <param name="options">Data, split, device and precision.</param>
    /// <param name="cancel">Ends it between two batches.</param>
    /// <exception cref="UserException">The run is of another kind, there is no such split, or a label is not one of the run's classes.</exception>
    public static EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options, CancellationToken cancel = default)
    {
        if (run.Config.Data is not LabelledDataConfig data) throw new UserException("the run did not learn from labelled text");
        using var predictions = new PredictionFile(options.Output);
        var split = Choose((options.Data is { } folder ? data.Source.At(folder) : data.Source).Open(), options.Split);
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadEncoder(tokenizer, options.Device);
        var special = SpecialIds.Of(tokenizer);
        var classes = model is TextClassifier ? run.LoadClasses() : null;
        List<LabelledExample> examples = [.. split.Read()];
        if (examples.Count == 0) throw new UserException($"the split {split.Name} holds no texts");
        var corpus = LabelledCorpus.Encode(examples, tokenizer, special, classes, Math.Min(data.MaxLength, model.Encoder.Context), split.File);
        var batchOptions = new BucketOptions { Sequences = options.BatchSize ?? 64, Shuffle = false };
        using var inference = no_grad();
        if (model is not TextClassifier classifier)
        {
            var head = (MaskedHeadConfig)((EncoderConfig)run.Config.Model).Head;
            // The same tokens are hidden as in the run's own validation.
            using var task = new MaskedTokenTask((MaskedTokenModel)model, tokenizer, corpus.Tokens, corpus.Tokens, head, run.Config, options.Device);
            return Result(Masked(task, options, cancel));
        }
        var report = new ClassificationReport(classes!);
        double loss = 0;
        var batches = new LabelledBatches(corpus, special, batchOptions);
        foreach (var position in LabelledOptions.Positions(batches.BatchesPerEpoch, null))
        {
            cancel.ThrowIfCancellationRequested();
            var batch = batches.At(position);
            var logits = TextClassification.Logits(classifier, batch.Texts, options.Device);
            for (var row = 0; row < batch.Labels.Length; row++)
            {
                var own = logits.AsSpan(row * classes!.Count, classes.Count);
                report.Add(own, (int)batch.Labels[row]);
                var probabilities = Probabilities.Of(own);
                loss -= Probabilities.LogOf(own, (int)batch.Labels[row]);
                var best = Probabilities.Best(probabilities);
                predictions.Add(new PredictionLine(examples[batch.Texts.Examples[row]].Text, classes[best], classes[(int)batch.Labels[row]], probabilities[best]));
            }
        }
        var metrics = new Dictionary<string, double>
        {
            ["loss"] = loss / corpus.Count, ["accuracy"] = report.Accuracy, ["top1"] = report.Accuracy, ["macro_f1"] = report.MacroF1,
        };
        return Result(metrics) with { Confusion = report.ConfusionRows(), Labels = report.Labels, Classes = report.Classes() };

        EvaluationResult Result(IReadOnlyDictionary<string, double> values) =>
            new() { Run = name, Checkpoint = run.Checkpoint.Step, Split = split.Name, Examples = corpus.Count, Metrics = values };
    }

    static Dictionary<string, double> Masked(MaskedTokenTask task, EvaluationOptions options, CancellationToken cancel)
    {
        double sum = 0;
        long targets = 0;
        foreach (var batch in task.Validation(null))
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            sum += batch.LossSum().CrossEntropy.to(ScalarType.Float64).item<double>();
            targets += batch.Targets;
        }
        var metrics = new Dictionary<string, double>(task.Metrics(whole: true)) { ["loss"] = sum / targets, ["perplexity"] = Math.Exp(sum / targets) };
        return metrics;
    }

    static LabelledSplit Choose(LabelledSplits splits, string? name) => name switch
    {
        null => splits.Test ?? splits.Validation,
        "train" => splits.Train,
        "validation" => splits.Validation,
        "test" => splits.Test,
        _ => null,
    } ?? throw new UserException($"there is no split {name ?? "test or validation"}",
        $"there are train{(splits.Validation is null ? "" : ", validation")}{(splits.Test is null ? "" : ", test")}");
}
