using Transformers.Configs;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Models;

namespace Transformers.Kinds;

/// <summary>Evaluates a run by what it is.</summary>
public static class RunEvaluation
{
    /// <summary>Evaluates a run of any kind.</summary>
    /// <param name="run">The open run.</param>
    /// <param name="name">The run's name for the document.</param>
    /// <param name="options">Data, split, device and precision.</param>
    /// <exception cref="UserException">The data cannot be read, or nothing evaluates this kind.</exception>
    public static EvaluationResult Evaluate(TrainedRun run, string name, EvaluationOptions options) => run.Config.Model switch
    {
        GptConfig => LanguageModelEvaluation.Evaluate(run, name, options),
        Seq2SeqConfig => TranslationEvaluation.Evaluate(run, name, options),
        var other when options.Quantized => throw new UserException($"--quantize int8 is for decoders, and a run of kind {KindAttribute.Of(other)} has none", "leave it out"),
        EncoderConfig => TextEvaluation.Evaluate(run, name, options),
        ImageModelConfig => OfImages(run, name, options),
        var other => throw new UserException($"a run of kind {KindAttribute.Of(other)} cannot be evaluated"),
    };

    static EvaluationResult OfImages(TrainedRun run, string name, EvaluationOptions options)
    {
        using var network = ImageRun.Open(run, options.Device);
        using var images = network.OpenImages(options.Data, options.Split, Path.Combine(options.Cache, "images"));
        using var predictions = new PredictionFile(options.Output);
        var result = ImageEvaluation.Run(network, images, options.Split, options.BatchSize ?? 64, precision: options.Precision,
            each: image => predictions.Add(new PredictionLine(image.Image, image.Predicted, image.Label, image.Probability)));
        return new EvaluationResult
        {
            Run = name,
            Checkpoint = run.Checkpoint.Step,
            Split = result.Split,
            Examples = result.Report.Examples,
            Metrics = result.Metrics,
            Confusion = result.Report.ConfusionRows(),
            Labels = result.Report.Labels,
            Classes = result.Report.Classes(),
            Mistakes = result.Mistakes,
            Broken = result.Broken.Count == 0 ? null : result.Broken,
        };
    }
}
