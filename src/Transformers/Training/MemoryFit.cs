using TorchSharp;
using Transformers.IO;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>Sees before the first step whether training fits into memory, by running it: forwards and backwards over the first micro-batch, without a step.</summary>
/// <remarks>
/// Sizes are doubled from one row on. What a process takes beyond its limit gets it killed without a word, so a size is tried
/// only if those before foretell that it fits. Nothing of the run changes: the sampler is set back afterwards.
/// </remarks>
sealed class MemoryFit(Trainer trainer, TrainingTask task, TrainingConfig config, Device device, ITrainingObserver observer, CancellationToken cancel)
{
    const double Ample = 0.5;

    // Less growth than this says nothing: freed pieces of earlier passes hold what a few rows need.
    const long Noticeable = 32 << 20;

    readonly MemoryGauge? gauge = MemoryGauge.Of(device);

    /// <summary>Finds that the micro-batches fit, or halves them until they do where the config allows it.</summary>
    /// <exception cref="MemoryException">They do not fit; the message has the numbers and says what to lower.</exception>
    internal void Ensure()
    {
        var (size, sampler) = (task.Micro, task.SamplerState);
        task.Model.train();
        try
        {
            task.Micro = Fitting(size);
        }
        finally
        {
            if (task.Micro.Rows != size.Rows) task.Micro = size;
            task.SamplerState = sampler;
            trainer.Optimizer.ZeroGradients();
            gauge?.Begin();
        }
    }

    MicroSize Fitting(MicroSize size)
    {
        var batch = RowsOfStep();
        for (var asked = size.Of(batch); ; size = size with { Pieces = 2 * size.Pieces })
        {
            var rows = size.Of(batch);
            var why = Misfit(rows);
            if (why is null)
            {
                if (rows < asked) observer.Note($"training.batch.fit: {rows} sequences a micro-batch instead of {asked}, {batch} a step as before");
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

    // Why a size does not fit; null where it does.
    string? Misfit(int rows)
    {
        try
        {
            var need = NeedOf(rows);
            return need is null || need.Fits() ? null : need.ToString();
        }
        catch (Exception exception) when (MemoryException.IsOutOfMemory(exception))
        {
            return $"a micro-batch of {rows} does not fit into the memory of {device}: {MemoryException.Describe(exception)}";
        }
    }

    MemoryNeed? NeedOf(int rows) => gauge is null ? Measure(rows) : NeedOf(rows, some => Measure(some)!);

    /// <summary>Measures doubled sizes from one row on, until one does not fit or those before show that the size asked for does.</summary>
    /// <param name="rows">The size asked for.</param>
    /// <param name="measure">Measures a pass over so many rows.</param>
    /// <returns>What the size needs, measured; or estimated, where it does not fit.</returns>
    internal static MemoryNeed NeedOf(int rows, Func<int, MemoryNeed> measure)
    {
        MemoryNeed? last = null;
        for (var some = 1; some < rows; some *= 2)
        {
            var now = measure(some);
            if (!now.Fits()) return Foreseen(now, last, rows);
            if (last is not null)
            {
                if (now.Peak - last.Peak >= Noticeable && Foreseen(now, last, rows).Fits(spare: Ample)) break;
                if (!Foreseen(now, last, Math.Min(rows, 2 * some)).Fits()) return Foreseen(now, last, rows);
            }
            last = now;
        }
        return measure(rows);
    }

    // Memory grows with the rows: along the line through the two largest sizes measured.
    static MemoryNeed Foreseen(MemoryNeed now, MemoryNeed? before, int rows)
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
