using System.Globalization;
using Transformers.IO;
using static TorchSharp.torch;

namespace Transformers.Layers;

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
