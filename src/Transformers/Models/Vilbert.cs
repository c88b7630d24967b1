using TorchSharp.Modules;
using TorchSharp.Utils;
using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>The sizes of ViLBERT's inputs and outputs.</summary>
/// <param name="Vocabulary">The number of tokens V.</param>
/// <param name="Answers">The number of answers N; 0 for none.</param>
/// <param name="Size">The side of an image, in pixels; 1 for region features.</param>
/// <param name="Channels">The number of channels C of an image, or of features of a region.</param>
/// <param name="RegionClasses">The number of the detector's classes; 0 for none.</param>
public readonly record struct PairShape(int Vocabulary, int Answers, int Size, int Channels, int RegionClasses = 0);

/// <summary>Images as tensors, on the model's device.</summary>
/// <param name="Values">Pixels [B, C, Y·P, X·P], or features of regions [B, R, C].</param>
/// <param name="Boxes">Left, top, right, bottom and area of each region [B, R, 5]; null for pixels.</param>
/// <param name="Counts">The number of regions of each image [B]; null if all have the same number.</param>
/// <param name="Hidden">1 where a region is masked, else 0 [B, R]; null if none is.</param>
public sealed record ImageTensors(Tensor Values, Tensor? Boxes = null, IReadOnlyList<int>? Counts = null, Tensor? Hidden = null);

/// <summary>ViLBERT: a text stream and an image stream, connected by co-attention.</summary>
/// <remarks>
/// Lu et al. 2019, section 3.1. The image stream starts with a token for the whole image, the mean of its regions. Where the paper
/// uses a detector's regions, a model on pixels uses patches, as in Dosovitskiy et al. 2021. Pooling and heads are those of the paper's
/// code: the product of both streams' first tokens after a linear layer and max(0, ·).
/// </remarks>
public sealed class Vilbert : nn.Module, IComputes
{
    readonly VilbertConfig config;
    [ComponentName(Name = "tok_emb")]
    readonly Embedding tokens;
    [ComponentName(Name = "pos_emb")]
    readonly LearnedPositionEmbedding positions;
    [ComponentName(Name = "text_norm")]
    readonly Norm textNorm;
    [ComponentName(Name = "patch_emb")]
    readonly PatchEmbedding? patches;
    [ComponentName(Name = "patch_positions")]
    readonly ImagePositions? patchPositions;
    [ComponentName(Name = "region_emb")]
    readonly Linear? regions;
    [ComponentName(Name = "box_emb")]
    readonly Linear? boxes;
    [ComponentName(Name = "img_token")]
    readonly Parameter imageToken;
    [ComponentName(Name = "mask_token")]
    readonly Parameter maskToken;
    [ComponentName(Name = "image_norm")]
    readonly Norm imageNorm;
    readonly Dropout textDropout, imageDropout, jointDropout;
    [ComponentName(Name = "text_blocks")]
    readonly ModuleList<Block> textBlocks;
    [ComponentName(Name = "image_blocks")]
    readonly ModuleList<Block> imageBlocks;
    [ComponentName(Name = "co_blocks")]
    readonly ModuleList<CoBlock> coBlocks;
    [ComponentName(Name = "text_pool")]
    readonly Linear textPool;
    [ComponentName(Name = "image_pool")]
    readonly Linear imagePool;
    readonly PairHead? head;
    readonly Linear match;
    [ComponentName(Name = "token_head")]
    readonly TransformHead tokenHead;
    [ComponentName(Name = "region_head")]
    readonly TransformHead regionHead;
    [ComponentName(Name = "region_out")]
    readonly Linear regionOutput;

    /// <summary>Creates a model with freshly initialised weights.</summary>
    /// <param name="shape">Texts, images and answers.</param>
    /// <param name="generator">The random stream for the weights.</param>
    public Vilbert(VilbertConfig config, PairShape shape, Generator? generator = null) : base(nameof(Vilbert))
    {
        (this.config, Shape) = (config, shape);
        var (text, image) = (config.Text, config.Image);
        var pre = config.Norm.Placement == NormPlacement.Pre;
        tokens = nn.Embedding(shape.Vocabulary, text.Width);
        positions = new LearnedPositionEmbedding(config.Context, text.Width);
        textNorm = new Norm(config.Norm, text.Width);
        if (config.Patch is { } patch)
        {
            patches = new PatchEmbedding(shape.Channels, patch, image.Width);
            patchPositions = ImagePositions.Create(config.Positions, shape.Size / patch, image.Width, classToken: false);
        }
        else (regions, boxes) = (new Linear(shape.Channels, image.Width), new Linear(5, image.Width));
        imageToken = nn.Parameter(zeros(image.Width));
        maskToken = nn.Parameter(zeros(image.Width));
        imageNorm = new Norm(config.Norm, image.Width);
        (textDropout, imageDropout, jointDropout) = (new Dropout(config.Dropout), new Dropout(config.Dropout), new Dropout(config.Dropout));
        textBlocks = nn.ModuleList(Enumerable.Range(0, config.Text.Layers).Select(_ => CoBlock.Within(text, config.Norm, config.Dropout)).ToArray());
        imageBlocks = nn.ModuleList(Enumerable.Range(0, config.Image.Layers).Select(_ => CoBlock.Within(image, config.Norm, config.Dropout)).ToArray());
        coBlocks = nn.ModuleList(Enumerable.Range(0, config.CoLayers).Select(_ => new CoBlock(text, image, config.Norm, config.Dropout)).ToArray());
        (textPool, imagePool) = (new Linear(text.Width, config.Width), new Linear(image.Width, config.Width));
        head = shape.Answers > 0 ? new PairHead(config.Norm, config.Width, shape.Answers) : null;
        match = new Linear(config.Width, 2);
        (tokenHead, regionHead) = (new TransformHead(config.Norm, text.Width), new TransformHead(config.Norm, image.Width));
        regionOutput = new Linear(image.Width, shape.RegionClasses > 0 ? shape.RegionClasses : Features);
        RegisterComponents();
        RandomLayers.Number(this);
        Initialization.Apply(this, config.Init, Math.Max(config.Text.Layers, config.Image.Layers) + 2 * config.CoLayers, generator);
    }

    /// <summary>Texts, images and answers.</summary>
    public PairShape Shape { get; }

    /// <summary>The length of a region's vector: a patch's pixels, or a region's features.</summary>
    public int Features => Shape.Channels * (config.Patch * config.Patch ?? 1);

    /// <summary>The number of patches of an image; 0 for region features, whose number differs between images.</summary>
    public int Patches => config.Patch is { } patch ? Shape.Size / patch * (Shape.Size / patch) : 0;

    /// <summary>The maximum number of tokens of a text.</summary>
    public int Context => config.Context;

    /// <inheritdoc/>
    public ScalarType Compute { get; set; } = ScalarType.Float32;

    /// <summary>Runs the text stream up to co-attention.</summary>
    /// <param name="ids">[B, T], whole numbers below V.</param>
    /// <param name="mask">Hides padding: <see cref="PaddingMask.Of"/>.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, T, D].</returns>
    public Tensor EmbedText(Tensor ids, PaddingMask? mask = null, RandomPosition random = default)
    {
        var x = Enter(positions.Embed(tokens.call(ids), 0), textNorm, textDropout, random);                    // [B, T, D]
        foreach (var block in textBlocks) x = block.forward(x, new AttentionInput(Padding: mask, Random: random));
        return x;
    }

    /// <summary>Runs the image stream up to co-attention.</summary>
    /// <param name="images">The images, on the model's device.</param>
    /// <param name="mask">Hides padding: <see cref="RegionMask"/>.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, 1 + R, D']: the whole image's token, then its regions.</returns>
    public Tensor EmbedImage(ImageTensors images, PaddingMask? mask = null, RandomPosition random = default)
    {
        var x = patches is null ? regions!.call(images.Values) : patches.call(images.Values).flatten(1, 2);   // [B, R, D']
        x = x.to(ScalarType.Float32);
        var (B, R, D) = x.Dims3();
        if (images.Hidden is { } hidden)
        {
            // Without a C# scalar: TorchSharp may free one while libtorch still reads it.
            x = lerp(x, maskToken, hidden.unsqueeze(-1));                                         // by [B, R, 1]
        }
        var whole = imageToken.Plus(MeanOf(x, images.Counts));                                     // [B, D']
        x = patchPositions is null ? x.Plus(boxes!.call(images.Boxes!).to(ScalarType.Float32))
            : patchPositions.Embed(x, (long)Math.Sqrt(R), (long)Math.Sqrt(R));
        x = Enter(cat([whole.unsqueeze(1), x], 1), imageNorm, imageDropout, random);                            // [B, 1 + R, D']
        foreach (var block in imageBlocks) x = block.forward(x, new AttentionInput(Padding: mask, Random: random));
        return x;
    }

    // The mean excludes padding.
    static Tensor MeanOf(Tensor x, IReadOnlyList<int>? counts) =>
        counts is null ? x.mean([1L]) : TextPooling.Pool(x, counts, Pooling.Mean);

    // BERT normalises embeddings (post-norm); with pre-norm, the norm is at the end of each stream.
    Tensor Enter(Tensor x, Norm norm, Dropout dropout, RandomPosition random) => dropout.forward(config.Norm.Placement == NormPlacement.Post ? norm.call(x) : x, random);

    /// <summary>The mask for the padding of region features; null if there is none.</summary>
    public static PaddingMask? RegionMask(ImageTensors images) =>
        images.Counts is { } counts ? PaddingMask.Of([.. counts.Select(count => count + 1)], (int)images.Values.size(1) + 1, images.Values.device) : null;

    /// <summary>Runs the co-attention layers.</summary>
    /// <param name="text">[B, T, D].</param>
    /// <param name="image">[B, 1 + R, D'].</param>
    /// <param name="input">Padding, recorder and the position in the run.</param>
    /// <returns>The outputs of both streams.</returns>
    public (Tensor Text, Tensor Image) Join(Tensor text, Tensor image, CoInput input)
    {
        foreach (var block in coBlocks) (text, image) = block.forward(text, image, input);
        return config.Norm.Placement == NormPlacement.Pre ? (textNorm.call(text), imageNorm.call(image)) : (text, image);
    }

    /// <summary>Runs both streams to their outputs.</summary>
    /// <param name="ids">[B, T], whole numbers below V.</param>
    /// <param name="lengths">The tokens of each row.</param>
    /// <param name="recorder">Records the weights of co-attention.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, T, D] and [B, 1 + R, D'].</returns>
    public (Tensor Text, Tensor Image) forward(Tensor ids, IReadOnlyList<int> lengths, ImageTensors images, CoAttentionRecorder? recorder = null, RandomPosition random = default)
    {
        var (textMask, imageMask) = (PaddingMask.Of(lengths, (int)ids.size(1), ids.device), RegionMask(images));
        return Join(EmbedText(ids, textMask, random), EmbedImage(images, imageMask, random), new CoInput(textMask, imageMask, recorder, random));
    }

    /// <summary>The joint vector of both streams' outputs.</summary>
    /// <param name="text">[B, T, D].</param>
    /// <param name="image">[B, 1 + R, D'].</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, J].</returns>
    public Tensor Joint(Tensor text, Tensor image, RandomPosition random = default) =>
        jointDropout.forward(nn.functional.relu(textPool.call(text.select(1, 0))) * nn.functional.relu(imagePool.call(image.select(1, 0))), random);

    /// <summary>Unnormalised scores of the answers.</summary>
    /// <param name="joint">[B, J].</param>
    /// <returns>[B, N].</returns>
    public Tensor AnswerLogits(Tensor joint) => (head ?? throw new InvalidOperationException("the model has no answers")).call(joint).to(ScalarType.Float32);

    /// <summary>Unnormalised scores of "does not match" and "matches".</summary>
    /// <param name="joint">[B, J].</param>
    /// <returns>[B, 2].</returns>
    public Tensor MatchLogits(Tensor joint) => match.call(joint).to(ScalarType.Float32);

    /// <summary>Unnormalised scores of the tokens at some positions of the text.</summary>
    /// <param name="text">[M, D].</param>
    /// <returns>[M, V].</returns>
    public Tensor TokenLogits(Tensor text) => LinearFunction.Of(tokenHead.call(text), tokens.weight!, null, null, null, Compute).to(ScalarType.Float32);

    /// <summary>Predictions for some regions: class scores, or the normalised features themselves.</summary>
    /// <param name="image">[M, D'].</param>
    /// <returns>[M, N] or [M, <see cref="Features"/>].</returns>
    public Tensor RegionOutput(Tensor image) => regionOutput.call(regionHead.call(image)).to(ScalarType.Float32);

    /// <summary>The loss of the predictions for regions.</summary>
    /// <param name="output">What <see cref="RegionOutput"/> predicts.</param>
    /// <param name="classes">The class probabilities of all regions, [B·R, N]; null if there are none.</param>
    /// <param name="regions">The indices of the predicted regions in [B·R], [M].</param>
    /// <returns>[M]: the divergence from the classes (Lu et al. 2019, section 3.2); else the mean squared error of the features, normalised for each region (He et al. 2022, section 3).</returns>
    public Tensor RegionLosses(Tensor output, ImageTensors images, Tensor? classes, Tensor regions)
    {
        if (classes is not null)
        {
            var wanted = classes.index_select(0, regions);
            return (wanted.xlogy(wanted) - wanted * output.log_softmax(-1)).sum(-1);
        }
        var all = config.Patch is { } patch ? PatchEmbedding.Flatten(images.Values, patch).flatten(0, 2) : images.Values.flatten(0, 1);   // [B·R, C]
        var numbers = all.index_select(0, regions);
        var centred = numbers - numbers.mean([-1L], keepdim: true);
        var deviation = (centred * centred).mean([-1L], keepdim: true).Plus(tensor(1e-6f, device: output.device)).sqrt();
        var difference = output - centred / deviation;
        return (difference * difference).mean([-1L]);
    }
}

/// <summary>GELU(xW), then a norm: the first part of the heads for masked tokens and regions.</summary>
/// <remarks>As in BERT's code.</remarks>
sealed class TransformHead : nn.Module<Tensor, Tensor>
{
    readonly Linear dense;
    readonly Norm norm;

    internal TransformHead(NormConfig config, int width) : base(nameof(TransformHead))
    {
        (dense, norm) = (new Linear(width, width), new Norm(config, width));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => norm.call(Activations.Gelu(dense.call(x), tanh: false));
}

/// <summary>Predicts answers from the joint vector, with a hidden layer of twice its width.</summary>
/// <remarks>Lu et al. 2019, section 3.3, VQA.</remarks>
sealed class PairHead : nn.Module<Tensor, Tensor>
{
    readonly Linear up, down;
    readonly Norm norm;

    internal PairHead(NormConfig config, int width, int answers) : base(nameof(PairHead))
    {
        (up, norm, down) = (new Linear(width, 2 * width), new Norm(config, 2 * width), new Linear(2 * width, answers));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => down.call(norm.call(Activations.Gelu(up.call(x), tanh: false)));
}
