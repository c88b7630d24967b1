using TorchSharp;
using TorchSharp.Modules;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>Reads a text in both directions: a vector for each token.</summary>
/// <remarks>
/// Devlin et al. 2019, section 3. With post-norm the embeddings are normalised, as in BERT's code; with pre-norm the end is.
/// </remarks>
public sealed class TextEncoder : nn.Module
{
    readonly EncoderConfig config;
    readonly Embedding tokens;
    readonly Positions positions;
    readonly Norm norm;
    readonly Dropout dropout;
    readonly ModuleList<Block> blocks;

    /// <summary>An encoder with fresh weights, which the model that it is part of draws.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="vocabulary">The number of tokens V.</param>
    public TextEncoder(EncoderConfig config, int vocabulary) : base(nameof(TextEncoder))
    {
        this.config = config;
        tokens = nn.Embedding(vocabulary, config.Width);
        positions = Positions.Create(config.Positions, config.Context, config.Width, config.Heads);
        norm = new Norm(config.Norm, config.Width, config.Bias);
        dropout = new Dropout(config.Dropout);
        blocks = nn.ModuleList(Enumerable.Range(0, config.Layers).Select(_ => new Block(
            new Attention(config.Width, config.Heads, null, config.Bias, config.InnerDropout),
            new FeedForward(config.FeedForward, config.Width, config.Bias, config.InnerDropout),
            () => new Residual(config.Norm, config.Width, config.Bias, config.Dropout))).ToArray());
        RegisterComponents();
    }

    /// <summary>The most tokens of a text.</summary>
    public int Context => config.Context;

    /// <summary>The embeddings of tokens, [V, D].</summary>
    public Tensor TokenWeight => tokens.weight!;

    /// <summary>A vector for each token.</summary>
    /// <param name="ids">[B, S], whole numbers below V.</param>
    /// <param name="mask">Hides padding: <see cref="PaddingMask.Of"/>.</param>
    /// <param name="recorder">Takes the attention weights.</param>
    /// <param name="random">The position in the run, for dropout.</param>
    /// <returns>[B, S, D]; rows of padding hold nothing of use.</returns>
    /// <exception cref="ArgumentException">More tokens than the context holds.</exception>
    public Tensor forward(Tensor ids, PaddingMask? mask = null, AttentionRecorder? recorder = null, RandomPosition random = default)
    {
        var (_, S) = ids.Dims2();
        if (S > config.Context) throw new ArgumentException($"{S} tokens do not fit the model's context of {config.Context}");
        var pre = config.Norm.Placement == NormPlacement.Pre;
        var x = positions.Embed(tokens.call(ids), 0);                                                   // [B, S, D]
        if (!pre) x = norm.call(x);
        x = dropout.forward(x, random);
        var bias = positions.Bias(S, S, x, bidirectional: true)?.unsqueeze(0);                          // [1, H, S, S]
        foreach (var block in blocks)
            x = block.forward(x, new AttentionInput(positions, Causal: false, bias, Recorder: recorder, Padding: mask, Random: random));
        return pre ? norm.call(x) : x;                                                                  // [B, S, D]
    }
}
