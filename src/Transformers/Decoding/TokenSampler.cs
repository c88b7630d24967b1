using System.Numerics.Tensors;
using Transformers.Native;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace Transformers.Decoding;

/// <summary>Chooses tokens from logits. Each sequence has its own sampler, with its own random stream.</summary>
/// <remarks>Nothing is sorted: filters work by partition, in time linear in the vocabulary.</remarks>
public sealed class TokenSampler
{
    readonly GenerationOptions options;
    float[] weights = [], work = [];
    int[] kept = [];
    ulong stream;

    /// <summary>Creates a sampler.</summary>
    /// <param name="options">The settings of the distribution.</param>
    /// <param name="sequence">The number of the sequence: each has its own stream, independent of the rest of the batch.</param>
    public TokenSampler(GenerationOptions options, int sequence = 0)
    {
        this.options = options;
        stream = CounterRandom.Mix(options.Seed ^ CounterRandom.Mix((ulong)sequence + 0x9E3779B97F4A7C15));
    }

    /// <summary>Chooses the next token.</summary>
    /// <param name="logits">[V]; modified by this call.</param>
    /// <param name="seen">The tokens of the text so far, for the repetition penalty.</param>
    /// <returns>The token, and its log-probability before temperature and filters, in nats.</returns>
    public (int id, double logProbability) Choose(Span<float> logits, IReadOnlyCollection<int> seen)
    {
        if (weights.Length < logits.Length) (weights, work, kept) = (new float[logits.Length], new float[logits.Length], new int[logits.Length]);
        if (options.RepetitionPenalty != 1) Penalise(logits, seen);
        var most = TensorPrimitives.IndexOfMax<float>(logits);
        var highest = logits[most];
        var normaliser = highest + Math.Log(Exponentials(logits, highest, 1));
        if (options.Greedy) return (most, highest - normaliser);
        if (options.Temperature != 1) Exponentials(logits, highest, options.Temperature);
        var id = Draw(Filter(logits, highest), logits.Length);
        return (id, logits[id] - normaliser);
    }

    void Penalise(Span<float> logits, IReadOnlyCollection<int> seen)
    {
        foreach (var id in seen.Distinct())
            logits[id] = (float)(logits[id] > 0 ? logits[id] / options.RepetitionPenalty : logits[id] * options.RepetitionPenalty);
    }

    // Unnormalised probabilities, 1 for the most probable token; returns their sum.
    double Exponentials(ReadOnlySpan<float> logits, float highest, double temperature)
    {
        var all = weights.AsSpan(0, logits.Length);
        TensorPrimitives.Subtract(logits, highest, all);
        // A factor that is neither 0 nor infinite, since either would make some products NaN.
        if (temperature != 1) TensorPrimitives.Multiply(all, (float)Math.Clamp(1 / temperature, float.Epsilon, float.MaxValue), all);
        TensorPrimitives.Exp(all, all);
        return TensorPrimitives.Sum<float>(all);
    }

    // How many tokens may be drawn, with their ids in `kept`; null for all.
    int? Filter(ReadOnlySpan<float> logits, float highest)
    {
        var floor = float.NegativeInfinity;
        var limit = int.MaxValue;
        if (options.TopK is { } k && k < logits.Length) (floor, limit) = (LargestOf(logits, k, work), k);
        if (options.MinP is > 0 and var fraction && (float)(highest + options.Temperature * Math.Log(fraction)) is var least && least > floor) (floor, limit) = (least, int.MaxValue);
        var filtered = !float.IsNegativeInfinity(floor);
        if (!filtered && options.TopP is not < 1) return null;
        var count = Keep(logits, floor, limit);
        return options.TopP is < 1 and var mass ? Nucleus(count, mass) : count;
    }

    // Tokens above a floor, and the first ones of those equal to it, up to a limit.
    int Keep(ReadOnlySpan<float> numbers, float floor, int limit)
    {
        var left = int.MaxValue;
        if (limit < numbers.Length)
        {
            var above = 0;
            foreach (var number in numbers)
                if (number > floor) above++;
            left = limit - above;
        }
        var count = 0;
        for (var id = 0; id < numbers.Length; id++)
            if (numbers[id] > floor || (numbers[id] == floor && !float.IsNegativeInfinity(floor) && left-- > 0)) kept[count++] = id;
        return count;
    }

    // Of the kept tokens, the fewest that together reach a fraction of the probability; of equal ones, those with lower ids.
    int Nucleus(int count, double mass)
    {
        double total = 0;
        for (var i = 0; i < count; i++) total += work[i] = weights[kept[i]];
        var (floor, equal) = Cut(work.AsSpan(0, count), mass * total);
        var result = 0;
        for (var i = 0; i < count; i++)
            if (weights[kept[i]] > floor || (weights[kept[i]] == floor && equal-- > 0)) kept[result++] = kept[i];
        return result;
    }

    /// <summary>The floor of the fewest weights that sum to at least a given mass, and how many of those equal to it are needed.</summary>
    internal static (float floor, int equal) Cut(Span<float> weights, double needed)
    {
        while (true)
        {
            var pivot = Middle(weights[0], weights[weights.Length / 2], weights[^1]);
            // Moves greater ones to the front and smaller ones to the end.
            int front = 0, back = weights.Length, i = 0;
            double above = 0;
            while (i < back)
            {
                if (weights[i] > pivot)
                {
                    above += weights[i];
                    (weights[i], weights[front]) = (weights[front], weights[i]);
                    front++;
                    i++;
                }
                else if (weights[i] < pivot) (weights[i], weights[back - 1]) = (weights[--back], weights[i]);
                else i++;
            }
            if (front > 0 && above >= needed)
            {
                weights = weights[..front];
                continue;
            }
            var equal = back - front;
            if (above + equal * (double)pivot >= needed || back == weights.Length)
            {
                var wanted = pivot > 0 ? (int)Math.Min(equal, Math.Ceiling((needed - above) / pivot)) : equal;
                return (pivot, front == 0 ? Math.Max(1, wanted) : wanted);
            }
            needed -= above + equal * (double)pivot;
            weights = weights[back..];
        }
    }

    static float Middle(float a, float b, float c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));

    int Draw(int? count, int vocabulary)
    {
        double total = 0;
        for (var i = 0; i < (count ?? vocabulary); i++) total += weights[count is null ? i : kept[i]];
        var left = Uniform() * total;
        var last = 0;
        for (var i = 0; i < (count ?? vocabulary); i++)
        {
            var id = count is null ? i : kept[i];
            if (weights[id] <= 0) continue;
            last = id;
            if ((left -= weights[id]) < 0) break;
        }
        return last;
    }

    /// <summary>The k-th largest number, by repeated partition.</summary>
    internal static float LargestOf(ReadOnlySpan<float> numbers, int k, float[] work)
    {
        numbers.CopyTo(work);
        int low = 0, high = numbers.Length - 1, target = k - 1;
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

    /// <summary>The sequence's next random number, from 0 to below 1.</summary>
    internal double Uniform() => (CounterRandom.Next(ref stream) >> 11) * (1.0 / (1UL << 53));
}

/// <summary>Chooses tokens on the device of the logits, so that only the chosen tokens are copied to the CPU.</summary>
/// <remarks>The distribution is that of <see cref="TokenSampler"/>, except for the last digits and for which of equal logits a filter keeps.</remarks>
static class DeviceSampler
{
    /// <summary>Chooses the next token of each row.</summary>
    /// <param name="logits">[B, V], 32-bit.</param>
    /// <param name="vocabulary">The tokens that may be drawn, from 0.</param>
    /// <param name="options">The settings of the distribution.</param>
    /// <param name="seen">Each row's tokens so far, for the repetition penalty.</param>
    /// <param name="draws">A number from 0 to below 1 for each row.</param>
    /// <returns>The tokens, and their log-probabilities before temperature and filters, in nats.</returns>
    internal static (long[] Ids, float[] LogProbabilities) Choose(Tensor logits, int vocabulary, GenerationOptions options, IReadOnlyList<IReadOnlyList<int>> seen, double[] draws)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var all = logits[.., ..vocabulary];                                                             // [B, V]
        if (options.RepetitionPenalty != 1) all = Penalise(all, seen, options.RepetitionPenalty);
        var logProbabilities = nn.functional.log_softmax(all, 1);
        var chosen = options.Greedy ? all.argmax(1, keepdim: true) : Draw(all, options, draws);        // [B, 1]
        return (chosen.cpu().data<long>().ToArray(), logProbabilities.gather(1, chosen).cpu().data<float>().ToArray());
    }

    static Tensor Penalise(Tensor all, IReadOnlyList<IReadOnlyList<int>> seen, double penalty)
    {
        // Rows differ in length: they are filled up with their first token, since writing the same number twice changes nothing.
        var longest = seen.Max(row => row.Count);
        if (longest == 0) return all;
        var ids = new long[seen.Count * longest];
        for (var row = 0; row < seen.Count; row++)
            for (var i = 0; i < longest; i++) ids[row * longest + i] = seen[row].Count == 0 ? 0 : seen[row][i < seen[row].Count ? i : 0];
        var index = tensor(ids, [seen.Count, longest], device: all.device);
        var old = all.gather(1, index);
        var lowered = where(old > Scalars.Zero, old / Scalars.Of(penalty), old * Scalars.Of(penalty));
        if (seen.Any(row => row.Count == 0))
        {
            using var empty = tensor(seen.Select(row => row.Count == 0).ToArray(), [seen.Count, 1], device: all.device);
            lowered = where(empty, old, lowered);
        }
        return all.scatter(1, index, lowered);
    }

    static Tensor Draw(Tensor all, GenerationOptions options, double[] draws)
    {
        var V = all.size(1);
        var highest = all.amax([1L], keepdim: true);                                                     // [B, 1]
        var weights = ((all - highest) * Scalars.Of(Math.Clamp(1 / options.Temperature, float.Epsilon, float.MaxValue))).exp();
        if (options.TopK is { } k && k < V)
        {
            // Stable, so that of equal ones those with lower ids are kept, as on the CPU; in bfloat16 many are equal.
            var kept = all.sort(1, descending: true, stable: true).Indices.narrow(1, 0, k);                 // [B, k]
            weights = zeros_like(weights).scatter(1, kept, weights.gather(1, kept));
        }
        if (options.MinP is > 0 and var least) weights = weights.masked_fill(all < highest.Plus(options.Temperature * Math.Log(least)), Scalars.Zero);
        if (options.TopP is < 1 and var mass)
        {
            var (sorted, order) = weights.sort(1, descending: true, stable: true);
            var before = sorted.cumsum(1, ScalarType.Float64) - sorted;
            // The fewest tokens that reach the mass: those before which it is not reached yet.
            var kept = sorted.masked_fill(before >= sorted.sum([1L], keepdim: true, ScalarType.Float64) * Scalars.Of(mass), Scalars.Zero);
            weights = zeros_like(weights).scatter(1, order, kept);
        }
        var sums = weights.cumsum(1, ScalarType.Float64);                                                // [B, V]
        var wanted = tensor(draws, [draws.Length, 1], device: all.device) * sums.narrow(1, V - 1, 1);
        // The first token whose sum exceeds the draw. If rounding leaves none, the last token that may be drawn.
        var first = (sums <= wanted).sum([1L], keepdim: true);
        var last = (sums < sums.narrow(1, V - 1, 1)).sum([1L], keepdim: true);
        return minimum(first, last);
    }
}
