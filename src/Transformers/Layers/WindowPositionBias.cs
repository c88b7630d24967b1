using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>A learned bias of attention for each head and each offset between two places of a window.</summary>
/// <remarks>Liu et al. 2021, equation 4. A window that is smaller than the table's uses the offsets that it has.</remarks>
public sealed class WindowPositionBias : nn.Module
{
    readonly int side, heads;
    readonly Parameter table;
    readonly ConstantCache cache = new();

    /// <summary>For windows up to a side.</summary>
    /// <param name="side">Patches a side W.</param>
    /// <param name="heads">The number of heads H.</param>
    public WindowPositionBias(int side, int heads) : base(nameof(WindowPositionBias))
    {
        this.side = side;
        this.heads = heads;
        table = nn.Parameter(zeros((2 * side - 1) * (2 * side - 1), heads));
        RegisterComponents();
    }

    /// <summary>The bias within a window.</summary>
    /// <param name="height">The window's rows, at most W.</param>
    /// <param name="width">The window's columns, at most W.</param>
    /// <returns>[H, T, T].</returns>
    public Tensor forward(long height, long width)
    {
        var T = height * width;
        var offsets = cache.Get(height, width, 0, table.device, ScalarType.Int64, () => Offsets(height, width));   // [T·T]
        return table.index_select(0, offsets).t().view(heads, T, T);
    }

    Tensor Offsets(long height, long width)
    {
        var T = height * width;
        var data = new long[T * T];
        for (long query = 0; query < T; query++)
            for (long key = 0; key < T; key++)
            {
                var down = query / width - key / width + side - 1;
                var right = query % width - key % width + side - 1;
                data[query * T + key] = down * (2 * side - 1) + right;
            }
        return tensor(data);
    }

    /// <summary>A table for another window, by bicubic interpolation over offsets.</summary>
    /// <param name="table">[(2W-1)², H].</param>
    /// <param name="rows">The rows wanted: the square of an odd number.</param>
    public static Tensor Interpolate(Tensor table, long rows)
    {
        var (from, to) = ((long)Math.Sqrt(table.size(0)), (long)Math.Sqrt(rows));
        return LearnedGrid.Interpolate(table.view(from, from, -1), to, to).reshape(rows, -1);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) cache.Dispose();
        base.Dispose(disposing);
    }
}
