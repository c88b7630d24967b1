using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A residual convolutional network for small images, as a baseline for vision transformers.</summary>
/// <remarks>He et al. 2016, section 4.2: three stages of n blocks are their ResNet-(6n + 2), n = 3 the ResNet-20 of 0.27 million parameters.</remarks>
[Kind("resnet")]
public sealed record ResnetConfig : StagedImageModelConfig, IChecked
{
    /// <summary>The channels of the first stage; each further stage has twice the channels and half the side of the one before.</summary>
    [Between(1, 1_000_000)]
    public override int Width { get; init; } = 16;

    /// <summary>The number of blocks of each stage; a block has two convolutions.</summary>
    [NotEmpty, Between(1, 10_000)]
    public IReadOnlyList<int> Layers { get; init; } = [3, 3, 3];

    /// <summary>How weights are initialised.</summary>
    public InitConfig Init { get; init; } = new HeInitConfig();

    /// <summary>The channels of a stage.</summary>
    /// <param name="stage">From 0.</param>
    public int WidthAt(int stage) => checked(Width << stage);

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes)
    {
        long B = batch.Rows, side = sizes.Image.Size, channels = sizes.Image.Channels;
        Convolve(WidthAt(0), 1);
        for (var stage = 0; stage < Layers.Count; stage++)
        {
            if (stage > 0) side = (side + 1) / 2;
            Convolve(WidthAt(stage), 1);
            Convolve(WidthAt(stage), 2L * Layers[stage] - 1);
        }
        products.Matrix(B, channels, sizes.Classes);

        // Each position of the output is a product of its neighbourhood with the kernel.
        void Convolve(long outputs, long times)
        {
            products.Matrix(B * side * side, 9 * channels, outputs, times);
            channels = outputs;
        }
    }

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        base.CheckData(check, data);
        if (data is ImageDataConfig images && Layers.Count <= 8)
            check.That(images.Input.Size >> (Layers.Count - 1) >= 2, "model.layers",
                $"must be fewer than {Layers.Count} stages for images of data.input.size ({images.Input.Size}): each halves the side, and the last must have at least two pixels");
    }

    /// <inheritdoc/>
    public void Check(ConfigCheck check)
    {
        check.That(Layers.Count <= 8, "layers", $"must be at most 8 stages, not {Layers.Count}");
        if (Size is { } size && Layers.Count <= 8)
            check.That(size >> (Layers.Count - 1) >= 2, "layers", $"must be fewer than {Layers.Count} stages for images of {check.At("size")} ({size}): each halves the side, and the last must have at least two pixels");
    }
}

/// <summary>The residual network: convolutions whose output is added to their input.</summary>
/// <remarks>
/// He et al. 2016, section 4.2. Shortcuts have no parameters (their option A): where a stage begins, every second pixel is used, and the
/// new channels are zeros.
/// </remarks>
public sealed class Resnet : ImageModel
{
    readonly ResnetConfig config;
    [ComponentName(Name = "stem")]
    readonly Convolution stem;
    [ComponentName(Name = "stem_norm")]
    readonly BatchNorm stemNorm;
    readonly ModuleList<ResnetBlock> blocks;
    readonly Linear head;

    /// <summary>Creates a model with freshly initialised weights.</summary>
    /// <param name="shape">The images and the classes.</param>
    /// <param name="generator">The random stream for the weights.</param>
    public Resnet(ResnetConfig config, ImageShape shape, Generator? generator = null) : base(nameof(Resnet), shape)
    {
        this.config = config;
        stem = new Convolution(shape.Channels, config.Width);
        stemNorm = new BatchNorm(config.Width);
        blocks = nn.ModuleList(Enumerable.Range(0, config.Layers.Count).SelectMany(stage => Enumerable.Range(0, config.Layers[stage]).Select(layer => MakeBlock(stage, layer))).ToArray());
        head = new Linear(config.WidthAt(config.Layers.Count - 1), shape.Classes);
        RegisterComponents();
        Initialization.Apply(this, config.Init, config.Layers.Sum(), generator);
    }

    ResnetBlock MakeBlock(int stage, int layer)
    {
        var begins = stage > 0 && layer == 0;
        return new ResnetBlock(config.WidthAt(begins ? stage - 1 : stage), config.WidthAt(stage), stride: begins ? 2 : 1);
    }

    /// <inheritdoc/>
    public override int Depth => config.Layers.Sum() + 1;

    /// <inheritdoc/>
    public override Tensor Logits(Tensor images, AttentionRecorder? recorder = null, RandomPosition random = default) => head.call(Features(images, recorder, random));

    // The pooled output of the last block.
    Tensor Features(Tensor images, AttentionRecorder? recorder, RandomPosition random)
    {
        var x = stemNorm.call(stem.call(images)).relu();                            // [B, C, Y, X]
        foreach (var block in blocks) x = block.call(x);                            // [B, 2ⁿC, Y/2ⁿ, X/2ⁿ]
        return x.mean([2L, 3L]);                                                    // [B, D]
    }

    /// <inheritdoc/>
    public override int DepthOf(string parameter) => LayerNames.DepthOf(parameter, Depth);

    /// <inheritdoc/>
    public override Tensor? Adapt(string parameter, Tensor stored, long[] shape) =>
        parameter.StartsWith("head.", StringComparison.Ordinal) ? null : throw LayerNames.Misfit(parameter, stored, shape);
}

/// <summary>ReLU(x + f(x)), where f is two convolutions of 3 × 3, each with its norm.</summary>
/// <remarks>He et al. 2016, section 3.2 and figure 2.</remarks>
public sealed class ResnetBlock : nn.Module<Tensor, Tensor>
{
    readonly Convolution conv1, conv2;
    readonly BatchNorm norm1, norm2;
    readonly long stride, added;

    /// <summary>Creates a block; the model that contains it initialises the weights.</summary>
    /// <param name="inputs">The number of input channels.</param>
    /// <param name="outputs">The number of output channels, at least as many.</param>
    /// <param name="stride">1, or 2 to halve the side.</param>
    public ResnetBlock(long inputs, long outputs, long stride = 1) : base(nameof(ResnetBlock))
    {
        (this.stride, added) = (stride, outputs - inputs);
        conv1 = new Convolution(inputs, outputs, stride: stride);
        norm1 = new BatchNorm(outputs);
        conv2 = new Convolution(outputs, outputs);
        norm2 = new BatchNorm(outputs);
        RegisterComponents();
    }

    /// <summary>Computes the block.</summary>
    /// <param name="x">[B, inputs, Y, X].</param>
    /// <returns>[B, outputs, ⌈Y/stride⌉, ⌈X/stride⌉].</returns>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var h = norm1.call(conv1.call(x)).relu();
        h = norm2.call(conv2.call(h));
        return h.Plus(Shortcut(x)).relu().MoveToOuterDisposeScope();
    }

    Tensor Shortcut(Tensor x)
    {
        if (stride > 1) x = x.slice(2, 0, x.size(2), stride).slice(3, 0, x.size(3), stride);
        return added == 0 ? x : nn.functional.pad(x, [0, 0, 0, 0, 0, added]);
    }
}

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
