using Transformers.IO;

namespace Transformers.Training;

/// <summary>Adds up what happened since the last report.</summary>
sealed class Meter(long steps, string unit, double? peakFlops = null)
{
    double loss, seconds, secondsInAll, flops;
    long units, count, countInAll;

    internal void Add(double stepLoss, long stepUnits, double stepFlops, double stepSeconds)
    {
        loss += stepLoss;
        units += stepUnits;
        flops += stepFlops;
        seconds += stepSeconds;
        secondsInAll += stepSeconds;
        count++;
        countInAll++;
    }

    /// <summary>What the steps since the last report came to; null where there was none.</summary>
    internal StepReport? Report(long step, double lr, double norm)
    {
        if (count == 0) return null;
        var remaining = TimeSpan.FromSeconds(secondsInAll / Math.Max(1, countInAll) * (steps - step));
        var report = new StepReport(step, steps, loss / count, lr, norm, units / Math.Max(1e-9, seconds), unit, ProcessMemory.Resident, remaining,
            flops > 0 ? flops / Math.Max(1e-9, seconds) / peakFlops : null) { StepSeconds = seconds / count };
        (loss, units, flops, seconds, count) = (0, 0, 0, 0, 0);
        return report;
    }
}
