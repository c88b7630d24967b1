using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>What is trained and on what: the part of a training run that differs between kinds of models.</summary>
public abstract class TrainingTask : IDisposable
{
    /// <summary>The model, on its device.</summary>
    public abstract nn.Module Model { get; }

    /// <summary>What throughput counts: <c>tokens</c> or <c>images</c>.</summary>
    public abstract string Unit { get; }

    /// <summary>How a step is cut into micro-batches.</summary>
    public MicroSize Micro { get; set; } = new(null);

    /// <summary>The micro-batches of the next step.</summary>
    public abstract IReadOnlyList<MicroBatch> NextStep();

    /// <summary>The validation split in order; empty where there is none.</summary>
    /// <param name="batches">The most batches, or null for the whole split.</param>
    public abstract IEnumerable<MicroBatch> Validation(int? batches);

    /// <summary>Further metrics of the validation split by name, such as accuracy; computed without gradients and with the model in evaluation mode.</summary>
    /// <param name="whole">Whether this is the last validation of a run, over the whole split.</param>
    /// <param name="cancel">Ends it between two batches.</param>
    public virtual IReadOnlyDictionary<string, double> Metrics(bool whole, CancellationToken cancel = default) => new Dictionary<string, double>();

    /// <summary>What follows from a validation loss, such as perplexity.</summary>
    /// <param name="loss">Nats a target.</param>
    public virtual IReadOnlyDictionary<string, double> DerivedMetrics(double loss) => new Dictionary<string, double>();

    /// <summary>Where the sampler stands: what it takes to continue at the exact next step.</summary>
    public abstract IReadOnlyDictionary<string, long> SamplerState { get; set; }

    /// <summary>A few outputs of the model, for a person to read; empty where there is nothing to show.</summary>
    /// <param name="cancel">Ends it between two tokens.</param>
    public virtual IReadOnlyList<string> Samples(CancellationToken cancel = default) => [];

    /// <summary>Pictures of what the model does, such as its attention over an example of the validation split; computed without gradients and with the model in evaluation mode.</summary>
    public virtual IReadOnlyList<ModelPicture> Pictures() => [];

    /// <summary>What a classifier took for what in the last validation; null for other models.</summary>
    public virtual ConfusionCounts? Confusion => null;

    /// <summary>Some outputs of the last whole validation beside what was wanted; empty where there are none.</summary>
    public virtual IReadOnlyList<OutputExample> Examples => [];

    /// <summary>The share of training time spent waiting for data, from 0 to 1.</summary>
    public virtual double DataWait => 0;

    /// <inheritdoc/>
    public abstract void Dispose();
}
