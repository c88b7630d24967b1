using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>
/// The letters that comments and documentation use for sizes: B batch, T target or query tokens, S source or key
/// tokens, V vocabulary, D width, H heads, K key/value heads, E head width, F feed-forward width, L layers, N classes,
/// C channels, Y rows, X columns, P patch side, W window side.
/// </summary>
public static class Shapes
{
    /// <summary>The two sizes of a matrix.</summary>
    /// <exception cref="ArgumentException">The tensor does not have two dimensions.</exception>
    public static (long, long) Dims2(this Tensor x) => Sizes(x, 2) is [var a, var b] ? (a, b) : default;

    /// <summary>The three sizes of a tensor such as [B, T, D].</summary>
    /// <exception cref="ArgumentException">The tensor does not have three dimensions.</exception>
    public static (long, long, long) Dims3(this Tensor x) => Sizes(x, 3) is [var a, var b, var c] ? (a, b, c) : default;

    /// <summary>The four sizes of a tensor such as [B, H, T, E].</summary>
    /// <exception cref="ArgumentException">The tensor does not have four dimensions.</exception>
    public static (long, long, long, long) Dims4(this Tensor x) => Sizes(x, 4) is [var a, var b, var c, var d] ? (a, b, c, d) : default;

    static long[] Sizes(Tensor x, int count) =>
        x.shape is var sizes && sizes.Length == count ? sizes
        : throw new ArgumentException($"a tensor of {count} dimensions is needed, not [{string.Join(", ", sizes)}]");
}
