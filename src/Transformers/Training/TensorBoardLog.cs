using Transformers.Runs.TensorBoard;

namespace Transformers.Training;

/// <summary>Writes a training run as TensorBoard's event files: losses, learning rate, speed and samples.</summary>
/// <remarks>Train and validation losses share the first part of their tags, so that TensorBoard shows them side by side. A disk that is full ends these files, not the training.</remarks>
/// <param name="folder">The folder of event files.</param>
/// <param name="warn">Told once if they cannot be written.</param>
public sealed class TensorBoardLog(string folder, Action<string> warn) : ITrainingObserver, IDisposable
{
    EventWriter? writer;

    /// <summary>Starts a file.</summary>
    /// <param name="step">The step that the run goes on from; what earlier files hold after it is dropped by readers.</param>
    public void Open(long step) => Try(() => writer = new EventWriter(folder, step));

    /// <inheritdoc/>
    public void WentBack(long step)
    {
        Dispose();
        Open(step);
    }

    /// <inheritdoc/>
    public void Reported(StepReport report)
    {
        List<(string, double)> values =
        [
            ("loss/train", report.Loss), ("optimizer/lr", report.LearningRate), ("optimizer/gradient_norm", report.GradientNorm),
            ($"speed/{report.Unit}_per_second", report.UnitsPerSecond), ("memory/resident_bytes", report.MemoryBytes),
        ];
        if (report.Utilisation is { } share) values.Add(("speed/utilisation", share));
        Try(() => writer?.AddScalars(report.Step, values));
    }

    /// <inheritdoc/>
    public void Validated(ValidationReport report) =>
        Try(() => writer?.AddScalars(report.Step, [("loss/val", report.Loss), .. report.Metrics.Select(metric => ($"val/{metric.Key}", metric.Value))]));

    /// <inheritdoc/>
    public void Sampled(long step, IReadOnlyList<string> samples) => Try(() =>
    {
        // Indented text is a block of code in Markdown: shown as it is.
        for (var i = 0; i < samples.Count; i++)
            writer?.AddText(step, $"samples/{i}", "    " + samples[i].ReplaceLineEndings("\n    "));
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
