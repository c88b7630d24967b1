using Transformers.Layers;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>An exponential moving average of a model's weights, and of the statistics of batch norms.</summary>
/// <remarks>
/// Polyak and Juditsky 1992. Early on, the decay is (1 + s)/(10 + s) if that is lower, so that the first weights do not dominate the
/// average.
/// </remarks>
public sealed class WeightAverage : IDisposable
{
    readonly (string name, Tensor tensor)[] weights;
    readonly Tensor[] averages;
    readonly double decay;

    /// <summary>Creates an average that starts at the current weights.</summary>
    public WeightAverage(nn.Module model, double decay)
    {
        this.decay = decay;
        using var plain = no_grad();
        weights = [.. model.state_dict().Select(named => (named.Key, named.Value))];
        averages = [.. weights.Select(named => named.tensor.detach().clone().DetachFromDisposeScope())];
    }

    /// <summary>The averages, by the names of the weights.</summary>
    public IEnumerable<(string name, Tensor tensor)> State => weights.Select((named, i) => (named.name, averages[i]));

    /// <summary>Starts again at the current weights.</summary>
    public void Restart()
    {
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        for (var i = 0; i < averages.Length; i++) averages[i].copy_(weights[i].tensor);
    }

    /// <summary>Adds the weights of a step, counted from 1.</summary>
    public void Update(long step)
    {
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        var keep = Math.Min(decay, (1.0 + step) / (10.0 + step));
        for (var i = 0; i < averages.Length; i++) averages[i].mul_(Scalars.Of(keep)).add_(weights[i].tensor, Scalars.Of(1 - keep));
    }

    /// <summary>Swaps the averages and the weights until the result is disposed of.</summary>
    /// <param name="copies">Copies of the weights to refresh; null for none.</param>
    public IDisposable Swap(WeightCopies? copies = null)
    {
        Exchange();
        copies?.Refresh();
        return new Back(this, copies);
    }

    void Exchange()
    {
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        for (var i = 0; i < averages.Length; i++)
        {
            var present = weights[i].tensor.detach().clone();
            weights[i].tensor.copy_(averages[i]);
            averages[i].copy_(present);
        }
    }

    sealed class Back(WeightAverage owner, WeightCopies? copies) : IDisposable
    {
        public void Dispose()
        {
            owner.Exchange();
            copies?.Refresh();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in averages) tensor.Dispose();
    }
}
