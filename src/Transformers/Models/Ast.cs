using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Audio;
using Transformers.IO;
using Transformers.Layers;
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
