using TorchSharp;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>What the random numbers of a forward pass depend on, besides the layer; no generator state is involved.</summary>
/// <remarks>
/// A number belongs to an element of an example of the step's whole batch. Splitting the batch into micro-batches, or padding examples to
/// another length, does not change it, and a resumed run draws the same numbers as an uninterrupted one.
/// </remarks>
/// <param name="Seed">The run's seed for dropout.</param>
/// <param name="Step">The step.</param>
/// <param name="FirstExample">The position of the first example in the step's batch.</param>
public readonly record struct RandomPosition(ulong Seed, long Step, long FirstExample)
{
    /// <summary>The key of a layer's numbers in this step, the same for all examples.</summary>
    /// <param name="site">The layer's index among those that draw random numbers.</param>
    public ulong KeyOf(int site) => Mix(Mix(Mix(Seed) ^ (ulong)Step) ^ (ulong)site);

    /// <summary>One step of SplitMix64.</summary>
    internal static ulong Mix(ulong z) => CounterRandom.Next(ref z);
}

/// <summary>A block of layers.</summary>
interface IBlock
{
    /// <summary>Its layers that draw random numbers, in the order in which they act.</summary>
    IEnumerable<IDrawsNumbers> Draws { get; }
}

/// <summary>A layer that draws random numbers while training.</summary>
interface IDrawsNumbers
{
    /// <summary>The layer's index among the model's layers that draw random numbers; each layer draws different ones.</summary>
    int Site { get; set; }
}

/// <summary>Zeroes a fraction of the numbers in training and scales the others so that the mean is unchanged.</summary>
/// <remarks>
/// Srivastava et al. 2014, section 10. On a CPU, each element's random number comes from a counter (<see cref="DropoutMask"/>); elsewhere
/// the device's own generator draws, seeded by the run's seed, the step, the layer and the first example.
/// </remarks>
public sealed class Dropout : nn.Module, IDrawsNumbers
{
    /// <summary>Creates the layer.</summary>
    /// <param name="rate">The fraction of numbers that become 0, from 0 to below 1.</param>
    public Dropout(double rate) : base(nameof(Dropout)) => Rate = rate;

    /// <summary>The fraction of numbers that become 0.</summary>
    public double Rate { get; }

    /// <inheritdoc/>
    public int Site { get; set; }

    /// <summary>The current rate: 0 outside training.</summary>
    public double ActiveRate => training ? Rate : 0;

    /// <summary>Zeroes some numbers while training.</summary>
    /// <param name="x">[B, …].</param>
    /// <param name="random">The position in the run.</param>
    /// <returns>[B, …].</returns>
    public Tensor forward(Tensor x, RandomPosition random)
    {
        if (ActiveRate == 0) return x;
        if (KernelFunction.Takes(x)) return DropoutKernelFunction.Of(x, AsKernel(random));
        if (x.device_type == DeviceType.CPU) return DropoutFunction.Of(x, Rate, random.KeyOf(Site), random.FirstExample);
        SeedDevice(random);
        return nn.functional.dropout(x, Rate, training: true);
    }

    /// <summary>The arguments of a kernel.</summary>
    internal KernelDropout AsKernel(RandomPosition random) =>
        ActiveRate == 0 ? default : new() { Rate = ActiveRate, Key = random.KeyOf(Site), FirstExample = random.FirstExample };

    /// <summary>Seeds the device's generator for an operator that draws its own numbers.</summary>
    internal void SeedDevice(RandomPosition random) =>
        cuda.manual_seed((long)(RandomPosition.Mix(random.KeyOf(Site) ^ (ulong)random.FirstExample) >> 1));
}

/// <summary>Numbers the layers of a model that draw random numbers.</summary>
static class RandomLayers
{
    /// <summary>Numbers the layers in the order of the model's modules; a block determines the order of its own layers.</summary>
    internal static void Number(nn.Module model)
    {
        var numbered = new HashSet<object>(ReferenceEqualityComparer.Instance);
        foreach (var module in model.modules())
            foreach (var layer in module is IBlock block ? block.Draws : module is IDrawsNumbers own ? [own] : [])
                if (numbered.Add(layer)) layer.Site = numbered.Count - 1;
    }
}

/// <summary>Dropout that saves nothing for the backward pass: the mask is recomputed from its key.</summary>
sealed class DropoutFunction : ManagedFunction
{
    readonly Tensor x;
    readonly double rate;
    readonly ulong key;
    readonly long first;
    readonly long[] shape;

    DropoutFunction(Tensor x, double rate, ulong key, long first) => (this.x, this.rate, this.key, this.first, shape) = (x, rate, key, first, x.shape);

    internal static Tensor Of(Tensor x, double rate, ulong key, long first) => new DropoutFunction(x, rate, key, first).Apply(x);

    protected override Tensor Forward(bool keep) => x * Mask(x.dtype);

    protected override Tensor?[] Backward(Tensor gradient) => [gradient * Mask(gradient.dtype)];

    Tensor Mask(ScalarType type)
    {
        var mask = DropoutMask.Create(shape, rate, key, first);
        return type == ScalarType.Float32 ? mask : mask.to(type);
    }
}

/// <summary>Counter-based masks: whether element i of an example is dropped depends on a hash of the example's key and i.</summary>
/// <remarks>The kernels compute the same numbers (see src/Kernels/interface_layers.h).</remarks>
static class DropoutMask
{
    const uint Step = 0x9e3779b9;

    /// <summary>A mask of 0 for elements that are dropped and 1/(1 - rate) for the others.</summary>
    /// <param name="shape">[B, …]; each index of the first dimension is an example.</param>
    internal static Tensor Create(long[] shape, double rate, ulong key, long first)
    {
        var count = shape.Aggregate(1L, (product, size) => product * size);
        var mask = new float[count];
        var each = (int)(count / Math.Max(1, shape[0]));
        for (var example = 0; example < shape[0] && each > 0; example++)
            Fill(mask.AsSpan(example * each, each), rate, ExampleKey(key, first + example));
        return tensor(mask, shape);
    }

    /// <summary>A mask of attention weights, with a separate number for each example, head, query and key.</summary>
    /// <param name="shape">[B, H, T, S].</param>
    internal static Tensor CreateForWeights(long[] shape, double rate, ulong key, long first, long firstQuery)
    {
        var (examples, heads, queries, keys) = (shape[0], shape[1], shape[2], (int)shape[3]);
        var mask = new float[examples * heads * queries * keys];
        var at = 0;
        for (long example = 0; example < examples; example++)
            for (long head = 0; head < heads; head++)
                for (long query = 0; query < queries; query++, at += keys)
                    Fill(mask.AsSpan(at, keys), rate, WeightsKey(key, first + example, head, firstQuery + query));
        return tensor(mask, shape);
    }

    /// <summary>The key of the attention weights of a query in a head.</summary>
    internal static uint WeightsKey(ulong key, long example, long head, long query) =>
        (uint)RandomPosition.Mix(RandomPosition.Mix(key + (ulong)example) + ((ulong)head << 32) + (ulong)query);

    /// <summary>The key of an example's elements.</summary>
    internal static uint ExampleKey(ulong key, long example) => (uint)RandomPosition.Mix(key + (ulong)example);

    /// <summary>Fills the mask of consecutive elements, starting at element 0.</summary>
    internal static void Fill(Span<float> mask, double rate, uint key)
    {
        var threshold = Threshold(rate);
        var scale = (float)(1 / (1 - rate));
        for (var i = 0; i < mask.Length; i++) mask[i] = Hash((uint)i * Step + key) >= threshold ? scale : 0;
    }

    /// <summary>Elements whose hash is below it are dropped.</summary>
    internal static uint Threshold(double rate) => (uint)Math.Min(4294967295.0, rate * 4294967296.0);

    /// <summary>A well-mixed number for each counter.</summary>
    internal static uint Hash(uint x)
    {
        x ^= x >> 16;
        x *= 0x21f0aaad;
        x ^= x >> 15;
        x *= 0xd35a2d97;
        return x ^ (x >> 15);
    }
}
