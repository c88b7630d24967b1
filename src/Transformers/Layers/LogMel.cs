using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Layers;

/// <summary>Turns recordings into log-mel spectrograms.</summary>
/// <remarks>
/// Gong et al. 2021, section 2.1: windows of 25 ms (Hann) every 10 ms. The power spectrum is computed on windows padded with zeros to 1024
/// samples, so that none of 100 bands is empty; bands are triangles from 20 Hz to 8 kHz on the mel scale 2595·log₁₀(1 + f/700)
/// (O'Shaughnessy 1987).
/// </remarks>
public sealed class LogMel : IDisposable
{
    /// <summary>Samples per second.</summary>
    public const int Rate = 16_000;

    /// <summary>Samples from one frame to the next.</summary>
    public const int Hop = 160;

    internal const int Window = 400, Fft = 1024;
    internal const double Lowest = 20, Highest = 8000, Floor = 1e-6;
    const int Bins = Fft / 2 + 1;

    readonly Tensor window, bands;

    /// <summary>Creates the filters for a number of bands.</summary>
    /// <param name="mels">The number of bands M.</param>
    public LogMel(int mels, Device device)
    {
        using var scope = NewDisposeScope();
        window = hann_window(Window).to(device).DetachFromDisposeScope();
        bands = tensor(Bands(mels), [Bins, mels]).to(ScalarType.Float32).to(device).DetachFromDisposeScope();
    }

    /// <summary>The number of frames of a recording.</summary>
    /// <param name="samples">The number of its samples.</param>
    public static int FramesOf(int samples) => samples / Hop;

    /// <summary>The spectrogram of recordings of one length.</summary>
    /// <param name="samples">[B, S], at 16 kHz, more than 512 samples.</param>
    /// <returns>[B, T, M]: the natural logarithm of each band's power in each frame.</returns>
    public Tensor Of(Tensor samples)
    {
        using var scope = NewDisposeScope();
        var spectrum = stft(samples, Fft, hop_length: Hop, win_length: Window, window: window, return_complex: true);       // [B, Bins, T + 1]
        var power = (spectrum.real * spectrum.real).Plus(spectrum.imag * spectrum.imag);
        var frames = power.transpose(1, 2).narrow(1, 0, FramesOf((int)samples.size(1)));                                     // [B, T, Bins]
        return frames.matmul(bands).Plus(Floor).log().MoveToOuterDisposeScope();
    }

    // [Bins, mels]: the weight of each frequency in each band.
    static double[] Bands(int mels)
    {
        var (low, high) = (MelOf(Lowest), MelOf(Highest));
        var edges = Enumerable.Range(0, mels + 2).Select(i => HertzOf(low + (high - low) * i / (mels + 1))).ToArray();
        var bands = new double[Bins * mels];
        for (var bin = 0; bin < Bins; bin++)
            for (var mel = 0; mel < mels; mel++)
            {
                var frequency = (double)bin * Rate / Fft;
                var (rising, falling) = ((frequency - edges[mel]) / (edges[mel + 1] - edges[mel]), (edges[mel + 2] - frequency) / (edges[mel + 2] - edges[mel + 1]));
                bands[bin * mels + mel] = Math.Max(0, Math.Min(rising, falling));
            }
        return bands;
    }

    static double MelOf(double hertz) => 2595 * Math.Log10(1 + hertz / 700);

    /// <summary>The frequency of a value on the mel scale, in Hz.</summary>
    internal static double HertzOf(double mel) => 700 * (Math.Pow(10, mel / 2595) - 1);

    /// <summary>The centre of each band, in Hz.</summary>
    public static IReadOnlyList<double> MiddlesOf(int mels) =>
        [.. Enumerable.Range(1, mels).Select(i => HertzOf(MelOf(Lowest) + (MelOf(Highest) - MelOf(Lowest)) * i / (mels + 1)))];

    /// <inheritdoc/>
    public void Dispose()
    {
        window.Dispose();
        bands.Dispose();
    }
}
