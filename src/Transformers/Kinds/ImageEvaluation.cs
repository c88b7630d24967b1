using Transformers.Configs;
using Transformers.Data.Images;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Processes;

namespace Transformers.Kinds;

/// <summary>The result of an evaluation.</summary>
/// <param name="Split">The images: <c>test</c>, <c>validation</c>, <c>train</c> or <c>all</c>.</param>
/// <param name="Loss">Nats per image.</param>
/// <param name="Report">Accuracies, confusion matrix, scores of each class, calibration.</param>
/// <param name="Mistakes">The worst mistakes: those whose actual class has the lowest probability, worst first.</param>
/// <param name="Broken">Images that could not be read; they are not counted.</param>
public sealed record ImageEvaluationResult(string Split, double Loss, ClassificationReport Report, IReadOnlyList<ImageMistake> Mistakes, IReadOnlyList<string> Broken)
{
    /// <summary>The metrics by name.</summary>
    public IReadOnlyDictionary<string, double> Metrics => new Dictionary<string, double>([new("loss", Loss), .. ClassifierMetrics.Of(Report)]);
}

/// <summary>Evaluates a trained image model.</summary>
public static class ImageEvaluation
{
    /// <summary>Classifies all images of a split.</summary>
    /// <param name="run">The network.</param>
    /// <param name="images">The images, from <see cref="ImageRun.OpenImages"/>.</param>
    /// <param name="split">The split's name; null for the test split, else validation, else all images.</param>
    /// <param name="batchSize">Images per pass; it does not affect the results.</param>
    /// <param name="worst">The number of mistakes to list.</param>
    /// <param name="precision">The number format of products.</param>
    /// <param name="each">Called for every image, in order.</param>
    /// <param name="processes">The processes that share the work; by default one.</param>
    /// <param name="progress">Receives the fraction done so far, after every batch.</param>
    /// <exception cref="UserException">The split does not exist, or none of its images can be read.</exception>
    public static ImageEvaluationResult Run(ImageRun run, OpenedImages images, string? split = null, int batchSize = 64, int worst = 20,
        Precision precision = Precision.Fp32, Action<PredictionLine>? each = null, Communicator? processes = null, Action<double>? progress = null)
    {
        var (name, indices) = Choose(images, split);
        var dataset = images.Dataset;
        var numbers = KnownClasses.NumbersOf(dataset.Classes, run.Input.Classes, "images");
        var tally = new ClassifierTally(run.Input.Classes, each, worst);
        using var loader = images.EvaluationBatches(indices, batchSize);
        Precisions.Apply(run.Model, Precisions.Resolve(precision, run.Device));
        foreach (var (scores, labels, shown) in (processes ?? Communicator.Single).DivideStream(loader.RestOfEpoch().Counted((indices.Length + batchSize - 1) / batchSize, progress), ScoresOf))
            tally.Add(scores, [.. labels.Select(label => numbers[label])], row => dataset.Source.NameOf(shown[row]));
        if (tally.Report.Examples == 0) throw new UserException($"no image of the {name} split can be read", dataset.Broken.All.Select(broken => broken.Fault.Message).FirstOrDefault());
        return new ImageEvaluationResult(name, tally.Loss, tally.Report, tally.TakeMistakes(), [.. dataset.Broken.All.Select(broken => dataset.Source.NameOf(broken.Index))]);

        ScoredImages ScoresOf(ImageBatch batch)
        {
            using (batch) return new(batch.Count == 0 ? [] : run.Scores(batch.Pixels, batch.Count), batch.Labels, batch.Indices);
        }
    }

    sealed record ScoredImages(float[] Scores, long[] Labels, int[] Images);

    static (string name, int[] indices) Choose(OpenedImages images, string? split)
    {
        var dataset = images.Dataset;
        if (split is not null) return (split, dataset.Split(split));
        if (dataset.Test.Length > 0) return ("test", dataset.Test);
        return dataset.Validation.Length > 0 ? ("validation", dataset.Validation) : ("all", dataset.Train);
    }
}
