using Transformers.Evaluation;
using Transformers.Metrics;
using Transformers.Reports.Plots;
using Transformers.Training;

namespace Transformers.Kinds;

/// <summary>Names the class of images, sounds or series: what every such task measures and draws of its validation.</summary>
/// <param name="classes">The names of the classes.</param>
/// <param name="measuresAll">Whether every validation gives all measures, and not only the last one of a run.</param>
abstract class ClassifierTask<TBatch>(IReadOnlyList<string> classes, bool measuresAll = false) : StreamTask<TBatch>
{
    ClassificationReport? validated;

    /// <summary>Begins the report of a validation.</summary>
    /// <param name="batches">The most batches; null for all.</param>
    /// <returns>What the micro-batches add their scores to; null where there is nothing to validate.</returns>
    private protected ClassificationReport? BeginReport(int? batches) => validated = HasValidation && batches != 0 ? new ClassificationReport(classes) : null;

    public override IReadOnlyList<string> MetricNames => ClassifierMetrics.Names(classes.Count);

    public override IReadOnlyDictionary<string, double> Metrics(bool whole, CancellationToken cancel = default)
    {
        validated?.AddOthers(Processes);
        return validated is { Examples: > 0 } report ? ClassifierMetrics.Of(report, whole || measuresAll) : new Dictionary<string, double>();
    }

    public override ConfusionCounts? Confusion => validated is { Examples: > 0 } report ? new(report.ConfusionRows(), report.Labels) : null;

    public override IReadOnlyList<ModelPicture> Pictures() => Confusion is { } confusion ? [ConfusionPlot.Of(confusion.Rows, confusion.Labels).ToPicture("confusion")] : [];
}
