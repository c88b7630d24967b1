using Transformers.Evaluation;
using Transformers.Metrics;
using Transformers.Reports.Plots;
using Transformers.Training;

namespace Transformers.Kinds;

/// <summary>Classifies images, sounds or series: the metrics and figures of validation that all such tasks have.</summary>
/// <param name="classes">The names of the classes.</param>
/// <param name="measuresAll">Whether every validation reports all metrics, and not only the last one of a run.</param>
abstract class ClassifierTask<TBatch>(IReadOnlyList<string> classes, bool measuresAll = false) : StreamTask<TBatch>
{
    ClassificationReport? validated;

    /// <summary>Starts the report of a validation.</summary>
    /// <param name="batches">The maximum number of batches; null for all.</param>
    /// <returns>The report to which micro-batches add their scores; null if there is nothing to validate.</returns>
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
