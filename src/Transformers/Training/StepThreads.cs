using TorchSharp;
using Transformers.Models;
using Transformers.Native;
using Transformers.Processes;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>Chooses how many threads the kernels of a training step use when other programs are running.</summary>
/// <remarks>
/// Threads that divide a step meet after each part of it, and wait for any whose core another program uses. While other programs keep cores
/// busy, steps with only as many threads as there are free cores are tried and timed, and the faster choice is kept. Only the speed
/// changes: the kernels' results do not depend on the number of threads, and libtorch's own operators keep theirs.
/// </remarks>
sealed class StepThreads : IDisposable
{
    // The seconds of a timed window of steps, and from how many cores busy with other programs on fewer threads are tried.
    const double Window = 0.2, BusyCores = 0.4;
    const int FewestSteps = 3, ShortestStay = 3, LongestStay = 192;
    // Fewer threads may be this much slower: if two trainings compete for the cores, both gain once both use fewer.
    const double Concession = 0.95;

    readonly int all;
    readonly Func<double?> others;
    readonly Action<int> limit;
    // Units per second with all threads and with fewer.
    double paceOfAll, paceOfFewer;
    double units, seconds;
    int steps, left, stay = ShortestStay;
    bool trying, settling;

    /// <summary>Starts with all threads.</summary>
    internal StepThreads() : this(torch.get_num_threads(), new CoreLoad().OthersSinceLast, KernelLibrary.LimitThreads) => others();

    /// <summary>For tests: the number of threads, the cores that other programs keep busy, and the function that limits the kernels'
    /// threads.</summary>
    internal StepThreads(int all, Func<double?> others, Action<int> limit)
    {
        this.all = Threads = all;
        this.others = others;
        this.limit = limit;
    }

    /// <summary>The threads in use.</summary>
    internal int Threads { get; private set; }

    /// <summary>Adds a step.</summary>
    /// <param name="stepUnits">Its tokens or images.</param>
    /// <param name="stepSeconds">Its time.</param>
    internal void Add(double stepUnits, double stepSeconds)
    {
        if (all == 1) return;
        units += stepUnits;
        seconds += stepSeconds;
        if (++steps < FewestSteps || seconds < Window) return;
        var pace = units / seconds;
        (units, seconds, steps) = (0, 0, 0);
        var busy = others() ?? 0;
        if (settling) settling = false; // Until the system has spread the threads over the cores, some may share one.
        else Decide(pace, busy);
    }

    void Decide(double pace, double busy)
    {
        var fewer = Threads < all;
        if (fewer) paceOfFewer = pace;
        else paceOfAll = pace;
        if (trying)
        {
            trying = false;
            var better = fewer == paceOfFewer > Concession * paceOfAll;
            stay = better ? ShortestStay : Math.Min(2 * stay, LongestStay);
            left = stay;
            if (!better) Use(fewer ? all : FreeCores(busy));
        }
        else if (fewer && busy < BusyCores / 2)
        {
            (left, stay) = (0, ShortestStay);
            Use(all);
        }
        else if (left > 0) left--;
        else if (fewer) Try(all);
        else if (busy >= BusyCores) Try(FreeCores(busy));
    }

    int FreeCores(double busy) => Math.Clamp((int)Math.Round(all - busy), 1, all - 1);

    void Try(int threads)
    {
        trying = true;
        Use(threads);
    }

    void Use(int threads)
    {
        Threads = threads;
        settling = true;
        limit(threads);
    }

    /// <summary>Lifts the limit.</summary>
    public void Dispose()
    {
        if (Threads < all) limit(all);
    }
}

/// <summary>Accumulates losses, times and work since the last report.</summary>
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

    /// <summary>Adds the time of a step and its tokens or images.</summary>
    internal void AddTime(long stepUnits, double stepFlops, double stepSeconds)
    {
        units += stepUnits;
        flops += stepFlops;
        seconds += stepSeconds;
        secondsInAll += stepSeconds;
        count++;
        stepsInAll++;
    }

    /// <summary>The mean of the steps since the last report; null if there was none.</summary>
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

/// <summary>The result of a step.</summary>
/// <param name="Step">The step, from 1.</param>
/// <param name="Loss">Its loss in nats per target.</param>
/// <param name="GradientNorm">The norm of its gradient.</param>
/// <param name="Units">Tokens or images.</param>
/// <param name="Targets">Targets that count.</param>
/// <param name="Flops">Operations of its products.</param>
readonly record struct StepOutcome(long Step, double Loss, double GradientNorm, long Units, long Targets, double Flops)
{
    internal BadStep? Bad => BadStep.Is(Loss, GradientNorm) ? new BadStep(Step, Loss, GradientNorm) : null;
}

/// <summary>Losses and gradient norms that stay on a device until they are needed: reading them at every step would wait for the
/// device.</summary>
sealed class StepWatch : IDisposable
{
    readonly List<(StepOutcome Outcome, Tensor Numbers)> waiting = [];

    /// <summary>Adds a step whose numbers have not been read yet.</summary>
    internal void Add(StepOutcome outcome, Tensor loss, Tensor norm) =>
        waiting.Add((outcome, stack([loss, norm]).DetachFromDisposeScope()));

    /// <summary>Reads the numbers of all waiting steps, in order.</summary>
    internal List<StepOutcome> Look()
    {
        if (waiting.Count == 0) return [];
        using var scope = NewDisposeScope();
        var numbers = stack(waiting.Select(step => step.Numbers)).cpu().data<float>().ToArray();
        List<StepOutcome> outcomes = [.. waiting.Select((step, i) => step.Outcome with { Loss = numbers[2 * i], GradientNorm = numbers[2 * i + 1] })];
        Dispose();
        return outcomes;
    }

    public void Dispose()
    {
        foreach (var (_, numbers) in waiting) numbers.Dispose();
        waiting.Clear();
    }
}

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
