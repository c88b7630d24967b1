using System.Globalization;
using Transformers.Evaluation;
using static TorchSharp.torch;

namespace TransformerCli.Commands;

/// <summary>The part of <c>predict</c> that is about text: its inputs are files of a text a line, or texts themselves.</summary>
static class PredictText
{
    /// <summary>Prints the most probable classes of texts.</summary>
    /// <param name="context">Where to write.</param>
    /// <param name="run">A run that classifies text.</param>
    /// <param name="inputs">Files of a text a line, - for standard input, or texts.</param>
    /// <param name="top">The most classes to tell of each.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="json">Whether to write one JSON document.</param>
    internal static int Write(CliContext context, TrainedRun run, IEnumerable<string> inputs, int top, Device device, bool json)
    {
        using var predictor = new TextPredictor(run, device);
        List<string> texts = [.. inputs.SelectMany(input => input == "-" || File.Exists(input) ? InputLines.Read(context, input) : [input])];
        var predictions = texts.Zip(predictor.Predict(texts), (text, classes) => new Prediction(text, [.. classes.Take(top)]));
        if (json)
        {
            context.WriteJson(new Document("transformer.predict/1", [.. predictions]));
            return ExitCodes.Done;
        }
        foreach (var one in predictions)
            context.Out.WriteLine($"{string.Join("  ", one.Labels.Select(label => string.Create(CultureInfo.InvariantCulture, $"{label.Label} {label.Probability:0.000}")))}  {one.Input}");
        return ExitCodes.Done;
    }

    sealed record Prediction(string Input, IReadOnlyList<LabelProbability> Labels);

    sealed record Document(string Schema, IReadOnlyList<Prediction> Predictions);
}
