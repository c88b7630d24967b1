using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace OnnxApp;

/// <summary>The settings of the spectrogram, from <c>model.json</c>.</summary>
record SoundInput(int Rate, int Samples, int Mels, int Hop, int Window, int Fft, double Lowest, double Highest, double Floor, double Mean, double Std);

/// <summary>Turns a recording into the log-mel spectrogram that an audio model reads.</summary>
static class Sound
{
    /// <summary>Reads a WAV file with one channel of 16 bits as samples from -1 to 1.</summary>
    public static float[] Read(string path, int rate)
    {
        var file = File.ReadAllBytes(path);
        for (var at = 12; at + 8 <= file.Length;)
        {
            var name = Encoding.ASCII.GetString(file, at, 4);
            var data = file.AsSpan(at + 8, BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 4)));
            if (name == "fmt " && (data[0], data[2], BinaryPrimitives.ReadInt32LittleEndian(data[4..]), data[14]) != (1, 1, rate, 16))
                throw new NotSupportedException($"only WAV files with one channel of 16 bits at {rate} Hz can be read: ffmpeg -i INPUT -ar {rate} -ac 1 -c:a pcm_s16le OUTPUT.wav");
            if (name == "data")
            {
                var samples = new float[data.Length / 2];
                for (var i = 0; i < samples.Length; i++) samples[i] = BinaryPrimitives.ReadInt16LittleEndian(data[(2 * i)..]) / 32768f;
                return samples;
            }
            at += 8 + data.Length + data.Length % 2;
        }
        throw new NotSupportedException("only WAV files can be read");
    }

    /// <summary>The normalised logarithm of each band's power in each frame, [T, M], of the middle of a recording.</summary>
    public static float[] Spectrogram(ReadOnlySpan<float> recording, SoundInput input)
    {
        // A recording is cropped, or padded with silence, equally at both ends.
        var samples = new float[input.Samples];
        var start = (recording.Length - samples.Length) / 2;
        for (var i = 0; i < samples.Length; i++) samples[i] = start + i >= 0 && start + i < recording.Length ? recording[start + i] : 0;
        var bands = Bands(input);
        var values = new float[samples.Length / input.Hop * input.Mels];
        for (var frame = 0; frame < samples.Length / input.Hop; frame++)
        {
            var power = Power(samples, frame * input.Hop - input.Window / 2, input);
            for (var mel = 0; mel < input.Mels; mel++)
            {
                var sum = input.Floor;
                for (var bin = 0; bin < power.Length; bin++) sum += power[bin] * bands[mel, bin];
                values[frame * input.Mels + mel] = (float)((Math.Log(sum) - input.Mean) / input.Std);
            }
        }
        return values;
    }

    // The power of each frequency in a Hann window, padded with zeros. Beyond its ends, a recording is mirrored at its first and last sample.
    static double[] Power(float[] samples, int start, SoundInput input)
    {
        var window = new Complex[input.Fft];
        for (var i = 0; i < input.Window; i++)
        {
            var at = Math.Abs(start + i);
            if (at >= samples.Length) at = 2 * (samples.Length - 1) - at;
            window[i] = samples[at] * (0.5 - 0.5 * Math.Cos(2 * Math.PI * i / input.Window));
        }
        Transform(window);
        return [.. window.Take(input.Fft / 2 + 1).Select(one => one.Real * one.Real + one.Imaginary * one.Imaginary)];
    }

    // Cooley and Tukey 1965: even and odd samples, each half as long.
    static void Transform(Span<Complex> x)
    {
        if (x.Length == 1) return;
        var half = x.Length / 2;
        Complex[] even = new Complex[half], odd = new Complex[half];
        for (var i = 0; i < half; i++) (even[i], odd[i]) = (x[2 * i], x[2 * i + 1]);
        Transform(even);
        Transform(odd);
        for (var i = 0; i < half; i++)
        {
            var turned = Complex.FromPolarCoordinates(1, -2 * Math.PI * i / x.Length) * odd[i];
            (x[i], x[i + half]) = (even[i] + turned, even[i] - turned);
        }
    }

    // How much of each frequency is in each band: triangles whose corners are at equal distances on the mel scale.
    static double[,] Bands(SoundInput input)
    {
        static double Mel(double hertz) => 2595 * Math.Log10(1 + hertz / 700);
        var (low, high) = (Mel(input.Lowest), Mel(input.Highest));
        double Corner(int i) => 700 * (Math.Pow(10, (low + (high - low) * i / (input.Mels + 1)) / 2595) - 1);
        var bands = new double[input.Mels, input.Fft / 2 + 1];
        for (var mel = 0; mel < input.Mels; mel++)
        {
            var (left, middle, right) = (Corner(mel), Corner(mel + 1), Corner(mel + 2));
            for (var bin = 0; bin < bands.GetLength(1); bin++)
            {
                var frequency = (double)bin * input.Rate / input.Fft;
                bands[mel, bin] = Math.Max(0, Math.Min((frequency - left) / (middle - left), (right - frequency) / (right - middle)));
            }
        }
        return bands;
    }
}
