using TorchSharp;
using TorchSharp.Modules;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>A convolution over an image without a bias, padded with zeros, in the layer's compute type.</summary>
public sealed class Convolution : nn.Module<Tensor, Tensor>, IComputes
{
    // The most channels that libtorch computes together.
    const long Block = 16;

    readonly Parameter weight;
    readonly long stride;

    /// <summary>Creates a convolution.</summary>
    /// <param name="inputs">The number of input channels.</param>
    /// <param name="outputs">The number of output channels.</param>
    /// <param name="side">The side of the kernel, in pixels; an odd number.</param>
    /// <param name="stride">The step between two positions of the kernel.</param>
    public Convolution(long inputs, long outputs, long side = 3, long stride = 1) : base(nameof(Convolution))
    {
        this.stride = stride;
        weight = nn.Parameter(zeros(outputs, inputs, side, side));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public ScalarType Compute { get; set; } = ScalarType.Float32;

    /// <summary>Convolves.</summary>
    /// <param name="x">[B, inputs, Y, X].</param>
    /// <returns>[B, outputs, ⌈Y/stride⌉, ⌈X/stride⌉], in the compute type.</returns>
    public override Tensor forward(Tensor x)
    {
        var border = weight.size(2) / 2;
        var (input, kernel) = x.device_type == DeviceType.CPU ? WholeBlocks(x.to(Compute), weight.to(Compute)) : (x.to(Compute), weight.to(Compute));
        var y = nn.functional.conv2d(input, kernel, strides: [stride, stride], padding: [border, border]);
        return y.size(1) == weight.size(0) ? y : y.narrow(1, 0, weight.size(0));
    }

    // On some processors, libtorch's convolutions fill up the last block of channels with numbers that were never set, and their results are
    // wrong. Channels of zeros make the blocks whole. The input's channels matter only for its gradient.
    static (Tensor Input, Tensor Kernel) WholeBlocks(Tensor input, Tensor kernel)
    {
        var (outputs, inputs) = (Missing(kernel.size(0)), input.requires_grad ? Missing(kernel.size(1)) : 0);
        return (inputs == 0 ? input : nn.functional.pad(input, [0, 0, 0, 0, 0, inputs]), inputs + outputs == 0 ? kernel : nn.functional.pad(kernel, [0, 0, 0, 0, 0, inputs, 0, outputs]));

        static long Missing(long channels) => (Block - channels % Block) % Block;
    }
}

/// <summary>Normalises each channel: by the statistics of the batch in training, by their moving averages in evaluation.</summary>
/// <remarks>
/// Ioffe and Szegedy 2015. The batch is that of one forward pass: with <c>training.batch.micro</c>, a micro-batch. Statistics that are not
/// finite leave the averages unchanged, so that a skipped step has no lasting effect.
/// </remarks>
public sealed class BatchNorm : nn.Module<Tensor, Tensor>, IKeepsStatistics
{
    // The weight of each batch in the averages, and what is added to the variance: the usual values.
    const double Momentum = 0.1;
    internal const double Epsilon = 1e-5;

    readonly Parameter weight, bias;
    readonly Tensor mean, variance;

    /// <summary>Creates the layer.</summary>
    /// <param name="channels">The number of channels C.</param>
    public BatchNorm(long channels) : base(nameof(BatchNorm))
    {
        weight = nn.Parameter(ones(channels));
        bias = nn.Parameter(zeros(channels));
        mean = zeros(channels);
        variance = ones(channels);
        RegisterComponents();
    }

    /// <summary>Normalises.</summary>
    /// <param name="x">[B, C, Y, X].</param>
    /// <returns>[B, C, Y, X], in the type of the input.</returns>
    public override Tensor forward(Tensor x)
    {
        // Registered buffers move to a device with the model; the fields do not.
        var (runningMean, runningVariance) = (get_buffer("mean")!, get_buffer("variance")!);
        if (!training) return nn.functional.batch_norm(x, runningMean, runningVariance, weight, bias, training: false, eps: Epsilon);
        using var scope = NewDisposeScope();
        var (ofMean, ofVariance) = (zeros_like(runningMean), ones_like(runningVariance));
        // With momentum 1, the result is the statistics of this batch alone.
        var y = nn.functional.batch_norm(x, ofMean, ofVariance, weight, bias, training: true, momentum: 1, eps: Epsilon);
        using (no_grad())
        {
            Follow(runningMean, ofMean);
            Follow(runningVariance, ofVariance);
        }
        return y.MoveToOuterDisposeScope();
    }

    IEnumerable<Tensor> IKeepsStatistics.Statistics => [get_buffer("mean")!, get_buffer("variance")!];

    static void Follow(Tensor average, Tensor now) => average.copy_(where(now.isfinite(), (average * Scalars.Of(1 - Momentum)).Plus(now * Scalars.Of(Momentum)), average));
}

/// <summary>A layer that keeps averages of the batches that it has seen in training.</summary>
interface IKeepsStatistics
{
    /// <summary>The averages, 32 bits each.</summary>
    IEnumerable<Tensor> Statistics { get; }
}
