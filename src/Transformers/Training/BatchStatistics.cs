using Transformers.Layers;
using Transformers.Processes;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>Averages the statistics that layers keep of batches, since each of several processes sees only its part of a batch.</summary>
sealed class BatchStatistics
{
    readonly Communicator processes;
    readonly Tensor[] statistics;

    BatchStatistics(Communicator processes, Tensor[] statistics) => (this.processes, this.statistics) = (processes, statistics);

    /// <summary>The statistics of a model; null if no layer keeps any, or if there is only one process.</summary>
    internal static BatchStatistics? Of(nn.Module model, Communicator processes)
    {
        if (processes.IsAlone) return null;
        Tensor[] found = [.. model.modules().OfType<IKeepsStatistics>().SelectMany(layer => layer.Statistics)];
        return found.Length == 0 ? null : new(processes, found);
    }

    /// <summary>Sets the statistics of all processes to their mean; collective.</summary>
    /// <param name="counts">Whether this process has seen a part of the step's batch.</param>
    internal void Average(bool counts)
    {
        using var plain = no_grad();
        using var scope = NewDisposeScope();
        // The last element sums to the number of processes that count.
        var sum = cat([.. statistics.Select(one => one.flatten()), ones(1, device: statistics[0].device)]);
        if (!counts) sum.zero_();
        processes.AllReduce(sum);
        var mean = sum / sum.narrow(0, sum.numel() - 1, 1);
        var at = 0L;
        foreach (var one in statistics)
        {
            one.copy_(mean.narrow(0, at, one.numel()).view(one.shape));
            at += one.numel();
        }
    }
}
