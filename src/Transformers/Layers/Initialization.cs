using TorchSharp.Modules;
using Transformers.Configs;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>How weights are initialised.</summary>
public abstract record InitConfig;

/// <summary>Normal, with the layers that write to the residual stream scaled by 1/√(2L).</summary>
/// <remarks>Radford et al. 2019, section 2.3.</remarks>
[Kind("gpt2")]
public sealed record Gpt2InitConfig : InitConfig
{
    /// <summary>The standard deviation.</summary>
    [Between(1e-6, 10)]
    public double Std { get; init; } = 0.02;
}

/// <summary>Uniform within ±√(6/(inputs + outputs)).</summary>
/// <remarks>Glorot and Bengio 2010.</remarks>
[Kind("xavier")]
public sealed record XavierInitConfig : InitConfig;

/// <summary>Normal; values beyond two standard deviations are drawn again.</summary>
[Kind("truncated_normal")]
public sealed record TruncatedNormalInitConfig : InitConfig
{
    /// <summary>The standard deviation before truncation.</summary>
    [Between(1e-6, 10)]
    public double Std { get; init; } = 0.02;
}

/// <summary>Normal with variance 2/inputs, for layers that are followed by ReLU.</summary>
/// <remarks>He et al. 2015, section 2.2.</remarks>
[Kind("he")]
public sealed record HeInitConfig : InitConfig;

/// <summary>Initial weights: one table for all models.</summary>
/// <remarks>
/// Biases always start at 0 and norms' weights at 1. Layers that write to the residual stream are the last projections of attention and of
/// the feed-forward network.
/// </remarks>
public static class Initialization
{
    /// <summary>Initialises every parameter of a model.</summary>
    /// <param name="model">The model; on the CPU, so that a seed gives the same weights for every device.</param>
    /// <param name="config">The kind and its numbers.</param>
    /// <param name="layers">The number of layers L.</param>
    /// <param name="generator">The generator to draw from; null for libtorch's own.</param>
    public static void Apply(nn.Module model, InitConfig config, int layers, Generator? generator)
    {
        using var plain = no_grad();
        var (residualOutputs, embeddings) = (WeightsOf(model, layer => layer is Linear { WritesToResidual: true }), WeightsOf(model, layer => layer is Embedding or LearnedPositionEmbedding));
        foreach (var (name, parameter) in model.named_parameters())
        {
            if (parameter.dim() < 2)
            {
                if (name.EndsWith("bias", StringComparison.Ordinal)) parameter.zero_();
                continue;
            }
            var fanOut = parameter.size(0);
            var fanIn = parameter.numel() / fanOut;
            switch (config)
            {
                case Gpt2InitConfig gpt2:
                    parameter.normal_(0, residualOutputs.Contains(name) ? gpt2.Std / Math.Sqrt(2.0 * layers) : gpt2.Std, generator);
                    break;
                case XavierInitConfig when embeddings.Contains(name):
                    // A token's vector is scaled by √D in the paper's models, which brings it to unit variance.
                    parameter.normal_(0, 1 / Math.Sqrt(fanIn), generator);
                    break;
                case XavierInitConfig:
                    var bound = Math.Sqrt(6.0 / (fanIn + fanOut));
                    parameter.uniform_(-bound, bound, generator);
                    break;
                case TruncatedNormalInitConfig truncated:
                    TruncatedNormal(parameter, truncated.Std, generator);
                    break;
                case HeInitConfig:
                    parameter.normal_(0, Math.Sqrt(2.0 / fanIn), generator);
                    break;
                default: throw new ArgumentOutOfRangeException(nameof(config), config, "an initialisation without a formula");
            }
        }
    }

    // The names of the weights of layers that have a role.
    static HashSet<string> WeightsOf(nn.Module model, Func<nn.Module, bool> hasRole) =>
        [.. model.named_modules().Where(named => hasRole(named.module)).Select(named => $"{named.name}.weight")];

    /// <summary>Normal within two standard deviations, by the inverse of the distribution function.</summary>
    internal static void TruncatedNormal(Tensor parameter, double std, Generator? generator)
    {
        // Φ(-2) = 0.02275…: the values kept correspond to uniform numbers between it and its complement.
        const double low = 0.022750131948179195;
        using var scope = NewDisposeScope();
        parameter.uniform_(2 * low - 1, 1 - 2 * low, generator);
        parameter.erfinv_().mul_(Scalars.Of(std * Math.Sqrt(2))).clamp_(Scalars.Of(-2 * std), Scalars.Of(2 * std));
    }
}

/// <summary>A network that knows the depth of each parameter, for learning rates that decrease towards the input.</summary>
public interface ILayered
{
    /// <summary>The depth of the parameters nearest to the output.</summary>
    int Depth { get; }

    /// <summary>The depth of a parameter: 0 for the embedding, then one more per block, up to <see cref="Depth"/>.</summary>
    /// <param name="parameter">The parameter's name.</param>
    int DepthOf(string parameter);
}

/// <summary>A network that can start from the weights of one with a different input size or different classes.</summary>
public interface IAdaptsWeights
{
    /// <summary>Fits a stored tensor to a parameter of another shape.</summary>
    /// <param name="parameter">The parameter's name.</param>
    /// <param name="stored">The other network's tensor of that name.</param>
    /// <param name="shape">The expected shape.</param>
    /// <returns>A tensor of that shape; or null if the parameter keeps its fresh weights, as a head for other classes does.</returns>
    /// <exception cref="UserException">The tensor cannot be adapted to the shape.</exception>
    Tensor? Adapt(string parameter, Tensor stored, long[] shape);
}

/// <summary>The position of a parameter in the network, from its name.</summary>
static class LayerNames
{
    /// <summary>The depth of a parameter of a model with one list of <c>blocks</c>: the block's number from 1, the largest for head and
    /// last norm, else 0.</summary>
    internal static int DepthOf(string parameter, int depth)
    {
        var parts = parameter.Split('.');
        return parts[0] switch
        {
            "blocks" => 1 + int.Parse(parts[1], CultureInfo.InvariantCulture),
            "head" or "norm" => depth,
            _ => 0,
        };
    }

    internal static UserException Misfit(string parameter, Tensor stored, long[] shape) => new(
        $"the weights' {parameter} is [{string.Join(", ", stored.shape)}] but the model needs [{string.Join(", ", shape)}]",
        "start from a run whose model differs in image size or classes only");
}
