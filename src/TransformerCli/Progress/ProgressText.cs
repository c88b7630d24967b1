using System.Globalization;
using Transformers.Training;

namespace TransformerCli.Progress;

/// <summary>The words of progress lines.</summary>
static class ProgressText
{
    internal static string Of(StepReport report)
    {
        var utilisation = report.Utilisation is { } share ? $"  mfu {share.ToString("P0", Culture)}" : "";
        return string.Create(Culture,
            $"step {report.Step}/{report.Steps}  loss {report.Loss:F4}  lr {report.LearningRate:0.0e+0}  norm {report.GradientNorm:F2}  {Count(report.UnitsPerSecond)} {report.Unit}/s{utilisation}  {Bytes(report.MemoryBytes)}{(report.DeviceMemory is { Own: { } own } ? $"  device {Bytes(own)}" : "")}{(report.OtherCores is >= 0.5 and { } others ? string.Create(CultureInfo.InvariantCulture, $"  {others:F1} cores busy elsewhere") : "")}  eta {Time(report.Remaining)}");
    }

    internal static string Of(ValidationReport report)
    {
        var metrics = string.Concat(report.Metrics.Select(metric => string.Create(Culture, $"  {metric.Key} {metric.Value:0.####}")));
        return string.Create(Culture, $"step {report.Step}  val_loss {report.Loss:F4}{metrics}{(report.IsBest ? "  (best)" : "")}  {report.Seconds:F1}s");
    }

    internal static string Bytes(long bytes) => bytes >= 1 << 30
        ? string.Create(Culture, $"{bytes / (double)(1 << 30):F2} GiB") : string.Create(Culture, $"{bytes / (double)(1 << 20):F0} MiB");

    internal static string Count(double number) => number >= 1e6 ? string.Create(Culture, $"{number / 1e6:F2}M")
        : number >= 1e4 ? string.Create(Culture, $"{number / 1e3:F1}k") : string.Create(Culture, $"{number:F0}");

    internal static string Time(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(Culture, $"{(int)time.TotalHours}h{time.Minutes:00}m") : string.Create(Culture, $"{time.Minutes}m{time.Seconds:00}s");

    static CultureInfo Culture => CultureInfo.InvariantCulture;
}
