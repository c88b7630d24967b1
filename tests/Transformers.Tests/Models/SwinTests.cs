using static TorchSharp.torch;

namespace Transformers.Tests.Models;

[Collection("engine")]
public sealed class SwinTests : TensorTest
{
    static readonly SwinConfig Small = new() { Patch = 2, Width = 8, Layers = [2, 2], Heads = [2, 4], Window = 4 };

    static Swin New(SwinConfig config, ImageShape shape)
    {
        using var generator = new Generator(1);
        return new Swin(config, shape, generator);
    }

    [Theory]
    [InlineData(8, 8, 4, true)]
    [InlineData(7, 9, 4, true)]
    [InlineData(7, 9, 4, false)]
    [InlineData(3, 9, 4, true)]
    [InlineData(5, 5, 5, true)]
    [InlineData(1, 1, 4, true)]
    [InlineData(13, 6, 5, true)]
    public void Joining_what_was_cut_gives_the_grid_back(int rows, int columns, int side, bool shifted)
    {
        var x = randn(2, rows, columns, 3);
        var windows = Windows.Of(rows, columns, side, shifted);
        var cut = windows.Cut(x);
        Assert.Equal([2 * windows.Count, windows.Positions, 3], cut.shape);
        Assert.True(windows.Join(cut).eq(x).all().item<bool>());
    }

    [Theory]
    [InlineData(8, 8, 4, true)]
    [InlineData(7, 9, 4, true)]
    [InlineData(7, 9, 4, false)]
    [InlineData(3, 9, 4, true)]
    [InlineData(13, 6, 5, true)]
    public void Attention_within_shifted_windows_is_attention_over_the_grid_under_an_explicit_mask(int rows, int columns, int side, bool shifted)
    {
        using var plain = no_grad();
        var attention = new Attention(8, 2);
        var x = randn(2, rows, columns, 8);
        var windows = Windows.Of(rows, columns, side, shifted);
        var mask = windows.Mask(WindowPadding.Masked)?.unsqueeze(1) ?? zeros(1, 1, 1, 1);
        var within = windows.Join(attention.forward(windows.Cut(x), new AttentionInput(Mask: mask)));
        using var recorder = new AttentionRecorder();
        var plainly = windows.Join(attention.forward(windows.Cut(x), new AttentionInput(Mask: mask, Recorder: recorder)));
        GoldenFile.Close(plainly, within, 1e-5, "kernel");

        var full = attention.forward(x.view(2, rows * columns, 8), new AttentionInput(Mask: Neighbours(windows)));
        GoldenFile.Close(full.view(2, rows, columns, 8), within, 1e-5, "attention");
    }

    // Two places see each other where the shifted cut puts them into one window: from the definition, place by place.
    static Tensor Neighbours(Windows windows)
    {
        var (Y, X) = (windows.Rows, windows.Columns);
        var mask = new float[Y * X * Y * X];
        for (long i = 0; i < Y * X; i++)
            for (long j = 0; j < Y * X; j++)
            {
                static long Window(long place, long shift, long side) => (long)Math.Floor((double)(place - shift) / side);
                var together = Window(i / X, windows.ShiftRows, windows.Height) == Window(j / X, windows.ShiftRows, windows.Height)
                    && Window(i % X, windows.ShiftColumns, windows.Width) == Window(j % X, windows.ShiftColumns, windows.Width);
                mask[i * Y * X + j] = together ? 0 : float.NegativeInfinity;
            }
        return tensor(mask, [1, 1, Y * X, Y * X]);
    }

    [Fact]
    public void A_grid_that_fits_one_window_is_not_shifted()
    {
        Assert.Null(Windows.Of(4, 4, 4, shifted: true).Mask(WindowPadding.Masked));
        Assert.Equal((3, 3, 0, 0), Windows.Of(3, 3, 4, shifted: true) is var w ? (w.Height, w.Width, w.ShiftRows, w.ShiftColumns) : default);
        // Along the axis that one window holds there is no shift; along the other there is.
        Assert.Equal((0, 2), Windows.Of(4, 8, 4, shifted: true) is var v ? (v.ShiftRows, v.ShiftColumns) : default);
    }

    [Fact]
    public void Masked_padding_changes_nothing_that_is_seen_and_zeros_do()
    {
        var image = randn(1, 3, 14, 14);
        var masked = New(Small, new ImageShape(14, 3, 5));
        var zeros = New(Small with { Padding = WindowPadding.Zeros }, new ImageShape(14, 3, 5));
        Assert.False(masked.call(image).allclose(zeros.call(image), 1e-5, 1e-6));
        // Where nothing is padded the two are one.
        var even = randn(1, 3, 16, 16);
        Assert.True(masked.call(even).allclose(zeros.call(even)));
    }

    [Fact]
    public void A_pixel_reaches_other_windows_through_the_shift_alone()
    {
        var one = New(Small with { Layers = [1], Heads = [2] }, new ImageShape(16, 3, 5));
        var two = New(Small with { Layers = [2], Heads = [2] }, new ImageShape(16, 3, 5));
        var image = randn(1, 3, 16, 16);
        var changed = image.clone();
        changed.narrow(2, 6, 2).narrow(3, 6, 2).add_(1);
        bool Reaches(Swin model) => (model.Grid(image) - model.Grid(changed))[0, 4, 4].abs().max().item<float>() > 1e-6;
        Assert.False(Reaches(one));
        Assert.True(Reaches(two));
    }

    [Fact]
    public void Attention_weights_grow_with_the_images_area_and_those_of_a_ViT_with_its_square()
    {
        using var plain = no_grad();
        static long Weights(ImageModel model, int size)
        {
            using var recorder = new AttentionRecorder();
            model.Logits(randn(1, 3, size, size), recorder);
            return recorder.Weights.Sum(weights => weights.numel());
        }
        var swin = New(Small, new ImageShape(16, 3, 5));
        Assert.Equal(4 * Weights(swin, 16), Weights(swin, 32));
        using var generator = new Generator(1);
        var vit = new Vit(new VitConfig { Patch = 4, Layers = 1, Heads = 2, Width = 8, Pool = ImagePooling.Mean }, new ImageShape(16, 3, 5), generator);
        Assert.Equal(16 * Weights(vit, 16), Weights(vit, 32));
    }

    [Fact]
    public void Swin_T_has_as_many_parameters_as_published()
    {
        using var model = New(new SwinConfig { Width = 96, Layers = [2, 2, 6, 2], Heads = [3, 6, 12, 24] }, new ImageShape(224, 3, 1000));
        Assert.Equal(28_288_354, model.parameters().Sum(parameter => parameter.numel()));
    }

    [Fact]
    public void Depths_run_from_the_embedding_over_the_merges_to_the_head()
    {
        using var model = New(Small, new ImageShape(16, 3, 5));
        Assert.Equal(5, model.Depth);
        Assert.Equal(0, model.DepthOf("patchNorm.weight"));
        Assert.Equal(2, model.DepthOf("blocks.1.pos_bias.table"));
        Assert.Equal(2, model.DepthOf("merges.0.reduction.weight"));
        Assert.Equal(3, model.DepthOf("blocks.2.attn.qkv.bias"));
        Assert.Equal(5, model.DepthOf("head.weight"));
    }

    [Fact]
    public void Biases_of_another_window_are_adapted()
    {
        using var model = New(Small with { Window = 3 }, new ImageShape(16, 3, 5));
        Assert.Equal([25, 2], model.Adapt("blocks.0.pos_bias.table", randn(49, 2), [25, 2])!.shape);
        var constant = ones(49, 1) * tensor(new[] { 1f, -2f });
        GoldenFile.Close(ones(25, 1) * tensor(new[] { 1f, -2f }), WindowPositionBias.Interpolate(constant, 25), 1e-5, "constant table");
    }
}
