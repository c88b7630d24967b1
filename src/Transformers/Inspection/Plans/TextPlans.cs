using Transformers.Inspection.Kernels;
using Transformers.Models;

namespace Transformers.Inspection.Plans;

/// <summary>The kernels of the models over tokens, as <see cref="Gpt"/>, <see cref="Seq2Seq"/> and <see cref="EncoderModel"/> run them.</summary>
static class TextPlans
{
    internal static KernelList Gpt(GptConfig config, BatchShape shape, long V, double smoothing)
    {
        var (B, T, D) = (shape.Rows, shape.Source, config.Width);
        var list = new KernelList();
        list.Add(new EmbeddingKernel(B, T, V, D, config.Positions, config.Context, Scale: false, config.Dropout));
        var around = new ResidualKernel(B, T, D, config.Norm, Wide: true) { Bias = config.Bias, Dropout = config.Dropout };
        list.Attention(Attention(config.Positions, B, T, config.Heads, config.KeyValueHeads ?? config.Heads, D, padded: false) with { Causal = true, Dropout = config.Dropout },
            around, config.Bias, config.Layers);
        list.FeedForward(config.FeedForward, around, config.Bias, 0, config.Layers);
        if (config.Norm.Placement == NormPlacement.Pre) list.Add(new NormKernel(B * T, D, config.Norm, Wide: true, config.Bias));
        list.Add(new LossKernel(B * T, B * T, D, V, smoothing));
        if (config.TieEmbeddings) list.Add(new AccumulateKernel(V * D));
        return list;
    }

    internal static KernelList Seq2Seq(Seq2SeqConfig config, BatchShape shape, long sources, long targets, bool shared, double smoothing)
    {
        var (B, S, T, D) = (shape.Rows, shape.Source, shape.Target, config.Width);
        var list = new KernelList();
        foreach (var (length, V) in new[] { (S, sources), (T, targets) })
            list.Add(new EmbeddingKernel(B, length, V, D, config.Positions, config.Context, config.Embeddings.Scale, config.Dropout));
        var decoders = config.DecoderLayers ?? config.Layers;
        foreach (var (length, layers, decodes) in new[] { (S, config.Layers, false), (T, decoders, true) })
        {
            var around = new ResidualKernel(B, length, D, config.Norm, Wide: true) { Bias = config.Bias, Dropout = config.Dropout };
            list.Attention(Attention(config.Positions, B, length, config.Heads, config.Heads, D, !decodes && shape.Padded) with { Causal = decodes, Dropout = config.InnerDropout },
                around, config.Bias, layers);
            if (decodes)
                list.Attention(new AttentionKernel(B, T, S, config.Heads, config.Heads, D / config.Heads)
                {
                    Cross = true, Bias = shape.Padded ? ScoreBias.Padding : ScoreBias.None, Dropout = config.InnerDropout,
                }, around, config.Bias, layers);
            list.FeedForward(config.FeedForward, around, config.Bias, config.InnerDropout, layers);
            if (config.Norm.Placement == NormPlacement.Pre) list.Add(new NormKernel(B * length, D, config.Norm, Wide: true, config.Bias));
        }
        list.Add(new LossKernel(B * T, shape.Targets, D, targets, smoothing));
        // The source's vectors get a gradient of every decoder layer.
        if (decoders > 1) list.Add(new AccumulateKernel(B * S * D), decoders - 1);
        var uses = 1 + (config.Embeddings.Shared ?? shared ? 1 : 0) + (config.Embeddings.TieOutput ? 1 : 0);
        if (uses > 1) list.Add(new AccumulateKernel(targets * D), uses - 1);
        return list;
    }

    internal static KernelList Encoder(EncoderConfig config, BatchShape shape, long V, long classes, double smoothing)
    {
        var (B, S, D) = (shape.Rows, shape.Source, config.Width);
        var list = new KernelList();
        list.Add(new EmbeddingKernel(B, S, V, D, config.Positions, config.Context, Scale: false, config.Dropout));
        var around = new ResidualKernel(B, S, D, config.Norm, Wide: true) { Bias = config.Bias, Dropout = config.Dropout };
        list.Attention(Attention(config.Positions, B, S, config.Heads, config.Heads, D, shape.Padded) with { Dropout = config.InnerDropout }, around, config.Bias, config.Layers);
        list.FeedForward(config.FeedForward, around, config.Bias, config.InnerDropout, config.Layers);
        list.Add(new NormKernel(B * S, D, config.Norm, Wide: true, config.Bias));
        if (config.Head is ClassifyHeadConfig head)
        {
            list.Add(new ClassifyKernel(B, S, D, classes, Wide: true, head.Pool == Pooling.Cls, Pooler: true));
            return list;
        }
        list.Add(new LinearKernel(shape.Targets, D, D, config.Bias, Wide: true));
        list.Add(new ActivationKernel(shape.Targets, D, new GeluConfig()));
        list.Add(new NormKernel(shape.Targets, D, config.Norm, Wide: false, config.Bias));
        list.Add(new LossKernel(B * S, shape.Targets, D, V, smoothing));
        list.Add(new AccumulateKernel(V * D));
        return list;
    }

    static AttentionKernel Attention(PositionsConfig positions, long B, long T, int H, int K, long D, bool padded) => new(B, T, T, H, K, D / H)
    {
        RotaryBase = positions is RotaryPositions rotary ? rotary.Base : null,
        Bias = positions switch
        {
            RelativePositions => ScoreBias.Learned,
            AlibiPositions => ScoreBias.Fixed,
            _ => padded ? ScoreBias.Padding : ScoreBias.None,
        },
    };
}
