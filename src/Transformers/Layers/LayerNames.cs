using System.Globalization;
using Transformers.IO;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>What the name of a parameter tells about its place.</summary>
static class LayerNames
{
    /// <summary>The depth of a parameter of a model with one list of <c>blocks</c>: the block's number from 1, the greatest for head and last norm, else 0.</summary>
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
        $"the weights' {parameter} is [{string.Join(", ", stored.shape)}] and the model wants [{string.Join(", ", shape)}]",
        "start from a run whose model differs in image size or classes only");
}
