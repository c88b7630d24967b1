using Transformers.Configs;
using Transformers.Generation;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>What an evaluation is told.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Another folder of the same kind of data; null for the run's own.</summary>
    public string? Data { get; init; }
    /// <summary><c>test</c>, <c>validation</c>, <c>train</c>, or the name of one of several tests; null for the test where there is one, else validation.</summary>
    public string? Split { get; init; }
    /// <summary>The most examples at once.</summary>
    public int BatchSize { get; init; } = 64;
    /// <summary>How translations are searched for.</summary>
    public TranslationOptions Translation { get; init; } = new();
    /// <summary>Where to compute.</summary>
    public Device Device { get; init; } = CPU;
    /// <summary>The type of products.</summary>
    public Precision Precision { get; init; } = Precision.Fp32;
    /// <summary>Takes each example with what the model made of it; in the order of the data for translations.</summary>
    public Action<PredictionLine>? OnPrediction { get; init; }
}

/// <summary>One example of an evaluation, for a file of predictions.</summary>
/// <param name="Input">The source, or the text.</param>
/// <param name="Prediction">The translation, or the class.</param>
/// <param name="Reference">The reference, or the right class.</param>
/// <param name="Score">The translation's score, or the class's probability.</param>
public sealed record PredictionLine(string Input, string Prediction, string Reference, double Score);
