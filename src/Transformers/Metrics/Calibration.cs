namespace Transformers.Metrics;

/// <summary>Counts confidence against correctness in bins of equal width; bin b holds confidences in (b/bins, (b+1)/bins].</summary>
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

    public double Error
    {
        get
        {
            var total = examples.Sum();
            if (total == 0) return 0;
            // |accuracy - confidence| weighted by the bin's share; the bin's count cancels.
            return Enumerable.Range(0, bins).Sum(b => Math.Abs(right[b] - confidences[b])) / total;
        }
    }

    public void Merge(Calibration other)
    {
        if (other.examples.Length != bins) throw new ArgumentException("The reports must have the same number of bins", nameof(other));
        for (var b = 0; b < bins; b++)
        {
            confidences[b] += other.confidences[b];
            right[b] += other.right[b];
            examples[b] += other.examples[b];
        }
    }
}
