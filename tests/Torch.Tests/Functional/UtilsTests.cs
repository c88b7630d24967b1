using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Torch.Tests.Functional;

public sealed class UtilsTests
{
    static Parameter[] WithGradients()
    {
        Parameter[] parameters = [new(zeros(2)), new(zeros(1)), new(zeros(3))];
        parameters[0].grad = tensor(new[] { 3f, 0 });
        parameters[1].grad = tensor(new[] { -4f });
        return parameters;
    }

    [Fact]
    public void Clipping_by_norm_scales_all_gradients_alike_and_tells_the_norm_before()
    {
        using var scope = NewDisposeScope();
        var parameters = WithGradients();
        Assert.Equal(5, utils.clip_grad_norm_(parameters, 10), 1e-6);
        Assert.Equal([3.0, 0], parameters[0].grad!.Values());
        Assert.Equal(5, utils.clip_grad_norm_(parameters, 1), 1e-6);
        Golden.AssertClose([0.6, 0], parameters[0].grad!.Values());
        Golden.AssertClose([-0.8], parameters[1].grad!.Values());
        Assert.Equal(1.4, utils.clip_grad_norm_(parameters, 100, norm_type: 1), 1e-6);
        Assert.Equal(0.8, utils.clip_grad_norm_(parameters, 100, norm_type: double.PositiveInfinity), 1e-6);
        Assert.Equal(0, utils.clip_grad_norm_([parameters[2]], 1));
    }

    [Fact]
    public void A_gradient_that_is_no_number_does_not_pass_unseen()
    {
        using var scope = NewDisposeScope();
        var parameters = WithGradients();
        parameters[1].grad = tensor(new[] { float.NaN });
        Assert.True(double.IsNaN(utils.clip_grad_norm_(parameters, 1)));
        Assert.True(parameters[0].grad!.isnan().any().ToBoolean());
    }

    [Fact]
    public void Clipping_by_value_bounds_each_gradient()
    {
        using var scope = NewDisposeScope();
        var parameters = WithGradients();
        utils.clip_grad_value_(parameters, 3.5);
        Assert.Equal([-3.5], parameters[1].grad!.Values());
        Assert.Equal([3.0, 0], parameters[0].grad!.Values());
    }

    [Fact]
    public void Parameters_become_one_vector_and_come_back_from_it()
    {
        using var scope = NewDisposeScope();
        Parameter[] parameters = [new(arange(4, ScalarType.Float32).reshape(2, 2)), new(ones(3))];
        var vector = utils.parameters_to_vector(parameters);
        Assert.Equal([0.0, 1, 2, 3, 1, 1, 1], vector.Values());
        utils.vector_to_parameters(vector.detach() * 2, parameters);
        Assert.Equal([0.0, 2, 4, 6], parameters[0].Values());
        Assert.Equal([2.0, 2, 2], parameters[1].Values());
        Assert.True(parameters[0].requires_grad);
    }
}
