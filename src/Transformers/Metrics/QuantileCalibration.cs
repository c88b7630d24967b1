namespace Transformers.Metrics;

/// <summary>Moves forecast quantiles so that as many values lie below them as their probabilities say.</summary>
/// <remarks>
/// Romano et al. 2019 (conformalised quantile regression), theorem 2: each quantile is moved by a quantile of its own errors on values that
/// the forecaster has not learned from. If these and a new value could come in any order, the new one lies below the moved quantile with the
/// quantile's probability, however wrong the forecaster is.
/// </remarks>
public static class QuantileCalibration
{
    /// <summary>The fewest errors that say where quantiles are: with n of them, a new error may be in each of n + 1 gaps.</summary>
    /// <param name="probabilities">The probabilities of the quantiles, between 0 and 1.</param>
    public static int FewestErrors(IEnumerable<double> probabilities) =>
        (int)Math.Ceiling(probabilities.Max(probability => 1 / Math.Min(probability, 1 - probability)) - 1 - 1e-9);

    /// <summary>By how much a quantile is to be moved.</summary>
    /// <param name="errors">What happened minus the quantile's forecast, at least one of them.</param>
    /// <param name="probability">The quantile's probability.</param>
    public static double ShiftOf(IEnumerable<double> errors, double probability)
    {
        double[] sorted = [.. errors.Order()];
        // A new error is as likely in each gap between the others: (n + 1)·q of the n lie below its quantile.
        var rank = Math.Clamp((sorted.Length + 1) * probability - 1, 0, sorted.Length - 1);
        var (below, above) = ((int)rank, Math.Min((int)rank + 1, sorted.Length - 1));
        return sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
    }
}
