using System.Globalization;
using Transformers.Kinds;

namespace TransformerCli.Progress;

/// <summary>What <c>train --seeds</c> prints at its end.</summary>
static class SeedsSummary
{
    internal static void Write(TextWriter writer, SeedsResult result)
    {
        writer.WriteLine($"runs         {result.Runs.Count} of {result.Seeds.Count} seeds in {result.Run}");
        foreach (var (name, mean) in result.Mean)
            writer.WriteLine($"{name,-12} {Number(mean)}{(result.Deviation is { } deviation ? $" ± {Number(deviation[name])}" : "")}");
        TrainSummary.WriteStopped(writer, result.Stopped);
    }

    static string Number(double value) => Math.Abs(value) >= 1e4 ? ProgressText.Count(value) : value.ToString("0.####", CultureInfo.InvariantCulture);
}
