using System.Runtime.InteropServices;
using TorchSharp;
using TorchSharp.Extensions;
using TorchSharp.Interop;
using static TorchSharp.torch;

namespace Torch.Tests.Core;

public class TensorTests
{
    static readonly Op add = Op.Find("aten::add", "Tensor");

    [Fact]
    public void An_operator_is_called_through_its_schema_and_fills_defaults()
    {
        using var scope = NewDisposeScope();
        var sum = add.Call(tensor(new[] { 1f, 2f }), tensor(new[] { 10f, 20f }));
        Assert.Equal([11f, 22f], sum.data<float>().ToArray());
        var scaled = add.Call(tensor(new[] { 1f, 2f }), tensor(new[] { 10f, 20f }), 2);
        Assert.Equal([21f, 42f], scaled.data<float>().ToArray());
    }

    [Fact]
    public void A_failing_operator_throws_with_libtorchs_words_and_an_unknown_one_says_so()
    {
        using var scope = NewDisposeScope();
        var error = Assert.Throws<ExternalException>(() => add.Call(tensor(new[] { 1f, 2f }), tensor(new[] { 1f, 2f, 3f })));
        Assert.Contains("size of tensor", error.Message);
        Assert.Contains("aten::no_such", Assert.Throws<MissingMethodException>(() => Op.Find("aten::no_such").Call(tensor(1f))).Message);
        Assert.False(Op.Find("aten::no_such").Exists);
        Assert.True(add.Exists);
    }

    [Fact]
    public void A_scope_disposes_of_what_was_made_in_it_and_moves_what_is_kept()
    {
        var before = NativeHandles.Live;
        Tensor kept;
        using (NewDisposeScope())
        {
            using (NewDisposeScope())
            {
                var dropped = tensor(1f);
                kept = tensor(2f).MoveToOuterDisposeScope();
                Assert.False(dropped.IsInvalid);
            }
            Assert.Equal(2f, kept.item<float>());
            Assert.Equal(before + 1, NativeHandles.Live);
        }
        Assert.True(kept.IsInvalid);
        Assert.Equal(before, NativeHandles.Live);
        Assert.Throws<InvalidOperationException>(() => kept.shape);
    }

    [Fact]
    public void Backward_through_operators_fills_the_gradients_of_leaves()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1f, 2f, 3f }, requires_grad: true);
        var y = Op.Find("aten::sum").Call(Op.Find("aten::mul", "Tensor").Call(x, x));
        y.backward();
        Assert.Equal([2f, 4f, 6f], x.grad!.data<float>().ToArray());
        using (no_grad()) Assert.False(Op.Find("aten::mul", "Tensor").Call(x, x).requires_grad);
        var found = autograd.grad([Op.Find("aten::sum").Call(x)], [x]);
        Assert.Equal([1f, 1f, 1f], found[0].data<float>().ToArray());
    }

    sealed class Cube : Function
    {
        readonly Tensor input;
        Cube(Tensor input) => this.input = input;
        internal static Tensor Of(Tensor x) => new Cube(x).Apply([x], () => [Op.Find("aten::pow", "Tensor_Scalar").Call(x, 3)])[0];
        protected override Tensor?[] Backward(Tensor?[] gradients) =>
            [Op.Find("aten::mul", "Tensor").Call(gradients[0], Op.Find("aten::mul", "Scalar").Call(Op.Find("aten::pow", "Tensor_Scalar").Call(input, 2), 3))];
    }

    [Fact]
    public void A_function_with_a_managed_backward_takes_part_in_autograd()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1f, 2f }, requires_grad: true);
        var y = Cube.Of(x);
        Assert.Equal([1f, 8f], y.detach().data<float>().ToArray());
        Op.Find("aten::sum").Call(y).backward();
        Assert.Equal([3f, 12f], x.grad!.data<float>().ToArray());
    }

    [Fact]
    public void A_gradient_hook_runs_once_for_each_accumulation_until_it_is_disposed_of()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1f, 2f }, requires_grad: true);
        var seen = new List<float>();
        using (new GradientHook(x, leaf => seen.Add(leaf.grad!.data<float>()[0])))
        {
            Op.Find("aten::sum").Call(x).backward();
            Op.Find("aten::sum").Call(x).backward();
        }
        Op.Find("aten::sum").Call(x).backward();
        Assert.Equal([1f, 2f], seen);
    }

    [Fact]
    public void A_generators_state_can_be_saved_and_set()
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        var state = get_rng_state();
        var normal = Op.Find("aten::normal_");
        var first = normal.CallInPlace(tensor(new float[4]), 0.0, 1.0);
        set_rng_state(state);
        var again = normal.CallInPlace(tensor(new float[4]), 0.0, 1.0);
        Assert.Equal(first.data<float>().ToArray(), again.data<float>().ToArray());
        using var own = new Generator(7);
        var third = normal.CallInPlace(tensor(new float[4]), 0.0, 1.0, own);
        Assert.Equal(first.data<float>().ToArray(), third.data<float>().ToArray());
    }

    [Fact]
    public void Indexing_takes_numbers_slices_masks_and_lists()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new long[,] { { 0, 1, 2 }, { 3, 4, 5 } });
        Assert.Equal(5, x[1, 2].item<long>());
        Assert.Equal([1L, 4L], x[TensorIndex.Colon, 1].contiguous().data<long>().ToArray());
        Assert.Equal([3L, 4L], x[1, TensorIndex.Slice(0, 2)].data<long>().ToArray());
        Assert.Equal([2L, 5L], x[TensorIndex.Ellipsis, TensorIndex.Single(-1)].contiguous().data<long>().ToArray());
        Assert.Equal([1L, 2L, 1L, 3L], x[TensorIndex.None, .., TensorIndex.None].shape);
        Assert.Equal([3L, 4L, 5L, 0L, 1L, 2L], x[TensorIndex.Tensor(tensor(new long[] { 1, 0 }))].data<long>().ToArray());
        Assert.Equal([0L, 5L], x[TensorIndex.Tensor(tensor(new[,] { { true, false, false }, { false, false, true } }))].data<long>().ToArray());
        x[0, TensorIndex.Slice(1)] = tensor(9L);
        Assert.Equal([0L, 9L, 9L, 3L, 4L, 5L], x.data<long>().ToArray());
    }

    [Fact]
    public void Autocast_narrows_products_and_ends_with_its_scope()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new float[,] { { 1, 2 }, { 3, 4 } });
        var product = Op.Find("aten::mm");
        using (Autocast.Enter(DeviceType.CPU)) Assert.Equal(ScalarType.BFloat16, product.Call(x, x).dtype);
        Assert.Equal(ScalarType.Float32, product.Call(x, x).dtype);
    }
}
