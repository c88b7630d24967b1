using Transformers.IO;
using Transformers.Kinds;
using Transformers.Layers;
using Transformers.Training;

namespace Transformers.Benchmarks;

/// <summary>Bytes that training holds from step to step, exact by kind; activations come on top.</summary>
public sealed record ModelMemory
{
    const long Wide = sizeof(float), Narrow = 2;

    /// <summary>The weights, in 32 bits.</summary>
    public required long Weights { get; init; }
    /// <summary>Copies of the weights of linear layers in bfloat16; 0 where products read the weights themselves.</summary>
    public required long WeightCopies { get; init; }
    /// <summary>The gradients.</summary>
    public required long Gradients { get; init; }
    /// <summary>The optimizer's state.</summary>
    public required long Optimizer { get; init; }
    /// <summary>The moving average of the weights.</summary>
    public required long Average { get; init; }
    /// <summary>The copy in the machine's memory that a checkpoint is written from while training goes on.</summary>
    public required long CheckpointCopy { get; init; }

    /// <summary>All together.</summary>
    public long Total => Resident + CheckpointCopy;

    /// <summary>What the device holds during a step, without activations.</summary>
    internal long Resident => Weights + WeightCopies + Gradients + Optimizer + Average;

    /// <summary>The memory of a run.</summary>
    /// <param name="training">How it trains.</param>
    /// <param name="table">The model's parameters.</param>
    /// <param name="copies">Whether products read copies of the weights.</param>
    /// <exception cref="UserException">A pattern of <c>training.freeze</c> matches nothing.</exception>
    internal static ModelMemory Of(TrainingConfig training, IReadOnlyList<ParameterShape> table, bool copies)
    {
        var frozen = WarmStart.Matches([.. table.Select(one => one.Name)], training.Freeze ?? []);
        var weights = Wide * table.Sum(one => one.Count);
        var gradients = Wide * table.Where(one => !frozen.Contains(one.Name)).Sum(one => one.Count);
        var slots = training.Optimizer switch
        {
            SgdConfig { Momentum: 0 } => 0,
            SgdConfig => 1,
            _ => 2,
        };
        var average = training.Ema is null ? 0 : weights;
        return new ModelMemory
        {
            Weights = weights,
            WeightCopies = copies ? Narrow * table.Where(one => one.Linear).Sum(one => one.Count) : 0,
            Gradients = gradients,
            Optimizer = slots * gradients,
            Average = average,
            CheckpointCopy = weights + slots * gradients + average,
        };
    }
}
