using Transformers.Configs;

namespace Transformers.Training;

/// <summary>When and on how much the model is validated.</summary>
public sealed record ValidateConfig
{
    /// <summary>Steps between two validations; the last step always validates on the whole split.</summary>
    [AtLeast(1)]
    public int Every { get; init; } = 250;

    /// <summary>Batches a validation on the way; by default the whole split.</summary>
    [AtLeast(1)]
    public int? Batches { get; init; }

    /// <summary>Sentences that a validation on the way translates, for BLEU and chrF; the last step translates the whole split. 0 for none.</summary>
    [AtLeast(0)]
    public int Sentences { get; init; } = 200;

    /// <summary>Stop after this many validations without a better one; by default never.</summary>
    [AtLeast(1)]
    public int? Patience { get; init; }

    /// <summary>What decides which validation is better.</summary>
    public ValidationMetric Metric { get; init; }
}

/// <summary>What can decide which validation is better.</summary>
public enum ValidationMetric
{
    /// <summary>The validation loss; lower is better.</summary>
    Loss,
}
