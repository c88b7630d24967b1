using System.Globalization;
using Transformers.Training;

namespace TransformerCli.Progress;

/// <summary>What <c>train</c> prints at its end.</summary>
static class TrainSummary
{
    internal static void Write(TextWriter writer, TrainResult result)
    {
        var culture = CultureInfo.InvariantCulture;
        var speed = result.TokensPerSecond is { } tokens ? $"{ProgressText.Count(tokens)} tokens/s" : $"{ProgressText.Count(result.ImagesPerSecond ?? 0)} images/s";
        writer.WriteLine(string.Create(culture, $"run          {result.Run}"));
        writer.WriteLine(string.Create(culture, $"steps        {result.Steps} in {result.Seconds:F1}s, {speed}, {result.Precision} on {result.Device}"));
        writer.WriteLine(string.Create(culture, $"train_loss   {result.TrainLoss:F4}"));
        if (result.ValLoss is { } loss) writer.WriteLine(string.Create(culture, $"val_loss     {loss:F4}"));
        if (result.Best is { } best) writer.WriteLine(string.Create(culture, $"best         {best.ValLoss:F4} at step {best.Step}"));
        foreach (var (name, value) in result.Metrics) writer.WriteLine(string.Create(culture, $"{name,-12} {value:0.####}"));
        if (result.SkippedSteps > 0) writer.WriteLine(string.Create(culture, $"skipped      {result.SkippedSteps} steps whose loss or gradient was not a number"));
        if (result.RollBacks > 0) writer.WriteLine(string.Create(culture, $"went back    {result.RollBacks} times to an earlier checkpoint"));
        WriteStopped(writer, result.Stopped);
    }

    /// <summary>Why training ended early, if it did, and how it goes on.</summary>
    internal static void WriteStopped(TextWriter writer, string? reason)
    {
        var remedy = reason switch
        {
            null => null,
            TrainResult.Patience => "a larger training.validate.patience goes on",
            "max_steps" => "the same command with a larger --max-steps, or without it, goes on",
            _ => "the same command goes on",
        };
        if (remedy is not null) writer.WriteLine($"stopped      {reason}; {remedy}");
    }
}
