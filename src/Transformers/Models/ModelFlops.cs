using Transformers.Configs;
using Transformers.IO;
using Transformers.Layers;

namespace Transformers.Models;

/// <summary>A product of vectors with a matrix of weights.</summary>
/// <param name="Rows">The number of vectors in a batch.</param>
/// <param name="In">The width of what goes in.</param>
/// <param name="Out">The width of what comes out.</param>
/// <param name="Times">How many matrices do this.</param>
sealed record MatrixProduct(long Rows, long In, long Out, long Times)
{
    internal double Flops => 2.0 * Rows * In * Out * Times;
}

/// <summary>The products of a model's forward pass over one batch.</summary>
/// <param name="Matrices">With matrices of weights, in the order of the model.</param>
/// <param name="AttentionFlops">Operations of queries with keys and of weights with values.</param>
sealed record ForwardProducts(IReadOnlyList<MatrixProduct> Matrices, double AttentionFlops)
{
    internal double Flops => Matrices.Sum(one => one.Flops) + AttentionFlops;
}

/// <summary>Counts the floating-point operations of a model's products over a batch.</summary>
/// <remarks>
/// Kaplan et al. 2020, section 2.1, and Chowdhery et al. 2022, appendix B: a product takes two operations for each number of
/// its matrix in the forward pass and four in the backward pass; attention takes 4·T·D a query and layer, and twice that
/// backward, without the half that a causal mask saves. Lookups and norms count nothing. Padding counts: it is computed.
/// </remarks>
sealed class ModelFlops
{
    readonly ModelConfig model;
    readonly int vocabulary, classes;
    readonly ImageShape image;

    ModelFlops(ModelConfig model, int vocabulary, int classes, ImageShape image) =>
        (this.model, this.vocabulary, this.classes, this.image) = (model, vocabulary, classes, image);

    /// <summary>Of a network over tokens.</summary>
    internal static ModelFlops OfTokens(ModelConfig model, int vocabulary, int classes = 0) => new(model, vocabulary, classes, default);

    /// <summary>Of a network over images.</summary>
    internal static ModelFlops OfImages(ModelConfig model, ImageShape image) => new(model, 0, image.Classes, image);

    /// <summary>Operations of a forward and backward pass.</summary>
    internal double Of(BatchShape shape) => 3 * Forward(shape).Flops;

    /// <summary>The products of a forward pass.</summary>
    internal ForwardProducts Forward(BatchShape shape)
    {
        var products = new Products();
        switch (model)
        {
            case GptConfig gpt: Gpt(products, gpt, shape.Rows, shape.Source); break;
            case Seq2SeqConfig pair: Seq2Seq(products, pair, shape); break;
            case EncoderConfig encoder: Encoder(products, encoder, shape); break;
            case VitConfig vit: Vit(products, vit, shape.Rows); break;
            case SwinConfig swin: Swin(products, swin, shape.Rows); break;
            default: throw new UserException($"the operations of a model of kind {KindAttribute.Of(model)} cannot be counted");
        }
        return new(products.Matrices, products.AttentionFlops);
    }

    void Gpt(Products products, GptConfig config, long B, long T)
    {
        products.SelfAttention(B, T, config.Width, config.Heads, config.KeyValueHeads ?? config.Heads, config.Layers);
        products.FeedForward(B * T, config.Width, config.FeedForward, config.Layers);
        products.Matrix(B * T, config.Width, vocabulary);
    }

    void Seq2Seq(Products products, Seq2SeqConfig config, BatchShape shape)
    {
        var (B, S, T, D, layers) = (shape.Rows, shape.Source, shape.Target, config.Width, config.DecoderLayers ?? config.Layers);
        products.SelfAttention(B, S, D, config.Heads, config.Heads, config.Layers);
        products.FeedForward(B * S, D, config.FeedForward, config.Layers);
        products.SelfAttention(B, T, D, config.Heads, config.Heads, layers);
        products.CrossAttention(B, T, S, D, layers);
        products.FeedForward(B * T, D, config.FeedForward, layers);
        products.Matrix(shape.Targets, D, vocabulary);
    }

    void Encoder(Products products, EncoderConfig config, BatchShape shape)
    {
        var (B, S, D) = (shape.Rows, shape.Source, config.Width);
        products.SelfAttention(B, S, D, config.Heads, config.Heads, config.Layers);
        products.FeedForward(B * S, D, config.FeedForward, config.Layers);
        var classifies = config.Head is ClassifyHeadConfig;
        products.Matrix(classifies ? B : shape.Targets, D, D);
        products.Matrix(classifies ? B : shape.Targets, D, classifies ? classes : vocabulary);
    }

    void Vit(Products products, VitConfig config, long B)
    {
        long side = image.Size / config.Patch, patches = side * side, D = config.Width;
        var T = patches + (config.Pool == ImagePooling.Cls ? 1 : 0);
        products.Matrix(B * patches, (long)image.Channels * config.Patch * config.Patch, D);
        products.SelfAttention(B, T, D, config.Heads, config.Heads, config.Layers);
        products.FeedForward(B * T, config.Width, config.FeedForward, config.Layers);
        products.Matrix(B, D, classes);
    }

    void Swin(Products products, SwinConfig config, long B)
    {
        long side = (image.Size + config.Patch - 1) / config.Patch;
        products.Matrix(B * side * side, (long)image.Channels * config.Patch * config.Patch, config.Width);
        for (var stage = 0; stage < config.Layers.Count; stage++)
        {
            var (D, layers) = (config.WidthAt(stage), config.Layers[stage]);
            if (stage > 0)
            {
                side = (side + 1) / 2;
                products.Matrix(B * side * side, 2 * D, D); // four neighbours of half the width
            }
            // A shift changes where windows are cut, not how many there are.
            var windows = Windows.Of(side, side, config.Window, shifted: false);
            products.SelfAttention(B * windows.Count, windows.Places, D, config.Heads[stage], config.Heads[stage], layers);
            products.FeedForward(B * side * side, D, config.FeedForward, layers);
        }
        products.Matrix(B, config.WidthAt(config.Layers.Count - 1), classes);
    }

    sealed class Products
    {
        internal List<MatrixProduct> Matrices { get; } = [];
        internal double AttentionFlops { get; private set; }

        internal void Matrix(long rows, long @in, long @out, long times = 1) => Matrices.Add(new(rows, @in, @out, times));

        internal void SelfAttention(long B, long T, long D, long H, long K, long layers)
        {
            Matrix(B * T, D, D + 2 * K * (D / H), layers);
            Matrix(B * T, D, D, layers);
            AttentionFlops += 4.0 * B * T * T * D * layers;
        }

        internal void CrossAttention(long B, long T, long S, long D, long layers)
        {
            Matrix(B * T, D, D, layers);
            Matrix(B * S, D, 2 * D, layers);
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
}
