using Transformers.IO;
using Transformers.Metrics;

namespace Transformers.Evaluation;

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
