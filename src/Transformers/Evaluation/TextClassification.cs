using System.Runtime.InteropServices;
using TorchSharp;
using Transformers.Data.Labelled;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

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
