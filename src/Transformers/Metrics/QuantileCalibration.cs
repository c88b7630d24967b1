namespace Transformers.Metrics;

/// <summary>Widens or narrows the bands between forecast quantiles so that they contain the fraction of values that they should.</summary>
/// <remarks>
/// Romano et al. 2019 (conformalised quantile regression), theorem 1: both ends of a band are moved outwards by a quantile of the distances
/// from the band of values that the forecaster was not trained on; the distance of a value inside is negative. If these values and a new one
/// are exchangeable, the new one is in the moved band with about the band's probability, however wrong the forecaster is. A quantile in
/// the middle does not move.
/// </remarks>
public static class QuantileCalibration
{
    /// <summary>The bands of quantiles: the lowest and the highest, and so on inwards.</summary>
    /// <param name="probabilities">The probabilities of the Q quantiles, in ascending order.</param>
    /// <returns>For each band, the indices of its two quantiles, and its probability.</returns>
    public static IEnumerable<(int Low, int High, double Probability)> BandsOf(IReadOnlyList<double> probabilities) =>
        Enumerable.Range(0, probabilities.Count / 2).Select(low => (low, probabilities.Count - 1 - low, probabilities[probabilities.Count - 1 - low] - probabilities[low]));

    /// <summary>The minimum number of distances from which a band's shift can be estimated: a new distance is equally likely to be in each of the n + 1 gaps between n others.</summary>
    /// <param name="probability">The band's probability, between 0 and 1.</param>
    public static int FewestDistances(double probability) => (int)Math.Ceiling(probability / (1 - probability) - 1e-9);

    /// <summary>How far both ends of a band are moved outwards.</summary>
    /// <param name="distances">How far each value is outside the band, negative for values inside; at least one.</param>
    /// <param name="probability">The band's probability.</param>
    public static double ShiftOf(IEnumerable<double> distances, double probability)
    {
        double[] sorted = [.. distances.Order()];
        // A new distance is equally likely to be in each gap between the others, so (n + 1)·p of the n are below the quantile.
        var rank = Math.Clamp((sorted.Length + 1) * probability - 1, 0, sorted.Length - 1);
        var (below, above) = ((int)rank, Math.Min((int)rank + 1, sorted.Length - 1));
        return sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
    }
}
