namespace Transformers.Metrics;

/// <summary>Widens or narrows the bands between forecast quantiles so that as many values are in them as they say.</summary>
/// <remarks>
/// Romano et al. 2019 (conformalised quantile regression), theorem 1: both ends of a band are moved outwards by a quantile of how far values
/// that the forecaster has not learned from are outside it, which is negative for values inside. If these and a new value could come in any
/// order, the new one is in the moved band with the band's probability, however wrong the forecaster is. What is in the middle stays.
/// </remarks>
public static class QuantileCalibration
{
    /// <summary>The bands of quantiles: the lowest with the highest, and so on inwards.</summary>
    /// <param name="probabilities">The probabilities of the Q quantiles, in rising order.</param>
    /// <returns>For each band the positions of its ends, and its probability.</returns>
    public static IEnumerable<(int Low, int High, double Probability)> BandsOf(IReadOnlyList<double> probabilities) =>
        Enumerable.Range(0, probabilities.Count / 2).Select(low => (low, probabilities.Count - 1 - low, probabilities[probabilities.Count - 1 - low] - probabilities[low]));

    /// <summary>The fewest distances that say how wide a band is to be: with n of them, a new one may be in each of n + 1 gaps.</summary>
    /// <param name="probability">The band's probability, between 0 and 1.</param>
    public static int FewestDistances(double probability) => (int)Math.Ceiling(probability / (1 - probability) - 1e-9);

    /// <summary>By how much both ends of a band are to be moved outwards.</summary>
    /// <param name="distances">How far values were outside the band, at least one of them; negative for those inside.</param>
    /// <param name="probability">The band's probability.</param>
    public static double ShiftOf(IEnumerable<double> distances, double probability)
    {
        double[] sorted = [.. distances.Order()];
        // A new one is as likely in each gap between the others: (n + 1)·p of the n are below its quantile.
        var rank = Math.Clamp((sorted.Length + 1) * probability - 1, 0, sorted.Length - 1);
        var (below, above) = ((int)rank, Math.Min((int)rank + 1, sorted.Length - 1));
        return sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
    }
}
