using Transformers.Configs;
using Transformers.Data.Images;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Processes;

namespace Transformers.Kinds;

/// <summary>The classification of one image.</summary>
/// <param name="Image">Its name.</param>
/// <param name="Label">Its class.</param>
/// <param name="Predicted">The predicted class.</param>
/// <param name="Probability">Its probability.</param>
public sealed record JudgedImage(string Image, string Label, string Predicted, double Probability);

/// <summary>The result of an evaluation.</summary>
/// <param name="Split">The images: <c>test</c>, <c>validation</c>, <c>train</c> or <c>all</c>.</param>
/// <param name="Loss">Nats per image.</param>
/// <param name="Report">Accuracies, confusion matrix, scores of each class, calibration.</param>
/// <param name="Mistakes">The worst mistakes: those whose class was given the least probability, worst first.</param>
/// <param name="Broken">Images that could not be read, and are not counted.</param>
public sealed record ImageEvaluationResult(string Split, double Loss, ClassificationReport Report, IReadOnlyList<ImageMistake> Mistakes, IReadOnlyList<string> Broken)
{
    /// <summary>The metrics by name.</summary>
    public IReadOnlyDictionary<string, double> Metrics
    {
        get
        {
            var metrics = new Dictionary<string, double> { ["loss"] = Loss, ["top1"] = Report.Accuracy };
            if (Report.Labels.Count > 5) metrics["top5"] = Report.TopK(5);
            metrics["macro_f1"] = Report.MacroF1;
            metrics["calibration_error"] = Report.CalibrationError;
            return metrics;
        }
    }
}

/// <summary>Evaluates a trained network over images.</summary>
public static class ImageEvaluation
{
    /// <summary>Classifies all images of a split.</summary>
    /// <param name="run">The network.</param>
    /// <param name="images">The images, from <see cref="ImageRun.OpenImages"/>.</param>
    /// <param name="split">The split's name; null for the test split, else validation, else all images.</param>
    /// <param name="batchSize">Images a pass; it changes no result.</param>
    /// <param name="worst">The number of mistakes to list.</param>
    /// <param name="precision">The number format of products.</param>
    /// <param name="each">Called for every image, in order.</param>
    /// <param name="processes">The processes that share the work; by default one.</param>
    /// <param name="progress">Takes the fraction that is done, after every batch.</param>
    /// <exception cref="UserException">There is no such split, or no image in it can be read.</exception>
    public static ImageEvaluationResult Run(ImageRun run, OpenedImages images, string? split = null, int batchSize = 64, int worst = 20,
        Precision precision = Precision.Fp32, Action<JudgedImage>? each = null, Communicator? processes = null, Action<double>? progress = null)
    {
        var (name, indices) = Choose(images, split);
        var dataset = images.Dataset;
        // A set may hold some of the classes only, in an order of its own.
        var known = run.Input.Classes.Select((label, id) => (label, id)).ToDictionary(pair => pair.label, pair => pair.id, StringComparer.Ordinal);
        int[] idOf = [.. dataset.Classes.Select(label => known[label])];
        var report = new ClassificationReport(run.Input.Classes);
        var mistakes = new PriorityQueue<ImageMistake, double>();
        double loss = 0;
        using var loader = images.EvaluationBatches(indices, batchSize);
        Precisions.Apply(run.Model, Precisions.Resolve(precision, run.Device));
        foreach (var (scores, labels, numbers) in (processes ?? Communicator.Single).Divide(loader.RestOfEpoch().Counted((indices.Length + batchSize - 1) / batchSize, progress), ScoresOf))
            for (var row = 0; row < labels.Length; row++)
                Judge(scores.AsSpan(row * known.Count, known.Count), idOf[labels[row]], dataset.Source.NameOf(numbers[row]));
        if (report.Examples == 0) throw new UserException($"no image of the {name} split can be read", dataset.Broken.All.Select(broken => broken.Fault.Message).FirstOrDefault());
        List<ImageMistake> listed = [];
        while (mistakes.TryDequeue(out var mistake, out var _)) listed.Insert(0, mistake);
        return new ImageEvaluationResult(name, loss / report.Examples, report, listed, [.. dataset.Broken.All.Select(broken => dataset.Source.NameOf(broken.Index))]);

        ScoredImages ScoresOf(ImageBatch batch)
        {
            using (batch) return new(batch.Count == 0 ? [] : run.Scores(batch.Pixels, batch.Count), batch.Labels, batch.Indices);
        }

        void Judge(ReadOnlySpan<float> scores, int label, string image)
        {
            report.Add(scores, label);
            var probabilities = Probabilities.Of(scores);
            loss -= Probabilities.LogOf(scores, label);
            var best = Probabilities.Best(probabilities);
            each?.Invoke(new JudgedImage(image, run.Input.Classes[label], run.Input.Classes[best], probabilities[best]));
            if (best == label || worst == 0) return;
            // The least wrong mistake is at the front, and goes when there are too many.
            mistakes.Enqueue(new ImageMistake(image, run.Input.Classes[label], run.Input.Classes[best], probabilities[best], probabilities[label]), -Probabilities.LogOf(scores, label));
            if (mistakes.Count > worst) mistakes.Dequeue();
        }
    }

    sealed record ScoredImages(float[] Scores, long[] Labels, int[] Numbers);

    static (string name, int[] indices) Choose(OpenedImages images, string? split)
    {
        var dataset = images.Dataset;
        if (split is not null) return (split, dataset.Split(split));
        if (dataset.Test.Length > 0) return ("test", dataset.Test);
        return dataset.Validation.Length > 0 ? ("validation", dataset.Validation) : ("all", dataset.Train);
    }
}
