using System.Globalization;
using Transformers.Evaluation;
using static TorchSharp.torch;

namespace TransformerCli.Commands;

/// <summary>The part of <c>predict</c> that is about images: its inputs are files, or folders of them.</summary>
static class PredictImages
{
    /// <summary>Prints the most probable classes of images.</summary>
    internal static int Write(CliContext context, TrainedRun run, IEnumerable<string> inputs, int top, Device device, bool json)
    {
        using var network = ImageRun.Open(run, device);
        var predictor = new ImagePredictor(network);
        var predictions = predictor.Predict(inputs, top);
        if (json) context.WriteJson(new Document("transformer.predict/1", [.. predictions]));
        else
            foreach (var one in predictions)
                context.Out.WriteLine($"{string.Join("  ", one.Labels.Select(label => string.Create(CultureInfo.InvariantCulture, $"{label.Label} {label.Probability:0.000}")))}  {one.Input}");
        foreach (var skipped in predictor.Skipped) context.Error.WriteLine($"warning: {skipped.Message}");
        return ExitCodes.Done;
    }

    sealed record Document(string Schema, IReadOnlyList<ImagePrediction> Predictions);
}
