namespace Transformers.Metrics;

/// <summary>Errors of forecasts.</summary>
/// <param name="quantiles">The probabilities of the quantiles, in ascending order; empty for point forecasts.</param>
public sealed class ForecastScores(IReadOnlyList<double> quantiles)
{
    double absolute, squared, scaled, pinball;
    long scaledCount, covered;

    /// <summary>The number of steps.</summary>
    public long Steps { get; private set; }

    /// <summary>Adds one step.</summary>
    /// <param name="actual">The actual value; a missing one (NaN) is ignored.</param>
    /// <param name="mean">The forecast of the mean, for the squared error.</param>
    /// <param name="values">The forecast of each quantile; the middle one is for the absolute error. Empty for a point forecast, which is the mean.</param>
    /// <param name="scale">The divisor of MASE; with NaN, the step is not in MASE.</param>
    public void Add(double actual, double mean, ReadOnlySpan<double> values, double scale)
    {
        if (double.IsNaN(actual)) return;
        Steps++;
        var error = Math.Abs(actual - (values.Length > 0 ? Median(values) : mean));
        absolute += error;
        squared += (actual - mean) * (actual - mean);
        if (double.IsFinite(scale))
        {
            scaled += error / scale;
            scaledCount++;
        }
        for (var q = 0; q < quantiles.Count; q++)
        {
            var difference = actual - (values.Length > 0 ? values[q] : mean);
            pinball += Math.Max(quantiles[q] * difference, (quantiles[q] - 1) * difference);
        }
        if (values.Length > 1 && actual >= values[0] && actual <= values[^1]) covered++;
    }

    // The quantile nearest to the middle.
    double Median(ReadOnlySpan<double> values)
    {
        var best = 0;
        for (var q = 1; q < values.Length; q++)
            if (Math.Abs(quantiles[q] - 0.5) < Math.Abs(quantiles[best] - 0.5)) best = q;
        return values[best];
    }

    /// <summary>The mean absolute error, of the median.</summary>
    public double Mae => absolute / Steps;

    /// <summary>The mean squared error, of the mean.</summary>
    public double Mse => squared / Steps;

    /// <summary>The mean absolute scaled error; NaN if no series has a scale.</summary>
    /// <remarks>Hyndman and Koehler 2006.</remarks>
    public double Mase => scaledCount == 0 ? double.NaN : scaled / scaledCount;

    /// <summary>The mean loss of the quantiles; half the absolute error for a point forecast and symmetric probabilities.</summary>
    /// <remarks>Koenker and Bassett 1978.</remarks>
    public double QuantileLoss => pinball / (Steps * Math.Max(1, quantiles.Count));

    /// <summary>The fraction of steps between the lowest and the highest quantile.</summary>
    public double Coverage => (double)covered / Steps;

    /// <summary>The scores by name.</summary>
    /// <param name="prefix">The prefix of each name, such as <c>naive_</c>.</param>
    /// <param name="band">Whether the forecast has its own quantiles.</param>
    public IEnumerable<KeyValuePair<string, double>> Named(string prefix = "", bool band = true)
    {
        yield return new(prefix + "mae", Mae);
        yield return new(prefix + "mse", Mse);
        if (!double.IsNaN(Mase)) yield return new(prefix + "mase", Mase);
        yield return new(prefix + "quantile_loss", QuantileLoss);
        if (band && quantiles.Count > 1) yield return new(prefix + "coverage", Coverage);
    }
}

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
