using Transformers.Configs;

namespace Transformers.Training;

/// <summary>When the state is saved, and how much of it is kept.</summary>
public sealed record CheckpointConfig
{
    /// <summary>Steps between two checkpoints; the last step always saves one.</summary>
    [AtLeast(1)]
    public int Every { get; init; } = 1000;

    /// <summary>How many of the latest checkpoints to keep.</summary>
    [AtLeast(1)]
    public int Keep { get; init; } = 2;

    /// <summary>Whether to keep the checkpoint with the best validation too.</summary>
    public bool Best { get; init; } = true;
}
