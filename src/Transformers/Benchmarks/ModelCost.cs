using Transformers.Kinds;
using Transformers.Layers;
using Transformers.Models;

namespace Transformers.Benchmarks;

/// <summary>A matrix that vectors are multiplied by.</summary>
/// <param name="In">Columns: the width of what comes in.</param>
/// <param name="Out">Rows: the width of what goes out.</param>
/// <param name="Times">How many matrices have these sizes.</param>
public sealed record Product(long In, long Out, int Times);

/// <summary>What a unit, a token or an image, costs.</summary>
/// <remarks>Counted as in Kaplan et al. 2020, section 2.1, and Chowdhery et al. 2022, appendix B.</remarks>
public sealed record ModelCost
{
    /// <summary>All parameters.</summary>
    public required long Parameters { get; init; }
    /// <summary>Parameters of matrices that vectors are multiplied by: the N of 6·N.</summary>
    public required long MatrixParameters { get; init; }
    /// <summary>Operations of attention's own products, a unit, forwards and backwards.</summary>
    public required double AttentionFlops { get; init; }
    /// <summary>Operations a unit of training: forwards and backwards.</summary>
    public required double TrainingFlops { get; init; }
    /// <summary>The matrices, by their sizes.</summary>
    public required IReadOnlyList<Product> Products { get; init; }

    /// <summary>Operations a unit forwards.</summary>
    public double ForwardFlops => TrainingFlops / 3;

    /// <summary>The cost of a model over batches of a shape.</summary>
    internal static ModelCost Of(ModelFlops flops, BatchShape shape, IReadOnlyList<ParameterShape> table)
    {
        var forward = flops.Forward(shape);
        return new ModelCost
        {
            Parameters = table.Sum(one => one.Count),
            MatrixParameters = forward.Matrices.Sum(one => one.In * one.Out * one.Times),
            AttentionFlops = 3 * forward.AttentionFlops / shape.Units,
            TrainingFlops = 3 * forward.Flops / shape.Units,
            Products = [.. forward.Matrices.GroupBy(one => (one.In, one.Out)).Select(group => new Product(group.Key.In, group.Key.Out, (int)group.Sum(one => one.Times)))],
        };
    }
}
