using Transformers.Training;

namespace TransformerCli.Output;

/// <summary>Numbers and reports in a readable form.</summary>
static class ProgressText
{
    internal static string Describe(StepReport report)
    {
        var utilisation = report.Utilisation is { } fraction ? $"  mfu {fraction:P0}" : "";
        var device = report.DeviceMemory is { Own: { } own } ? $"  device {Bytes(own)}" : "";
        var others = report.OtherCores is >= 0.5 and { } cores ? $"  {cores:F1} cores busy elsewhere" : "";
        return $"step {report.Step}/{report.Steps}  loss {report.Loss:F4}  lr {report.LearningRate:0.0e+0}  norm {report.GradientNorm:F2}  {Count(report.UnitsPerSecond)} {report.Unit}/s{utilisation}  {Bytes(report.MemoryBytes)}{device}{others}  eta {Time(report.Remaining)}";
    }

    internal static string Describe(ValidationReport report) =>
        $"step {report.Step}  val_loss {report.Loss:F4}{string.Concat(report.Metrics.Select(metric => $"  {metric.Key} {metric.Value:0.####}"))}{(report.IsBest ? "  (best)" : "")}  {report.Seconds:F1}s";

    internal static string Bytes(long bytes) => bytes >= 1 << 30 ? $"{bytes / (double)(1 << 30):F2} GiB" : $"{bytes / (double)(1 << 20):F0} MiB";

    internal static string Count(double number) => number >= 1e6 ? $"{number / 1e6:F2}M" : number >= 1e4 ? $"{number / 1e3:F1}k" : $"{number:F0}";

    internal static string Time(TimeSpan time) => time.TotalHours >= 1 ? $"{(int)time.TotalHours}h{time.Minutes:00}m" : $"{time.Minutes}m{time.Seconds:00}s";

    /// <summary>A number with an SI prefix, to be followed by its unit.</summary>
    internal static string Si(double number) => number switch
    {
        >= 1e15 => $"{number / 1e15:0.##} P",
        >= 1e12 => $"{number / 1e12:0.##} T",
        >= 1e9 => $"{number / 1e9:0.##} G",
        >= 1e6 => $"{number / 1e6:0.##} M",
        >= 1e3 => $"{number / 1e3:0.##} k",
        _ => $"{number:0} ",
    };
}
