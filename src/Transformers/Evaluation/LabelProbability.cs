namespace Transformers.Evaluation;

/// <summary>A class and its probability.</summary>
/// <param name="Label">The class's name.</param>
/// <param name="Probability">From 0 to 1.</param>
public sealed record LabelProbability(string Label, double Probability);
