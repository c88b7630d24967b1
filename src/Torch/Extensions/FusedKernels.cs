using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp.Extensions;

/// <summary>Operators of this project's own, each one kernel where libtorch has many; all with gradients.</summary>
/// <remarks>On a CUDA device they are computed by composed formulas inside the operator.</remarks>
public static class FusedKernels
{
    static readonly Op attention = Op.Find("transformer::attention");
    static readonly Op packed_attention = Op.Find("transformer::packed_attention");
    static readonly Op linear_cross_entropy = Op.Find("transformer::linear_cross_entropy");
    static readonly Op layer_norm = Op.Find("transformer::layer_norm");
    static readonly Op rms_norm = Op.Find("transformer::rms_norm");
    static readonly Op bias_activation = Op.Find("transformer::bias_activation");
    static readonly Op gated_activation = Op.Find("transformer::gated_activation");
    static readonly Op feed_forward = Op.Find("transformer::feed_forward");
    static readonly Op attention_sublayer = Op.Find("transformer::attention_sublayer");
    static readonly Op bf16_products = Op.Find("transformer::bf16_products");
    static readonly Op adamw_step = Op.Find("transformer::adamw_step_");
    static readonly Op dropout_add = Op.Find("transformer::dropout_add");
    static readonly Op grad_norm = Op.Find("transformer::grad_norm");

    /// <summary>Attention over blocks of keys, never the matrix of weights in memory.</summary>
    /// <param name="q">[B, H, T, E]; any strides with the last dimension contiguous.</param>
    /// <param name="k">[B, K, S, E], K dividing H.</param>
    /// <param name="v">[B, K, S, E].</param>
    /// <param name="bias">Added to the scores; broadcasts to [B, H, T, S].</param>
    /// <param name="causal">Whether a query sees no key after its own place.</param>
    /// <param name="dropout">The share of weights dropped.</param>
    /// <returns>[B, H, T, E].</returns>
    public static Tensor Attention(Tensor q, Tensor k, Tensor v, Tensor? bias, bool causal, double dropout) =>
        attention.Call(q, k, v, bias, Value.None, causal, Value.None, 0, dropout);

    /// <summary>The same from one tensor of queries, keys and values, whose gradient is one tensor too.</summary>
    /// <param name="qkv">[B, T, (H + 2K)·E].</param>
    /// <param name="heads">H.</param>
    /// <param name="groups">K.</param>
    /// <param name="bias">Added to the scores; broadcasts to [B, H, T, T].</param>
    /// <param name="causal">Whether a query sees no key after its own place.</param>
    /// <param name="dropout">The share of weights dropped.</param>
    /// <returns>[B, T, H·E].</returns>
    public static Tensor PackedAttention(Tensor qkv, int heads, int groups, Tensor? bias, bool causal, double dropout) =>
        packed_attention.Call(qkv, heads, groups, bias, Value.None, causal, Value.None, 0, dropout);

    /// <summary>The sum of the cross entropies of hidden·weightᵀ, whose logits never exist all at once.</summary>
    /// <param name="hidden">[N, D].</param>
    /// <param name="weight">[V, D].</param>
    /// <param name="targets">[N]; -100 does not count.</param>
    /// <param name="smoothing">The share of the probability spread over all tokens.</param>
    /// <param name="bf16">Whether products are computed in bfloat16.</param>
    /// <returns>The sum that is minimised, and the sum without smoothing, which has no gradient.</returns>
    public static (Tensor Objective, Tensor CrossEntropy) LinearCrossEntropySum(Tensor hidden, Tensor weight, Tensor targets, double smoothing, bool bf16)
    {
        var results = linear_cross_entropy.CallMany(hidden, weight, Value.None, targets, -100, smoothing, bf16);
        return (results[0], results[1]);
    }

    /// <summary>Layer norm over the last dimension.</summary>
    public static Tensor LayerNorm(Tensor x, Tensor? weight, Tensor? bias, double epsilon, ScalarType? type = null)
    {
        var results = layer_norm.CallMany(x, Value.None, weight, bias, epsilon, type);
        results[1]?.Dispose();
        return results[0];
    }

    /// <summary>Root-mean-square norm over the last dimension.</summary>
    public static Tensor RmsNorm(Tensor x, Tensor? weight, double epsilon, ScalarType? type = null)
    {
        var results = rms_norm.CallMany(x, Value.None, weight, epsilon, type);
        results[1]?.Dispose();
        return results[0];
    }

    /// <summary>An activation of x + bias: <c>gelu</c>, <c>gelu_tanh</c>, <c>relu</c>.</summary>
    public static Tensor BiasActivation(Tensor x, Tensor? bias, string kind) => bias_activation.Call(x, bias, kind);

    /// <summary>An activation of the first half of the last dimension, times the second half: <c>silu</c>.</summary>
    public static Tensor GatedActivation(Tensor x, string kind) => gated_activation.Call(x, kind);

    /// <summary>Dropout (Srivastava et al. 2014) that keeps nothing for the backward pass but a seed, drawn from the default generator.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="share">The share of numbers that become 0, below 1; the others are divided by what is left of 1.</param>
    public static Tensor Dropout(Tensor x, double share) => dropout_add.Call(x, Value.None, share);

    /// <summary>Whether the kernels in use multiply bfloat16 numbers on a processor.</summary>
    public static bool HasBFloat16Products => bf16_products.CallBool();

    /// <summary>The feed-forward sublayer in one operator: x + drop(down(act(up(norm(x))))), or with the norm after the sum.</summary>
    /// <param name="x">[…, D], 32-bit floats in CPU memory.</param>
    /// <param name="scale">The norm's scale, [D].</param>
    /// <param name="shift">The norm's shift, [D].</param>
    /// <param name="epsilon">Added to the norm's variance.</param>
    /// <param name="rms">Whether the norm is the root mean square's, without centring.</param>
    /// <param name="post">Whether the norm comes after the sum.</param>
    /// <param name="up">[F, D], or [2F, D] for <c>swiglu</c>.</param>
    /// <param name="upBias">[F] or [2F].</param>
    /// <param name="down">[D, F].</param>
    /// <param name="downBias">[D].</param>
    /// <param name="activation"><c>gelu</c>, <c>gelu_tanh</c>, <c>relu</c>, <c>silu</c> or <c>swiglu</c>.</param>
    /// <param name="bf16">Whether products are computed in bfloat16; D and F are then even.</param>
    /// <param name="hiddenDropout">The share of hidden activations dropped.</param>
    /// <param name="dropout">The share of the output dropped before the sum.</param>
    /// <returns>[…, D].</returns>
    public static Tensor FeedForward(Tensor x, Tensor? scale, Tensor? shift, double epsilon, bool rms, bool post,
        Tensor up, Tensor? upBias, Tensor down, Tensor? downBias, string activation, bool bf16, double hiddenDropout, double dropout) =>
        feed_forward.Call(x, scale, shift, up, upBias, down, downBias, epsilon, rms, post, activation, bf16, hiddenDropout, dropout);

    /// <summary>The attention sublayer in one operator: x + drop(output(attention(norm(x)))), or with the norm after the sum.</summary>
    /// <param name="x">[B, T, D], 32-bit floats in CPU memory.</param>
    /// <param name="source">[B, S, D], whose keys and values are attended to; null for x itself.</param>
    /// <param name="scale">The norm's scale, [D].</param>
    /// <param name="shift">The norm's shift, [D].</param>
    /// <param name="epsilon">Added to the norm's variance.</param>
    /// <param name="rms">Whether the norm is the root mean square's, without centring.</param>
    /// <param name="post">Whether the norm comes after the sum.</param>
    /// <param name="query">[(H + 2K)·E, D]: queries, keys and values; with a source, [H·E, D].</param>
    /// <param name="queryBias">Its bias.</param>
    /// <param name="key">[2K·E, D]: keys and values of the source; null within one sequence.</param>
    /// <param name="keyBias">Its bias.</param>
    /// <param name="output">[D, H·E].</param>
    /// <param name="outputBias">[D].</param>
    /// <param name="bias">Added to the scores; broadcasts to [B, H, T, S].</param>
    /// <param name="lengths">[B]: keys from there on are hidden.</param>
    /// <param name="cosine">[T, E] of floats: queries and keys turn by their place; null for no turning.</param>
    /// <param name="sine">[T, E] of floats.</param>
    /// <param name="heads">H.</param>
    /// <param name="groups">K.</param>
    /// <param name="causal">Whether a query sees no key after its own place.</param>
    /// <param name="bf16">Whether products are computed in bfloat16; all widths are then even.</param>
    /// <param name="weightDropout">The share of attention weights dropped.</param>
    /// <param name="dropout">The share of the output dropped before the sum.</param>
    /// <returns>[B, T, D].</returns>
    public static Tensor AttentionSublayer(Tensor x, Tensor? source, Tensor? scale, Tensor? shift, double epsilon, bool rms, bool post,
        Tensor query, Tensor? queryBias, Tensor? key, Tensor? keyBias, Tensor output, Tensor? outputBias, Tensor? bias, Tensor? lengths,
        Tensor? cosine, Tensor? sine, int heads, int groups, bool causal, bool bf16, double weightDropout, double dropout) =>
        attention_sublayer.Call(x, source, scale, shift, query, queryBias, key, keyBias, output, outputBias,
            bias, lengths, cosine, sine, heads, groups, causal, epsilon, rms, post, bf16, weightDropout, dropout);

    /// <summary>The Euclidean norm of all tensors together; the order of summation does not depend on the threads.</summary>
    public static Tensor GradientNorm(Tensor[] gradients) => grad_norm.Call(gradients);

    /// <summary>One step of AdamW over all parameters in one pass.</summary>
    public static void AdamWStep(Tensor[] parameters, Tensor[] gradients, Tensor[] first, Tensor[] second, double[] rates, double[] decays,
        double beta1, double beta2, double epsilon, long step, double scale) =>
        adamw_step.CallVoid(parameters, gradients, first, second, new Tensor?[parameters.Length], rates, decays, beta1, beta2, epsilon, step, scale);
}
