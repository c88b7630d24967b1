using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Training;

// Validation, which processes share.
public sealed partial class Trainer
{
    /// <summary>The mean loss of a split, without gradients and dropout; processes take turns with the batches, and all have the same result.</summary>
    /// <param name="batches">Its batches.</param>
    public (double loss, long targets) Evaluate(IEnumerable<MicroBatch> batches)
    {
        using var inference = no_grad();
        task.Model.eval();
        double sum = 0;
        long targets = 0;
        // A batch of each process at a time, added in their order: the same sum as one process has.
        var round = new double[2 * task.Processes.Size];
        var turn = 0;
        foreach (var batch in batches)
        {
            if (turn == 0) agreement.ThrowIfStopped();
            if (turn == task.Processes.Rank)
            {
                using var scope = NewDisposeScope();
                (round[2 * turn], round[2 * turn + 1]) = (batch.LossSum().CrossEntropy.to(ScalarType.Float64).item<double>(), batch.Targets);
            }
            if (++turn == task.Processes.Size) AddRound();
        }
        if (turn > 0) AddRound();
        task.Model.train();
        return (targets == 0 ? double.NaN : sum / targets, targets);

        void AddRound()
        {
            agreement.Add(round);
            for (var i = 0; i < round.Length; i += 2) (sum, targets) = (sum + round[i], targets + (long)round[i + 1]);
            Array.Clear(round);
            turn = 0;
            agreement.Meet();
        }
    }

    void Validate(long step, bool whole)
    {
        var started = Stopwatch.GetTimestamp();
        using var averaged = SwapAverage();
        var (loss, targets) = Evaluate(task.Validation(whole ? null : config.Validate.Batches));
        if (targets == 0) return;
        var metrics = new Dictionary<string, double>(task.DerivedMetrics(loss));
        using (no_grad())
        {
            task.Model.eval();
            // Processes that measure together must fail together: an exception ends all.
            if (!task.Processes.IsAlone) Measure();
            else Showing.Try("the metrics other than the loss", observer, stop, Measure);
            if (task.Processes.IsFirst)
            {
                Showing.Try("the pictures", observer, stop, () => observer.OnPictures(step, task.Pictures()));
                Showing.Try("the histograms of weights", observer, stop, () => observer.OnWeights(step, task.Model));
            }
            task.Model.train();
        }
        State = State.Validated(step, loss, out var best);
        var report = new ValidationReport(step, loss, targets, metrics, best, Stopwatch.GetElapsedTime(started).TotalSeconds);
        LastValidation = report;
        outputs?.Log(step, "val", [("loss", loss), .. metrics.Select(metric => (metric.Key, metric.Value))]);
        observer.OnValidation(report);

        void Measure()
        {
            foreach (var (name, value) in task.Metrics(whole, agreement.Token)) metrics[name] = value;
        }
    }
}
