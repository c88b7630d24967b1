using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Transformers.IO;

namespace Transformers.Data.Batches;

/// <summary>Has a sampler make batches ahead on a thread of its own, so that training does not wait for them.</summary>
/// <remarks>Its state is that after the last batch taken, not that of the sampler, which is ahead. The sampler belongs to it from now on.</remarks>
public sealed class BackgroundBatches : ITextSampler, IDisposable
{
    readonly ITextSampler sampler;
    readonly int ahead;
    readonly Queue<(TextBatch Batch, SamplerState After)> ready = [];
    readonly object gate = new();
    Thread thread;
    ExceptionDispatchInfo? failure;
    SamplerState state;
    bool stopping;

    /// <summary>Starts making batches.</summary>
    /// <param name="sampler">Makes them.</param>
    /// <param name="ahead">How many are kept ready.</param>
    public BackgroundBatches(ITextSampler sampler, int ahead = 4)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ahead, 1);
        (this.sampler, this.ahead, state) = (sampler, ahead, sampler.State);
        thread = Start();
    }

    /// <summary>How long <see cref="Next"/> has waited, in all.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>How many batches are ready to be taken.</summary>
    public int Ready
    {
        get { lock (gate) return ready.Count; }
    }

    /// <inheritdoc/>
    /// <remarks>Setting it drops the batches that were made ahead.</remarks>
    public SamplerState State
    {
        get => state;
        set
        {
            Stop();
            ready.Clear();
            (failure, stopping) = (null, false);
            state = sampler.State = value;
            thread = Start();
        }
    }

    /// <inheritdoc/>
    /// <exception cref="UserException">The data are damaged; thrown here though it happened on the other thread.</exception>
    public TextBatch Next()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(stopping, this);
            if (ready.Count == 0 && failure is null)
            {
                var start = Stopwatch.GetTimestamp();
                while (ready.Count == 0 && failure is null) Monitor.Wait(gate);
                Waited += Stopwatch.GetElapsedTime(start);
            }
            if (ready.Count == 0) failure!.Throw();
            (var batch, state) = ready.Dequeue();
            Monitor.PulseAll(gate);
            return batch;
        }
    }

    /// <summary>Ends the thread.</summary>
    public void Dispose() => Stop();

    Thread Start()
    {
        var made = new Thread(Run) { IsBackground = true, Name = "batches" };
        made.Start();
        return made;
    }

    void Run()
    {
        try
        {
            while (Room())
            {
                var batch = sampler.Next();
                lock (gate)
                {
                    ready.Enqueue((batch, sampler.State));
                    Monitor.PulseAll(gate);
                }
            }
        }
        catch (Exception exception)
        {
            lock (gate)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
                Monitor.PulseAll(gate);
            }
        }
    }

    bool Room()
    {
        lock (gate)
        {
            while (ready.Count >= ahead && !stopping) Monitor.Wait(gate);
            return !stopping;
        }
    }

    void Stop()
    {
        lock (gate)
        {
            stopping = true;
            Monitor.PulseAll(gate);
        }
        thread.Join();
    }
}
