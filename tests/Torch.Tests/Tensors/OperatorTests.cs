using TorchSharp;
using TorchSharp.Extensions;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;
using RoundingMode = TorchSharp.torch.RoundingMode;

namespace Torch.Tests.Tensors;

/// <summary>Each operator gives PyTorch's numbers, through the same arguments in TorchSharp's order.</summary>
public sealed class OperatorTests
{
    static Tensor A => tensor(new[,] { { 0.5f, -1.25f, 2.0f }, { 1.5f, 0.75f, -0.3f } });
    static Tensor B => tensor(new[,] { { 1.2f, 0.4f, -0.7f }, { 2.5f, -1.1f, 0.9f } });
    static Tensor P => tensor(new[,] { { 0.2f, 0.5f, 0.3f }, { 0.7f, 0.1f, 0.2f } });
    static Tensor I => tensor(new[,] { { 2L, 0, 1 }, { 1, 1, 0 } });
    static Tensor C => tensor(new[] { 2L, 0 });
    static Tensor Image => linspace(-1, 1, 50).reshape(1, 2, 5, 5);
    static Tensor Kernel => linspace(0.5, -0.5, 24).reshape(3, 2, 2, 2);

    static readonly Dictionary<string, Func<Tensor>> Cases = new()
    {
        ["exp"] = () => A.exp(), ["expm1"] = () => A.expm1(), ["log1p"] = () => P.log1p(), ["log"] = () => log(P), ["sqrt"] = () => P.sqrt(),
        ["rsqrt"] = () => P.rsqrt(), ["sin"] = () => A.sin(), ["cos"] = () => A.cos(), ["tanh"] = () => A.tanh(), ["erf"] = () => A.erf(),
        ["abs"] = () => abs(A), ["sign"] = () => A.sign(), ["floor"] = () => A.floor(), ["round"] = () => A.round(), ["round 1"] = () => A.round(1),
        ["sigmoid"] = () => A.sigmoid(), ["relu"] = () => A.relu(), ["silu"] = () => silu(A), ["gelu"] = () => gelu(A),
        ["gelu tanh"] = () => gelu(A, GELU.Approximate.tanh), ["softplus"] = () => softplus(A), ["elu"] = () => elu(A, 1), ["leaky_relu"] = () => leaky_relu(A, 0.1),
        ["hardswish"] = () => hardswish(A), ["mish"] = () => mish(A), ["softmax"] = () => A.softmax(1), ["log_softmax"] = () => A.log_softmax(0),
        ["add alpha"] = () => A.add(B, 2), ["sub"] = () => A - B, ["mul"] = () => A * B, ["div"] = () => A / B,
        ["div floor"] = () => A.div(B, RoundingMode.floor), ["floor_divide"] = () => A.floor_divide(B), ["remainder"] = () => A % B, ["fmod"] = () => A.fmod(B),
        ["number minus"] = () => 3 - A, ["number divided"] = () => 3 / A, ["pow"] = () => P.pow(B), ["pow 3"] = () => A.pow(3), ["atan2"] = () => A.atan2(B),
        ["maximum"] = () => A.maximum(B), ["clamp"] = () => A.clamp(-0.5, 1), ["clamp_min"] = () => A.clamp_min(0.1), ["lerp"] = () => A.lerp(B, P),
        ["addcmul"] = () => A.addcmul(B, P, 0.5), ["addcdiv"] = () => A.addcdiv(B, P, 0.5),
        ["sum"] = () => A.sum(), ["sum 1"] = () => A.sum(1), ["sum both"] = () => A.sum(0, 1), ["mean 0"] = () => A.mean([0]), ["prod"] = () => A.prod(1),
        ["var"] = () => A.var(), ["var 1"] = () => A.var(1), ["std biased"] = () => A.std(1, unbiased: false), ["norm"] = () => A.norm(), ["norm 1"] = () => A.norm(1, p: 1),
        ["logsumexp"] = () => A.logsumexp(1), ["cumsum"] = () => A.cumsum(1), ["cumprod"] = () => A.cumprod(0), ["amax"] = () => A.amax(1), ["max"] = () => A.max(1).values,
        ["argmax"] = () => A.argmax(1), ["sort"] = () => A.sort(1, true).Values, ["argsort"] = () => A.argsort(1), ["topk"] = () => A.topk(2, 1).indexes, ["median"] = () => A.median(),
        ["quantile"] = () => A.quantile(0.3f, 1), ["diff"] = () => A.diff(),
        ["gather"] = () => A.gather(1, I), ["scatter"] = () => A.scatter(1, I, B), ["scatter_add"] = () => A.scatter_add(1, I, B), ["index_select"] = () => A.index_select(1, C),
        ["take_along_dim"] = () => A.take_along_dim(I, 1), ["index_add"] = () => A.index_add(1, C, B[.., ..2], 2), ["masked_fill"] = () => A.masked_fill(A > 0, 9), ["masked_select"] = () => A.masked_select(A > 0),
        ["where"] = () => where(A > B, A, B), ["nonzero"] = () => (A > 0).nonzero(), ["tril"] = () => A.tril(), ["triu"] = () => A.triu(1), ["flip"] = () => A.flip(1),
        ["roll"] = () => A.roll(1, 1), ["repeat"] = () => A.repeat(2, 1), ["repeat_interleave"] = () => A.repeat_interleave(2, 1), ["pad"] = () => pad(A, (1, 2)), ["unfold"] = () => A.unfold(1, 2, 1),
        ["transpose"] = () => A.transpose(0, 1), ["flatten"] = () => A.flatten(), ["expand"] = () => A.unsqueeze(1).expand(2, 2, 3), ["one_hot"] = () => one_hot(I, 4),
        ["matmul"] = () => A.matmul(B.T), ["einsum"] = () => einsum("ij,kj->ik", A, B), ["addmm"] = () => A.matmul(B.T).addmm(A, B.T, 0.5f, 2), ["bmm"] = () => A.unsqueeze(0).bmm(B.T.unsqueeze(0)),
        ["outer"] = () => A[0].outer(B[1]), ["cdist"] = () => cdist(A, B), ["cosine_similarity"] = () => cosine_similarity(A, B),
        ["layer_norm"] = () => layer_norm(A, [3], B[0], B[1]), ["group_norm"] = () => group_norm(Image, 2), ["normalize"] = () => normalize(A, dim: 1), ["linear"] = () => linear(A, B, P[0, ..2]),
        ["cross_entropy"] = () => cross_entropy(A, C, label_smoothing: 0.1), ["cross_entropy ignoring"] = () => cross_entropy(A, C, ignore_index: 0, reduction: nn.Reduction.Sum),
        ["nll_loss"] = () => nll_loss(A.log_softmax(1), C), ["mse_loss"] = () => mse_loss(A, B), ["bce"] = () => binary_cross_entropy(P, P.flip(1)),
        ["bce logits"] = () => binary_cross_entropy_with_logits(A, P, pos_weights: B[1].abs()), ["kl_div"] = () => kl_div(A.log_softmax(1), B.log_softmax(1), reduction: nn.Reduction.Sum),
        ["smooth_l1"] = () => smooth_l1_loss(A, B, beta: 0.5), ["huber"] = () => huber_loss(A, B, 0.7),
        ["conv2d"] = () => conv2d(Image, Kernel, strides: [2, 2], padding: [1, 1]), ["conv2d same"] = () => conv2d_padding(Image, Kernel, padding: Padding.Same), ["conv1d"] = () => conv1d(Image[.., .., 0], Kernel[.., .., 0], padding: 1),
        ["max_pool2d"] = () => max_pool2d(Image, 2), ["avg_pool2d"] = () => avg_pool2d(Image, 2, 1), ["adaptive_avg_pool2d"] = () => adaptive_avg_pool2d(Image, 2),
        ["im2col"] = () => unfold(Image, 2, stride: 2), ["interpolate bilinear"] = () => interpolate(Image, [3, 4], mode: InterpolationMode.Bilinear), ["interpolate bicubic"] = () => interpolate(Image, [3, 4], mode: InterpolationMode.Bicubic),
        ["interpolate nearest"] = () => interpolate(Image, scale_factor: [2.0]), ["pad reflect"] = () => pad(Image, (1, 1, 1, 1), PaddingModes.Reflect),
        ["eye"] = () => eye(2, 3), ["arange"] = () => arange(1, 8, 3), ["arange real"] = () => arange(0, 1, 0.25), ["linspace"] = () => linspace(0, 1, 5), ["full"] = () => full(2, 2, 1.5),
        ["tril_indices"] = () => tril_indices(3, 3), ["stack"] = () => stack([A, B], 1), ["cat"] = () => cat([A, B], 1), ["meshgrid"] = () => meshgrid([A[0], B[0]])[1],
    };

    public static IEnumerable<object[]> Names => Golden.Names("operators");

    [Theory]
    [MemberData(nameof(Names))]
    public void An_operator_gives_PyTorchs_numbers(string name)
    {
        using var scope = NewDisposeScope();
        var expected = Golden.Section("operators").GetProperty(name);
        var actual = Cases[name]();
        Assert.Equal(Golden.Numbers(expected.GetProperty("shape")), actual.shape.Select(length => (double)length));
        Golden.AssertClose(Golden.Numbers(expected.GetProperty("values")), actual.Values());
    }

    [Fact]
    public void Numbers_of_every_type_stand_on_either_side_of_an_operator()
    {
        using var scope = NewDisposeScope();
        Golden.AssertClose([3, -0.5, 6], (A[0] * 2 + 1f - (-1L)).Values());
        Golden.AssertClose([-0.5, 1.25, -2], (-A[0]).Values());
        Golden.AssertClose([2.5, 0.75, 4], (2 + A[0]).Values());
        Golden.AssertClose([1, -2.5, 4], (2.0 * A[0]).Values());
        Golden.AssertClose([1.5, 3.25, 0], (2f - A[0]).Values());
        Golden.AssertClose([4, -1.6, 1], (2L / A[0]).Values());
        Golden.AssertClose([1, 0, 0], ((A[0] > 0) & (A[0] < 1)).Values());
        Golden.AssertClose([0, 1, 0], (~(A[0] > 0)).Values());
        Golden.AssertClose([0, 0, 1], (2 == A[0]).Values());
    }

    [Fact]
    public void An_operator_in_place_changes_the_tensor_and_gives_it_back()
    {
        using var scope = NewDisposeScope();
        var tensor = A;
        foreach (var changed in new[] { tensor.mul_(2), tensor.add_(B), tensor.sub_(1), tensor.div_(2), tensor.exp_(), tensor.clamp_(0, 3), tensor.masked_fill_(tensor > 2, 0) })
            Assert.Same(tensor, changed);
        using var expected = ((A * 2 + B - 1) / 2).exp().clamp(0, 3);
        Assert.True(tensor.allclose(expected.masked_fill(expected > 2, 0)));
    }

    [Fact]
    public void Splitting_and_joining_are_each_others_inverse()
    {
        using var scope = NewDisposeScope();
        var all = arange(24).reshape(4, 6);
        foreach (var parts in new[] { all.split(2), all.split([1, 3]), all.chunk(3), all.tensor_split(3), all.unbind().Select(row => row.unsqueeze(0)).ToArray() })
            Assert.True(cat(parts).Equals(all) || cat(parts).eq(all).all().ToBoolean());
        Assert.Equal(3, all.split([1, 2, 3], dim: 1).Length);
    }

    [Fact]
    public void Factories_heed_type_device_gradient_and_the_default_type()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(ScalarType.Float32, zeros(2).dtype);
        Assert.Equal(ScalarType.Int64, arange(3).dtype);
        Assert.Equal(ScalarType.Int64, randint(5, [2]).dtype);
        Assert.Equal(ScalarType.BFloat16, ones(2, 3, dtype: ScalarType.BFloat16).dtype);
        Assert.True(randn(2, 2, requires_grad: true).requires_grad);
        Assert.Equal([2L, 3, 4, 5], empty(2, 3, 4, 5).shape);
        Assert.Equal(ScalarType.Float64, zeros_like(tensor(1.0, ScalarType.Float64)).dtype);
        Assert.Equal(DeviceType.META, empty(1000, 1000, device: META).device_type);
        try
        {
            set_default_dtype(ScalarType.Float64);
            Assert.Equal(ScalarType.Float64, rand(1).dtype);
        }
        finally
        {
            set_default_dtype(ScalarType.Float32);
        }
        Assert.Throws<NotSupportedException>(() => zeros(2, names: ["N"]));
    }

    [Fact]
    public void A_pair_of_results_leaks_no_handle()
    {
        using (NewDisposeScope()) A.max(1);
        var before = Handles.Settled();
        using (NewDisposeScope())
        {
            A.max(1);
            A.sort();
            A.topk(1);
            A.var_mean(1);
            A.unique();
            A.aminmax();
            Assert.True(NativeHandles.Live > before);
        }
        Assert.Equal(before, NativeHandles.Live);
    }
}
