using TorchSharp;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Reports.Plots;

/// <summary>What tells networks over images where a patch stands.</summary>
public static class GridPositionsPlot
{
    const int MostSide = 16;

    /// <summary>How alike the vector of each place of the grid is to those of all others.</summary>
    /// <remarks>Dosovitskiy et al. 2021, figure 7 in the middle.</remarks>
    /// <param name="title">What they are.</param>
    /// <param name="table">[Y, X, D].</param>
    public static HeatMap Similarity(string title, Tensor table)
    {
        using var scope = NewDisposeScope();
        // A finer grid is shown at every second, third, … place, so that its panels stay readable.
        var step = (int)Math.Max(1, (Math.Max(table.size(0), table.size(1)) + MostSide - 1) / MostSide);
        var shown = arange(0, table.size(0), step, dtype: ScalarType.Int64);
        var columns = arange(0, table.size(1), step, dtype: ScalarType.Int64);
        var thinned = table.detach().cpu().index_select(0, shown).index_select(1, columns);
        var (Y, X) = ((int)thinned.size(0), (int)thinned.size(1));
        var cosines = Matrix.Of(thinned.flatten(0, 1)).DotProducts(cosine: true);
        var panels = Enumerable.Range(0, Y * X).Select(place => new Panel("", Matrix.Of(Y, X, (row, column) => cosines[place, row * X + column])));
        return new HeatMap($"{title}: how alike each place of {table.size(0)} × {table.size(1)} is to all", "column of the place", "row of the place", [.. panels], X, Math.Clamp(640.0 / X, 36, 110))
        {
            High = 1, Bare = true,
        };
    }

    /// <summary>Sines and cosines of column and row.</summary>
    public static HeatMap Sinusoidal(int side, int width, double @base)
    {
        using var scope = NewDisposeScope();
        return Similarity("Sines and cosines of two dimensions", SinusoidalGrid.Table(side, side, width, @base));
    }

    /// <summary>The bias of each offset between two places of a window, for each head.</summary>
    /// <param name="table">[(2W - 1)², H].</param>
    /// <param name="layer">The block, for the title.</param>
    public static HeatMap WindowBias(Tensor table, int layer)
    {
        var learnt = Matrix.Of(table);
        var side = (int)Math.Sqrt(learnt.Rows);
        var panels = Enumerable.Range(0, learnt.Columns).Select(head => new Panel($"head {head + 1}", Matrix.Of(side, side, (row, column) => learnt[row * side + column, head])));
        return new HeatMap($"Block {layer}: what is added to scores, by the offset from query to key", "columns apart", "rows apart", [.. panels], Math.Min(4, learnt.Columns), 190)
        {
            Origin = -(side / 2),
        };
    }
}
