using TorchSharp;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Inspection.Kernels;

/// <summary>Images to vectors of patches: the copy of the pixels, the patches, their product, and positions.</summary>
/// <param name="B">Images.</param>
/// <param name="C">Channels.</param>
/// <param name="Size">Pixels a side.</param>
/// <param name="P">Pixels a side of a patch.</param>
/// <param name="D">The width.</param>
/// <param name="Positions">Positions that are added; null for none.</param>
/// <param name="ClassToken">Whether a token for the class stands before the patches.</param>
sealed record PatchKernel(long B, int C, int Size, int P, int D, ImagePositionsConfig? Positions, bool ClassToken) : Kernel
{
    long Side => (Size + P - 1) / P;

    internal override string Name => $"patches {B} x {Side * Side} x {C * P * P} x {D}";
    internal override KernelKind Kind => KernelKind.Product;
    internal override double Flops => 2.0 * B * Side * Side * C * P * P * D;
    internal override double Numbers => (double)B * Size * Size * C * 4 + (double)B * Side * Side * D * 3;
    internal override long Kept(int narrow) => B * Side * Side * C * P * P * narrow;
    internal override long Passing(int narrow) => B * C * Size * Size * (2 * sizeof(float)) + B * Side * Side * D * (narrow + sizeof(float));

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        var (batch, real) = Fewer(B, share);
        return (this with { B = batch }, real);
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var side = (int)Side;
        var pixels = new float[B * C * side * P * side * P];
        var patches = new PatchEmbedding(C, P, D).to(place.Device);
        var positions = Positions is null ? null : ImagePositions.Create(Positions, side, D, ClassToken);
        positions?.to(place.Device);
        var token = ClassToken ? place.Input(true, D) : null;
        return new(() =>
        {
            var grid = patches.call(tensor(pixels, [B, C, side * P, side * P], device: place.Device));
            var x = grid.view(B, side * side, D);
            if (positions is not null) x = positions.Embed(x, side, side);
            if (token is not null) x = cat([positions!.EmbedClass(token).to(x.dtype).expand(B, 1, D), x], 1);
            return [x];
        }, [.. patches.parameters(), .. positions?.parameters() ?? [], .. token is null ? Array.Empty<Tensor>() : [token]], patches, positions);
    }
}

/// <summary>Cutting an image's grid into windows and joining them again, with the bias of attention within them.</summary>
/// <param name="B">Images.</param>
/// <param name="Side">Places a side of the grid.</param>
/// <param name="D">The width.</param>
/// <param name="Heads">Heads.</param>
/// <param name="Window">Places a side of a window.</param>
/// <param name="Shifted">Whether windows are shifted.</param>
/// <param name="Padding">What fills up windows at the edge.</param>
/// <param name="Wide">Whether vectors are in 32 bits.</param>
sealed record WindowKernel(long B, int Side, long D, int Heads, int Window, bool Shifted, WindowPadding Padding, bool Wide) : Kernel
{
    internal Windows Grid => Windows.Of(Side, Side, Window, Shifted);

    internal override string Name => $"{(Shifted ? "shifted " : "")}windows of {Grid.Height} in {B} x {Side} x {Side} x {D}";
    internal override KernelKind Kind => KernelKind.Memory;
    internal override double Numbers => 8.0 * B * Side * Side * D;
    internal override long Kept(int narrow) => sizeof(float) * Heads * Grid.Places * Grid.Places * (Shifted ? Grid.Count : 1);
    internal override long Passing(int narrow) => B * Side * Side * D * (Wide ? sizeof(float) : narrow) * (Shifted ? 4 : 2);

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        var (batch, real) = Fewer(B, share);
        return (this with { B = batch }, real);
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var windows = Grid;
        var cut = place.Input(Wide, B, Side, Side, D);
        var join = place.Input(false, B * windows.Count, windows.Places, D);
        var positions = new WindowPositionBias(Window, Heads);
        positions.to(place.Device);
        var mask = windows.Mask(Padding)?.unsqueeze(1).to(place.Device);
        return new(() =>
        {
            var bias = positions.forward(windows.Height, windows.Width).unsqueeze(0);
            return [windows.Cut(cut), windows.Join(join), mask is null ? bias : bias + mask];
        }, [cut, join, .. positions.parameters()], positions);
    }
}

/// <summary>Four places of a grid into one of twice the width.</summary>
/// <param name="B">Images.</param>
/// <param name="Side">Places a side of the finer grid.</param>
/// <param name="D">Its width.</param>
/// <param name="Norm">The norm before the product.</param>
/// <param name="Wide">Whether vectors are in 32 bits.</param>
sealed record MergeKernel(long B, long Side, int D, NormConfig Norm, bool Wide) : Kernel
{
    long Rows => B * ((Side + 1) / 2) * ((Side + 1) / 2);

    internal override string Name => $"merge {Rows} x {4 * D} x {2 * D}";
    internal override KernelKind Kind => KernelKind.Product;
    internal override double Flops => 2.0 * Rows * 4 * D * 2 * D;
    internal override double Numbers => 12.0 * Rows * 4 * D;
    internal override long Kept(int narrow) => Rows * 4 * D * ((Wide ? sizeof(float) : narrow) + narrow) + 8 * Rows;
    internal override long Passing(int narrow) => Rows * (4 * D * (Wide ? sizeof(float) : narrow) + 2 * D * narrow);

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        var (batch, real) = Fewer(B, share);
        return (this with { B = batch }, real);
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var merge = new PatchMerging(Norm, D).to(place.Device);
        var x = place.Input(Wide, B, Side, Side, D);
        return new(() => [merge.call(x)], [x, .. merge.parameters()], merge);
    }
}
