using System.Globalization;
using Transformers.Configs;
using Transformers.Evaluation;
using Transformers.Runs;
using static TorchSharp.torch;

namespace TransformerCli.Commands;

/// <summary>The part of <c>predict</c> that is about images: its inputs are image files, and folders with everything below them.</summary>
static class PredictImages
{
    /// <summary>Prints the most probable classes of images.</summary>
    /// <param name="context">Where to write.</param>
    /// <param name="run">A run over images.</param>
    /// <param name="inputs">Files and folders.</param>
    /// <param name="top">The most classes to tell of each.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="precision">The type of products.</param>
    /// <param name="json">Whether to write one JSON document.</param>
    internal static int Write(CliContext context, TrainedRun run, IEnumerable<string> inputs, int top, Device device, Precision precision, bool json)
    {
        using var images = ImageRun.Open(run, device);
        var predictor = new ImagePredictor(images);
        var predictions = predictor.Predict(inputs, top, precision: precision);
        if (json) context.WriteJson(new Document("transformer.predict/1", [.. predictions]));
        else
            foreach (var one in predictions)
                context.Out.WriteLine($"{string.Join("  ", one.Labels.Select(label => string.Create(CultureInfo.InvariantCulture, $"{label.Label} {label.Probability:0.000}")))}  {one.Input}");
        foreach (var fault in predictor.Skipped) context.Error.WriteLine($"skipped {fault.Problems[0].File}: {fault.Problems[0].Message}");
        return ExitCodes.Done;
    }

    sealed record Document(string Schema, IReadOnlyList<ImagePrediction> Predictions);
}
