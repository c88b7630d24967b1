using Transformers.Inspection.Kernels;
using Transformers.Inspection.Plans;

namespace Transformers.Inspection;

/// <summary>A matrix that vectors are multiplied by.</summary>
/// <param name="In">Columns: the width of what comes in.</param>
/// <param name="Out">Rows: the width of what goes out.</param>
/// <param name="Times">How many matrices have these sizes.</param>
public sealed record Product(long In, long Out, int Times);

/// <summary>What a unit, a token or an image, costs.</summary>
/// <remarks>
/// Kaplan et al. 2020, section 2.1, and Chowdhery et al. 2022, appendix B: a product takes two operations for each number of
/// its matrix forwards and four backwards; attention takes 4·T·D a query and layer forwards, twice that backwards, without the
/// half that a causal mask saves. Tables that are only looked up in, and norms, count nothing. Padding counts: it is computed.
/// </remarks>
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
    internal static ModelCost Of(ModelPlan plan, BatchShape shape, IReadOnlyList<ParameterShape> table)
    {
        var kernels = plan.Kernels(shape);
        var products = kernels.Uses.SelectMany(ProductsOf).GroupBy(one => (one.In, one.Out))
            .Select(group => new Product(group.Key.In, group.Key.Out, group.Sum(one => one.Times))).ToList();
        return new ModelCost
        {
            Parameters = table.Sum(one => one.Count),
            MatrixParameters = products.Sum(one => one.In * one.Out * one.Times),
            AttentionFlops = 3 * kernels.AttentionFlops / shape.Units,
            TrainingFlops = 3 * kernels.Flops / shape.Units,
            Products = products,
        };
    }

    static IEnumerable<Product> ProductsOf(KernelUse use) => use.Kernel switch
    {
        LinearKernel linear => [new(linear.In, linear.Out, use.Times)],
        AttentionSublayerKernel attention => attention.Products.Select(one => new Product(one.In, one.Out, use.Times)),
        FeedForwardSublayerKernel network => network.Products.Select(one => new Product(one.In, one.Out, use.Times)),
        LossKernel loss => [new(loss.D, loss.V, use.Times)],
        ClassifyKernel { Pooler: true } head => [new(head.D, head.D, use.Times), new(head.D, head.N, use.Times)],
        ClassifyKernel head => [new(head.D, head.N, use.Times)],
        PatchKernel patch => [new((long)patch.C * patch.P * patch.P, patch.D, use.Times)],
        MergeKernel merge => [new(4L * merge.D, 2L * merge.D, use.Times)],
        _ => [],
    };
}
