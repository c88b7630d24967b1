using Transformers.Configs;
using Transformers.Models;
using Transformers.Runs;

namespace Transformers.Evaluation;

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
        ImageModelConfig => ImageEvaluation.Evaluate(run, name, options),
        var other => throw new UserException($"a run of kind {KindAttribute.Of(other)} cannot be evaluated"),
    };
}
