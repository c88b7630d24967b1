using System.Runtime.InteropServices;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.IO;
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
