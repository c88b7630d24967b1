using Transformers.Configs;

namespace Transformers.Training;

/// <summary>How often metrics are written.</summary>
public sealed record LogConfig
{
    /// <summary>Steps between two lines of metrics.</summary>
    [AtLeast(1)]
    public int Every { get; init; } = 10;
}
