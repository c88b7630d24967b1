using TorchSharp.Modules;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>Attention scores decrease linearly with distance, with a different slope for each head.</summary>
/// <remarks>
/// Press et al. 2022, section 3. The slopes are 2^(-8h/H); if H is not a power of two, those of the next lower power are followed by every
/// second one of the next higher power, as in the authors' code.
/// </remarks>
public sealed class AlibiPositionBias : Positions
{
    readonly int heads;

    /// <summary>Creates the bias for a number of heads.</summary>
    public AlibiPositionBias(int heads) => this.heads = heads;

    /// <inheritdoc/>
    public override Tensor Bias(long T, long S, Tensor like, bool bidirectional) =>
        Constants.Get(T, S, 0, like.device, like.dtype, () =>
        {
            var distances = RelativePositionBias.Distances(T, S).abs().to(ScalarType.Float32);  // [T, S]
            return -tensor(Slopes(heads)).view(heads, 1, 1) * distances;                        // [H, T, S]
        });

    /// <summary>The slope of each head, all positive.</summary>
    public static float[] Slopes(int heads)
    {
        var power = 1;
        while (power * 2 <= heads) power *= 2;
        var slopes = Geometric(power);
        if (power < heads) slopes = [.. slopes, .. Geometric(2 * power).Where((_, i) => i % 2 == 0).Take(heads - power)];
        return slopes;
    }

    static float[] Geometric(int count) => [.. Enumerable.Range(1, count).Select(h => (float)Math.Pow(2, -8.0 * h / count))];
}

/// <summary>A learned bias for each head and each bucket of distances; the layers share it.</summary>
/// <remarks>Raffel et al. 2020, section 2.1, with the buckets of the authors' code: exact up to half of them, then logarithmic.</remarks>
public sealed class RelativePositionBias : Positions
{
    readonly Parameter table;
    readonly int buckets, maxDistance;

    /// <summary>Creates the bias for a number of heads.</summary>
    public RelativePositionBias(int heads, int buckets, int maxDistance)
    {
        this.buckets = buckets;
        this.maxDistance = maxDistance;
        table = nn.Parameter(zeros(buckets, heads));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor Bias(long T, long S, Tensor like, bool bidirectional)
    {
        var indices = Constants.Get(T, S, bidirectional ? 1 : 0, like.device, ScalarType.Int64, () => Buckets(T, S, bidirectional)); // [T, S]
        return table.to(like.dtype).index(indices).permute(2, 0, 1);                                                     // [H, T, S]
    }

    /// <summary>Key position minus query position, where the queries are the last T of S positions.</summary>
    /// <returns>[T, S], whole numbers.</returns>
    internal static Tensor Distances(long T, long S) => Range(0, S).unsqueeze(0) - Range(S - T, S).unsqueeze(1);

    static Tensor Range(long first, long end) => arange(Scalars.Of(first), Scalars.Of(end), Scalars.One);

    Tensor Buckets(long T, long S, bool bidirectional)
    {
        var data = new long[T * S];
        for (long t = 0; t < T; t++)
            for (long s = 0; s < S; s++)
                data[t * S + s] = BucketOf(s - (S - T + t), bidirectional);
        return tensor(data, [T, S]);
    }

    /// <summary>The bucket of a distance, key position minus query position.</summary>
    public int BucketOf(long distance, bool bidirectional)
    {
        var count = buckets;
        var offset = 0;
        if (bidirectional)
        {
            count /= 2;
            if (distance > 0) offset = count;
            distance = Math.Abs(distance);
        }
        else distance = Math.Max(0, -distance);
        var exact = Math.Max(1, count / 2);
        if (distance < exact) return offset + (int)Math.Min(distance, count - 1);
        var logarithmic = exact + (int)(Math.Log((double)distance / exact) / Math.Log((double)maxDistance / exact) * (count - exact));
        return offset + Math.Min(logarithmic, count - 1);
    }
}

/// <summary>A learned bias of attention for each head and each offset between two positions of a window.</summary>
/// <remarks>Liu et al. 2021, equation 4. A window that is smaller than the table's uses the offsets that it has.</remarks>
public sealed class WindowPositionBias : nn.Module
{
    readonly int side, heads;
    readonly Parameter table;
    readonly ConstantCache cache = new();

    /// <summary>Creates the bias for windows up to a side.</summary>
    /// <param name="side">The side W, in patches.</param>
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
        var offsets = cache.Get(height, width, 0, table.device, ScalarType.Int64, () => tensor(Offsets(height, width, side)));   // [T·T]
        return table.index_select(0, offsets).t().view(heads, T, T);
    }

    /// <summary>The row of the table for each query and each key of a window, [T·T].</summary>
    internal static long[] Offsets(long height, long width, int side)
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
        return data;
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
