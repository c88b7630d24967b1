using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Processes;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>Classifies texts.</summary>
public sealed class TextPredictor : IDisposable
{
    readonly TextClassifier model;
    readonly TextTokenizer tokenizer;
    readonly Device device;

    /// <summary>Creates a predictor from the classifier of a run.</summary>
    /// <exception cref="UserException">The run does not classify text.</exception>
    public TextPredictor(TrainedRun run, Device device)
    {
        tokenizer = run.LoadTokenizer();
        this.device = device;
        model = run.LoadEncoder(tokenizer, device) as TextClassifier
            ?? throw new UserException("the run predicts masked tokens, but this needs one that classifies", "train one with --from this run");
        Precisions.Apply(model, Precisions.Resolve(run.Config.Training.Precision, device));
        Classes = run.LoadClasses();
    }

    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Why a text cannot be classified, such as a character that the vocabulary lacks; null if it can.</summary>
    public Problem? ProblemOf(string text) => UserException.ProblemOf(() => tokenizer.EncodeToIds(text));

    /// <summary>The classes of texts, the most probable first.</summary>
    /// <param name="texts">The texts, read as a stream; texts longer than the context are truncated.</param>
    /// <param name="batchSize">The maximum number of texts at once.</param>
    /// <returns>One list per text, in the order of the texts.</returns>
    public IEnumerable<IReadOnlyList<LabelProbability>> Predict(IEnumerable<string> texts, int batchSize = 64)
    {
        foreach (var chunk in texts.Chunk(batchSize))
        {
            var logits = TextClassification.Logits(model, FramedTexts.Of(chunk, tokenizer, model.Encoder.Context), device);
            for (var row = 0; row < chunk.Length; row++) yield return LabelProbability.Top(Classes, logits.AsSpan(row * Classes.Count, Classes.Count));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => model.Dispose();
}

/// <summary>Classifies batches of text.</summary>
static class TextClassification
{
    /// <summary>The logits of a batch, row by row.</summary>
    internal static float[] Logits(TextClassifier model, PaddedTexts texts, Device device)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var logits = model.forward(tensor(texts.Ids, [texts.Rows, texts.Width], device: device), texts.Lengths);
        return MemoryMarshal.Cast<byte, float>(logits.to(ScalarType.Float32).cpu().contiguous().bytes).ToArray();
    }

    /// <summary>Adds a batch to a report.</summary>
    internal static void Add(ClassificationReport report, TextClassifier model, LabelledBatch batch, Device device)
    {
        var logits = Logits(model, batch.Texts, device);
        var N = report.Labels.Count;
        for (var row = 0; row < batch.Labels.Length; row++) report.Add(logits.AsSpan(row * N, N), (int)batch.Labels[row]);
    }
}

/// <summary>Texts framed and padded for an encoder.</summary>
static class FramedTexts
{
    internal static PaddedTexts Of(IReadOnlyList<string> texts, TextTokenizer tokenizer, int longest)
    {
        var special = SpecialIds.Of(tokenizer);
        var store = new TokenStore();
        foreach (var text in texts) store.Add([special.Begin, .. tokenizer.EncodeToIds(text).Take(longest - 2), special.End]);
        return PaddedTexts.Make(store, [.. Enumerable.Range(0, texts.Count)], special.Padding);
    }
}

/// <summary>A class and its probability.</summary>
/// <param name="Label">The class's name.</param>
/// <param name="Probability">From 0 to 1.</param>
public sealed record LabelProbability(string Label, double Probability)
{
    /// <summary>The most probable classes, most probable first; among equal ones, the model's first.</summary>
    /// <param name="classes">The names of the classes.</param>
    /// <param name="scores">Their unnormalised scores.</param>
    /// <param name="top">The number of classes to return.</param>
    internal static IReadOnlyList<LabelProbability> Top(IReadOnlyList<string> classes, ReadOnlySpan<float> scores, int top = int.MaxValue) =>
        [.. classes.Zip(Probabilities.Of(scores), (label, probability) => new LabelProbability(label, probability)).OrderByDescending(one => one.Probability).Take(top)];
}

/// <summary>Adds a model's scores to a report.</summary>
public static class ReportTensors
{
    /// <summary>Adds one example per row.</summary>
    /// <param name="logits">Unnormalised scores [B, N], on any device.</param>
    /// <param name="labels">The B actual classes.</param>
    public static void AddBatch(this ClassificationReport report, Tensor logits, ReadOnlySpan<long> labels)
    {
        using var scope = NewDisposeScope();
        var scores = logits.detach().to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
        var classes = report.Labels.Count;
        for (var row = 0; row < labels.Length; row++) report.Add(scores.AsSpan(row * classes, classes), (int)labels[row]);
    }

    /// <summary>Adds what the other processes have counted; collective.</summary>
    internal static void AddOthers(this ClassificationReport report, Communicator processes)
    {
        if (processes.IsAlone) return;
        var counts = report.Counts();
        processes.AllReduce(counts.AsSpan());
        report.SetCounts(counts);
    }
}

/// <summary>The metrics of a classifier besides its loss.</summary>
static class ClassifierMetrics
{
    const int Few = 5;

    /// <summary>The names of the metrics, in the order of <see cref="Of"/>.</summary>
    internal static IReadOnlyList<string> Names(int classes) => ["top1", .. classes > Few ? new[] { "top5" } : [], "macro_f1", "calibration_error"];

    /// <summary>The metrics by name.</summary>
    /// <param name="all">Whether to return all metrics, or only accuracies.</param>
    internal static Dictionary<string, double> Of(ClassificationReport report, bool all = true)
    {
        var metrics = new Dictionary<string, double> { ["top1"] = report.Accuracy };
        if (report.Labels.Count > Few) metrics["top5"] = report.TopK(Few);
        if (!all) return metrics;
        metrics["macro_f1"] = report.MacroF1;
        metrics["calibration_error"] = report.CalibrationError;
        return metrics;
    }
}

/// <summary>Collects a classifier's results on labelled examples: the report, the loss, a line for each example, and the worst mistakes.</summary>
/// <param name="classes">The names of the classes.</param>
/// <param name="each">Receives every example, in order.</param>
/// <param name="worst">The number of mistakes to keep.</param>
sealed class ClassifierTally(IReadOnlyList<string> classes, Action<PredictionLine>? each = null, int worst = 20)
{
    readonly PriorityQueue<ImageMistake, double> mistakes = new();
    double loss;

    /// <summary>Accuracies, confusion matrix, scores of each class, calibration.</summary>
    internal ClassificationReport Report { get; } = new(classes);

    /// <summary>Nats per example.</summary>
    internal double Loss => loss / Report.Examples;

    /// <summary>Adds the examples of a batch.</summary>
    /// <param name="scores">B·N unnormalised scores.</param>
    /// <param name="labels">B classes.</param>
    /// <param name="nameOf">The name of an example, by its row.</param>
    internal void Add(float[] scores, IReadOnlyList<int> labels, Func<int, string> nameOf)
    {
        for (var row = 0; row < labels.Count; row++) Add(scores.AsSpan(row * classes.Count, classes.Count), labels[row], nameOf(row));
    }

    void Add(ReadOnlySpan<float> scores, int label, string name)
    {
        Report.Add(scores, label);
        var (probabilities, log) = (Probabilities.Of(scores), Probabilities.LogOf(scores, label));
        loss -= log;
        var best = Probabilities.Best(probabilities);
        each?.Invoke(new PredictionLine(name, classes[best], classes[label], probabilities[best]));
        if (best == label || worst == 0) return;
        // The least wrong mistake is at the front, and is dropped when there are too many.
        mistakes.Enqueue(new ImageMistake(name, classes[label], classes[best], probabilities[best], probabilities[label]), -log);
        if (mistakes.Count > worst) mistakes.Dequeue();
    }

    /// <summary>The worst mistakes: those whose actual class has the lowest probability, worst first. Can be called only once.</summary>
    internal IReadOnlyList<ImageMistake> TakeMistakes()
    {
        List<ImageMistake> listed = [];
        while (mistakes.TryDequeue(out var mistake, out _)) listed.Insert(0, mistake);
        return listed;
    }

    /// <summary>The result of the evaluation.</summary>
    /// <param name="name">The run's name.</param>
    /// <param name="metrics">The metrics besides the loss; null for those of <see cref="ClassifierMetrics"/>.</param>
    internal EvaluationResult Result(TrainedRun run, string name, string split, IReadOnlyDictionary<string, double>? metrics = null) => new()
    {
        Run = name,
        Checkpoint = run.Checkpoint.Step,
        Split = split,
        Examples = Report.Examples,
        Metrics = new Dictionary<string, double>([new("loss", Loss), .. metrics ?? ClassifierMetrics.Of(Report)]),
        Confusion = Report.ConfusionRows(),
        Labels = Report.Labels,
        Classes = Report.Classes(),
    };
}

/// <summary>The classes that a network knows, and those of a data set, which may have only some of them, in a different order.</summary>
static class KnownClasses
{
    /// <summary>The network's index of each class of the data.</summary>
    /// <exception cref="UserException">The data have a class that the network does not know.</exception>
    internal static int[] NumbersOf(IReadOnlyList<string> found, IReadOnlyList<string> known, string data)
    {
        var numbers = known.Index().ToDictionary(one => one.Item, one => one.Index, StringComparer.Ordinal);
        var unknown = found.Where(name => !numbers.ContainsKey(name)).ToList();
        return unknown.Count == 0 ? [.. found.Select(name => numbers[name])]
            : throw new UserException($"the {data} have classes that the model was not trained on: {string.Join(", ", unknown.Take(5))}", $"it knows {string.Join(", ", known.Take(10))}{(known.Count > 10 ? ", …" : "")}");
    }
}
