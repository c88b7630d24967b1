using TorchSharp;
using Transformers.Native;

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
