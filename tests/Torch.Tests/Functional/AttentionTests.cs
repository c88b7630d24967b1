using TorchSharp;
using TorchSharp.Interop;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Torch.Tests.Functional;

public sealed class AttentionTests
{
    static (Tensor q, Tensor k, Tensor v) Inputs()
    {
        manual_seed(7);
        return (randn(2, 3, 5, 8), randn(2, 3, 6, 8), randn(2, 3, 6, 4));
    }

    static Tensor ByHand(Tensor q, Tensor k, Tensor v, Tensor? bias) =>
        (q.matmul(k.transpose(-2, -1)) / Math.Sqrt(8) + (bias ?? zeros(1))).softmax(-1).matmul(v);

    [Fact]
    public void Attention_is_the_weighted_mean_of_the_values()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        Assert.True(scaled_dot_product_attention(q, k, v).allclose(ByHand(q, k, v, null), 1e-5, 1e-6));
    }

    [Fact]
    public void Masks_of_truth_values_and_of_numbers_agree_and_a_causal_one_hides_what_comes_later()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        var seen = rand(5, 6) > 0.3;
        seen[.., 0] = tensor(true);
        var bias = zeros(5, 6).masked_fill(~seen, double.NegativeInfinity);
        var expected = ByHand(q, k, v, bias);
        Assert.True(scaled_dot_product_attention(q, k, v, seen).allclose(expected, 1e-5, 1e-6));
        Assert.True(scaled_dot_product_attention(q, k, v, bias).allclose(expected, 1e-5, 1e-6));
        var square = k[.., .., ..5];
        var causal = ByHand(q, square, v[.., .., ..5], zeros(5, 5).masked_fill(ones(5, 5, dtype: ScalarType.Bool).triu(1), double.NegativeInfinity));
        Assert.True(scaled_dot_product_attention(q, square, v[.., .., ..5], is_casual: true).allclose(causal, 1e-5, 1e-6));
    }

    [Fact]
    public void The_composed_form_equals_the_operator_in_use_and_dropout_drops()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        Assert.True(Fallbacks.ComposedAttention(q, k, v, null, 0, false).allclose(scaled_dot_product_attention(q, k, v), 1e-5, 1e-6));
        Assert.False(scaled_dot_product_attention(q, k, v, p: 0.5).allclose(scaled_dot_product_attention(q, k, v)));
    }

    /// <summary>A name or an overload that libtorch lacks would be seen only at its first call.</summary>
    [Fact]
    public void Every_operator_of_the_binding_is_in_this_libtorch_or_has_a_fallback()
    {
        string[] fallbacks = ["aten::scaled_dot_product_attention"];
        var operators = typeof(torch).Assembly.GetTypes()
            .Where(type => !type.ContainsGenericParameters)
            .SelectMany(type => type.GetFields(System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.DeclaredOnly))
            .Where(field => field.FieldType == typeof(Op)).Select(field => (Op)field.GetValue(null)!).ToArray();
        Assert.True(operators.Length > 400, $"only {operators.Length} operators were seen");
        Assert.DoesNotContain(operators, op => !op.Exists && !fallbacks.Contains(op.ToString()));
    }
}
