namespace Transformers.Metrics;

/// <summary>How far forecasts are from what happened.</summary>
/// <param name="quantiles">The probabilities of the quantiles, in rising order; empty for forecasts of one number.</param>
public sealed class ForecastScores(IReadOnlyList<double> quantiles)
{
    double absolute, squared, scaled, pinball;
    long scaledCount, covered;

    /// <summary>The number of steps.</summary>
    public long Steps { get; private set; }

    /// <summary>Adds one step.</summary>
    /// <param name="actual">What happened; a missing value (NaN) does not count.</param>
    /// <param name="mean">The forecast of the mean, for the squared error.</param>
    /// <param name="values">The forecast of each quantile; the middle one is for the absolute error. Empty if the mean is the whole forecast.</param>
    /// <param name="scale">What MASE divides by; NaN leaves the step out of it.</param>
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

    /// <summary>The mean absolute scaled error; NaN where no series has a scale.</summary>
    /// <remarks>Hyndman and Koehler 2006.</remarks>
    public double Mase => scaledCount == 0 ? double.NaN : scaled / scaledCount;

    /// <summary>The mean loss of the quantiles; half the absolute error for a forecast of one number and symmetric probabilities.</summary>
    /// <remarks>Koenker and Bassett 1978.</remarks>
    public double QuantileLoss => pinball / (Steps * Math.Max(1, quantiles.Count));

    /// <summary>The fraction of steps between the lowest and the highest quantile.</summary>
    public double Coverage => (double)covered / Steps;

    /// <summary>The scores by name.</summary>
    /// <param name="prefix">Comes before each name, such as <c>naive_</c>.</param>
    /// <param name="band">Whether the forecast has quantiles of its own.</param>
    public IEnumerable<KeyValuePair<string, double>> Named(string prefix = "", bool band = true)
    {
        yield return new(prefix + "mae", Mae);
        yield return new(prefix + "mse", Mse);
        if (!double.IsNaN(Mase)) yield return new(prefix + "mase", Mase);
        yield return new(prefix + "quantile_loss", QuantileLoss);
        if (band && quantiles.Count > 1) yield return new(prefix + "coverage", Coverage);
    }
}
