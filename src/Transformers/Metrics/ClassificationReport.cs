namespace Transformers.Metrics;

/// <summary>Precision, recall and F1 of one class, each from 0 to 1.</summary>
/// <param name="Label">The class's name.</param>
/// <param name="Precision">The fraction of predictions of it that are right; 0 if it was never predicted.</param>
/// <param name="Recall">The fraction of its examples that were predicted as it; 0 if it has none.</param>
/// <param name="F1">The harmonic mean of the two; 0 if both are.</param>
/// <param name="Support">The number of its examples.</param>
public sealed record ClassScore(string Label, double Precision, double Recall, double F1, long Support);

/// <summary>What a classifier got right and wrong, derived from counts.</summary>
public sealed class ClassificationReport
{
    readonly long[,] confusion;
    readonly long[] right;
    readonly Calibration calibration;

    /// <summary>An empty report.</summary>
    /// <param name="labels">The names of the N classes, in the order of their ids.</param>
    /// <param name="top">The largest k for which top-k accuracy is counted.</param>
    /// <param name="bins">The number of bins of the calibration error.</param>
    public ClassificationReport(IReadOnlyList<string> labels, int top = 5, int bins = 15)
    {
        ArgumentOutOfRangeException.ThrowIfZero(labels.Count);
        Labels = labels;
        confusion = new long[labels.Count, labels.Count];
        right = new long[Math.Min(top, labels.Count)];
        calibration = new Calibration(bins);
    }

    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>The number of examples.</summary>
    public long Examples { get; private set; }

    /// <summary>Adds one example by its scores.</summary>
    /// <param name="logits">Unnormalised scores [N].</param>
    /// <param name="label">The actual class.</param>
    /// <remarks>Of classes with equal scores, the one with the lower id ranks first, as with an argmax. A score that is not a number ranks last.</remarks>
    /// <exception cref="UserException">The label is not a class.</exception>
    public void Add(ReadOnlySpan<float> logits, int label)
    {
        if (logits.Length != Labels.Count)
            throw new ArgumentException($"{logits.Length} scores for {Labels.Count} classes", nameof(logits));
        if ((uint)label >= (uint)Labels.Count)
            throw new UserException($"label {label} is not one of the {Labels.Count} classes");
        var (best, rank) = (0, 0);
        for (var i = 1; i < logits.Length; i++) if (Above(logits, i, best)) best = i;
        for (var i = 0; i < logits.Length; i++) if (i != label && Above(logits, i, label)) rank++;
        confusion[label, best]++;
        for (var k = rank; k < right.Length; k++) right[k]++;
        Examples++;
        double sum = 0;
        foreach (var logit in logits) if (!float.IsNaN(logit)) sum += Math.Exp((double)logit - logits[best]);
        calibration.Add(sum > 0 ? 1 / sum : 0, best == label);
    }

    /// <summary>The counts as plain numbers, which another report can add.</summary>
    internal double[] Counts() => [Examples, .. right.Select(count => (double)count), .. confusion.Cast<long>().Select(count => (double)count), .. calibration.Counts()];

    /// <summary>Replaces the counts.</summary>
    /// <param name="counts">The sum of the <see cref="Counts"/> of reports on the same classes.</param>
    internal void SetCounts(ReadOnlySpan<double> counts)
    {
        Examples = (long)counts[0];
        for (var k = 0; k < right.Length; k++) right[k] = (long)counts[1 + k];
        var rest = counts[(1 + right.Length)..];
        for (var i = 0; i < confusion.Length; i++) confusion[i / Labels.Count, i % Labels.Count] = (long)rest[i];
        calibration.SetCounts(rest[confusion.Length..]);
    }

    static bool Above(ReadOnlySpan<float> scores, int a, int b)
    {
        var (x, y) = (scores[a], scores[b]);
        if (float.IsNaN(x)) return float.IsNaN(y) && a < b;
        return float.IsNaN(y) || x > y || (x == y && a < b);
    }

    /// <summary>How often class row was predicted as class column, as a list of rows.</summary>
    public long[][] ConfusionRows() =>
        [.. Enumerable.Range(0, Labels.Count).Select(r => Enumerable.Range(0, Labels.Count).Select(c => confusion[r, c]).ToArray())];

    /// <summary>Fraction of examples whose best class is right, from 0 to 1.</summary>
    public double Accuracy => TopK(1);

    /// <summary>Fraction of examples whose right class is among the k best, from 0 to 1; with k classes or fewer it is 1.</summary>
    public double TopK(int k)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        if (k >= Labels.Count) return Examples == 0 ? 0 : 1;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, right.Length);
        return Examples == 0 ? 0 : (double)right[k - 1] / Examples;
    }

    /// <summary>Precision, recall and F1 of each class.</summary>
    public IReadOnlyList<ClassScore> Classes()
    {
        var scores = new ClassScore[Labels.Count];
        for (var c = 0; c < scores.Length; c++)
        {
            long predicted = 0, support = 0;
            for (var i = 0; i < scores.Length; i++) (predicted, support) = (predicted + confusion[i, c], support + confusion[c, i]);
            scores[c] = new ClassScore(Labels[c], Fraction(confusion[c, c], predicted), Fraction(confusion[c, c], support),
                Fraction(2 * confusion[c, c], predicted + support), support);
        }
        return scores;
    }

    /// <summary>Mean F1 of the classes that have examples or predictions, with equal weights, from 0 to 1.</summary>
    public double MacroF1
    {
        get
        {
            // As in scikit-learn, a class that neither occurs nor is predicted has no F1 to average.
            double sum = 0;
            var classes = 0;
            foreach (var (score, c) in Classes().Select((s, c) => (s, c)))
            {
                if (score.Support == 0 && !Enumerable.Range(0, Labels.Count).Any(i => confusion[i, c] > 0)) continue;
                sum += score.F1;
                classes++;
            }
            return classes == 0 ? 0 : sum / classes;
        }
    }

    /// <summary>Expected calibration error (Naeini et al. 2015; Guo et al. 2017, equation 3), from 0 to 1: the difference between confidence and accuracy, over bins of equal width.</summary>
    public double CalibrationError => calibration.Error;

    static double Fraction(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
}

/// <summary>Counts confidence and correctness in bins of equal width; bin b covers confidences in (b/bins, (b+1)/bins].</summary>
sealed class Calibration(int bins)
{
    readonly double[] confidences = new double[bins];
    readonly long[] right = new long[bins];
    readonly long[] examples = new long[bins];

    public void Add(double confidence, bool isRight)
    {
        var bin = Math.Clamp((int)Math.Ceiling(confidence * bins) - 1, 0, bins - 1);
        confidences[bin] += confidence;
        examples[bin]++;
        if (isRight) right[bin]++;
    }

    internal IEnumerable<double> Counts() => [.. confidences, .. right.Select(count => (double)count), .. examples.Select(count => (double)count)];

    internal void SetCounts(ReadOnlySpan<double> counts)
    {
        for (var bin = 0; bin < bins; bin++) (confidences[bin], right[bin], examples[bin]) = (counts[bin], (long)counts[bins + bin], (long)counts[2 * bins + bin]);
    }

    public double Error
    {
        get
        {
            var total = examples.Sum();
            if (total == 0) return 0;
            // |accuracy - confidence| weighted by the bin's size; the bin's count cancels.
            return Enumerable.Range(0, bins).Sum(b => Math.Abs(right[b] - confidences[b])) / total;
        }
    }
}

/// <summary>Turns unnormalised scores of classes into probabilities, in 64 bits.</summary>
public static class Probabilities
{
    /// <summary>The softmax of scores.</summary>
    public static double[] Of(ReadOnlySpan<float> scores)
    {
        var probabilities = new double[scores.Length];
        var most = Greatest(scores);
        double sum = 0;
        for (var i = 0; i < scores.Length; i++) sum += probabilities[i] = Math.Exp(scores[i] - most);
        for (var i = 0; i < scores.Length; i++) probabilities[i] /= sum;
        return probabilities;
    }

    /// <summary>The logarithm of one class's probability; exact where the probability itself would round to 0.</summary>
    public static double LogOf(ReadOnlySpan<float> scores, int label)
    {
        var most = Greatest(scores);
        double sum = 0;
        foreach (var score in scores) sum += Math.Exp(score - most);
        return scores[label] - most - Math.Log(sum);
    }

    /// <summary>The class with the greatest probability; of equal ones, the first.</summary>
    public static int Best(ReadOnlySpan<double> probabilities)
    {
        var best = 0;
        for (var i = 1; i < probabilities.Length; i++)
            if (probabilities[i] > probabilities[best]) best = i;
        return best;
    }

    static double Greatest(ReadOnlySpan<float> scores)
    {
        var most = double.NegativeInfinity;
        foreach (var score in scores) most = Math.Max(most, score);
        return most;
    }
}
