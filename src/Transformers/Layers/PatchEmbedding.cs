using TorchSharp.Modules;
using Transformers.Configs;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>Cuts an image into squares and projects each to a vector.</summary>
/// <remarks>
/// Dosovitskiy et al. 2021, equation 1. A convolution whose stride is its kernel's side and one matrix product over flattened patches give
/// the same result; the product is used because it is faster on a CPU.
/// </remarks>
public sealed class PatchEmbedding : nn.Module<Tensor, Tensor>, IComputes
{
    readonly Parameter weight, bias;

    /// <summary>Creates the embedding.</summary>
    /// <param name="channels">The number of channels C.</param>
    /// <param name="patch">The side P, in pixels.</param>
    /// <param name="width">The width D.</param>
    public PatchEmbedding(int channels, int patch, int width) : base(nameof(PatchEmbedding))
    {
        weight = nn.Parameter(zeros(width, channels, patch, patch));
        bias = nn.Parameter(zeros(width));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public ScalarType Compute { get; set; } = ScalarType.Float32;

    /// <summary>Projects.</summary>
    /// <param name="x">[B, C, Y·P, X·P].</param>
    /// <returns>[B, Y, X, D].</returns>
    public override Tensor forward(Tensor x) => LinearFunction.Of(Flatten(x, weight.size(2)), weight.flatten(1), bias, null, null, Compute);

    /// <summary>Flattens the squares to vectors.</summary>
    /// <param name="x">[B, C, Y·P, X·P].</param>
    /// <returns>[B, Y, X, C·P·P].</returns>
    internal static Tensor Flatten(Tensor x, long P)
    {
        var (B, C, height, width) = x.Dims4();
        return x.reshape(B, C, height / P, P, width / P, P).permute(0, 2, 4, 1, 3, 5).reshape(B, height / P, width / P, C * P * P);
    }
}

/// <summary>How a model encodes the position of a patch in an image.</summary>
public abstract record ImagePositionsConfig;

/// <summary>A learned vector for each position of the grid; interpolated if an image has a different size.</summary>
/// <remarks>Dosovitskiy et al. 2021, section 3.1 and, for other sizes, section 3.2.</remarks>
[Kind("learned")]
public sealed record LearnedImagePositionsConfig : ImagePositionsConfig;

/// <summary>Fixed sines and cosines of the column and the row.</summary>
/// <remarks>Chen et al. 2021 (MoCo v3), section 5.</remarks>
[Kind("sinusoidal")]
public sealed record SinusoidalImagePositionsConfig : ImagePositionsConfig
{
    /// <summary>The base of the wavelengths, which run from 2π to this times 2π patches.</summary>
    [Positive]
    public double Base { get; init; } = 10_000;

    /// <summary>The factor on the sines and cosines. Raise it if the patch embeddings are so large that they drown out the positions.</summary>
    [Positive]
    public double Scale { get; init; } = 1;
}

/// <summary>No positions: the image is a bag of patches.</summary>
[Kind("none")]
public sealed record NoImagePositionsConfig : ImagePositionsConfig;

/// <summary>The encoding of a patch's position in an image. Each kind overrides the one method where it acts.</summary>
public abstract class ImagePositions : nn.Module
{
    /// <summary>Names the module, as TorchSharp requires.</summary>
    protected ImagePositions() : base(nameof(ImagePositions)) { }

    /// <summary>Adds positions to patches.</summary>
    /// <param name="x">[B, Y·X, D], row by row.</param>
    /// <param name="rows">Patches per column, Y.</param>
    /// <param name="columns">Patches per row, X.</param>
    /// <returns>[B, Y·X, D].</returns>
    public virtual Tensor Embed(Tensor x, long rows, long columns) => x;

    /// <summary>Adds a position to the class token.</summary>
    /// <param name="token">[D].</param>
    /// <returns>[D].</returns>
    public virtual Tensor EmbedClass(Tensor token) => token;

    /// <summary>Creates the positions of a config.</summary>
    /// <param name="config">The kind and its numbers.</param>
    /// <param name="side">The side of the images, in patches.</param>
    /// <param name="width">The width D.</param>
    /// <param name="classToken">Whether there is a class token.</param>
    public static ImagePositions Create(ImagePositionsConfig config, int side, int width, bool classToken) => Create(config, side, side, width, classToken);

    /// <summary>The positions of a grid that need not be square, such as a spectrogram's.</summary>
    /// <param name="config">The kind and its numbers.</param>
    /// <param name="rows">Patches per column, Y.</param>
    /// <param name="columns">Patches per row, X.</param>
    /// <param name="width">The width D.</param>
    /// <param name="classToken">Whether there is a class token.</param>
    public static ImagePositions Create(ImagePositionsConfig config, int rows, int columns, int width, bool classToken) => config switch
    {
        LearnedImagePositionsConfig => new LearnedGrid(rows, columns, width, classToken),
        SinusoidalImagePositionsConfig sinusoidal => new SinusoidalGrid(width, sinusoidal.Base, sinusoidal.Scale),
        NoImagePositionsConfig => new NoGrid(),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a kind of positions without a module"),
    };
}

/// <summary>No positions.</summary>
public sealed class NoGrid : ImagePositions;

/// <summary>A learned vector for each position of a grid, and one for the class token.</summary>
/// <remarks>Dosovitskiy et al. 2021, section 3.1. Other sizes: bicubic interpolation, section 3.2.</remarks>
public sealed class LearnedGrid : ImagePositions
{
    readonly Parameter weight;
    readonly Parameter? cls;

    /// <summary>Creates the vectors of a square grid.</summary>
    public LearnedGrid(int side, int width, bool classToken) : this(side, side, width, classToken) { }

    /// <summary>Creates the vectors of a grid.</summary>
    public LearnedGrid(int rows, int columns, int width, bool classToken)
    {
        weight = nn.Parameter(zeros(rows, columns, width));
        cls = classToken ? nn.Parameter(zeros(width)) : null;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor Embed(Tensor x, long rows, long columns) =>
        x.Plus(Interpolate(weight, rows, columns).flatten(0, 1));                           // [B, Y·X, D] + [Y·X, D]

    /// <inheritdoc/>
    public override Tensor EmbedClass(Tensor token) => cls is null ? token : token.Plus(cls);

    /// <summary>A table for a grid of another size, by bicubic interpolation between patch centres.</summary>
    /// <param name="table">[Y, X, D].</param>
    /// <param name="rows">The rows wanted.</param>
    /// <param name="columns">The columns wanted.</param>
    /// <returns>[rows, columns, D]; the table itself if it has that size.</returns>
    public static Tensor Interpolate(Tensor table, long rows, long columns)
    {
        var (Y, X, _) = table.Dims3();
        if ((Y, X) == (rows, columns)) return table;
        var image = table.permute(2, 0, 1).unsqueeze(0);                                    // [1, D, Y, X]
        return nn.functional.interpolate(image, [rows, columns], mode: InterpolationMode.Bicubic, align_corners: false)
            .squeeze(0).permute(1, 2, 0);                                                   // [rows, columns, D]
    }
}

/// <summary>Fixed sines and cosines: the first half of the dimensions encodes the column, the second the row. The class token has none.</summary>
/// <remarks>Chen et al. 2021 (MoCo v3), section 5: frequencies base^(-4i/D); sines of all, then cosines of all.</remarks>
public sealed class SinusoidalGrid : ImagePositions
{
    readonly int width;
    readonly double @base, scale;
    readonly ConstantCache cache = new();

    /// <summary>Creates the encoding.</summary>
    public SinusoidalGrid(int width, double @base, double scale = 1) => (this.width, this.@base, this.scale) = (width, @base, scale);

    /// <inheritdoc/>
    public override Tensor Embed(Tensor x, long rows, long columns) =>
        x.Plus(cache.Get(rows, columns, 0, x.device, x.dtype, () => Table(rows, columns, width, @base, scale).flatten(0, 1)));

    /// <summary>The encodings of a grid.</summary>
    /// <returns>[rows, columns, D], in 64 bits.</returns>
    public static Tensor Table(long rows, long columns, int width, double @base, double scale = 1)
    {
        var vertical = Axis(rows, width / 2, @base).unsqueeze(1).expand(rows, columns, width / 2);
        var horizontal = Axis(columns, width / 2, @base).unsqueeze(0).expand(rows, columns, width / 2);
        return cat([horizontal, vertical], -1).mul(tensor(scale, ScalarType.Float64));
    }

    static Tensor Axis(long count, int width, double @base)
    {
        var angles = SinusoidalPositionEncoding.Angles(0, count, width, @base);             // [count, width/2]
        return cat([angles.sin(), angles.cos()], -1);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) cache.Dispose();
        base.Dispose(disposing);
    }
}
