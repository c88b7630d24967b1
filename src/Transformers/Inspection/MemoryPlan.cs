using Transformers.Configs;
using Transformers.Inspection.Plans;
using Transformers.Training;

namespace Transformers.Inspection;

/// <summary>Bytes that a training run needs, by kind; an estimate.</summary>
public sealed record MemoryPlan
{
    const long Wide = sizeof(float);

    // Blocks are rounded up to classes, an eighth of a power of two apart: half of that is unused in the mean.
    const double Gaps = 1.06;

    /// <summary>The program, the engine and its libraries, and the data; measured.</summary>
    public required long Program { get; init; }
    /// <summary>Batches that are made ready and wait.</summary>
    public required long Batches { get; init; }
    /// <summary>The weights, in 32 bits; with bf16, the copies that products use too.</summary>
    public required long Weights { get; init; }
    /// <summary>The gradients.</summary>
    public required long Gradients { get; init; }
    /// <summary>The optimizer's state.</summary>
    public required long Optimizer { get; init; }
    /// <summary>The moving average of the weights.</summary>
    public required long Average { get; init; }
    /// <summary>What the forward pass keeps for the backward pass, of the largest micro-batch, the results on the way, and the gaps between them.</summary>
    public required long Activations { get; init; }
    /// <summary>The copy that a checkpoint is written from while training goes on.</summary>
    public required long CheckpointCopy { get; init; }

    /// <summary>All together.</summary>
    public long Total => Program + Batches + Weights + Gradients + Optimizer + Average + Activations + CheckpointCopy;

    /// <summary>The plan of a run.</summary>
    /// <param name="config">The run.</param>
    /// <param name="plan">Its model and data.</param>
    /// <param name="cost">What the model costs.</param>
    /// <param name="largest">The largest micro-batch.</param>
    /// <param name="precision">The type of products.</param>
    /// <param name="program">Bytes of the program with its data and without a model.</param>
    internal static MemoryPlan Of(RunConfig config, ModelPlan plan, ModelCost cost, BatchShape largest, Precision precision, long program)
    {
        var slots = config.Training.Optimizer switch
        {
            SgdConfig { Momentum: 0 } => 0,
            SgdConfig => 1,
            _ => 2,
        };
        var average = config.Training.Ema is null ? 0 : Wide * cost.Parameters;
        var optimizer = slots * Wide * cost.Parameters;
        var bf16 = precision == Precision.Bf16;
        return new MemoryPlan
        {
            Program = program,
            Batches = plan.Data.Waiting,
            Weights = Wide * cost.Parameters + (bf16 ? 2 * cost.MatrixParameters : 0),
            Gradients = Wide * cost.Parameters,
            Optimizer = optimizer,
            Average = average,
            Activations = (long)(Gaps * ActivationsOf(plan.Kernels(largest), bf16 ? 2 : (int)Wide)),
            CheckpointCopy = Wide * cost.Parameters + optimizer + average,
        };
    }

    // At the end of the forward pass everything that is kept is there, and the results that the last block and what
    // stands outside of blocks still hold.
    static long ActivationsOf(KernelList kernels, int narrow)
    {
        var kept = kernels.Uses.Sum(use => use.Times * use.Kernel.Kept(narrow));
        var outside = kernels.Uses.Where(use => !use.Block).Sum(use => use.Kernel.Passing(narrow));
        var inside = kernels.Uses.Where(use => use.Block).Select(use => use.Kernel).Distinct().Sum(kernel => kernel.Passing(narrow));
        return kept + outside + inside;
    }
}
