using FsCheck;
using FsCheck.Fluent;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Transformers.Tests.Training;

/// <summary>The optimizers against their formulas in 64 bits.</summary>
[Collection("engine")]
public class OptimizerTests
{
    const double Decay = 0.1, Beta1 = 0.8, Beta2 = 0.95, Epsilon = 1e-6;

    // A matrix, which decays, a vector, which does not, and one that is longer than a kernel takes at once.
    sealed class Three : nn.Module
    {
        readonly Parameter matrix = nn.Parameter(randn(7, 13)), vector = nn.Parameter(randn(29)), wide = nn.Parameter(randn(3, 7001));

        internal Three() : base(nameof(Three)) => RegisterComponents();
    }

    sealed class Expected(Tensor parameter)
    {
        readonly Tensor first = zeros(parameter.shape, ScalarType.Float64), second = zeros(parameter.shape, ScalarType.Float64);

        internal Tensor Value { get; private set; } = parameter.detach().to(ScalarType.Float64);

        internal void Step(Tensor gradient, double lr, int step, bool decoupled)
        {
            var decay = Value.dim() > 1 ? Decay : 0;
            if (decoupled) Value = Value * (1 - lr * decay);
            else gradient = gradient + Value * decay;
            first.mul_(Beta1).add_(gradient * (1 - Beta1));
            second.mul_(Beta2).add_(gradient * gradient * (1 - Beta2));
            Value = Value - first / (1 - Math.Pow(Beta1, step)) * lr / ((second / (1 - Math.Pow(Beta2, step))).sqrt() + Epsilon);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Adam_with_and_without_decoupled_decay_equals_its_formula(bool decoupled) =>
        Prop.ForAll(Gen.Choose(0, 1_000_000).ToArbitrary(), seed =>
        {
            using var scope = NewDisposeScope();
            manual_seed(seed);
            using var model = new Three();
            OptimizerConfig config = decoupled
                ? new AdamWConfig { Lr = 1, Betas = (Beta1, Beta2), Eps = Epsilon, WeightDecay = Decay }
                : new AdamConfig { Lr = 1, Betas = (Beta1, Beta2), Eps = Epsilon, WeightDecay = Decay };
            using var optimizer = Optimizer.Create(config, model);
            Parameter[] parameters = [.. model.parameters()];
            Expected[] expected = [.. parameters.Select(parameter => new Expected(parameter))];
            for (var step = 1; step <= 4; step++)
            {
                var (lr, scale) = (0.05 / step, step == 2 ? 0.3 : 1);
                Tensor[] gradients = [.. parameters.Select(parameter => randn(parameter.shape))];
                foreach (var (parameter, gradient) in parameters.Zip(gradients)) parameter.grad = gradient.clone();
                var norm = Math.Sqrt(gradients.Sum(gradient => gradient.to(ScalarType.Float64).square().sum().item<double>()));
                Assert.Equal(norm, optimizer.GradientNorm(), norm * 1e-6);
                optimizer.Step(lr, scale);
                optimizer.ZeroGradients();
                for (var i = 0; i < parameters.Length; i++)
                {
                    expected[i].Step(gradients[i].to(ScalarType.Float64) * scale, lr, step, decoupled);
                    var error = (parameters[i].to(ScalarType.Float64) - expected[i].Value).abs().max().item<double>();
                    Assert.True(error < 1e-5, $"seed {seed}, step {step}, parameter {i}: {error}");
                }
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5).WithReplay(1, 1));

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_gradient_that_is_not_finite_shows_in_the_norm(double number)
    {
        using var model = new Three();
        using var optimizer = Optimizer.Create(new AdamWConfig { Lr = 1 }, model);
        foreach (var parameter in model.parameters()) parameter.grad = zeros_like(parameter);
        model.parameters().Last().grad![2, 6999] = number;
        Assert.Equal(number, optimizer.GradientNorm());
    }
}
