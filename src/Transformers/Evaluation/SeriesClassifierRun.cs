using TorchSharp;
using Transformers.Configs;
using Transformers.Data.Series;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>A trained network that classifies series.</summary>
public sealed class SeriesClassifierRun : IDisposable
{
    const int Together = 256;

    readonly SeriesClassifier model;
    readonly Device device;

    SeriesClassifierRun(SeriesClassifier model, LabelledSeriesDataConfig data, IReadOnlyList<string> classes, Device device) => (this.model, Data, Classes, this.device) = (model, data, classes, device);

    /// <summary>The network, in evaluation mode.</summary>
    public SeriesClassifier Model => model;

    /// <summary>The config of its data.</summary>
    public LabelledSeriesDataConfig Data { get; }

    /// <summary>The names of its classes.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Loads the network of an open run.</summary>
    /// <exception cref="UserException">It is of a different kind, or damaged.</exception>
    public static SeriesClassifierRun Open(TrainedRun run, Device? device = null, Precision precision = Precision.Fp32)
    {
        var config = run.Require<SeriesClassifierConfig>("a classifier of series");
        var (data, classes) = ((LabelledSeriesDataConfig)run.Config.Data, run.LoadClasses());
        device ??= NativeLibraries.Cpu;
        var model = run.Fill(new SeriesClassifier(config, data.Length, classes.Count).to(device));
        Precisions.Apply(model, Precisions.Resolve(precision, device));
        return new SeriesClassifierRun(model, data, classes, device);
    }

    /// <summary>The first step of each patch.</summary>
    internal IEnumerable<int> PatchSteps => model.PatchSteps;

    /// <summary>Scores of series.</summary>
    /// <param name="batch">B series.</param>
    /// <param name="recorder">Records attention weights.</param>
    /// <returns>B·N unnormalised scores.</returns>
    public float[] Scores(SeriesBatch batch, AttentionRecorder? recorder = null)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var B = batch.Windows.Count;
        return [.. model.Logits(tensor(batch.Values, [B, batch.Context]).to(device), tensor(batch.Observed, [B, batch.Context]).to(device), recorder).cpu().contiguous().data<float>()];
    }

    /// <summary>Predicts the classes of the rows of tables; the first column, the class, may be empty. A row that cannot be read has a problem instead of classes.</summary>
    /// <param name="tables">Files.</param>
    /// <param name="top">The number of classes to return for each.</param>
    /// <param name="progress">Receives the fraction done so far.</param>
    /// <exception cref="UserException">A table cannot be read.</exception>
    public IEnumerable<ClassPrediction> Predict(IEnumerable<string> tables, int top, Action<double>? progress = null)
    {
        var read = tables.Select(path => LabelledSeriesDataset.OpenTable(Data, path, labelled: false)).ToList();
        var parts = read.SelectMany(series => series.Test.Chunk(Together).Select(part => (series, part)));
        foreach (var (series, part) in parts.Counted(read.Sum(series => series.Test.Length), progress, one => one.part.Length))
        {
            var scores = Scores(series.Batch(part));
            for (var row = 0; row < part.Length; row++)
                yield return series.ProblemOf(part[row]) is { } problem ? new(series.NameOf(part[row]), [], problem)
                    : new(series.NameOf(part[row]), LabelProbability.Top(Classes, scores.AsSpan(row * Classes.Count, Classes.Count), top));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => model.Dispose();
}
