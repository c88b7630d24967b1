using TorchSharp.Utils;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>One layer: attention within windows of a grid, then the feed-forward network, each with its residual connection.</summary>
/// <remarks>Liu et al. 2021, section 3.2 and figure 3b.</remarks>
public sealed class SwinBlock : nn.Module, IBlock, IHasBorder
{
    readonly int side;
    readonly bool shifted;
    readonly WindowPadding padding;
    [ComponentName(Name = "attn")]
    readonly Attention attention;
    [ComponentName(Name = "pos_bias")]
    readonly WindowPositionBias positions;
    [ComponentName(Name = "mlp")]
    readonly FeedForward feedForward;
    readonly Residual residual1, residual2;
    readonly ConstantCache masks = new();
    Action? ready;

    /// <summary>Creates a layer from its parts.</summary>
    /// <param name="positions">The bias within a window.</param>
    /// <param name="feedForward">The feed-forward network.</param>
    /// <param name="residual">Makes a residual connection.</param>
    /// <param name="side">The window's side W.</param>
    /// <param name="shifted">Whether the windows are moved by half a side.</param>
    /// <param name="padding">What attention sees in padding.</param>
    public SwinBlock(Attention attention, WindowPositionBias positions, FeedForward feedForward, Func<Residual> residual,
        int side, bool shifted, WindowPadding padding) : base(nameof(SwinBlock))
    {
        (this.side, this.shifted, this.padding) = (side, shifted, padding);
        (this.attention, this.positions, residual1, this.feedForward, residual2) = (attention, positions, residual(), feedForward, residual());
        register_module("attn", attention);
        register_module("pos_bias", positions);
        residual1.RegisterIn(this, 1);
        register_module("mlp", feedForward);
        residual2.RegisterIn(this, 2);
    }

    Action? IHasBorder.GradientsReady { get => ready; set => ready = value; }

    IEnumerable<IDrawsNumbers> IBlock.Draws => [attention.Dropout, .. residual1.Draws, feedForward.Dropout, .. residual2.Draws];

    /// <summary>Applies the layer.</summary>
    /// <param name="x">[B, Y, X, D].</param>
    /// <param name="recorder">Records attention weights, [B·G, H, T, T]; an image's windows are adjacent.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, Y, X, D].</returns>
    public Tensor forward(Tensor x, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        using var scope = NewDisposeScope();
        x = GradientBorder.Before(x, ready);
        var (_, Y, X, _) = x.Dims4();
        var windows = Windows.Of(Y, X, side, shifted);
        // Attention treats every window as an example.
        var input = new AttentionInput(Mask: Bias(windows, x.device), Recorder: recorder, Random: random with { FirstExample = random.FirstExample * windows.Count });
        x = residual1.forward(x, h => windows.Join(attention.forward(windows.Cut(h), input)), random);
        x = feedForward.ForwardResidual(residual2, x, random);
        return x.MoveToOuterDisposeScope();
    }

    Tensor Bias(Windows windows, Device device)
    {
        var bias = positions.forward(windows.Height, windows.Width).unsqueeze(0);                 // [1, H, T, T]
        // The mask of a grid is made once; one that hides nothing is kept as a scalar 0.
        var mask = masks.Get(windows.Rows, windows.Columns, 0, device, ScalarType.Float32, () => windows.Mask(padding)?.unsqueeze(1) ?? tensor(0f));
        return mask.dim() == 0 ? bias : bias.Plus(mask);                                              // [1 or G, H, T, T]
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) masks.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>How a grid of patches is cut into windows: sizes, shift and padding.</summary>
/// <remarks>
/// Liu et al. 2021, section 3.2 and figure 4. A window is at most as large as the grid; if one window covers the grid, there is
/// no shift. A grid that windows do not divide is padded at the bottom and at the right.
/// </remarks>
/// <param name="Rows">The grid's rows Y.</param>
/// <param name="Columns">The grid's columns X.</param>
/// <param name="Height">A window's rows.</param>
/// <param name="Width">A window's columns.</param>
/// <param name="ShiftRows">How far the cut is moved down.</param>
/// <param name="ShiftColumns">How far the cut is moved right.</param>
public readonly record struct Windows(long Rows, long Columns, long Height, long Width, long ShiftRows, long ShiftColumns)
{
    /// <summary>The windows of a grid.</summary>
    /// <param name="rows">The grid's rows Y.</param>
    /// <param name="columns">The grid's columns X.</param>
    /// <param name="side">The window's side W.</param>
    /// <param name="shifted">Whether the windows are moved by half a side.</param>
    public static Windows Of(long rows, long columns, int side, bool shifted) => new(rows, columns, Math.Min(side, rows), Math.Min(side, columns),
        shifted && rows > side ? side / 2 : 0, shifted && columns > side ? side / 2 : 0);

    /// <summary>The number of rows of windows.</summary>
    public long Down => (Rows + Height - 1) / Height;

    /// <summary>The number of windows per row.</summary>
    public long Across => (Columns + Width - 1) / Width;

    /// <summary>The number G of windows.</summary>
    public long Count => Down * Across;

    /// <summary>The number T of positions in a window.</summary>
    public long Positions => Height * Width;

    /// <summary>Whether the windows cover more than the grid.</summary>
    public bool Padded => Down * Height != Rows || Across * Width != Columns;

    bool Shifted => ShiftRows > 0 || ShiftColumns > 0;

    /// <summary>Cuts a grid into windows.</summary>
    /// <param name="x">[B, Y, X, D].</param>
    /// <returns>[B·G, T, D], an image's windows together; padding is zeros.</returns>
    public Tensor Cut(Tensor x)
    {
        var (B, _, _, D) = x.Dims4();
        if (Padded) x = nn.functional.pad(x, [0, 0, 0, Across * Width - Columns, 0, Down * Height - Rows]);
        if (Shifted) x = x.roll([-ShiftRows, -ShiftColumns], [1, 2]);
        return x.reshape(B, Down, Height, Across, Width, D).permute(0, 1, 3, 2, 4, 5).reshape(B * Count, Positions, D);
    }

    /// <summary>Undoes <see cref="Cut"/>; padding is dropped.</summary>
    /// <param name="x">[B·G, T, D].</param>
    /// <returns>[B, Y, X, D].</returns>
    public Tensor Join(Tensor x)
    {
        var (all, _, D) = x.Dims3();
        var B = all / Count;
        x = x.reshape(B, Down, Across, Height, Width, D).permute(0, 1, 3, 2, 4, 5).reshape(B, Down * Height, Across * Width, D);
        if (Shifted) x = x.roll([ShiftRows, ShiftColumns], [1, 2]);
        return Padded ? x.narrow(1, 0, Rows).narrow(2, 0, Columns) : x;
    }

    /// <summary>Masks, within a window, positions that are not neighbours in the image: those that the shift moved from the opposite edge, and padding that is masked.</summary>
    /// <returns>[G, T, T]: 0 where a position is seen, minus infinity where it is not; null if all are seen.</returns>
    public Tensor? Mask(WindowPadding padding)
    {
        var hidesPadding = Padded && padding == WindowPadding.Masked;
        if (!Shifted && !hidesPadding) return null;
        var regions = Regions(hidesPadding);
        var data = new float[Count * Positions * Positions];
        for (long window = 0, at = 0; window < Count; window++)
            for (long query = 0; query < Positions; query++)
                for (long key = 0; key < Positions; key++, at++)
                    data[at] = regions[window * Positions + query] == regions[window * Positions + key] ? 0 : float.NegativeInfinity;
        return tensor(data, [Count, Positions, Positions]);
    }

    // A number for each position, in the order of the windows; positions of a window see each other if theirs are equal.
    // Masked padding sees itself, since softmax needs at least one key per row; its output is not used.
    int[] Regions(bool hidesPadding)
    {
        const int hidden = -1;
        var (height, width) = (Down * Height, Across * Width);
        var regions = new int[Count * Positions];
        for (long y = 0; y < height; y++)
            for (long x = 0; x < width; x++)
            {
                // The position that is here after everything was moved up and left by the shift.
                var (fromY, fromX) = ((y + ShiftRows) % height, (x + ShiftColumns) % width);
                var wrapped = (fromY < y ? 2 : 0) + (fromX < x ? 1 : 0);
                var region = hidesPadding && (fromY >= Rows || fromX >= Columns) ? hidden : wrapped;
                regions[(y / Height * Across + x / Width) * Positions + y % Height * Width + x % Width] = region;
            }
        return regions;
    }
}
