using Transformers.Configs;

namespace Transformers.Training;

/// <summary>What becomes of a run when a step's loss or gradient is not a number; closed by <c>kind</c>.</summary>
public abstract record DivergenceConfig;

/// <summary>The run ends and names its last good checkpoint.</summary>
[Kind("stop")]
public sealed record StopAtDivergence : DivergenceConfig;

/// <summary>The step's gradients are thrown away and the run goes on with the next data.</summary>
[Kind("skip")]
public sealed record SkipBadSteps : DivergenceConfig
{
    /// <summary>How many steps of the run may be skipped; one more ends it.</summary>
    [Between(1, 1_000_000)]
    public int Limit { get; init; } = 10;
}

/// <summary>The run goes back to its last good checkpoint and on from there with the data after those of the bad step.</summary>
[Kind("roll_back")]
public sealed record RollBackAtDivergence : DivergenceConfig
{
    /// <summary>How often the run may go back; one more time ends it.</summary>
    [Between(1, 1_000_000)]
    public int Limit { get; init; } = 3;
}
