using Transformers.Configs;
using Transformers.Models;
using Transformers.Training;

namespace Transformers.Inspection;

/// <summary>Bytes that a training run needs, by kind; an estimate.</summary>
public sealed record MemoryPlan
{
    const long Wide = sizeof(float), ChunkOfLogits = 4 << 20;

    /// <summary>The program, the engine and its libraries.</summary>
    public required long Program { get; init; }
    /// <summary>The weights, in 32 bits; with bf16, the copies that products use too.</summary>
    public required long Weights { get; init; }
    /// <summary>The gradients.</summary>
    public required long Gradients { get; init; }
    /// <summary>The optimizer's state.</summary>
    public required long Optimizer { get; init; }
    /// <summary>The moving average of the weights.</summary>
    public required long Average { get; init; }
    /// <summary>What the forward pass keeps for the backward pass, of one micro-batch, and the largest gradient among it.</summary>
    public required long Activations { get; init; }
    /// <summary>The copy that a checkpoint is written from while training goes on.</summary>
    public required long CheckpointCopy { get; init; }

    /// <summary>All together.</summary>
    public long Total => Program + Weights + Gradients + Optimizer + Average + Activations + CheckpointCopy;

    /// <summary>The plan of a run.</summary>
    /// <param name="config">The run.</param>
    /// <param name="shape">Its model.</param>
    /// <param name="cost">What the model costs.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="rows">Sequences of a micro-batch.</param>
    /// <param name="precision">The type of products.</param>
    /// <param name="program">Bytes of the program without a model.</param>
    internal static MemoryPlan Of(RunConfig config, GptConfig shape, ModelCost cost, int vocabulary, long rows, Precision precision, long program)
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
            Weights = Wide * cost.Parameters + (bf16 ? 2 * cost.MatrixParameters : 0),
            Gradients = Wide * cost.Parameters,
            Optimizer = optimizer,
            Average = average,
            Activations = ActivationsOf(shape, vocabulary, rows * shape.Context, bf16 ? 2 : Wide),
            CheckpointCopy = Wide * cost.Parameters + optimizer + average,
        };
    }

    /// <summary>Numbers that a token leaves in each block: the residual stream before both norms, in 32 bits; and in the products' type both norms' results, queries, keys and values, what attention gives, and the feed-forward network before and after its function.</summary>
    internal static long ActivationsOf(GptConfig shape, int vocabulary, long tokens, long size)
    {
        long D = shape.Width, F = FeedForward.HiddenWidth(shape.FeedForward, shape.Width);
        var keys = 2L * (shape.KeyValueHeads ?? shape.Heads) * (D / shape.Heads);
        var up = shape.FeedForward is SwiGluConfig ? 2 * F : F;
        var narrow = 2 * D + (D + keys) + D + up + F;
        var rotated = shape.Positions is RotaryPositions ? D + keys : 0;
        var dropped = shape.Dropout > 0 ? 2 * D * Wide : 0;
        var perLayer = 2 * D * Wide + (narrow + rotated) * size + dropped;
        var largestGradient = Math.Max(up + F, D + keys) * size + D * Wide;
        // The loss makes logits a chunk at a time, in both types, and their gradient.
        var loss = Math.Min(tokens * vocabulary, ChunkOfLogits) * (Wide + size) + 2 * tokens * D * Wide;
        return tokens * (shape.Layers * perLayer + largestGradient) + loss;
    }
}
