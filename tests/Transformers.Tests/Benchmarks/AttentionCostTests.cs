using static TorchSharp.torch;

namespace Transformers.Tests.Benchmarks;

[Collection("engine")]
public sealed class AttentionCostTests
{
    static AttentionCostPoint One(IReadOnlyList<AttentionCostPoint> points, string kind, int side) => Assert.Single(points, point => point.Kind == kind && point.Side == side);

    [Fact]
    public void The_formulas_are_those_of_the_papers()
    {
        var points = AttentionCost.Of(new AttentionCostOptions { Sides = [112, 224, 448], Measure = false, Patch = 16, Window = 7, WindowPatch = 4, Width = 96, Heads = 3 }, CPU);
        Assert.Equal(9, points.Count);
        Assert.All(points, point => Assert.Null(point.MeasuredSeconds));
        // R⁴, (R/P)⁴ and M²·Y·X.
        Assert.Equal(Math.Pow(224, 4), One(points, "pixels", 224).Weights);
        Assert.Equal(Math.Pow(14, 4), One(points, "patches", 224).Weights);
        Assert.Equal(49.0 * 56 * 56, One(points, "windows", 224).Weights);
        // Twice the side: 16 times as much for pixels and patches, 4 times for windows.
        foreach (var (kind, ratio) in new[] { ("pixels", 16), ("patches", 16), ("windows", 4) })
            Assert.Equal(ratio, One(points, kind, 448).Flops / One(points, kind, 224).Flops);
        // Swin, equation 2: 2·M²·Y·X·C multiplications for the weights and the mix, two operations each.
        Assert.Equal(2 * 2.0 * 49 * 56 * 56 * 96, One(points, "windows", 224).Flops);
        Assert.Equal(3 * 4 * Math.Pow(14, 4), One(points, "patches", 224).Bytes);
    }

    [Fact]
    public void An_edge_that_does_not_divide_is_filled_up_and_a_small_image_is_one_window()
    {
        var points = AttentionCost.Of(new AttentionCostOptions { Sides = [20, 36], Measure = false, Patch = 16 }, CPU);
        Assert.Equal(4, One(points, "patches", 20).Tokens);
        Assert.Equal(25, One(points, "windows", 20).Tokens);
        Assert.Equal(4 * 49 * 49, One(points, "windows", 36).Weights);
        Assert.Contains("--heads", Assert.Throws<UserException>(() => AttentionCost.Of(new AttentionCostOptions { Width = 10, Heads = 3 }, CPU)).Message);
    }

    [Fact]
    public void What_fits_is_measured_with_its_weights_in_memory_and_drawn()
    {
        var points = AttentionCost.Of(new AttentionCostOptions { Sides = [16, 48, 1024], Patch = 8, MostBytes = 400 << 20, Width = 16, Heads = 2 }, CPU);
        Assert.Null(One(points, "pixels", 1024).MeasuredBytes);
        Assert.True(One(points, "windows", 1024).MeasuredSeconds > 0);
        var pixels = One(points, "pixels", 48);
        Assert.True(pixels.MeasuredSeconds > 0);
        // 2,304² weights of two heads are 42 MB; scores and weights together twice as much.
        if (ProcessMemory.CanMeasurePeak) Assert.InRange(pixels.MeasuredBytes!.Value, 0.9 * pixels.Bytes, 4 * pixels.Bytes);
        var svg = AttentionCost.Draw(points, 1e11).ToSvg();
        foreach (var text in new[] { "pixels", "patches", "windows", "bytes", "seconds", "side in pixels" }) Assert.Contains(text, svg);
        Assert.True(svg.Split("<circle").Length > 8);
    }
}
