using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Audio;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A transformer on patches of a spectrogram that classifies a recording.</summary>
/// <remarks>Gong et al. 2021 (Audio Spectrogram Transformer), section 2.1.</remarks>
[Kind("ast")]
public sealed record AstConfig : PatchModelConfig
{
    /// <summary>The side P of a patch, in bands and in frames of 10 ms.</summary>
    [Between(1, 512)]
    public int Patch { get; init; } = 16;

    /// <summary>The step from one patch to the next, in bands and frames; 10 in the paper, by default the patch size. An incomplete patch at the end is dropped.</summary>
    [Between(1, 512)]
    public int? Stride { get; init; }

    internal (int Rows, int Columns) GridOf(SoundShape shape) => (CountOf(shape.Mels), CountOf(shape.Frames));

    int CountOf(int length) => length < Patch ? 0 : (length - Patch) / (Stride ?? Patch) + 1;

    internal long TokensOf(SoundShape shape) => TokensOf((long)CountOf(shape.Mels) * CountOf(shape.Frames));

    /// <inheritdoc/>
    public override void CheckData(ConfigCheck check, DataConfig data)
    {
        if (data is not AudioDataConfig audio) return;
        var shape = SoundShape.Of(audio, 2);
        check.That(Patch <= shape.Mels, "model.patch", $"({Patch}) must be at most data.mels ({shape.Mels})");
        check.That(Patch <= shape.Frames, "model.patch", $"({Patch}) must be at most the frames of data.seconds ({shape.Frames})");
    }

    internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes) =>
        AddAll(products, batch.Rows, batch.Source - TokensOf(0L), (long)Patch * Patch, sizes.Classes);
}

/// <summary>The sizes of an audio model's inputs and outputs.</summary>
/// <param name="Frames">The number of frames T of a spectrogram.</param>
/// <param name="Mels">The number of bands M of a spectrogram.</param>
/// <param name="Classes">The number of classes N.</param>
public readonly record struct SoundShape(int Frames, int Mels, int Classes)
{
    /// <summary>The sizes that a data config implies.</summary>
    public static SoundShape Of(AudioDataConfig data, int classes) => new(LogMel.FramesOf(SamplesOf(data)), data.Mels, classes);

    /// <summary>The number of samples in the model's input.</summary>
    public static int SamplesOf(AudioDataConfig data) => (int)Math.Round(data.Seconds * LogMel.Rate);
}

/// <summary>A Vision Transformer on spectrograms.</summary>
/// <remarks>Gong et al. 2021, section 2.1 and figure 1; one class token, or the mean of all patches; the paper's code has a second token, for distillation.</remarks>
public sealed class Ast : nn.Module<Tensor, Tensor>, ILayered, IAdaptsWeights
{
    readonly AstConfig config;
    [ComponentName(Name = "patch_emb")]
    readonly Linear patches;
    [ComponentName(Name = "cls_token")]
    readonly Parameter? classToken;
    [ComponentName(Name = "pos_emb")]
    readonly ImagePositions positions;
    readonly Dropout dropout;
    readonly ModuleList<Block> blocks;
    readonly Norm? norm;
    readonly Linear head;

    /// <summary>Creates a model with freshly initialised weights.</summary>
    /// <param name="shape">The spectrograms and the classes.</param>
    /// <param name="generator">The random stream for the weights.</param>
    /// <exception cref="UserException">The spectrogram is smaller than a patch.</exception>
    public Ast(AstConfig config, SoundShape shape, Generator? generator = null) : base(nameof(Ast))
    {
        (this.config, Shape) = (config, shape);
        var (rows, columns) = config.GridOf(shape);
        if (rows == 0 || columns == 0) throw new UserException($"model.patch ({config.Patch}) must be at most data.mels ({shape.Mels}) and the frames of data.seconds ({shape.Frames})");
        patches = new Linear(config.Patch * config.Patch, config.Width);
        classToken = config.Pool == ImagePooling.Cls ? nn.Parameter(zeros(config.Width)) : null;
        positions = ImagePositions.Create(config.Positions, rows, columns, config.Width, classToken is not null);
        dropout = new Dropout(config.Drop.Activations);
        blocks = PatchBlocks.Create(config);
        norm = config.Norm.Placement == NormPlacement.Pre ? new Norm(config.Norm, config.Width) : null;
        head = new Linear(config.Width, shape.Classes);
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, config.Layers, generator);
    }

    /// <summary>The sizes of inputs and outputs.</summary>
    public SoundShape Shape { get; }

    /// <summary>Rows (frequency, low first) and columns (time) of patches.</summary>
    public (int Rows, int Columns) Grid => config.GridOf(Shape);

    /// <inheritdoc/>
    public int Depth => config.Layers + 1;

    /// <inheritdoc/>
    public override Tensor forward(Tensor spectrogram) => Logits(spectrogram);

    /// <summary>Unnormalised scores of the classes.</summary>
    /// <param name="spectrogram">[B, T, M], normalised.</param>
    /// <param name="recorder">Records attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, N].</returns>
    public Tensor Logits(Tensor spectrogram, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        var (P, step) = (config.Patch, config.Stride ?? config.Patch);
        var cut = spectrogram.transpose(1, 2).unfold(1, P, step).unfold(2, P, step);                 // [B, Y, X, P, P]: bands, then frames
        var (B, Y, X) = (cut.size(0), cut.size(1), cut.size(2));
        var x = positions.Embed(patches.call(cut.reshape(B, Y * X, P * P)), Y, X);                   // [B, Y·X, D]
        if (classToken is not null)
            x = cat([positions.EmbedClass(classToken).to(x.dtype).expand(B, 1, config.Width), x], 1);   // [B, 1 + Y·X, D]
        x = dropout.forward(x, random);
        foreach (var block in blocks)
            x = block.forward(x, new AttentionInput(Recorder: recorder, Random: random));
        if (norm is not null) x = norm.call(x);
        return head.call(classToken is null ? x.mean([1L]) : x.select(1, 0));                        // [B, N]
    }

    /// <inheritdoc/>
    public int DepthOf(string parameter) => LayerNames.DepthOf(parameter, Depth);

    /// <inheritdoc/>
    public Tensor? Adapt(string parameter, Tensor stored, long[] shape) => PatchBlocks.Adapt(parameter, stored, shape);
}

/// <summary>Turns recordings into log-mel spectrograms.</summary>
/// <remarks>
/// Gong et al. 2021, section 2.1: windows of 25 ms (Hann) every 10 ms. The power spectrum is computed on windows padded with zeros to 1024
/// samples, so that none of 100 bands is empty; bands are triangles from 20 Hz to 8 kHz on the mel scale 2595·log₁₀(1 + f/700)
/// (O'Shaughnessy 1987).
/// </remarks>
public sealed class LogMel : IDisposable
{
    /// <summary>Samples per second.</summary>
    public const int Rate = 16_000;

    /// <summary>Samples from one frame to the next.</summary>
    public const int Hop = 160;

    internal const int Window = 400, Fft = 1024;
    internal const double Lowest = 20, Highest = 8000, Floor = 1e-6;
    const int Bins = Fft / 2 + 1;

    readonly Tensor window, bands;

    /// <summary>Creates the filters for a number of bands.</summary>
    /// <param name="mels">The number of bands M.</param>
    public LogMel(int mels, Device device)
    {
        using var scope = NewDisposeScope();
        window = hann_window(Window).to(device).DetachFromDisposeScope();
        bands = tensor(Bands(mels), [Bins, mels]).to(ScalarType.Float32).to(device).DetachFromDisposeScope();
    }

    /// <summary>The number of frames of a recording.</summary>
    /// <param name="samples">The number of its samples.</param>
    public static int FramesOf(int samples) => samples / Hop;

    /// <summary>The spectrogram of recordings of one length.</summary>
    /// <param name="samples">[B, S], at 16 kHz, more than 512 samples.</param>
    /// <returns>[B, T, M]: the natural logarithm of each band's power in each frame.</returns>
    public Tensor Of(Tensor samples)
    {
        using var scope = NewDisposeScope();
        var spectrum = stft(samples, Fft, hop_length: Hop, win_length: Window, window: window, return_complex: true);       // [B, Bins, T + 1]
        var power = (spectrum.real * spectrum.real).Plus(spectrum.imag * spectrum.imag);
        var frames = power.transpose(1, 2).narrow(1, 0, FramesOf((int)samples.size(1)));                                     // [B, T, Bins]
        return frames.matmul(bands).Plus(Floor).log().MoveToOuterDisposeScope();
    }

    // [Bins, mels]: the weight of each frequency in each band.
    static double[] Bands(int mels)
    {
        var (low, high) = (MelOf(Lowest), MelOf(Highest));
        var edges = Enumerable.Range(0, mels + 2).Select(i => HertzOf(low + (high - low) * i / (mels + 1))).ToArray();
        var bands = new double[Bins * mels];
        for (var bin = 0; bin < Bins; bin++)
            for (var mel = 0; mel < mels; mel++)
            {
                var frequency = (double)bin * Rate / Fft;
                var (rising, falling) = ((frequency - edges[mel]) / (edges[mel + 1] - edges[mel]), (edges[mel + 2] - frequency) / (edges[mel + 2] - edges[mel + 1]));
                bands[bin * mels + mel] = Math.Max(0, Math.Min(rising, falling));
            }
        return bands;
    }

    static double MelOf(double hertz) => 2595 * Math.Log10(1 + hertz / 700);

    /// <summary>The frequency of a value on the mel scale, in Hz.</summary>
    internal static double HertzOf(double mel) => 700 * (Math.Pow(10, mel / 2595) - 1);

    /// <summary>The centre of each band, in Hz.</summary>
    public static IReadOnlyList<double> MiddlesOf(int mels) =>
        [.. Enumerable.Range(1, mels).Select(i => HertzOf(MelOf(Lowest) + (MelOf(Highest) - MelOf(Lowest)) * i / (mels + 1)))];

    /// <inheritdoc/>
    public void Dispose()
    {
        window.Dispose();
        bands.Dispose();
    }
}
