using TorchSharp;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>Zeroes a fraction of the numbers while training and scales the others so that the mean stays.</summary>
/// <remarks>
/// Srivastava et al. 2014, section 10. On a processor each element's number comes from a counter (<see cref="DropoutMask"/>);
/// elsewhere the device's own generator draws, seeded by the run's seed, the step, the layer and the first example.
/// </remarks>
public sealed class Dropout : nn.Module, IDrawsNumbers
{
    /// <summary>With a rate.</summary>
    /// <param name="rate">The fraction of numbers that become 0, from 0 to below 1.</param>
    public Dropout(double rate) : base(nameof(Dropout)) => Rate = rate;

    /// <summary>The fraction of numbers that become 0.</summary>
    public double Rate { get; }

    /// <inheritdoc/>
    public int Site { get; set; }

    /// <summary>The rate that acts now: 0 outside of training.</summary>
    public double ActiveRate => training ? Rate : 0;

    /// <summary>Zeroes some numbers while training.</summary>
    /// <param name="x">[B, …].</param>
    /// <param name="random">The position in the run.</param>
    /// <returns>[B, …].</returns>
    public Tensor forward(Tensor x, RandomPosition random)
    {
        if (ActiveRate == 0) return x;
        if (KernelFunction.Takes(x)) return DropoutKernelFunction.Of(x, null, AsKernel(random));
        if (x.device_type == DeviceType.CPU) return DropoutFunction.Of(x, Rate, random.KeyOf(Site), random.FirstExample);
        SeedDevice(random);
        return nn.functional.dropout(x, Rate, training: true);
    }

    /// <summary>What a kernel needs to know.</summary>
    internal KernelDropout AsKernel(RandomPosition random) =>
        ActiveRate == 0 ? default : new() { Rate = ActiveRate, Key = random.KeyOf(Site), FirstExample = random.FirstExample };

    /// <summary>Seeds the device's generator for an operator that draws its own numbers.</summary>
    internal void SeedDevice(RandomPosition random) =>
        cuda.manual_seed((long)(RandomPosition.Mix(random.KeyOf(Site) ^ (ulong)random.FirstExample) >> 1));
}

/// <summary>Numbers the layers of a model that draw random numbers.</summary>
static class RandomLayers
{
    /// <summary>Gives each layer a number of its own, in the order of the model's parts.</summary>
    internal static void Number(nn.Module model)
    {
        var site = 0;
        foreach (var layer in model.modules().OfType<IDrawsNumbers>()) layer.Site = site++;
    }
}
