using TorchSharp;
using Transformers.Configs;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>Counts the floating-point operations of a model's products over a batch.</summary>
/// <remarks>
/// Kaplan et al. 2020, section 2.1, and Chowdhery et al. 2022, appendix B: a product takes two operations for each number of
/// its matrix in the forward pass and four in the backward pass; attention takes 4·T·D per query and layer, and twice that
/// backward, without the half that a causal mask saves. Lookups and norms count nothing. Padding counts: it is computed.
/// </remarks>
sealed class ModelFlops
{
    readonly ModelConfig model;
    readonly ModelSizes sizes;

    ModelFlops(ModelConfig model, ModelSizes sizes) => (this.model, this.sizes) = (model, sizes);

    /// <summary>Counts for a network over tokens.</summary>
    internal static ModelFlops OfTokens(ModelConfig model, int vocabulary, int classes = 0) => new(model, new(vocabulary, classes, default));

    /// <summary>Counts for an image model.</summary>
    /// <param name="model">The network.</param>
    /// <param name="vocabulary">The number of tokens, if it also reads text.</param>
    internal static ModelFlops OfImages(ModelConfig model, ImageShape image, int vocabulary = 0) => new(model, new(vocabulary, image.Classes, image));

    /// <summary>Operations of a forward and backward pass.</summary>
    internal double Of(BatchShape batch) => 3 * Forward(batch).Flops;

    /// <summary>The products of a forward pass.</summary>
    internal ForwardProducts Forward(BatchShape batch)
    {
        var products = new ForwardProducts();
        model.AddProducts(products, batch, sizes);
        return products;
    }
}

/// <summary>The sizes of a model that depend on its data.</summary>
/// <param name="Vocabulary">The number of tokens V.</param>
/// <param name="Classes">The number of classes N.</param>
/// <param name="Image">The images of an image model.</param>
readonly record struct ModelSizes(int Vocabulary, int Classes, ImageShape Image);

/// <summary>A product of vectors with a matrix of weights.</summary>
/// <param name="Rows">The number of vectors in a batch.</param>
/// <param name="In">The width of the input.</param>
/// <param name="Out">The width of the output.</param>
/// <param name="Times">The number of such matrices.</param>
sealed record MatrixProduct(long Rows, long In, long Out, long Times)
{
    internal double Flops => 2.0 * Rows * In * Out * Times;
}

/// <summary>The products of a model's forward pass over one batch.</summary>
sealed class ForwardProducts
{
    readonly List<MatrixProduct> matrices = [];

    /// <summary>Products with matrices of weights, in the order of the model.</summary>
    internal IReadOnlyList<MatrixProduct> Matrices => matrices;

    /// <summary>Operations of queries with keys and of weights with values.</summary>
    internal double AttentionFlops { get; private set; }

    internal double Flops => matrices.Sum(one => one.Flops) + AttentionFlops;

    internal void Matrix(long rows, long @in, long @out, long times = 1) => matrices.Add(new(rows, @in, @out, times));

    internal void SelfAttention(long B, long T, long D, long H, long K, long layers)
    {
        Matrix(B * T, D, D + 2 * K * (D / H), layers);
        Matrix(B * T, D, D, layers);
        AttentionFlops += 4.0 * B * T * T * D * layers;
    }

    internal void CrossAttention(long B, long T, long S, long D, long layers, long? sourceWidth = null)
    {
        Matrix(B * T, D, D, layers);
        Matrix(B * S, sourceWidth ?? D, 2 * D, layers);
        Matrix(B * T, D, D, layers);
        AttentionFlops += 4.0 * B * T * S * D * layers;
    }

    internal void FeedForward(long rows, int D, FeedForwardConfig config, long layers)
    {
        long F = Layers.FeedForward.HiddenWidth(config, D);
        Matrix(rows, D, config is SwiGluConfig ? 2 * F : F, layers);
        Matrix(rows, F, D, layers);
    }
}

/// <summary>The sizes of a batch.</summary>
/// <param name="Rows">Sequences, pairs or images.</param>
/// <param name="Source">Positions per row: tokens, of the source for pairs; 0 for images.</param>
/// <param name="Target">Positions per target of a pair, steps of a forecast, or regions of an image and the token for the whole image; else 0.</param>
/// <param name="Targets">The number of predictions over which the loss is a mean.</param>
/// <param name="Units">The tokens or images that throughput counts.</param>
public sealed record BatchShape(long Rows, long Source, long Target, long Targets, long Units)
{
    /// <summary>One micro-batch of the batch.</summary>
    internal BatchShape Cut(long rows) => rows >= Rows ? this : OfRows(rows);

    /// <summary>A batch of another number of rows with the same lengths.</summary>
    internal BatchShape OfRows(long rows) => this with
    {
        Rows = rows,
        Targets = Math.Max(1, Targets * rows / Rows),
        Units = Math.Max(1, Units * rows / Rows),
    };

    /// <summary>The mean of several batches, rounded so that the number of positions is theirs.</summary>
    internal static BatchShape Mean(IReadOnlyList<BatchShape> shapes)
    {
        var rows = shapes.Average(one => (double)one.Rows);
        return new((long)Math.Round(rows),
            Math.Max(1, (long)Math.Round(shapes.Average(one => (double)one.Rows * one.Source) / rows)),
            (long)Math.Round(shapes.Average(one => (double)one.Rows * one.Target) / rows),
            (long)Math.Round(shapes.Average(one => (double)one.Targets)),
            (long)Math.Round(shapes.Average(one => (double)one.Units)));
    }

    /// <summary>The one with the most positions.</summary>
    internal static BatchShape Largest(IReadOnlyList<BatchShape> shapes) =>
        shapes.MaxBy(one => one.Rows * Math.Max(1, one.Source + one.Target))!;
}

/// <summary>The peak speed of this machine's matrix products, measured once and kept in the user's cache folder.</summary>
/// <remarks>The highest value ever measured counts: a measurement on a busy machine is too low, never too high. For the same reason, each is the best of many short tries.</remarks>
public static class MachinePeaks
{
    const int Side = 512, SideOnDevice = 4096;

    /// <summary>Operations per second of a large matrix product: measured earlier, or now, in under 0.3 s.</summary>
    /// <param name="precision">The type of the product.</param>
    /// <param name="again">Whether to measure even if it was measured before.</param>
    public static double FlopsPerSecond(Device device, Precision precision, bool again = false) => FlopsPerSecond(device, precision, again, Path.Combine(UserCache.Folder, "peaks.json"));

    internal static double FlopsPerSecond(Device device, Precision precision, bool again, string file)
    {
        var key = KeyOf(device, precision);
        var known = Read(file);
        var before = known.GetValueOrDefault(key);
        if (before > 0 && !again) return before;
        var peak = Math.Max(before, Measure(device, precision));
        known[key] = peak;
        Write(file, known);
        return peak;
    }

    static double Measure(Device device, Precision precision)
    {
        var side = device.type == DeviceType.CUDA ? SideOnDevice : Side;
        return 2.0 * side * side * side / OfProduct(device, precision, side, side, side, TimeSpan.FromSeconds(0.15));
    }

    /// <summary>Seconds that a product of a linear layer takes: [rows, in] by [out, in].</summary>
    internal static double OfProduct(Device device, Precision precision, long rows, long @in, long @out, TimeSpan limit)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var type = precision == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;
        var x = ones(rows, @in, device: device).to(type);
        var weight = ones(@out, @in, device: device);
        var copy = weight.to(type);
        return BestTime.Seconds(device, limit, () => LinearFunction.Of(x, weight, null, copy, null, type));
    }

    // A value measured with another engine, instruction set or number of threads does not apply.
    static string KeyOf(Device device, Precision precision) =>
        $"{precision}|{device}|{NativeLibraries.Load().Version}|{ProcessSettings.Instructions}|{get_num_threads()}|{Environment.MachineName}".ToLowerInvariant();

    static Dictionary<string, double> Read(string file)
    {
        try
        {
            if (File.Exists(file) && JsonSerializer.Deserialize<Dictionary<string, double>>(BoundedFile.ReadBytes(file, 1 << 20)) is { } known) return known;
        }
        catch (Exception exception) when (exception is JsonException or UserException)
        {
            // A cache that cannot be read is recreated.
        }
        return [];
    }

    static void Write(string file, Dictionary<string, double> known)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            DurableFile.WriteBytes(file, JsonSerializer.SerializeToUtf8Bytes(known));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Without the cache, it is measured again next time.
        }
    }
}
