using TorchSharp;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>Checks before the first step whether training fits into memory, by a forward and a backward pass over the first micro-batch.</summary>
/// <remarks>
/// Sizes are doubled, starting from one row. A process that exceeds its limit is killed without a message, so a size is tried only if the
/// previous ones predict that it fits. The run's state does not change: the sampler is reset afterwards.
/// </remarks>
sealed class MemoryFit(Trainer trainer, TrainingTask task, TrainingConfig config, Device device, ITrainingObserver observer, CancellationToken cancel)
{
    const double Ample = 0.5;

    // Less growth than this is not significant: a few rows fit into the freed blocks of earlier passes.
    const long Noticeable = 32 << 20;

    readonly MemoryGauge? gauge = MemoryGauge.Of(device);

    /// <summary>Checks that the micro-batches fit, or halves them until they do if the config allows it.</summary>
    /// <exception cref="MemoryException">They do not fit; the message has the numbers and the remedy.</exception>
    internal void Ensure()
    {
        var (size, sampler) = (task.Micro, task.SamplerState);
        task.Model.train();
        using var statistics = new KeptBuffers(task.Model);
        try
        {
            var fitting = Fitting(size);
            // All processes split their parts the same way.
            task.Micro = fitting with { Pieces = task.Processes.Collect(fitting.Pieces).Max() };
        }
        finally
        {
            statistics.Restore();
            if (task.Micro.Rows != size.Rows) task.Micro = size;
            task.SamplerState = sampler;
            trainer.Optimizer.ZeroGradients();
            gauge?.Begin();
        }
    }

    MicroSize Fitting(MicroSize size)
    {
        var batch = RowsOfStep();
        if (batch == 0) return size; // This process's part of the first batch is empty.
        for (var asked = size.Of(batch); ; size = size with { Pieces = 2 * size.Pieces })
        {
            var rows = size.Of(batch);
            var why = Misfit(rows);
            if (why is null)
            {
                if (rows < asked) observer.Note($"training.batch.fit: {Amount.Of(rows, "sequence")} per micro-batch instead of {asked:N0}, {batch:N0} per step as before");
                return size;
            }
            if (!config.Batch.Fit || rows == 1) throw new MemoryException(why, Remedy(config, rows));
            observer.Note($"training.batch.fit: {why}");
        }
    }

    /// <summary>What to lower when memory is short.</summary>
    internal static string Remedy(TrainingConfig config, int? rows) =>
        (rows == 1 ? "lower " : $"lower training.batch.micro{(rows is { } now ? $" ({now})" : "")}{(config.Batch.Fit ? "" : " or set training.batch.fit to true")}, or lower ")
        + "the model's context (or image size), width or layers";

    // Why a size does not fit; null if it does.
    string? Misfit(int rows)
    {
        try
        {
            var need = NeedOf(rows);
            return need is null || need.Fits() ? null : need.ToString();
        }
        catch (Exception exception) when (MemoryException.IsOutOfMemory(exception))
        {
            return $"a micro-batch of {rows} does not fit in the memory of {device}: {MemoryException.Describe(exception)}";
        }
    }

    MemoryNeed? NeedOf(int rows) => gauge is null ? Measure(rows) : NeedOf(rows, some => Measure(some)!);

    /// <summary>Measures doubled sizes, starting from one row, until one does not fit or the previous ones show that the requested size
    /// does.</summary>
    /// <returns>The need of the requested size: measured, or predicted if it does not fit.</returns>
    internal static MemoryNeed NeedOf(int rows, Func<int, MemoryNeed> measure)
    {
        MemoryNeed? last = null;
        for (var some = 1; some < rows; some *= 2)
        {
            var now = measure(some);
            if (!now.Fits()) return Predict(now, last, rows);
            if (last is not null)
            {
                if (now.Peak - last.Peak >= Noticeable && Predict(now, last, rows).Fits(spare: Ample)) break;
                if (!Predict(now, last, Math.Min(rows, 2 * some)).Fits()) return Predict(now, last, rows);
            }
            last = now;
        }
        return measure(rows);
    }

    // Extrapolates linearly from the two largest sizes measured.
    static MemoryNeed Predict(MemoryNeed now, MemoryNeed? before, int rows)
    {
        var each = before is null ? 0 : Math.Max(0, now.Peak - before.Peak) / (now.Rows - before.Rows);
        return now with { Rows = rows, Peak = now.Peak + each * (rows - now.Rows) };
    }

    MemoryNeed? Measure(int rows)
    {
        cancel.ThrowIfCancellationRequested();
        var sampler = task.SamplerState;
        task.Micro = new MicroSize(rows);
        gauge?.Begin();
        var step = task.NextStep();
        using (var scope = NewDisposeScope()) trainer.Backward(step[0], Math.Max(1, step.Sum(batch => batch.Targets)), step: 0);
        var need = gauge is null ? null : new MemoryNeed(rows, gauge.Peak, gauge.HoldsCopies ? Copies() : 0, gauge.Used, gauge.Room, rows);
        task.SamplerState = sampler;
        return need;
    }

    // A checkpoint's snapshot: weights, the optimizer's state, the average.
    long Copies() => task.Model.state_dict().Values.Concat(trainer.Optimizer.State.Select(named => named.tensor))
        .Concat(trainer.Ema?.State.Select(named => named.tensor) ?? []).Sum(tensor => tensor.numel() * tensor.element_size());

    int RowsOfStep()
    {
        var sampler = task.SamplerState;
        task.Micro = new MicroSize(1);
        var rows = task.NextStep().Count;
        task.SamplerState = sampler;
        return rows;
    }
}

/// <summary>A copy of a model's buffers, such as the statistics of batch norms, to restore them.</summary>
sealed class KeptBuffers : IDisposable
{
    readonly (Tensor Now, Tensor Before)[] buffers;

    internal KeptBuffers(nn.Module model)
    {
        using var plain = no_grad();
        buffers = [.. model.named_buffers().Select(named => (named.buffer, named.buffer.detach().clone().DetachFromDisposeScope()))];
    }

    internal void Restore()
    {
        using var plain = no_grad();
        foreach (var (now, before) in buffers) now.copy_(before);
    }

    public void Dispose()
    {
        foreach (var (_, before) in buffers) before.Dispose();
    }
}

/// <summary>The memory that training with micro-batches of some size needs, and what is available.</summary>
/// <param name="Rows">Sequences (or images) of the micro-batch.</param>
/// <param name="Peak">Peak bytes in use during its forward and backward pass.</param>
/// <param name="Copies">Bytes of the copy from which a checkpoint is written while training continues.</param>
/// <param name="Used">Bytes in use after it.</param>
/// <param name="Room">The memory available beyond these.</param>
/// <param name="MeasuredRows">The sequences that were measured; fewer than <paramref name="Rows"/> if the need is predicted from
/// them.</param>
sealed record MemoryNeed(int Rows, long Peak, long Copies, long Used, MemoryRoom Room, int MeasuredRows)
{
    // A reserve, since later steps may need slightly more than the first.
    const double Kept = 0.05;

    /// <summary>All that is needed at once.</summary>
    internal long Total => Peak + Copies;

    /// <summary>All that may be used.</summary>
    internal long Most => Used + (long)(Room.Bytes * (1 - Kept));

    /// <summary>Whether there is enough, with this fraction of the room kept free.</summary>
    internal bool Fits(double spare = Kept) => Total <= Used + Room.Bytes * (1 - spare);

    public override string ToString()
    {
        var how = MeasuredRows == Rows ? "measured" : $"predicted from {MeasuredRows}";
        var copies = Copies == 0 ? "" : $", the copy that checkpoints are written from {Text(Copies)}";
        return $"training needs {Text(Total)} but may use only {Text(Most)} ({Room.Source}): a micro-batch of {Rows} takes {Text(Peak)} at its peak, {how}{copies}";
    }

    internal static string Text(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):N0} MiB");
}

/// <summary>Measures the memory that computing on a device takes.</summary>
abstract class MemoryGauge
{
    /// <summary>The gauge of a device; null if its memory cannot be measured.</summary>
    internal static MemoryGauge? Of(Device device) =>
        device.type == DeviceType.CUDA ? DeviceMemory.Of(device) is null ? null : new CudaGauge(device)
        : ProcessMemory.CanMeasurePeak && new MemoryLimits().Room() is not null ? new HostGauge() : null;

    /// <summary>Whether checkpoints' copies are made in this memory.</summary>
    internal abstract bool HoldsCopies { get; }

    /// <summary>Resets the peak.</summary>
    internal abstract void Begin();

    /// <summary>Bytes in use now.</summary>
    internal abstract long Used { get; }

    /// <summary>The maximum number of bytes in use since <see cref="Begin"/>.</summary>
    internal abstract long Peak { get; }

    /// <summary>The memory available beyond <see cref="Used"/>.</summary>
    internal abstract MemoryRoom Room { get; }

    sealed class HostGauge : MemoryGauge
    {
        readonly MemoryLimits limits = new();

        internal override bool HoldsCopies => true;

        internal override void Begin()
        {
            DeviceMemory.TrimMemory();
            ProcessMemory.StartPeak();
        }

        internal override long Used => ProcessMemory.Resident;
        internal override long Peak => ProcessMemory.PeakSinceStart;
        internal override MemoryRoom Room => limits.Room()!.Value;
    }

    // libtorch keeps freed blocks of a device, so what is in use after a pass is the pass's peak.
    sealed class CudaGauge(Device device) : MemoryGauge
    {
        internal override bool HoldsCopies => false;
        internal override void Begin() { }
        internal override long Used => Now.Total - Now.Free;
        internal override long Peak => Used;
        internal override MemoryRoom Room => new(Now.Free, device.ToString());
        DeviceMemoryUse Now => DeviceMemory.Of(device)!;
    }
}
