using TorchSharp;
using Transformers.Metrics;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>Adds a model's scores to a report.</summary>
public static class ReportTensors
{
    /// <summary>Adds one example a row.</summary>
    /// <param name="report">The report.</param>
    /// <param name="logits">Unnormalised scores [B, N], on any device.</param>
    /// <param name="labels">The right classes, B of them.</param>
    public static void AddBatch(this ClassificationReport report, Tensor logits, ReadOnlySpan<long> labels)
    {
        using var scope = NewDisposeScope();
        var scores = logits.detach().to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
        var classes = report.Labels.Count;
        for (var row = 0; row < labels.Length; row++) report.Add(scores.AsSpan(row * classes, classes), (int)labels[row]);
    }
}
