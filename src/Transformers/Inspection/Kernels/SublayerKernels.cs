using TorchSharp;
using Transformers.Models;

namespace Transformers.Inspection.Kernels;

/// <summary>Attention with its linear layers, its norm and its residual sum, as the blocks run it: one operator where the engine has one.</summary>
/// <param name="Core">Attention itself.</param>
/// <param name="Around">What stands around it.</param>
/// <param name="Bias">Whether linear layers add a bias.</param>
sealed record AttentionSublayerKernel(AttentionKernel Core, ResidualKernel Around, bool Bias) : Kernel
{
    long D => Around.D;

    /// <summary>The linear layers.</summary>
    internal IEnumerable<LinearKernel> Products => Core.Cross
        ? [new(Core.B * Core.T, D, Core.H * Core.E, Bias, Around.Wide), new(Core.B * Core.S, D, 2 * Core.K * Core.E, Bias, Wide: true), Output]
        : [new(Core.B * Core.T, D, (Core.H + 2 * Core.K) * Core.E, Bias, Around.Wide), Output];

    LinearKernel Output => new(Core.B * Core.T, Core.H * Core.E, D, Bias, Wide: false);

    internal override string Name => $"sublayer of {Core.Name}, width {D}";
    internal override KernelKind Kind => KernelKind.Attention;
    internal override double Flops => Core.Flops + Products.Sum(one => one.Flops);
    internal override double Numbers => Core.Numbers + Around.Numbers + Products.Sum(one => one.Numbers);

    internal override long Kept(int narrow)
    {
        // One operator keeps queries, keys, values and what attention gives; the norm's result is made again.
        if (Around.FusesIn(narrow)) return Around.Kept(narrow) + narrow * (2 * Core.B * Core.T * Core.H * Core.E + 2 * Core.B * Core.S * Core.K * Core.E) + sizeof(float) * Core.B * Core.H * Core.T;
        return Core.Kept(narrow) + Around.Kept(narrow) + Products.Sum(one => one.Kept(narrow));
    }

    internal override long Passing(int narrow) => Around.FusesIn(narrow)
        ? Around.B * Around.T * D * (2 * sizeof(float) + 3 * narrow) + narrow * Core.B * Core.T * (Core.H + 2 * Core.K) * Core.E
        : Core.Passing(narrow) + Around.Passing(narrow) + Products.Sum(one => one.Passing(narrow));

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        var (batch, real) = Fewer(Core.B, share);
        return (this with { Core = Core with { B = batch }, Around = Around with { B = batch } }, real);
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var attention = new Attention((int)D, Core.H, Core.K, Bias, Core.Dropout, Core.Cross);
        var residual = Around.NewResidual(place);
        var positions = Core.RotaryBase is { } @base ? new RotaryPositionEmbedding((int)Core.E, @base) : null;
        attention.to(place.Device);
        attention.train();
        var x = place.Input(Around.Wide, Core.B, Core.T, D);
        var source = Core.Cross ? place.Input(true, Core.B, Core.S, D) : null;
        var bias = Core.MakeBias(place);
        var input = new AttentionInput(positions, Core.Causal, bias);
        return new(() => [attention.ForwardResidual(residual, x, input, source)],
            [.. new[] { x, source, Core.Bias == ScoreBias.Learned ? bias : null }.OfType<torch.Tensor>(), .. attention.parameters(), .. residual.parameters()], attention, residual, positions);
    }
}

/// <summary>A feed-forward network with its norm and its residual sum, as the blocks run it: one operator where the engine has one.</summary>
/// <param name="Function">The network.</param>
/// <param name="Around">What stands around it.</param>
/// <param name="Bias">Whether linear layers add a bias.</param>
/// <param name="Dropout">The share of hidden activations dropped.</param>
sealed record FeedForwardSublayerKernel(FeedForwardConfig Function, ResidualKernel Around, bool Bias, double Dropout) : Kernel
{
    long Rows => Around.B * Around.T;
    long D => Around.D;
    long F => FeedForward.HiddenWidth(Function, (int)D);
    long Up => Function is SwiGluConfig ? 2 * F : F;

    /// <summary>The linear layers.</summary>
    internal IEnumerable<LinearKernel> Products => [new(Rows, D, Up, Bias, Around.Wide), new(Rows, F, D, Bias, Wide: false)];

    ActivationKernel Activation => new(Rows, F, Function, Dropout);

    internal override string Name => $"sublayer of {Activation.Name}, width {D}";
    internal override KernelKind Kind => KernelKind.Product;
    internal override double Flops => Products.Sum(one => one.Flops);
    internal override double Numbers => Around.Numbers + Activation.Numbers + Products.Sum(one => one.Numbers);

    internal override long Kept(int narrow) => Around.FusesIn(narrow)
        ? Around.Kept(narrow) + Rows * Up * narrow
        : Activation.Kept(narrow) + Around.Kept(narrow) + Products.Sum(one => one.Kept(narrow));

    internal override long Passing(int narrow) => Around.FusesIn(narrow)
        ? Rows * (D * (2 * sizeof(float) + 2 * narrow) + (Up + F) * narrow)
        : Activation.Passing(narrow) + Around.Passing(narrow) + Products.Sum(one => one.Passing(narrow));

    internal override (Kernel kernel, double share) Shortened(double share)
    {
        var (batch, real) = Fewer(Around.B, share);
        return (this with { Around = Around with { B = batch } }, real);
    }

    internal override KernelCall Make(KernelPlace place)
    {
        var network = new FeedForward(Function, (int)D, Bias, Dropout);
        var residual = Around.NewResidual(place);
        network.to(place.Device);
        network.train();
        var x = place.Input(Around.Wide, Around.B, Around.T, D);
        return new(() => [network.ForwardResidual(residual, x, default)], [x, .. network.parameters(), .. residual.parameters()], network, residual);
    }
}
