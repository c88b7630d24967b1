using TorchSharp;
using Transformers.Data;
using Transformers.Layers;
using Transformers.Processes;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>A model and its data: the part of a training run that differs between kinds of models.</summary>
public abstract class TrainingTask : IDisposable
{
    /// <summary>The model, on its device.</summary>
    public abstract nn.Module Model { get; }

    /// <summary>What throughput counts: <c>tokens</c> or <c>images</c>.</summary>
    public abstract string Unit { get; }

    /// <summary>The processes that train together: each takes its part of every step's batch.</summary>
    public Communicator Processes { get; set; } = Communicator.Single;

    /// <summary>How a step is split into micro-batches.</summary>
    public MicroSize Micro { get; set; } = new(null);

    /// <summary>Prepares the model before the first step of a new run, such as by a calibration that becomes part of its state;
    /// collective.</summary>
    /// <exception cref="OperationCanceledException">The run was asked to stop; this is repeated when it continues.</exception>
    public virtual void Begin() { }

    /// <summary>This process's micro-batches of the next step; none if its part of the batch is empty.</summary>
    public abstract IReadOnlyList<MicroBatch> NextStep();

    /// <summary>The micro-batches of this process's part of a batch.</summary>
    /// <param name="rows">The rows of the whole batch.</param>
    /// <param name="slice">The micro-batch of some rows, from the first one and their number.</param>
    protected IReadOnlyList<MicroBatch> Slices(int rows, Func<int, int, MicroBatch> slice)
    {
        var (first, own) = Processes.PartOf(rows);
        return Cut(first, own, slice);
    }

    /// <summary>The micro-batches of some rows.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="own">Their number.</param>
    /// <param name="slice">As for <see cref="Slices"/>.</param>
    protected IReadOnlyList<MicroBatch> Cut(int first, int own, Func<int, int, MicroBatch> slice)
    {
        var size = Micro.Of(own);
        return [.. Enumerable.Range(0, (own + size - 1) / size).Select(i => slice(first + i * size, Math.Min(size, own - i * size)))];
    }

    /// <summary>Deals batches or examples to the processes in turn, and returns those of this process.</summary>
    protected IEnumerable<T> OwnTurns<T>(IEnumerable<T> all) => Processes.IsAlone ? all : all.Where((_, i) => i % Processes.Size == Processes.Rank);

    /// <summary>The validation split in order; empty if there is none.</summary>
    /// <param name="batches">The maximum number of batches, or null for the whole split.</param>
    public abstract IEnumerable<MicroBatch> Validation(int? batches);

    /// <summary>Whether there is a validation split.</summary>
    public virtual bool HasValidation => Validation(1).Any();

    /// <summary>The names of the last validation's metrics besides the loss.</summary>
    public virtual IReadOnlyList<string> MetricNames => [.. DerivedMetrics(0).Keys];

    /// <summary>Further metrics of the validation split by name, such as accuracy; computed without gradients and with the model in evaluation mode.</summary>
    /// <param name="whole">Whether this is the last validation of a run, over the whole split.</param>
    /// <param name="cancel">Cancels between two batches.</param>
    public virtual IReadOnlyDictionary<string, double> Metrics(bool whole, CancellationToken cancel = default) => new Dictionary<string, double>();

    /// <summary>Metrics that follow from a validation loss, such as perplexity.</summary>
    /// <param name="loss">Nats per target.</param>
    public virtual IReadOnlyDictionary<string, double> DerivedMetrics(double loss) => new Dictionary<string, double>();

    /// <summary>The sampler's position, from which training continues at the exact next step.</summary>
    public abstract IReadOnlyDictionary<string, long> SamplerState { get; set; }

    /// <summary>A few outputs of the model, for a person to read; empty if there is nothing to show.</summary>
    /// <param name="cancel">Cancels between two tokens.</param>
    public virtual IReadOnlyList<string> Samples(CancellationToken cancel = default) => [];

    /// <summary>Pictures of what the model does, such as its attention over an example of the validation split; computed without gradients and with the model in evaluation mode.</summary>
    public virtual IReadOnlyList<ModelPicture> Pictures() => [];

    /// <summary>The confusion matrix of the last validation; null for other models.</summary>
    public virtual ConfusionCounts? Confusion => null;

    /// <summary>Some outputs of the last complete validation, next to their references; empty if there are none.</summary>
    public virtual IReadOnlyList<OutputExample> Examples => [];

    /// <summary>The fraction of training time spent waiting for data, from 0 to 1.</summary>
    public virtual double DataWait => 0;

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>A task whose batches come from a stream, whose position checkpoints contain.</summary>
abstract class StreamTask<TBatch> : TrainingTask
{
    private protected StreamTask(nn.Module model, RunConfig run, Device device) =>
        (Model, Config, Device, Micro) = (model, run.Training, device, new MicroSize(run.Training.Batch.Micro));

    public sealed override nn.Module Model { get; }

    public override string Unit => "tokens";

    private protected TrainingConfig Config { get; }

    private protected Device Device { get; }

    /// <summary>The batches of training; belongs to the task.</summary>
    protected abstract IBatchStream<TBatch> Stream { get; }

    public sealed override double DataWait => Stream.WaitFraction;

    public sealed override IReadOnlyDictionary<string, long> SamplerState
    {
        get => Stream.Position.ToState();
        set => Stream.Position = DataPosition.FromState(value);
    }

    public override void Dispose() => Stream.Dispose();
}

/// <summary>The input of one forward and backward pass.</summary>
/// <param name="targets">The number of targets that count: the loss is a sum over them.</param>
/// <param name="units">What throughput counts: tokens read, or images.</param>
/// <param name="firstExample">The position of the first example in the step's batch.</param>
public abstract class MicroBatch(long targets, long units, long firstExample = 0)
{
    /// <summary>The number of targets that count.</summary>
    public long Targets => targets;

    /// <summary>The unit of throughput.</summary>
    public long Units => units;

    /// <summary>The position of the first example in the step's batch.</summary>
    public long FirstExample => firstExample;

    /// <summary>Operations of the model's products over it, forward and backward; 0 if they are not counted.</summary>
    public virtual double Flops => 0;

    /// <summary>The sum of the losses of all targets.</summary>
    /// <param name="random">The position in the run, for dropout.</param>
    public abstract LossSum LossSum(RandomPosition random = default);
}

/// <summary>How a step's batch is split into micro-batches, regardless of its number of rows.</summary>
/// <param name="Rows">The maximum number of rows of a micro-batch; null for those of the batch.</param>
/// <param name="Pieces">The number of pieces that each of these is split into to fit into memory: a power of 2.</param>
public readonly record struct MicroSize(int? Rows, int Pieces = 1)
{
    /// <summary>The rows of a micro-batch; the last one of a batch may have fewer.</summary>
    /// <param name="batch">Rows of the batch.</param>
    public int Of(int batch) => Math.Max(1, (Math.Min(Rows ?? batch, batch) + Pieces - 1) / Pieces);
}

/// <summary>A picture of a run's model, drawn at a validation.</summary>
/// <param name="Name">Its name, such as <c>attention</c>.</param>
/// <param name="Svg">The picture as an SVG document, for reports.</param>
/// <param name="Raster">Its cells as pixels, for readers that show no SVG; null for none.</param>
public sealed record ModelPicture(string Name, string Svg, RasterPicture? Raster = null);

/// <summary>A picture as a PNG file.</summary>
/// <param name="Png">The file's bytes.</param>
/// <param name="Width">Pixels per row.</param>
/// <param name="Height">Rows.</param>
public sealed record RasterPicture(byte[] Png, int Width, int Height);

/// <summary>An output of a model next to its reference, for a person to read.</summary>
/// <param name="Input">The model's input.</param>
/// <param name="Output">The model's output.</param>
/// <param name="Reference">The expected output.</param>
public sealed record OutputExample(string Input, string Output, string Reference);

/// <summary>A classifier's confusion matrix.</summary>
/// <param name="Rows">One row per actual class, one column per predicted class.</param>
/// <param name="Labels">The names of the classes.</param>
public sealed record ConfusionCounts(IReadOnlyList<IReadOnlyList<long>> Rows, IReadOnlyList<string> Labels);

/// <summary>Copies of batches to a device.</summary>
static class DeviceCopy
{
    /// <summary>Moves a tensor that was just made from an array to a device. A copy to a CUDA device is asynchronous, from pinned memory,
    /// so that it overlaps with earlier work.</summary>
    /// <param name="made">The tensor, in CPU memory; ownership passes to this method.</param>
    /// <returns>The tensor itself if the device is the CPU.</returns>
    internal static Tensor SendTo(this Tensor made, Device device)
    {
        if (device.type == DeviceType.CPU) return made;
        using (made)
        {
            if (device.type != DeviceType.CUDA) return made.to(device);
            // libtorch keeps a pinned block until the copies that read it are done.
            using var pinned = made.pin_memory();
            return pinned.to(device, non_blocking: true);
        }
    }
}
