using static TorchSharp.torch;

namespace Transformers.Tests.Native;

[Collection("engine")]
public sealed class DispatcherTests : TensorTest
{
    static Tensor One(string name, string overload, params ReadOnlySpan<OperatorArgument> arguments) => Dispatcher.Call(name, overload, 1, arguments)[0];

    // An operator for each kind of argument, present and absent, and what it gives.
    static readonly Dictionary<string, (Func<Tensor, Tensor> Call, Func<Tensor, Tensor> Expected)> kinds = new()
    {
        ["tensor"] = (x => One("aten::mul", "Tensor", x, x), x => x * x),
        ["list of tensors"] = (x => One("aten::cat", "", new[] { x, x, x }, 1L), x => cat([x, x, x], 1)),
        ["list of whole numbers"] = (x => One("aten::permute", "", x, new[] { 1L, 0L }), x => x.t()),
        ["optional number, absent"] = (x => One("aten::nan_to_num", "", x * double.NaN, OperatorArgument.None, OperatorArgument.None, OperatorArgument.None), x => zeros_like(x)),
        ["optional whole number, absent"] = (x => One("aten::repeat_interleave", "self_int", x, 2L, OperatorArgument.None, OperatorArgument.None), x => x.flatten().repeat_interleave(2)),
        ["optional tensor, present"] = (x => Operators.ScaledDotProductAttention(Heads(x), Heads(x), Heads(x), zeros(1, 1, 1, 1), causal: false, dropout: 0), x => Attended(x)),
        ["optional tensor, absent"] = (x => Operators.ScaledDotProductAttention(Heads(x), Heads(x), Heads(x), null, causal: false, dropout: 0), x => Attended(x)),
    };

    public static TheoryData<string> Kinds => [.. kinds.Keys];

    static Tensor Drop(Tensor unwanted, Tensor wanted)
    {
        unwanted.Dispose();
        return wanted;
    }

    static Tensor Heads(Tensor x) => x.view(1, 1, x.size(0), x.size(1));

    static Tensor Attended(Tensor x) => Heads((x.mm(x.t()) / Math.Sqrt(x.size(1))).softmax(-1).mm(x));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void An_argument_of_each_kind_arrives(string kind)
    {
        using var plain = no_grad();
        var x = randn(3, 4);
        var (actual, expected) = (kinds[kind].Call(x), kinds[kind].Expected(x));
        Assert.Equal(expected.shape, actual.shape);
        Assert.True((actual - expected).abs().max().item<float>() < 1e-5, kind);
    }

    [Theory]
    [Trait("Category", "slow")]
    [MemberData(nameof(Kinds))]
    public void A_million_calls_leave_no_memory_behind(string kind)
    {
        using var plain = no_grad();
        using var x = randn(2, 2);
        void Repeat(int times)
        {
            for (var i = 0; i < times; i += 100)
            {
                using var scope = NewDisposeScope();
                for (var j = 0; j < 100; j++) kinds[kind].Call(x);
            }
        }
        Repeat(20_000);
        DeviceMemory.TrimMemory();
        var before = mallinfo2();
        Repeat(1_000_000);
        DeviceMemory.TrimMemory();
        var after = mallinfo2();
        // The C library's own count of bytes in use. A leak of its smallest block would be 32 MB.
        Assert.InRange((long)(after.InUse + after.Mapped) - (long)(before.InUse + before.Mapped), long.MinValue, 8 << 20);
    }

    struct MallocInfo
    {
#pragma warning disable CS0649 // filled in by the C library
        internal nuint Arena, Ordinary, Small, MappedBlocks, Mapped, Unused, SmallFree, InUse, Free, Top;
#pragma warning restore CS0649
    }

    [System.Runtime.InteropServices.DllImport("libc.so.6")]
    static extern MallocInfo mallinfo2();

    [Fact]
    public void A_call_that_libtorch_refuses_names_the_operator_and_each_argument()
    {
        Assert.Contains("aten::mul.Tensor(Float32 [2, 3] on cpu, Float32 [4] on cpu)", Assert.Throws<OperatorException>(() => One("aten::mul", "Tensor", ones(2, 3), ones(4))).Message);
        Assert.Throws<OperatorException>(() => One("aten::no_such_operator", "", ones(1)));
    }

    [Fact]
    public void Arguments_that_do_not_fit_are_refused_before_the_call()
    {
        var (q, k) = (randn(1, 4, 5, 8), randn(1, 3, 5, 8));
        Assert.Contains("do not fit", Assert.Throws<ArgumentException>(() => Operators.ScaledDotProductAttention(q, k, k, null, false, 0)).Message);
        Assert.Contains("combined", Assert.Throws<ArgumentException>(() => Operators.ScaledDotProductAttention(q, q, q, zeros(5, 5), true, 0)).Message);
        Assert.Contains("same shapes", Assert.Throws<ArgumentException>(() => Operators.CopyAll([zeros(2)], [zeros(3)])).Message);
        Assert.Contains("parameters' shapes", Assert.Throws<ArgumentException>(() =>
            Operators.FusedAdam([zeros(2)], [zeros(3)], [zeros(2)], [zeros(2)], [ones(1)], 1, (0.9, 0.99), 0, 1e-8, null, null, true)).Message);
    }

    [Fact]
    public void Gradients_flow_through_an_operator()
    {
        var x = randn(3, requires_grad: true);
        One("aten::mul", "Tensor", x, x).sum().backward();
        Assert.True((x.grad! - 2 * x).abs().max().item<float>() < 1e-6);
    }

    [Fact]
    public void Copies_convert_and_a_fused_step_that_is_skipped_changes_nothing()
    {
        using var plain = no_grad();
        Tensor[] from = [randn(3, 4), randn(5)];
        Tensor[] to = [zeros(3, 4, dtype: ScalarType.BFloat16), zeros(5, dtype: ScalarType.BFloat16)];
        Operators.CopyAll(to, from);
        for (var i = 0; i < to.Length; i++) Assert.True(to[i].eq(from[i].to(ScalarType.BFloat16)).all().item<bool>());

        Tensor[] parameters = [ones(4)], gradients = [ones(4)], first = [zeros(4)], second = [zeros(4)], steps = [ones(1).squeeze(0)];
        void Step(float skip) => Operators.FusedAdam(parameters, gradients, first, second, steps, 0.1, (0.9, 0.99), 0, 1e-8, divisor: ones(1).squeeze(0), skip: full([], skip), decoupled: true);
        Step(1);
        Assert.True(parameters[0].eq(1).all().item<bool>());
        Step(0);
        Assert.Equal(0.9f, parameters[0][0].item<float>(), 5);
    }
}
