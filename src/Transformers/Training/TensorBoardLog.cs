using System.Runtime.InteropServices;
using Transformers.Runs;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>Writes a training run as TensorBoard's event files: losses, learning rate, speed, samples, pictures and weights.</summary>
/// <remarks>Train and validation losses share the first part of their tags, so that TensorBoard shows them side by side. A full disk ends
/// these files, not the training.</remarks>
/// <param name="folder">The folder of event files.</param>
/// <param name="warn">Called once if they cannot be written.</param>
public sealed class TensorBoardLog(string folder, Action<string> warn) : ITrainingObserver, IDisposable
{
    const long MostNumbers = 10_000;

    EventWriter? writer;

    /// <summary>Starts a file.</summary>
    /// <param name="step">The step that the run resumes from; readers ignore later events in earlier files.</param>
    public void Open(long step) => Try(() => writer = new EventWriter(folder, step));

    /// <inheritdoc/>
    public void OnRollback(long step)
    {
        Dispose();
        Open(step);
    }

    /// <inheritdoc/>
    public void OnLog(StepReport report)
    {
        List<(string, double)> values =
        [
            ("loss/train", report.Loss), ("optimizer/lr", report.LearningRate), ("optimizer/gradient_norm", report.GradientNorm),
            ($"speed/{report.Unit}_per_second", report.UnitsPerSecond), ("memory/resident_bytes", report.MemoryBytes),
        ];
        if (report.Utilisation is { } utilisation) values.Add(("speed/utilisation", utilisation));
        Try(() => writer?.AddScalars(report.Step, values));
    }

    /// <inheritdoc/>
    public void OnValidation(ValidationReport report) =>
        Try(() => writer?.AddScalars(report.Step, [("loss/val", report.Loss), .. report.Metrics.Select(metric => ($"val/{metric.Key}", metric.Value))]));

    /// <inheritdoc/>
    public void OnSamples(long step, IReadOnlyList<string> samples) => Try(() =>
    {
        // Indented text is a code block in Markdown and is shown unchanged.
        for (var i = 0; i < samples.Count; i++)
            writer?.AddText(step, $"samples/{i}", "    " + samples[i].ReplaceLineEndings("\n    "));
    });

    /// <inheritdoc/>
    public void OnPictures(long step, IReadOnlyList<ModelPicture> pictures) => Try(() =>
    {
        foreach (var picture in pictures)
            if (picture.Raster is { } raster) writer?.AddImage(step, $"pictures/{picture.Name}", raster.Width, raster.Height, raster.Png);
    });

    /// <inheritdoc/>
    public void OnWeights(long step, nn.Module model) => Try(() =>
    {
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (name, parameter) in model.named_parameters())
        {
            // Large tensors are sampled at regular intervals.
            var flat = parameter.detach().flatten();
            var every = Math.Max(1, flat.numel() / MostNumbers);
            var some = flat.slice(0, 0, flat.numel(), every).to(ScalarType.Float32).cpu().contiguous();
            writer?.AddHistogram(step, $"weights/{name}", MemoryMarshal.Cast<byte, float>(some.bytes).ToArray());
        }
    });

    void Try(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Dispose();
            warn($"the event files for TensorBoard end here: {exception.Message}");
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        writer?.Dispose();
        writer = null;
    }
}
