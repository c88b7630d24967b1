using Transformers.IO;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>A network that can say how deep a parameter lies, for learning rates that fall towards the input.</summary>
public interface ILayered
{
    /// <summary>The depth of what is nearest to the output.</summary>
    int Depth { get; }

    /// <summary>The depth of a parameter: 0 for the embedding, then one more a block, up to <see cref="Depth"/>.</summary>
    /// <param name="parameter">The parameter's name.</param>
    int DepthOf(string parameter);
}

/// <summary>A network that can start from the weights of one with another input size or other classes.</summary>
public interface IAdaptsWeights
{
    /// <summary>Fits a stored tensor to a parameter of another shape.</summary>
    /// <param name="parameter">The parameter's name.</param>
    /// <param name="stored">The other network's tensor of that name.</param>
    /// <param name="shape">The shape that is wanted.</param>
    /// <returns>A tensor of that shape; or null where the parameter keeps its fresh weights, as a head for other classes does.</returns>
    /// <exception cref="UserException">The two do not fit.</exception>
    Tensor? Adapt(string parameter, Tensor stored, long[] shape);
}
