using Transformers.IO.Sounds;

namespace Transformers.Tests.IO.Sounds;

public sealed class ResamplerTests
{
    static Sound Tone(double hertz, int rate, double seconds = 0.5) => new([.. Enumerable.Range(0, (int)(seconds * rate)).Select(i => (float)Math.Sin(2 * Math.PI * hertz * i / rate))], rate);

    [Theory]
    [InlineData(8_000)]
    [InlineData(11_025)]
    [InlineData(22_050)]
    [InlineData(44_100)]
    [InlineData(48_000)]
    [InlineData(96_000)]
    [InlineData(15_999)]
    public void A_tone_is_the_same_tone_at_another_rate(int rate)
    {
        var (resampled, expected) = (Resampler.Resample(Tone(1000, rate), 16_000), Tone(1000, 16_000));
        Assert.Equal(16_000, resampled.Rate);
        Assert.InRange(resampled.Samples.Length, expected.Samples.Length - 2, expected.Samples.Length + 1);
        // But for the ends, where half of the filter hears nothing.
        for (var i = 200; i < expected.Samples.Length - 200; i++) Assert.Equal(expected.Samples[i], resampled.Samples[i], 1e-3);
    }

    [Fact]
    public void What_the_new_rate_cannot_hold_is_silent() =>
        Assert.All(Resampler.Resample(Tone(9_500, 44_100), 16_000).Samples[200..^200], sample => Assert.InRange(sample, -1e-2f, 1e-2f));

    [Fact]
    public void A_constant_stays_constant() =>
        Assert.All(Resampler.Resample(new Sound([.. Enumerable.Repeat(0.25f, 2000)], 22_050), 16_000).Samples[100..^100], sample => Assert.Equal(0.25f, sample, 1e-6f));

    [Fact]
    public void At_its_own_rate_nothing_changes()
    {
        var tone = Tone(440, 16_000);
        Assert.Same(tone, Resampler.Resample(tone, 16_000));
    }
}
