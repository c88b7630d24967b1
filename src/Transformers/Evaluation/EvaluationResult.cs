using Transformers.Metrics;

namespace Transformers.Evaluation;

/// <summary>What an evaluation came to: what <c>eval --json</c> prints.</summary>
public sealed record EvaluationResult
{
    /// <summary>The name and version of the document.</summary>
    public string Schema { get; init; } = "transformer.eval/1";
    /// <summary>The run.</summary>
    public required string Run { get; init; }
    /// <summary>The step of the checkpoint.</summary>
    public required long Checkpoint { get; init; }
    /// <summary>The split: <c>validation</c>, <c>test</c> or <c>data</c>.</summary>
    public required string Split { get; init; }
    /// <summary>Examples: tokens of text, sentence pairs, labelled texts or images.</summary>
    public required long Examples { get; init; }
    /// <summary>Metrics by name.</summary>
    public required IReadOnlyDictionary<string, double> Metrics { get; init; }
    /// <summary>How BLEU and chrF were computed, in sacreBLEU's form.</summary>
    public IReadOnlyDictionary<string, string>? Signatures { get; init; }
    /// <summary>How often each class (row) was taken for each (column).</summary>
    public IReadOnlyList<IReadOnlyList<long>>? Confusion { get; init; }
    /// <summary>The classes' names, in the order of the matrix.</summary>
    public IReadOnlyList<string>? Labels { get; init; }
    /// <summary>Precision, recall and F1 of each class.</summary>
    public IReadOnlyList<ClassScore>? Classes { get; init; }
    /// <summary>The worst mistakes, worst first.</summary>
    public IReadOnlyList<ImageMistake>? Mistakes { get; init; }
    /// <summary>Inputs that could not be read, and are not counted.</summary>
    public IReadOnlyList<string>? Broken { get; init; }
}

/// <summary>An image whose class was not told.</summary>
/// <param name="Image">Its name: a path within its set, or a number.</param>
/// <param name="Label">Its class.</param>
/// <param name="Predicted">The class that was told.</param>
/// <param name="Probability">The probability of the class that was told.</param>
/// <param name="LabelProbability">The probability of its class.</param>
public sealed record ImageMistake(string Image, string Label, string Predicted, double Probability, double LabelProbability);
