using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>
/// Operators that older versions of libtorch lack, put together from ones that all have. The first column of the table is
/// the version that brought the operator:
/// <list type="table">
/// <item><term>2.0</term><description>scaled_dot_product_attention</description></item>
/// </list>
/// </summary>
static class Fallbacks
{
    static readonly Op attention_op = Op.Find("aten::scaled_dot_product_attention");
    static readonly Lazy<bool> hasAttention = new(() => attention_op.Exists);

    /// <summary>softmax(Q Kᵀ / √E + mask) V, by libtorch's own operator where it has it.</summary>
    internal static Tensor Attention(Tensor query, Tensor key, Tensor value, Tensor? mask, double dropout, bool causal) =>
        hasAttention.Value
            ? attention_op.Call(query, key, value, mask, dropout, causal)
            : ComposedAttention(query, key, value, mask, dropout, causal);

    /// <summary>Attention step by step, as PyTorch documents it.</summary>
    internal static Tensor ComposedAttention(Tensor query, Tensor key, Tensor value, Tensor? mask, double dropout, bool causal)
    {
        if (causal && mask is not null) throw new ArgumentException("A causal attention takes no other mask.", nameof(mask));
        using var scope = NewDisposeScope();
        var scores = query.mul(1 / Math.Sqrt(query.shape[^1])).matmul(key.transpose(-2, -1)); // [..., T, S]
        if (causal)
        {
            var sizes = scores.shape;
            var future = ones([sizes[^2], sizes[^1]], ScalarType.Bool, query.device).triu(1);
            scores = scores.masked_fill(future, double.NegativeInfinity);
        }
        else if (mask is not null)
        {
            scores = mask.dtype == ScalarType.Bool ? scores.masked_fill(mask.logical_not(), double.NegativeInfinity) : scores.add(mask);
        }
        var weights = scores.softmax(-1);
        if (dropout > 0) weights = nn.functional.dropout(weights, dropout);
        return weights.matmul(value).MoveToOuterDisposeScope();
    }
}
