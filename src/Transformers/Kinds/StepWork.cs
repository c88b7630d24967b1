using TorchSharp;
using Transformers.Models;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>A model with initial weights, and its loss on random inputs of any batch size.</summary>
/// <param name="model">The model, on its device; disposed of with this.</param>
/// <param name="batch">Draws inputs of a shape and returns what computes the sum of their losses.</param>
sealed class StepWork(nn.Module model, Func<BatchShape, Func<Tensor>> batch) : IDisposable
{
    internal nn.Module Model => model;

    /// <summary>Draws the inputs of a batch, without padding.</summary>
    /// <returns>Computes the mean loss over its targets, a scalar with its graph.</returns>
    internal Func<Tensor> Batch(BatchShape shape)
    {
        var sum = batch(shape);
        return () => sum() / Scalars.Of(shape.Targets);
    }

    /// <summary>The work of a model.</summary>
    internal static StepWork Create(ModelConfig config, DataProfile data, double smoothing, Device device)
    {
        using var generator = new Generator(1);
        return Kind.For(config).CreateWork(config, data, smoothing, device, generator);
    }

    internal static Tensor Ids(long limit, long[] size, Device device) => randint(0, limit, size, dtype: ScalarType.Int64, device: device);

    /// <summary>Each class in turn.</summary>
    internal static Tensor Labels(long rows, long classes, Device device) => tensor(Enumerable.Range(0, (int)rows).Select(row => row % Math.Max(1, classes)).ToArray(), device: device);

    /// <summary>The vectors of the first positions, [count, D]: padding and visible tokens do not go through the output layer.</summary>
    internal static Tensor First(Tensor hidden, long count)
    {
        var all = hidden.reshape(-1, hidden.size(2));
        return count == all.size(0) ? all : all.narrow(0, 0, count).contiguous();
    }

    public void Dispose() => model.Dispose();
}
