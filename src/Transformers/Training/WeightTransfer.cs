using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>Starts a model from the weights of another run, whose images may have another size and other classes.</summary>
public static class WeightTransfer
{
    /// <summary>Fills a model from a file of weights. Tensors of another shape are adapted by the model, where it can.</summary>
    /// <param name="model">The model, on any device.</param>
    /// <param name="file">The weights.</param>
    /// <returns>The names of the parameters that keep their fresh weights.</returns>
    /// <exception cref="UserException">A parameter is missing in the file or does not fit.</exception>
    public static IReadOnlyList<string> Load(nn.Module model, SafetensorsFile file)
    {
        using var plain = no_grad();
        var fresh = new List<string>();
        foreach (var (name, parameter) in model.state_dict())
        {
            using var scope = NewDisposeScope();
            if (!file.Header.TryFind(name, out var found))
                throw new CheckpointException(file.Path, $"has no tensor {name}", "start from a run of the same kind of model");
            var stored = ModelTensors.Load(file, found, file.Path);
            if (stored.shape.SequenceEqual(parameter.shape)) parameter.copy_(stored);
            else if (model is not IAdaptsWeights adapting)
                throw new CheckpointException(file.Path, $"{name} is [{string.Join(", ", stored.shape)}] and the model wants [{string.Join(", ", parameter.shape)}]", "start from a run of the same shape");
            else if (adapting.Adapt(name, stored, parameter.shape) is { } adapted) parameter.copy_(adapted);
            else fresh.Add(name);
        }
        return fresh;
    }
}
