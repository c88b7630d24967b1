using System.Runtime.ExceptionServices;
using TorchSharp;
using Transformers.Processes;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>The processes whose gradients an optimizer sums.</summary>
/// <param name="Processes">All of them.</param>
/// <param name="Sharded">Whether each keeps the optimizer's state of only a part of the parameters, updates that part, and sends it to the
/// others.</param>
/// <remarks>Rajbhandari et al. 2020, section 5.1 (ZeRO, stage 1).</remarks>
public sealed record OptimizerTeam(Communicator Processes, bool Sharded = false)
{
    /// <summary>One process.</summary>
    public static OptimizerTeam Alone { get; } = new(Communicator.Single);
}

/// <summary>Sums the gradients of all processes, bucket by bucket, while the backward pass still computes those of earlier
/// layers.</summary>
/// <remarks>
/// Buckets are exchanged in a fixed order, whichever is complete first, so that all processes exchange the same ones. On a CPU, a separate
/// thread exchanges them; on a CUDA device, an exchange is only queued, which takes no time.
/// </remarks>
sealed class GradientExchange : IDisposable
{
    readonly Communicator processes;
    readonly GradientLayout layout;
    readonly Tensor[] buckets;
    readonly bool sharded;
    readonly Thread? worker;
    readonly Lock exchanging = new();
    readonly object guard = new();
    ExceptionDispatchInfo? failure;
    // Buckets that may be exchanged, and those that have been, in this step.
    int ready, done;
    bool armed, ended;

    /// <summary>An exchange over a flat buffer.</summary>
    /// <param name="layout">The buckets.</param>
    /// <param name="flat">The gradients, one-dimensional; must outlive the exchange.</param>
    /// <param name="sharded">Whether each process needs only the sum of its own part of a bucket.</param>
    internal GradientExchange(Communicator processes, GradientLayout layout, Tensor flat, bool sharded)
    {
        (this.processes, this.layout, this.sharded) = (processes, layout, sharded);
        buckets = [.. layout.Buckets.Select(bucket => flat.narrow(0, bucket.Start, bucket.Count).DetachFromDisposeScope())];
        done = ready = buckets.Length;
        if (flat.device_type != DeviceType.CPU) return;
        worker = new Thread(Work) { IsBackground = true, Name = "gradient exchange" };
        worker.Start();
    }

    /// <summary>Called before a step's last backward pass: from now on, buckets are exchanged as soon as they are complete.</summary>
    internal void Arm()
    {
        lock (guard) (armed, ready, done) = (true, 0, 0);
    }

    /// <summary>Called when the gradients of a block, and of all after it, are complete.</summary>
    internal void BlockReady(int block)
    {
        lock (guard)
        {
            if (!armed) return;
            while (ready < buckets.Length && layout.Buckets[ready].Border >= block) ready++;
            Monitor.PulseAll(guard);
        }
        if (worker is null) ExchangeReady();
    }

    /// <summary>Exchanges the remaining buckets, and waits for all sums.</summary>
    /// <exception cref="ProcessFailedException">Another process has failed.</exception>
    internal void Finish()
    {
        lock (guard)
        {
            if (!armed) (ready, done) = (0, 0);
            (armed, ready) = (false, buckets.Length);
            Monitor.PulseAll(guard);
        }
        if (worker is null) ExchangeReady();
        lock (guard)
            while (done < buckets.Length && failure is null) Monitor.Wait(guard);
        failure?.Throw();
    }

    void ExchangeReady()
    {
        lock (exchanging)
            while (done < ready) Exchange(done++);
    }

    void Exchange(int bucket)
    {
        if (sharded) processes.ReduceScatter(buckets[bucket]);
        else processes.AllReduce(buckets[bucket]);
    }

    void Work()
    {
        while (true)
        {
            int next;
            lock (guard)
            {
                while (done >= ready && !ended || failure is not null && !ended) Monitor.Wait(guard);
                if (ended) return;
                next = done;
            }
            try
            {
                Exchange(next);
            }
            catch (Exception exception)
            {
                lock (guard) failure = ExceptionDispatchInfo.Capture(exception);
            }
            lock (guard)
            {
                done++;
                Monitor.PulseAll(guard);
            }
        }
    }

    /// <summary>Gathers every process's part of the buckets on all of them.</summary>
    internal void Gather()
    {
        foreach (var bucket in buckets) processes.AllGather(bucket);
    }

    /// <summary>This process's part of every bucket.</summary>
    internal Tensor[] OwnParts() => [.. buckets.Select(bucket => bucket.narrow(0, bucket.numel() / processes.Size * processes.Rank, bucket.numel() / processes.Size))];

    public void Dispose()
    {
        lock (guard)
        {
            ended = true;
            Monitor.PulseAll(guard);
        }
        // A worker in an exchange that never ends runs until the process ends.
        if (worker?.Join(TimeSpan.FromSeconds(1)) == false) return;
        foreach (var bucket in buckets) bucket.Dispose();
    }
}
