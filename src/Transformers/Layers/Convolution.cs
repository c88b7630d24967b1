using TorchSharp;
using TorchSharp.Modules;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>A convolution over an image without a bias, its borders filled with zeros, in the layer's compute type.</summary>
public sealed class Convolution : nn.Module<Tensor, Tensor>, IComputes
{
    readonly Parameter weight;
    readonly long stride;

    /// <summary>From channels to channels.</summary>
    /// <param name="inputs">The channels that come in.</param>
    /// <param name="outputs">The channels that go out.</param>
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
        return nn.functional.conv2d(x.to(Compute), weight.to(Compute), strides: [stride, stride], padding: [border, border]);
    }
}

/// <summary>Normalises each channel: by the statistics of the batch while training, by their moving averages afterwards.</summary>
/// <remarks>
/// Ioffe and Szegedy 2015. The batch is what passes at once: with <c>training.batch.micro</c>, a micro-batch. Statistics that are not
/// finite leave the averages as they are, so that a step that is skipped does not outlive itself.
/// </remarks>
public sealed class BatchNorm : nn.Module<Tensor, Tensor>, IKeepsStatistics
{
    // The part of the averages that each batch replaces, and what is added to the variance: the usual values.
    const double Momentum = 0.1;
    internal const double Epsilon = 1e-5;

    readonly Parameter weight, bias;
    readonly Tensor mean, variance;

    /// <summary>Of channels.</summary>
    /// <param name="channels">Their number C.</param>
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
    /// <returns>[B, C, Y, X], in the type that came in.</returns>
    public override Tensor forward(Tensor x)
    {
        // What is registered moves with the model to a device; the fields stay behind.
        var (runningMean, runningVariance) = (get_buffer("mean")!, get_buffer("variance")!);
        if (!training) return nn.functional.batch_norm(x, runningMean, runningVariance, weight, bias, training: false, eps: Epsilon);
        using var scope = NewDisposeScope();
        var (ofMean, ofVariance) = (zeros_like(runningMean), ones_like(runningVariance));
        // With momentum 1 the statistics of the batch come out alone.
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
