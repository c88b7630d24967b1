using System.Globalization;
using Transformers.Kinds;

namespace TransformerCli.Progress;

/// <summary>What <c>train --dry-run</c> prints.</summary>
static class DryRunSummary
{
    internal static void Write(TextWriter writer, DryRunResult result)
    {
        var culture = CultureInfo.InvariantCulture;
        var standing = result.State switch
        {
            "resumes" => $"goes on from step {result.From}",
            "finished" => $"finished at step {result.From}: nothing is left to do",
            _ => "new",
        };
        writer.WriteLine($"run          {result.Run} ({standing})");
        if (result.Seeds is { } seeds) writer.WriteLine($"seeds        {string.Join(", ", seeds)}");
        writer.WriteLine(string.Create(culture, $"model        {result.Model} with {result.Parameters:N0} parameters, {result.Precision} on {result.Device}"));
        writer.WriteLine(string.Create(culture, $"training     to step {result.Steps:N0}, {result.UnitsPerStep:N0} {result.Unit} in the first, in {result.MicroBatches} {(result.MicroBatches == 1 ? "pass" : "passes")}"));
        writer.WriteLine(string.Create(culture, $"first pass   loss {result.Loss:F4}, gradient norm {result.GradientNorm:F2}{(result.ValLoss is { } loss ? $", validation batch {loss.ToString("F4", culture)}" : ", no validation data")}"));
        writer.WriteLine($"memory       {ProgressText.Bytes(result.Memory.Needed)} needed{Of(result.Memory.Available)}");
        writer.WriteLine($"disk         {ProgressText.Bytes(result.Disk.Needed)} for checkpoints of {ProgressText.Bytes(result.Disk.Checkpoint)}{Of(result.Disk.Available)}");
    }

    static string Of(long? available) => available is { } bytes ? $", {ProgressText.Bytes(bytes)} available" : "";

    /// <summary>Why the run would not fit this machine, and what to do; null where it would.</summary>
    internal static Shortage? ProblemOf(DryRunResult result)
    {
        if (!result.Memory.Fits)
            return new Shortage(ExitCodes.OutOfMemory, $"the run needs {ProgressText.Bytes(result.Memory.Needed)} of memory, and {ProgressText.Bytes(result.Memory.Available!.Value)} are available (lower training.batch.micro or the model's size)");
        return result.Disk.Fits ? null
            : new Shortage(ExitCodes.UserError, $"the run's checkpoints need {ProgressText.Bytes(result.Disk.Needed)}, and {ProgressText.Bytes(result.Disk.Available!.Value)} are free where the run's folder is (lower training.checkpoint.keep, or name another disk with --run)");
    }
}

/// <summary>What a run would lack.</summary>
/// <param name="Code">The exit code.</param>
/// <param name="Message">What, how much, and what to do.</param>
sealed record Shortage(int Code, string Message);
