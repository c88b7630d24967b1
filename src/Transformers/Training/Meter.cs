using TorchSharp;
using Transformers.IO;
using Transformers.Native;

namespace Transformers.Training;

/// <summary>Adds up what happened since the last report.</summary>
sealed class Meter(long steps, string unit, torch.Device device, double? peakFlops = null)
{
    readonly CoreLoad load = new();
    double loss, seconds, secondsInAll, flops;
    long units, count, stepsInAll, losses;

    /// <summary>Adds the loss of a step.</summary>
    internal void Add(double stepLoss)
    {
        loss += stepLoss;
        losses++;
    }

    /// <summary>Adds the time of a step and what it worked on.</summary>
    internal void AddTime(long stepUnits, double stepFlops, double stepSeconds)
    {
        units += stepUnits;
        flops += stepFlops;
        seconds += stepSeconds;
        secondsInAll += stepSeconds;
        count++;
        stepsInAll++;
    }

    /// <summary>What the steps since the last report came to; null where there was none.</summary>
    internal StepReport? Report(long step, double lr, double norm)
    {
        if (losses == 0) return null;
        var remaining = TimeSpan.FromSeconds(secondsInAll / Math.Max(1, stepsInAll) * (steps - step));
        var report = new StepReport(step, steps, loss / losses, lr, norm, units / Math.Max(1e-9, seconds), unit, ProcessMemory.Resident, remaining,
            flops > 0 ? flops / Math.Max(1e-9, seconds) / peakFlops : null) 
        {
            StepSeconds = seconds / count,
            OtherCores = load.OthersSinceLast(),
            DeviceMemory = DeviceMemory.Of(device),
        };
        (loss, losses, units, flops, seconds, count) = (0, 0, 0, 0, 0, 0);
        return report;
    }
}
