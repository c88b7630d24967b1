using TorchSharp;
using TorchSharp.Modules;
using Transformers.Configs;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>How a model encodes the position of a token.</summary>
public abstract record PositionsConfig;

/// <summary>A learned vector for each position.</summary>
[Kind("learned")]
public sealed record LearnedPositionsConfig : PositionsConfig;

/// <summary>Fixed sines and cosines that are added to the embeddings.</summary>
/// <remarks>Vaswani et al. 2017, section 3.5.</remarks>
[Kind("sinusoidal")]
public sealed record SinusoidalPositionsConfig : PositionsConfig
{
    /// <summary>The base of the wavelengths, which run from 2π to this times 2π.</summary>
    [Positive]
    public double Base { get; init; } = 10_000;
}

/// <summary>Queries and keys are rotated by their position.</summary>
/// <remarks>Su et al. 2021, section 3.4.2.</remarks>
[Kind("rotary")]
public sealed record RotaryPositionsConfig : PositionsConfig
{
    /// <summary>The base of the wavelengths.</summary>
    [Positive]
    public double Base { get; init; } = 10_000;
}

/// <summary>Attention scores decrease linearly with distance.</summary>
/// <remarks>Press et al. 2022, section 3.</remarks>
[Kind("alibi")]
public sealed record AlibiPositionsConfig : PositionsConfig;

/// <summary>A learned bias for each head and each bucket of distances.</summary>
/// <remarks>Raffel et al. 2020, section 2.1.</remarks>
[Kind("relative")]
public sealed record RelativePositionsConfig : PositionsConfig, IChecked
{
    /// <summary>The number of buckets; half of them hold one distance each, the others increasingly many.</summary>
    [Between(2, 65_536)]
    public int Buckets { get; init; } = 32;

    /// <summary>The distance, in tokens, from which all distances share the last bucket.</summary>
    [Between(2, 10_000_000)]
    public int MaxDistance { get; init; } = 128;

    /// <inheritdoc/>
    public void Check(ConfigCheck check) =>
        check.That(MaxDistance > Buckets / 2, "max_distance", $"({MaxDistance}) must be above half of {check.At("buckets")} ({Buckets})");
}

/// <summary>No positions: only the causal mask gives the order.</summary>
[Kind("none")]
public sealed record NoPositionsConfig : PositionsConfig;

/// <summary>The encoding of a token's position. Each kind overrides the one method where it acts.</summary>
public abstract class Positions : nn.Module
{
    /// <summary>Names the module, as TorchSharp requires.</summary>
    protected Positions() : base(nameof(Positions)) { }

    /// <summary>Adds positions to embeddings.</summary>
    /// <param name="x">[B, T, D].</param>
    /// <param name="start">The position of the first token.</param>
    /// <returns>[B, T, D].</returns>
    public virtual Tensor Embed(Tensor x, long start) => x;

    /// <summary>Whether <see cref="Rotate"/> does anything.</summary>
    public virtual bool Rotates => false;

    /// <summary>Rotates queries or keys by their position.</summary>
    /// <param name="x">[B, H, T, E].</param>
    /// <param name="start">The position of the first token.</param>
    /// <returns>[B, H, T, E].</returns>
    public virtual Tensor Rotate(Tensor x, long start) => x;

    /// <summary>The bias that is added to attention scores; null for none.</summary>
    /// <param name="T">The number of queries; they are the last of the S positions.</param>
    /// <param name="S">The number of keys.</param>
    /// <param name="like">A tensor with the device and type of the result.</param>
    /// <param name="bidirectional">Whether keys after the query are visible too.</param>
    /// <returns>[H, T, S], or null.</returns>
    public virtual Tensor? Bias(long T, long S, Tensor like, bool bidirectional) => null;

    /// <summary>Creates the positions of a config.</summary>
    /// <param name="config">The kind and its numbers.</param>
    /// <param name="context">The largest number of positions.</param>
    /// <param name="width">The model's width D.</param>
    /// <param name="heads">The number of heads H.</param>
    public static Positions Create(PositionsConfig config, int context, int width, int heads) => config switch
    {
        LearnedPositionsConfig => new LearnedPositionEmbedding(context, width),
        SinusoidalPositionsConfig sinusoidal => new SinusoidalPositionEncoding(width, sinusoidal.Base),
        RotaryPositionsConfig rotary => new RotaryPositionEmbedding(width / heads, rotary.Base),
        AlibiPositionsConfig => new AlibiPositionBias(heads),
        RelativePositionsConfig relative => new RelativePositionBias(heads, relative.Buckets, relative.MaxDistance),
        NoPositionsConfig => new NoPositionEncoding(),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a kind of positions without a module"),
    };
}

/// <summary>No positions: only the causal mask gives the order.</summary>
public sealed class NoPositionEncoding : Positions;

/// <summary>A learned vector for each position, added to the token's.</summary>
/// <remarks>Radford et al. 2018, section 3.1; Vaswani et al. 2017, section 3.5, found it equivalent to sines and cosines.</remarks>
public sealed class LearnedPositionEmbedding : Positions
{
    readonly Parameter weight;

    /// <summary>Creates vectors for a number of positions.</summary>
    public LearnedPositionEmbedding(int context, int width)
    {
        weight = nn.Parameter(zeros(context, width));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor Embed(Tensor x, long start)
    {
        var (_, T, _) = x.Dims3();
        return x.Plus(weight.narrow(0, start, T)); // [B, T, D] + [T, D]
    }
}

/// <summary>Fixed sines and cosines of the position, added to the token's vector.</summary>
/// <remarks>
/// Vaswani et al. 2017, section 3.5: PE(pos, 2i) = sin(pos / base^(2i/D)), PE(pos, 2i+1) = cos of the same. The base is 10,000 in the paper
/// and a setting here.
/// </remarks>
public sealed class SinusoidalPositionEncoding : Positions
{
    readonly int width;
    readonly double @base;
    readonly ConstantCache cache = new();

    /// <summary>Creates the encoding.</summary>
    public SinusoidalPositionEncoding(int width, double @base)
    {
        this.width = width;
        this.@base = @base;
    }

    /// <inheritdoc/>
    public override Tensor Embed(Tensor x, long start)
    {
        var (_, T, _) = x.Dims3();
        return x.Plus(cache.Get(start, T, 0, x.device, x.dtype, () => Table(start, T, width, @base)));
    }

    /// <summary>The encodings of consecutive positions.</summary>
    /// <returns>[T, D].</returns>
    public static Tensor Table(long start, long T, int width, double @base)
    {
        var angles = Angles(start, T, width, @base);                        // [T, D/2]
        return stack([angles.sin(), angles.cos()], -1).reshape(T, width);   // [T, D]
    }

    /// <summary>pos / base^(2i/D) for each position and each pair of dimensions.</summary>
    /// <returns>[T, D/2], computed in 64 bits: a large position times a small frequency would lose digits in 32.</returns>
    internal static Tensor Angles(long start, long T, int width, double @base)
    {
        var positions = arange(Scalars.Of(start), Scalars.Of(start + T), Scalars.One, dtype: ScalarType.Float64).unsqueeze(1);   // [T, 1]
        var powers = arange(Scalars.Zero, Scalars.Of(width), Scalars.Of(2), dtype: ScalarType.Float64) * Scalars.Of(-Math.Log(@base) / width);
        return positions * powers.exp();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) cache.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>Queries and keys are rotated by an angle proportional to their position, so that scores depend on distance.</summary>
/// <remarks>Su et al. 2021, section 3.4.2. Dimension i is paired with i + E/2, as GPT-NeoX and Llama do, not with i + 1.</remarks>
public sealed class RotaryPositionEmbedding : Positions
{
    readonly int headWidth;
    readonly double @base;
    readonly ConstantCache cosines = new(), sines = new();

    /// <summary>Creates the rotation for heads of a width.</summary>
    public RotaryPositionEmbedding(int headWidth, double @base)
    {
        this.headWidth = headWidth;
        this.@base = @base;
    }

    /// <inheritdoc/>
    public override bool Rotates => true;

    /// <inheritdoc/>
    public override Tensor Rotate(Tensor x, long start)
    {
        var (_, _, T, E) = x.Dims4();
        var (cos, sin) = Tables(start, T, x);                               // [T, E] each
        var halves = x.chunk(2, -1);
        var rotated = cat([-halves[1], halves[0]], -1);                      // [B, H, T, E]
        return (x * cos).Plus(rotated * sin);
    }

    /// <summary>Cosines and sines of consecutive positions, each half of the dimensions the same.</summary>
    /// <returns>[T, E] each.</returns>
    public (Tensor cos, Tensor sin) Tables(long start, long T, Tensor like) =>
        (cosines.Get(start, T, 0, like.device, like.dtype, () => Twice(SinusoidalPositionEncoding.Angles(start, T, headWidth, @base).cos())),
         sines.Get(start, T, 0, like.device, like.dtype, () => Twice(SinusoidalPositionEncoding.Angles(start, T, headWidth, @base).sin())));

    static Tensor Twice(Tensor half) => cat([half, half], -1);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            cosines.Dispose();
            sines.Dispose();
        }
        base.Dispose(disposing);
    }
}

/// <summary>Tensors that depend only on sizes, such as masks and sine tables: computed once, and kept until disposed of.</summary>
/// <remarks>They are not part of a model's state, so they are not registered as buffers.</remarks>
sealed class ConstantCache : IDisposable
{
    const int MostEntries = 32;

    // Keyed by the device's type and index, since two objects for the same device are not equal.
    readonly Dictionary<(long, long, long, DeviceType, int, ScalarType), Tensor> entries = [];

    /// <summary>The constant for a key, computed on the CPU at its first use and then converted and moved.</summary>
    internal Tensor Get(long a, long b, long c, Device device, ScalarType type, Func<Tensor> make)
    {
        var key = (a, b, c, device.type, device.index, type);
        if (entries.TryGetValue(key, out var known)) return known;
        // Generation needs a new size at every step, and the old ones are not needed again.
        if (entries.Count >= MostEntries) Clear();
        using var scope = NewDisposeScope();
        // A tensor created during generation may be used in training later, which refuses tensors of inference mode.
        using var ordinary = inference_mode(false);
        using var plain = no_grad();
        var made = make().to(type, device).DetachFromDisposeScope();
        return entries[key] = made;
    }

    void Clear()
    {
        foreach (var tensor in entries.Values) tensor.Dispose();
        entries.Clear();
    }

    public void Dispose() => Clear();
}
