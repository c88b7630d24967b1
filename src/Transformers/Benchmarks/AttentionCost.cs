using TorchSharp;
using Transformers.Layers;
using Transformers.Native;
using Transformers.Reports.Plots;
using static TorchSharp.torch;

namespace Transformers.Benchmarks;

/// <summary>What attention over an image works on: pixels, patches, or windows of patches.</summary>
/// <param name="Name"><c>pixels</c>, <c>patches</c> or <c>windows</c>.</param>
/// <param name="Patch">The side of a token, in pixels.</param>
/// <param name="Window">Tokens per side of a window; null if every token attends to all.</param>
sealed record AttentionCut(string Name, int Patch, int? Window)
{
    /// <summary>The number of groups within which tokens attend to each other, and the tokens of each. Incomplete patches and windows are
    /// padded.</summary>
    internal (long Groups, long Tokens) Of(int side)
    {
        long tokens = (side + Patch - 1) / Patch;
        if (Window is not { } window || tokens <= window) return (1, tokens * tokens);
        var windows = (tokens + window - 1) / window;
        return (windows * windows, (long)window * window);
    }
}

/// <summary>What one layer's attention over one image costs.</summary>
/// <param name="Kind"><c>pixels</c>, <c>patches</c> or <c>windows</c>.</param>
/// <param name="Side">The side R of the image, in pixels.</param>
/// <param name="Tokens">All tokens.</param>
/// <param name="Weights">The attention weights of one head: tokens² of each group.</param>
/// <param name="Bytes">The bytes of all heads' weights in 32 bits, by the formula.</param>
/// <param name="Flops">Operations of QKᵀ and of the product with V, by the formula.</param>
/// <param name="MeasuredBytes">The peak memory in bytes of computing it with its weights in memory; null if it was not measured.</param>
/// <param name="MeasuredSeconds">Seconds that it took: the best of several tries; null if it was not measured.</param>
public sealed record AttentionCostPoint(string Kind, int Side, long Tokens, double Weights, double Bytes, double Flops, long? MeasuredBytes, double? MeasuredSeconds);

/// <summary>What to compare.</summary>
public sealed record AttentionCostOptions
{
    /// <summary>The sides R of the images, in pixels.</summary>
    public IReadOnlyList<int> Sides { get; init; } = [16, 32, 64, 128, 224, 384, 512, 1024];
    /// <summary>The side P of ViT's patches, in pixels.</summary>
    public int Patch { get; init; } = 16;
    /// <summary>Side of the patches within windows, in pixels.</summary>
    public int WindowPatch { get; init; } = 4;
    /// <summary>Side M of a window, in patches.</summary>
    public int Window { get; init; } = 7;
    /// <summary>The width D.</summary>
    public int Width { get; init; } = 96;
    /// <summary>The number of heads H.</summary>
    public int Heads { get; init; } = 3;
    /// <summary>Whether to measure what fits.</summary>
    public bool Measure { get; init; } = true;
    /// <summary>The maximum memory for a measurement, in bytes.</summary>
    public long MostBytes { get; init; } = 1L << 30;
}

/// <summary>The cost of attention over the pixels, the patches and the windows of an image, from the formulas and measured.</summary>
/// <remarks>
/// All pixels: (R²)² = R⁴ weights for each head; patches: ((R/P)²)² = (R/P)⁴; windows of M × M patches: M²·Y·X, where the grid has Y × X
/// patches (Dosovitskiy et al. 2021, section 1; Liu et al. 2021, section 3.2, equations 1 and 2). Projections, which cost the same for each
/// token whatever it attends to, are left out.
/// </remarks>
public static class AttentionCost
{
    static readonly TimeSpan Limit = TimeSpan.FromSeconds(0.5);

    // The scores are in memory together with the weights that softmax computes from them.
    const int Copies = 2;

    /// <summary>Computes the formulas, and measures what fits into the memory allowed.</summary>
    /// <exception cref="UserException">A number is not in its range.</exception>
    public static IReadOnlyList<AttentionCostPoint> Of(AttentionCostOptions options, Device device)
    {
        if (options.Width % options.Heads != 0) throw new UserException($"--width ({options.Width}) must be divisible by --heads ({options.Heads})");
        AttentionCut[] cuts = [new("pixels", 1, null), new("patches", options.Patch, null), new("windows", options.WindowPatch, options.Window)];
        return [.. cuts.SelectMany(cut => options.Sides.Order().Select(side => Point(cut, side, options, device)))];
    }

    static AttentionCostPoint Point(AttentionCut cut, int side, AttentionCostOptions options, Device device)
    {
        var (groups, tokens) = cut.Of(side);
        var weights = (double)groups * tokens * tokens;
        var point = new AttentionCostPoint(cut.Name, side, groups * tokens, weights, sizeof(float) * options.Heads * weights, 4.0 * options.Width * weights, null, null);
        if (!options.Measure || Copies * point.Bytes + 4.0 * sizeof(float) * point.Tokens * options.Width > options.MostBytes) return point;
        var (bytes, seconds) = Measure(groups, tokens, options, device);
        return point with { MeasuredBytes = bytes, MeasuredSeconds = seconds };
    }

    static (long? Bytes, double Seconds) Measure(long groups, long tokens, AttentionCostOptions options, Device device)
    {
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        long[] shape = [groups, options.Heads, tokens, options.Width / options.Heads];
        var (q, k, v) = (randn(shape, device: device), randn(shape, device: device), randn(shape, device: device));
        Tensor Attend() => AttentionFormulas.WithWeights(q, k, v, causal: false, mask: null);
        // The first pass warms up.
        using (NewDisposeScope()) Attend();
        long? bytes = null;
        if (device.type == DeviceType.CPU && ProcessMemory.CanMeasurePeak)
        {
            DeviceMemory.TrimMemory();
            ProcessMemory.StartPeak();
            var before = ProcessMemory.Resident;
            using (NewDisposeScope()) Attend();
            bytes = Math.Max(0, ProcessMemory.PeakSinceStart - before);
        }
        return (bytes, BestTime.Seconds(device, Limit, Attend));
    }

    /// <summary>Draws memory and time over the image's side: lines are the formulas, marks were measured.</summary>
    /// <param name="peak">The machine's measured operations per second, by which the formula's operations are divided to give the shortest
    /// possible time.</param>
    public static Picture Draw(IReadOnlyList<AttentionCostPoint> points, double peak) => Picture.Stack("The cost of attention over pixels, patches and windows",
        Chart(points, "Memory of attention weights", "bytes per layer and image", point => point.Bytes, point => point.MeasuredBytes).Draw(),
        Chart(points, "Time of attention", "seconds per layer and image", point => point.Flops / peak, point => point.MeasuredSeconds).Draw());

    static LineChart Chart(IReadOnlyList<AttentionCostPoint> points, string title, string up, Func<AttentionCostPoint, double> formula, Func<AttentionCostPoint, double?> measured)
    {
        var lines = new List<Series>();
        foreach (var (look, kind) in points.GroupBy(point => point.Kind).Index())
        {
            lines.Add(new Series(kind.Key, [.. kind.Select(point => ((double)point.Side, formula(point)))], look));
            var marks = kind.Where(point => measured(point) is > 0).Select(point => ((double)point.Side, measured(point)!.Value)).ToList();
            if (marks.Count > 0) lines.Add(new Series("", marks, look) { Joined = false });
        }
        return new LineChart($"{title}: formulas (lines) and measurements (points)", "side in pixels", up, lines) { LogAcross = true, LogUp = true };
    }
}
