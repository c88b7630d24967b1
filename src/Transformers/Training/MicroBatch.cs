using Transformers.Layers;

namespace Transformers.Training;

/// <summary>What one forward and backward pass works on.</summary>
/// <param name="targets">The number of targets that count: the loss is a sum over them.</param>
/// <param name="units">What throughput counts: tokens read, or images.</param>
/// <param name="firstExample">The position of the first example in the step's batch.</param>
public abstract class MicroBatch(long targets, long units, long firstExample = 0)
{
    /// <summary>The number of targets that count.</summary>
    public long Targets => targets;

    /// <summary>What throughput counts.</summary>
    public long Units => units;

    /// <summary>The position of the first example in the step's batch.</summary>
    public long FirstExample => firstExample;

    /// <summary>Operations of the model's products over it, forwards and backwards; 0 where they are not counted.</summary>
    public virtual double Flops => 0;

    /// <summary>The sum of the losses of all targets.</summary>
    /// <param name="random">The position in the run, for dropout.</param>
    public abstract LossSum LossSum(RandomPosition random = default);
}
