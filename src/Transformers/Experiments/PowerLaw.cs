namespace Transformers.Experiments;

/// <summary>a + b·N^−α: how an error falls with the amount of data, of training or of parameters.</summary>
/// <remarks>Hestness et al. 2017, section 3; Kaplan et al. 2020, section 1.2.</remarks>
/// <param name="A">The limit for large N, at least 0.</param>
/// <param name="B">The factor, at least 0.</param>
/// <param name="Alpha">The exponent.</param>
public readonly record struct PowerLaw(double A, double B, double Alpha)
{
    /// <summary>The value at N.</summary>
    public double At(double n) => A + B * Math.Pow(n, -Alpha);
}

/// <summary>An estimate with its 95 % confidence interval.</summary>
/// <param name="Value">The best estimate.</param>
/// <param name="Low">The lower end.</param>
/// <param name="High">The upper end; null if it is beyond the range that was searched.</param>
public sealed record Estimate(double Value, double Low, double? High);

/// <summary>A power law fitted to points by least squares, with its uncertainty.</summary>
/// <remarks>
/// For a given exponent, a and b follow from linear least squares with neither below 0; the exponent is searched for. The uncertainty is that
/// of a parametric bootstrap (Efron and Tibshirani 1993, section 6.5): the law plus normal noise with the residuals' standard deviation, itself drawn
/// from its own distribution, is fitted again many times. That also gives the uncertainty of extrapolated values and of where two laws cross.
/// </remarks>
public sealed class PowerLawFit
{
    /// <summary>The number of different N that a fit needs; with one more, a is also fitted, otherwise it is 0.</summary>
    public const int FewestSizes = 3;

    const double LeastAlpha = 0.01, MostAlpha = 5;
    const int Grid = 64, Refinements = 60, Replicas = 1000;

    readonly PowerLaw[] replicas;

    PowerLawFit(PowerLaw law, PowerLaw[] replicas, double deviation, int points, bool hasConstant) =>
        (Law, this.replicas, Deviation, Points, HasConstant) = (law, replicas, deviation, points, hasConstant);

    /// <summary>The best law.</summary>
    public PowerLaw Law { get; }

    /// <summary>The standard deviation of the residuals.</summary>
    public double Deviation { get; }

    /// <summary>The number of points.</summary>
    public int Points { get; }

    /// <summary>Whether a was fitted; with too few different N it is 0.</summary>
    public bool HasConstant { get; }

    /// <summary>a.</summary>
    public Estimate A => Interval(law => law.A);

    /// <summary>b.</summary>
    public Estimate B => Interval(law => law.B);

    /// <summary>α.</summary>
    public Estimate Alpha => Interval(law => law.Alpha);

    /// <summary>The value at N.</summary>
    public Estimate At(double n) => Interval(law => law.At(n));

    Estimate Interval(Func<PowerLaw, double> of)
    {
        var sorted = replicas.Select(of).Order().ToArray();
        return new Estimate(of(Law), Quantile(sorted, 0.025), Quantile(sorted, 0.975));
    }

    static double Quantile(double[] sorted, double part) => sorted[(int)Math.Round(part * (sorted.Length - 1))];

    /// <summary>Fits a law.</summary>
    /// <param name="points">N, above 0, and the values; N may repeat.</param>
    /// <param name="seed">The seed of the bootstrap.</param>
    /// <returns>The fit; null for fewer than <see cref="FewestSizes"/> different N, too few points, or values that do not decrease with N.</returns>
    public static PowerLawFit? Of(IReadOnlyList<(double N, double Value)> points, ulong seed = 1)
    {
        var sizes = points.Select(point => point.N).Distinct().Count();
        var hasConstant = sizes > FewestSizes;
        var free = points.Count - (hasConstant ? 3 : 2);
        if (sizes < FewestSizes || free < 1 || points.Any(point => !(point.N > 0) || !double.IsFinite(point.Value))) return null;
        // N in units of its geometric mean, so that its powers are near 1 for any exponent.
        var unit = Math.Exp(points.Average(point => Math.Log(point.N)));
        double[] logs = [.. points.Select(point => Math.Log(point.N / unit))], values = [.. points.Select(point => point.Value)];
        var (best, squares) = Search(logs, values, hasConstant);
        // At the smallest exponent of the search, the values hardly decrease, so there is no law to fit.
        if (best.B <= 0 || best.Alpha < 1.05 * LeastAlpha) return null;
        var random = new SampleRandom(seed, 0x6C6177);
        var deviation = Math.Sqrt(squares / free);
        var drawn = new double[values.Length];
        var replicas = new PowerLaw[Replicas];
        for (var replica = 0; replica < Replicas; replica++)
        {
            var chi = Enumerable.Range(0, free).Sum(_ => Math.Pow(random.Normal(), 2));
            var noise = deviation * Math.Sqrt(free / Math.Max(chi, 1e-12));
            for (var i = 0; i < drawn.Length; i++) drawn[i] = best.A + best.B * Math.Exp(-best.Alpha * logs[i]) + noise * random.Normal();
            replicas[replica] = InUnitsOfOne(Search(logs, drawn, hasConstant).Law, unit);
        }
        return new PowerLawFit(InUnitsOfOne(best, unit), replicas, deviation, points.Count, hasConstant);
    }

    static PowerLaw InUnitsOfOne(PowerLaw law, double unit) => law with { B = law.B * Math.Pow(unit, law.Alpha) };

    // The exponent with the least squares: on a grid first, since there may be several minima, then by golden section.
    static (PowerLaw Law, double Squares) Search(double[] logs, double[] values, bool hasConstant)
    {
        double At(int i) => LeastAlpha * Math.Pow(MostAlpha / LeastAlpha, (double)i / (Grid - 1));
        var least = Enumerable.Range(0, Grid).MinBy(i => Solve(logs, values, At(i), hasConstant).Squares);
        var (low, high) = (At(Math.Max(0, least - 1)), At(Math.Min(Grid - 1, least + 1)));
        var golden = (Math.Sqrt(5) - 1) / 2;
        for (var i = 0; i < Refinements; i++)
        {
            var (left, right) = (high - golden * (high - low), low + golden * (high - low));
            if (Solve(logs, values, left, hasConstant).Squares < Solve(logs, values, right, hasConstant).Squares) high = right;
            else low = left;
        }
        return Solve(logs, values, (low + high) / 2, hasConstant);
    }

    // Linear least squares of a and b for an exponent, neither below 0.
    static (PowerLaw Law, double Squares) Solve(double[] logs, double[] values, double alpha, bool hasConstant)
    {
        double n = logs.Length, sumU = 0, sumUU = 0, sumY = 0, sumUY = 0;
        for (var i = 0; i < logs.Length; i++)
        {
            var u = Math.Exp(-alpha * logs[i]);
            (sumU, sumUU, sumY, sumUY) = (sumU + u, sumUU + u * u, sumY + values[i], sumUY + u * values[i]);
        }
        var (a, b) = (0.0, Math.Max(0, sumUY / sumUU));
        if (hasConstant)
        {
            var free = (n * sumUY - sumU * sumY) / (n * sumUU - sumU * sumU);
            if (free <= 0) (a, b) = (Math.Max(0, sumY / n), 0);
            else if (sumY - free * sumU >= 0) (a, b) = ((sumY - free * sumU) / n, free);
        }
        var law = new PowerLaw(a, b, alpha);
        var squares = logs.Select((log, i) => Math.Pow(a + b * Math.Exp(-alpha * log) - values[i], 2)).Sum();
        return (law, squares);
    }

    /// <summary>Where two laws first cross, from an N on.</summary>
    /// <param name="first">A fit.</param>
    /// <param name="second">Another.</param>
    /// <param name="from">The smallest N to consider.</param>
    /// <param name="to">The largest N to consider.</param>
    /// <returns>The estimate, or null if the best laws do not cross in that range; and the fraction of the bootstrap's pairs of laws that do.</returns>
    public static (Estimate? At, double Fraction) Crossing(PowerLawFit first, PowerLawFit second, double from, double to)
    {
        var crossings = first.replicas.Zip(second.replicas, (one, other) => Crossing(one, other, from, to)).ToArray();
        var fraction = crossings.Count(crossing => crossing is not null) / (double)crossings.Length;
        if (Crossing(first.Law, second.Law, from, to) is not { } at) return (null, fraction);
        // A pair that does not cross in the range crosses later, if at all.
        var sorted = crossings.Select(crossing => crossing ?? double.PositiveInfinity).Order().ToArray();
        var high = Quantile(sorted, 0.975);
        return (new Estimate(at, Quantile(sorted, 0.025) is var low && double.IsFinite(low) ? low : to, double.IsFinite(high) ? high : null), fraction);
    }

    static double? Crossing(PowerLaw first, PowerLaw second, double from, double to)
    {
        const int steps = 400;
        double At(int i) => from * Math.Pow(to / from, (double)i / steps);
        double Gap(double n) => first.At(n) - second.At(n);
        var before = Gap(from);
        for (var i = 1; i <= steps; i++)
        {
            if (Math.Sign(Gap(At(i))) == Math.Sign(before)) continue;
            var (low, high) = (At(i - 1), At(i));
            for (var halving = 0; halving < 60; halving++)
            {
                var middle = Math.Sqrt(low * high);
                if (Math.Sign(Gap(middle)) == Math.Sign(before)) low = middle;
                else high = middle;
            }
            return low;
        }
        return null;
    }
}
