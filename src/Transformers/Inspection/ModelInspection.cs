namespace Transformers.Inspection;

/// <summary>What a model comes to, and the training that its config asks for.</summary>
public sealed record ModelInspection
{
    /// <summary>The kind of model.</summary>
    public required string Model { get; init; }
    /// <summary>The number of tokens V.</summary>
    public required int Vocabulary { get; init; }
    /// <summary>What a token costs.</summary>
    public required ModelCost Cost { get; init; }
    /// <summary>Every tensor.</summary>
    public required IReadOnlyList<ParameterShape> Parameters { get; init; }
    /// <summary>The training; null for a model alone.</summary>
    public TrainingPlan? Training { get; init; }
    /// <summary>What had to be assumed.</summary>
    public required IReadOnlyList<string> Notes { get; init; }
}

/// <summary>What a training run will need.</summary>
public sealed record TrainingPlan
{
    /// <summary>Where it runs.</summary>
    public required string Device { get; init; }
    /// <summary><c>fp32</c> or <c>bf16</c>.</summary>
    public required string Precision { get; init; }
    /// <summary>Sequences that a step learns from.</summary>
    public required long SequencesPerStep { get; init; }
    /// <summary>Tokens that a step learns from: the effective batch.</summary>
    public required long TokensPerStep { get; init; }
    /// <summary>Forward and backward passes a step.</summary>
    public required long MicroBatches { get; init; }
    /// <summary>Steps.</summary>
    public required int Steps { get; init; }
    /// <summary>Tokens of the whole run for each parameter; Hoffmann et al. 2022 find about 20 best for a given amount of computing.</summary>
    public required double TokensPerParameter { get; init; }
    /// <summary>Memory by kind.</summary>
    public required MemoryPlan Memory { get; init; }
    /// <summary>The measured peak, operations a second.</summary>
    public required double PeakFlopsPerSecond { get; init; }
    /// <summary>The predicted step.</summary>
    public required StepPrediction Step { get; init; }
    /// <summary>The predicted share of the peak.</summary>
    public required double Utilisation { get; init; }
    /// <summary>Predicted tokens a second.</summary>
    public double TokensPerSecond => TokensPerStep / Step.Seconds;
    /// <summary>Predicted seconds of all steps; preparation, validation and saving come on top.</summary>
    public double TotalSeconds => Steps * Step.Seconds;
}
