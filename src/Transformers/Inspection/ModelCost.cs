using Transformers.Models;

namespace Transformers.Inspection;

/// <summary>A matrix that each token is multiplied by.</summary>
/// <param name="In">Columns: the width of what comes in.</param>
/// <param name="Out">Rows: the width of what goes out.</param>
/// <param name="Times">How many matrices have these sizes.</param>
public sealed record Product(long In, long Out, int Times);

/// <summary>What a token costs, from a model's parameters and shape.</summary>
/// <remarks>
/// Kaplan et al. 2020, section 2.1, and Chowdhery et al. 2022, appendix B: a matrix of n parameters takes 2n operations a
/// token forwards and 4n backwards; attention takes 4·T·D a layer forwards, twice that backwards, without the half that a
/// causal mask saves. Tables that are only looked up in, and norms, count nothing.
/// </remarks>
public sealed record ModelCost
{
    /// <summary>All parameters.</summary>
    public required long Parameters { get; init; }
    /// <summary>Parameters of matrices that every token is multiplied by: the N of 6·N.</summary>
    public required long MatrixParameters { get; init; }
    /// <summary>Operations of attention's own products, a token, forwards and backwards.</summary>
    public required double AttentionFlops { get; init; }
    /// <summary>The matrices, by their sizes.</summary>
    public required IReadOnlyList<Product> Products { get; init; }

    /// <summary>Operations a token of training: forwards and backwards.</summary>
    public double TrainingFlops => 6.0 * MatrixParameters + AttentionFlops;

    /// <summary>Operations a token forwards, over a full context.</summary>
    public double ForwardFlops => TrainingFlops / 3;

    /// <summary>The cost of a decoder-only model.</summary>
    /// <param name="config">Its shape.</param>
    /// <param name="table">Its parameters.</param>
    public static ModelCost Of(GptConfig config, IReadOnlyList<ParameterShape> table)
    {
        var products = table.Where(one => one.Shape.Count == 2 && !IsLookup(one.Name, config)).ToList();
        return new ModelCost
        {
            Parameters = table.Sum(one => one.Count),
            MatrixParameters = products.Sum(one => one.Count),
            AttentionFlops = 12.0 * config.Layers * config.Width * config.Context,
            Products = [.. products.GroupBy(one => (In: one.Shape[1], Out: one.Shape[0])).Select(group => new Product(group.Key.In, group.Key.Out, group.Count()))],
        };
    }

    // A tied token embedding is the output layer's matrix; one of its own is not multiplied by.
    static bool IsLookup(string name, GptConfig config) =>
        name.StartsWith("positions.", StringComparison.Ordinal) || name == "tokens.weight" && !config.TieEmbeddings;
}
