using Transformers.Reports.Plots;
using static TorchSharp.torch;

namespace Transformers.Tests.Reports.Plots;

[Collection("engine")]
public class RunPlotsTests
{
    static Vit NewVit(ImagePooling pool, int layers = 2)
    {
        var model = new Vit(new VitConfig { Patch = 4, Layers = layers, Heads = 2, Width = 16, Pool = pool }, new ImageShape(16, 3, 4));
        model.eval();
        return model;
    }

    static float[] Noise() => [.. Enumerable.Range(0, 3 * 16 * 16).Select(i => MathF.Sin(i * 1.37f))];

    [Theory]
    [InlineData(ImagePooling.Cls)]
    [InlineData(ImagePooling.Mean)]
    public void The_weights_of_a_rollout_are_fractions_of_one(ImagePooling pool)
    {
        using var model = NewVit(pool);
        var (rollout, layers) = RolloutPlot.Maps(model, Noise(), CPU);
        Assert.Equal((4, 4, 2), (rollout.Rows, rollout.Columns, layers.Count));
        Assert.All(rollout.Values, value => Assert.InRange(value, 0, 1));
        // Rows of weights sum to 1; the class token's own weight is not shown.
        Assert.InRange(rollout.Values.Sum(), pool == ImagePooling.Mean ? 0.9999 : 0.2, 1.0001);
    }

    [Fact]
    public void One_layer_rolled_out_is_half_its_attention_and_half_the_residual()
    {
        using var model = NewVit(ImagePooling.Cls, layers: 1);
        var (rollout, layers) = RolloutPlot.Maps(model, Noise(), CPU);
        Assert.All(rollout.Values.Zip(layers[0].Values), both => Assert.Equal(both.Second / 2, both.First, 1e-6));
    }

    [Fact]
    public void Two_layers_rolled_out_are_the_product_of_both_the_later_one_on_the_left()
    {
        using var model = NewVit(ImagePooling.Cls);
        using var plain = no_grad();
        // An untrained model attends to all patches nearly alike, so the order of the layers would hardly show.
        foreach (var (name, weight) in model.named_parameters())
            if (name.EndsWith("qkv.weight", StringComparison.Ordinal)) weight.mul_(30);
        using var recorder = new AttentionRecorder();
        model.Logits(tensor(Noise(), [1, 3, 16, 16]), recorder);
        var (first, second) = (Joined(recorder.Weights[0]), Joined(recorder.Weights[1]));
        double[] expected = [.. Enumerable.Range(1, 16).Select(patch => Enumerable.Range(0, 17).Sum(k => second[0, k] * first[k, patch]))];
        double[] other = [.. Enumerable.Range(1, 16).Select(patch => Enumerable.Range(0, 17).Sum(k => first[0, k] * second[k, patch]))];
        Assert.True(expected.Zip(other).Max(both => Math.Abs(both.First - both.Second)) > 1e-4, "the order does not show");
        var (rollout, _) = RolloutPlot.Maps(model, Noise(), CPU);
        Assert.All(expected.Zip(rollout.Values), both => Assert.Equal(both.First, both.Second, 1e-6));
    }

    // Half the mean of a layer's heads and half the residual connection: [17, 17].
    static double[,] Joined(Tensor weights)
    {
        var joined = new double[17, 17];
        for (var query = 0; query < 17; query++)
            for (var key = 0; key < 17; key++)
                joined[query, key] = (weights[0, 0, query, key].item<float>() + weights[0, 1, query, key].item<float>()) / 4 + (query == key ? 0.5 : 0);
        return joined;
    }

    [Fact]
    public void A_rollout_is_drawn_with_the_image_and_every_layer()
    {
        using var model = NewVit(ImagePooling.Cls);
        var transform = new ImageTransform { Size = 16, Mean = [0.5, 0.5, 0.5], Std = [0.5, 0.5, 0.5] };
        var svg = RolloutPlot.Of(model, transform, new RgbImage(20, 16), CPU).ToSvg();
        Assert.Contains("rolled out through 2 layers", svg);
        Assert.Contains("layer 2, mean of heads", svg);
        SvgReader.Parse(svg);
    }

    [Fact]
    public void Principal_components_are_the_directions_that_rows_were_made_of()
    {
        // Rows along (3, 4)/5 far apart, and along (−4, 3)/5 a little.
        using var scope = NewDisposeScope();
        var rows = tensor([.. Enumerable.Range(0, 80).Select(i => (r: i / 2, c: i % 2)).Select(at => 10 * Math.Sin(at.r) * (at.c == 0 ? 0.6 : 0.8) + Math.Cos(3.1 * at.r) * (at.c == 0 ? -0.8 : 0.6))], [40, 2]);
        var components = PatchesPlot.Components(rows, 2);
        Assert.Equal(2, components.Count);
        Assert.Equal(1, Math.Abs(components[0].Direction[0] * 0.6 + components[0].Direction[1] * 0.8), 1e-3);
        Assert.Equal(1, components.Sum(one => one.Fraction), 1e-6);
        Assert.Single(PatchesPlot.Components(arange(5).unsqueeze(1) * arange(1, 4), 3));
    }

    [Fact]
    public void Patches_are_drawn_with_and_without_an_image()
    {
        using var filters = ones(8, 3, 4, 4) * arange(0, 8, 1).view(8, 1, 1, 1);
        var alone = PatchesPlot.Of(filters, null).ToSvg();
        var cut = PatchesPlot.Of(filters, new RgbImage(16, 8)).ToSvg();
        SvgReader.Parse(alone);
        SvgReader.Parse(cut);
        Assert.DoesNotContain("as 8 patches", alone);
        Assert.Contains("as 8 patches of 4 × 4", cut);
    }

    [Fact]
    public void Positions_of_images_are_alike_to_themselves_and_windows_have_a_panel_a_head()
    {
        var grid = GridPositionsPlot.Sinusoidal(4, 16, 10_000);
        Assert.Equal(16, grid.Panels.Count);
        for (var position = 0; position < 16; position++) Assert.Equal(1, grid.Panels[position].Cells[position / 4, position % 4], 1e-6);
        using var table = arange(0, 49 * 3, 1).to(ScalarType.Float32).view(49, 3);
        var windows = GridPositionsPlot.WindowBias(table, 1);
        Assert.Equal(3, windows.Panels.Count);
        Assert.Equal((7, 7, 24 * 3 + 1), (windows.Panels[0].Cells.Rows, windows.Panels[0].Cells.Columns, windows.Panels[1].Cells[3, 3]));
        SvgReader.Parse(grid.ToSvg());
        SvgReader.Parse(windows.ToSvg());
    }

    [Theory]
    [InlineData(2, 3, 16)]
    [InlineData(100, 7, 5)]
    [InlineData(600, 2, 1)]
    public void A_cell_of_a_raster_is_a_square_of_equal_pixels(int columns, int rows, int side)
    {
        var cells = new RgbImage(columns, rows);
        for (var i = 0; i < cells.Span.Length; i++) cells.Span[i] = (byte)(i * 37);
        var raster = Raster.Encode(cells);
        var picture = ImageCodec.Decode(raster.Png);
        Assert.Equal((columns * side, rows * side), (picture.Width, picture.Height));
        Assert.Equal((picture.Width, picture.Height), (raster.Width, raster.Height));
        for (var y = 0; y < picture.Height; y++)
            for (var x = 0; x < picture.Width; x++)
                Assert.Equal(cells.Row(y / side).Slice(3 * (x / side), 3), picture.Row(y).Slice(3 * x, 3));
    }

    [Fact]
    public void A_run_keeps_the_cells_of_a_figure_with_a_cell_between_panels()
    {
        Panel Of(double value) => new("", new Matrix([0, 1, value, 1], 2));
        var raster = new HeatMap("", "", "", [Of(0), Of(1), Of(0.5)], 2) { Low = 0, High = 1 }.ToPicture("maps").Raster!;
        var picture = ImageCodec.Decode(raster.Png);
        Assert.Equal((picture.Width, picture.Height), (raster.Width, raster.Height));
        Assert.Equal((6 * 16, 6 * 16), (raster.Width, raster.Height));
        byte[] At(int row, int column) => picture.Row(16 * row + 8).Slice(3 * (16 * column + 8), 3).ToArray();
        Assert.Equal([255, 255, 255], At(0, 2));
        Assert.Equal([255, 255, 255], At(2, 0));
        Assert.Equal(At(0, 0), At(1, 0));
        Assert.Equal(At(0, 1), At(1, 3));
        Assert.NotEqual(At(0, 0), At(0, 1));
        Assert.Equal([255, 255, 255], At(4, 4));
    }
}
