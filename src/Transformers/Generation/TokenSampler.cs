using System.Numerics.Tensors;

namespace Transformers.Generation;

/// <summary>Chooses a token from logits. One sampler serves one sequence, whose random stream it is.</summary>
/// <remarks>The vocabulary is never sorted: only tokens that can be in the nucleus are.</remarks>
public sealed class TokenSampler
{
    readonly GenerationOptions options;
    ulong stream;

    /// <summary>A sampler.</summary>
    /// <param name="options">What shapes the distribution.</param>
    /// <param name="sequence">The number of the sequence: each has a stream of its own, whatever else is in the batch.</param>
    public TokenSampler(GenerationOptions options, int sequence = 0)
    {
        this.options = options;
        stream = Mix(options.Seed ^ Mix((ulong)sequence + 0x9E3779B97F4A7C15));
    }

    /// <summary>Chooses the next token.</summary>
    /// <param name="logits">[V]; changed by this call.</param>
    /// <param name="seen">The tokens of the text so far, for the repetition penalty.</param>
    /// <returns>The token, and its log-probability before temperature and filters, in nats.</returns>
    public (int id, double logProbability) Choose(Span<float> logits, IReadOnlyCollection<int> seen)
    {
        if (options.RepetitionPenalty != 1) Penalise(logits, seen);
        var most = TensorPrimitives.IndexOfMax(logits);
        var normaliser = LogSumExp(logits, logits[most]);
        if (options.Greedy) return (most, logits[most] - normaliser);

        var raw = new LogitView(logits, options.Temperature);
        var candidates = Candidates(logits, most);
        var id = Draw(candidates, raw);
        return (id, logits[id] - normaliser);
    }

    void Penalise(Span<float> logits, IReadOnlyCollection<int> seen)
    {
        foreach (var id in seen.Distinct())
            logits[id] = (float)(logits[id] > 0 ? logits[id] / options.RepetitionPenalty : logits[id] * options.RepetitionPenalty);
    }

    static double LogSumExp(ReadOnlySpan<float> logits, float most)
    {
        double sum = 0;
        foreach (var logit in logits) sum += Math.Exp(logit - most);
        return most + Math.Log(sum);
    }

    // The tokens that may be drawn, the most probable first where their order matters.
    int[] Candidates(ReadOnlySpan<float> logits, int most)
    {
        var floor = float.NegativeInfinity;
        if (options.TopK is { } k && k < logits.Length) floor = LargestOf(logits, k);
        if (options.MinP is > 0 and var share) floor = Math.Max(floor, (float)(logits[most] + options.Temperature * Math.Log(share)));
        var kept = new List<int>();
        for (var id = 0; id < logits.Length; id++)
            if (logits[id] >= floor && !float.IsNegativeInfinity(logits[id])) kept.Add(id);
        // Ties at the floor would make more than k: the lowest ids stay.
        if (options.TopK is { } limit && kept.Count > limit) kept = SmallestIds(kept, logits, limit);
        return options.TopP is < 1 and var mass ? Nucleus(kept, new LogitView(logits, options.Temperature), mass) : [.. kept];
    }

    static List<int> SmallestIds(List<int> kept, ReadOnlySpan<float> logits, int limit)
    {
        var keys = new (float negative, int id)[kept.Count];
        for (var i = 0; i < keys.Length; i++) keys[i] = (-logits[kept[i]], kept[i]);
        Array.Sort(keys);
        return [.. keys.Take(limit).Select(key => key.id)];
    }

    // A token whose probability is below (1 - mass)/count cannot be needed: all such together hold less than 1 - mass.
    static int[] Nucleus(List<int> kept, LogitView view, double mass)
    {
        var weights = kept.Select(view.Weight).ToArray();
        var total = weights.Sum();
        var least = (1 - mass) * total / kept.Count;
        var order = Enumerable.Range(0, kept.Count).Where(i => weights[i] >= least).ToArray();
        Array.Sort(order, (a, b) => weights[b].CompareTo(weights[a]) is var c and not 0 ? c : kept[a].CompareTo(kept[b]));
        double sum = 0;
        var count = 0;
        while (count < order.Length && sum < mass * total) sum += weights[order[count++]];
        return [.. order.Take(Math.Max(1, count)).Select(i => kept[i])];
    }

    int Draw(int[] candidates, LogitView view)
    {
        var weights = candidates.Select(view.Weight).ToArray();
        var left = Uniform() * weights.Sum();
        for (var i = 0; i < candidates.Length; i++)
            if ((left -= weights[i]) < 0) return candidates[i];
        return candidates[^1];
    }

    /// <summary>The k-th largest number, by repeated partition.</summary>
    internal static float LargestOf(ReadOnlySpan<float> numbers, int k)
    {
        var work = numbers.ToArray();
        int low = 0, high = work.Length - 1, target = k - 1;
        while (low < high)
        {
            var pivot = work[low + (high - low) / 2];
            int i = low, j = high;
            while (i <= j)
            {
                while (work[i] > pivot) i++;
                while (work[j] < pivot) j--;
                if (i <= j) (work[i], work[j]) = (work[j--], work[i++]);
            }
            if (target <= j) high = j;
            else if (target >= i) low = i;
            else break;
        }
        return work[target];
    }

    double Uniform()
    {
        stream += 0x9E3779B97F4A7C15;
        return (Mix(stream) >> 11) * (1.0 / (1UL << 53));
    }

    // The finaliser of SplitMix64 (Steele et al. 2014).
    static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>Unnormalised probabilities of tokens under a temperature.</summary>
    readonly struct LogitView
    {
        readonly float[] logits;
        readonly double most, temperature;

        internal LogitView(ReadOnlySpan<float> logits, double temperature)
        {
            this.logits = logits.ToArray();
            this.temperature = temperature;
            most = TensorPrimitives.Max(logits);
        }

        internal double Weight(int id) => Math.Exp((logits[id] - most) / temperature);
    }
}
