using static TorchSharp.torch;

namespace Transformers.Models;

/// <summary>A network that tells the class of an image.</summary>
public interface IImageModel : ILayered, IAdaptsWeights
{
    /// <summary>What goes in and what comes out.</summary>
    ImageShape Shape { get; }

    /// <summary>Unnormalised scores of the classes.</summary>
    /// <param name="images">[B, C, Y, X], normalised.</param>
    /// <param name="recorder">Takes attention weights.</param>
    /// <returns>[B, N].</returns>
    Tensor Logits(Tensor images, AttentionRecorder? recorder = null);

    /// <summary>What the scores are read from: the pooled output of the last layer.</summary>
    /// <param name="images">[B, C, Y, X], normalised.</param>
    /// <param name="recorder">Takes attention weights.</param>
    /// <returns>[B, D] of the last layer's width.</returns>
    Tensor Features(Tensor images, AttentionRecorder? recorder = null);
}

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
