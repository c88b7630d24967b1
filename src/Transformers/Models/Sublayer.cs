using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>What stands around a sublayer, for the engine's operators over whole sublayers.</summary>
/// <param name="Weight">The norm's scale, [D].</param>
/// <param name="Bias">The norm's shift, [D]; null for none.</param>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="Rms">Whether the norm is the root mean square's, without centring.</param>
/// <param name="Post">Whether the norm comes after the residual sum and not before the sublayer.</param>
/// <param name="Dropout">The share of the sublayer's output that is dropped before the sum.</param>
internal readonly record struct SublayerNorm(Tensor Weight, Tensor? Bias, double Epsilon, bool Rms, bool Post, double Dropout);

/// <summary>The projections of an attention sublayer.</summary>
/// <param name="Query">[(H + 2K)·E, D]: queries, keys and values; with <paramref name="Key"/>, [H·E, D].</param>
/// <param name="QueryBias">The bias of <paramref name="Query"/>.</param>
/// <param name="Key">[2K·E, D]: keys and values of another sequence; null within one.</param>
/// <param name="KeyBias">The bias of <paramref name="Key"/>.</param>
/// <param name="Output">[D, H·E].</param>
/// <param name="OutputBias">[D].</param>
internal readonly record struct AttentionWeights(Tensor Query, Tensor? QueryBias, Tensor? Key, Tensor? KeyBias, Tensor Output, Tensor? OutputBias);
