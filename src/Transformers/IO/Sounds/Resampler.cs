using System.Numerics;

namespace Transformers.IO.Sounds;

/// <summary>Changes the rate of a recording with a windowed sinc, which removes frequencies that the new rate cannot represent.</summary>
/// <remarks>Smith 2002 (digital audio resampling): the ideal low-pass under a Kaiser window; one filter for each offset between the two grids.</remarks>
public static class Resampler
{
    // Zero crossings on each side, the fraction of the band that is kept, and the window's shape: about 80 dB.
    const int Crossings = 24;
    const double Kept = 0.94, Beta = 8;

    /// <summary>The recording at another rate; unchanged if it has that rate.</summary>
    public static Sound Resample(Sound sound, int rate)
    {
        if (sound.Rate == rate) return sound;
        var divisor = (int)BigInteger.GreatestCommonDivisor(sound.Rate, rate);
        var (up, down) = (rate / divisor, sound.Rate / divisor);
        // Frequencies in cycles per input sample.
        var cutoff = Kept * Math.Min(1, (double)rate / sound.Rate);
        var reach = (int)Math.Ceiling(Crossings / cutoff);
        var filters = new double[up][];
        var samples = new float[Math.Max(1, (long)sound.Samples.Length * up / down)];
        for (var i = 0; i < samples.Length; i++)
        {
            var position = (long)i * down;
            var (start, offset) = (position / up, (int)(position % up));
            var filter = filters[offset] ??= Filter((double)offset / up, cutoff, reach);
            double sum = 0;
            for (var k = Math.Max(0, start - reach); k <= Math.Min(sound.Samples.Length - 1, start + reach + 1); k++) sum += sound.Samples[k] * filter[k - start + reach];
            samples[i] = (float)sum;
        }
        return new Sound(samples, rate);
    }

    static double[] Filter(double offset, double cutoff, int reach)
    {
        var filter = new double[2 * reach + 2];
        for (var i = 0; i < filter.Length; i++)
        {
            var x = i - reach - offset;
            var inside = 1 - Math.Pow(x / (reach + 1), 2);
            filter[i] = inside <= 0 ? 0 : Sinc(cutoff * x) * cutoff * Bessel(Beta * Math.Sqrt(inside)) / Bessel(Beta);
        }
        // The gain at frequency 0 is 1 for every offset.
        var gain = filter.Sum();
        for (var i = 0; i < filter.Length; i++) filter[i] /= gain;
        return filter;
    }

    static double Sinc(double x) => x == 0 ? 1 : Math.Sin(Math.PI * x) / (Math.PI * x);

    // The modified Bessel function of order 0, by its series.
    static double Bessel(double x)
    {
        var (sum, term) = (1.0, 1.0);
        for (var k = 1; term > 1e-12 * sum; k++)
        {
            term *= x * x / (4.0 * k * k);
            sum += term;
        }
        return sum;
    }
}
