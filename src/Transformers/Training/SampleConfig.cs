using Transformers.Configs;

namespace Transformers.Training;

/// <summary>What the model generates on the way.</summary>
public sealed record SampleConfig
{
    /// <summary>What to continue; by default one sample from nothing.</summary>
    [NotEmpty]
    public IReadOnlyList<string>? Prompts { get; init; }

    /// <summary>Steps between two rounds of samples; by default only at the end.</summary>
    [AtLeast(1)]
    public int? Every { get; init; }

    /// <summary>Tokens a sample; 0 for no samples.</summary>
    [Between(0, 1_000_000)]
    public int Tokens { get; init; } = 100;
}
