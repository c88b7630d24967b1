using System.Numerics;

namespace Transformers.IO.Sounds;

/// <summary>A recording: one channel of samples from -1 to 1.</summary>
/// <param name="Samples">The samples; the mean of all channels.</param>
/// <param name="Rate">Samples per second.</param>
public sealed record Sound(float[] Samples, int Rate);

/// <summary>Reads and writes WAV files.</summary>
public static class WavFile
{
    /// <summary>Longer files are not read: about half an hour in 16 bits at 16 kHz.</summary>
    public const int MostBytes = 64 << 20;

    // Programs also write samples from -32,768 to 32,767 as floating-point numbers; those of much larger ones overflow in a spectrum.
    const float Largest = 1e6f;

    const int MostChannels = 64, LowestRate = 1_000, HighestRate = 768_000;
    const int Pcm = 1, Float = 3, Extensible = 0xFFFE;

    /// <summary>Whether a file's name is that of a WAV file.</summary>
    public static bool HasName(string path) => Path.GetExtension(path).ToLowerInvariant() is ".wav" or ".wave";

    /// <summary>Reads a file: 8, 16, 24 or 32 bits, or floating point of 32 or 64 bits; several channels become their mean.</summary>
    /// <exception cref="UserException">It cannot be read, or is not such a file.</exception>
    public static Sound Read(string path) => Parse(BoundedFile.ReadBytes(path, MostBytes), path);

    /// <summary>Reads a file's bytes.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="UserException">It is not such a file.</exception>
    public static Sound Parse(ReadOnlySpan<byte> bytes, string path)
    {
        var (format, start, size) = Find(bytes, bytes.Length, path)!.Value;
        return format.Decode(bytes.Slice(start, size), path);
    }

    /// <summary>Refuses what <see cref="Read"/> refuses; for most files it reads only the header.</summary>
    /// <exception cref="UserException">As for <see cref="Read"/>.</exception>
    internal static void Check(string path)
    {
        const int headerBytes = 1 << 14;
        var found = Find(BoundedFile.ReadStart(path, headerBytes, MostBytes, out var length), length, path);
        // Floating-point samples must all be read to know that they are within bounds.
        if (found is null || found.Value.Format.IsFloat) Read(path);
    }

    // The format and the samples of a file of some length; null if they begin after the bytes that are given.
    static (Format Format, int Start, int Size)? Find(ReadOnlySpan<byte> bytes, long length, string path)
    {
        if (bytes.Length < 12 || !bytes[..4].SequenceEqual("RIFF"u8) || !bytes.Slice(8, 4).SequenceEqual("WAVE"u8))
            throw Wrong(path, $"is not a WAV file{(ContentOf(bytes) is { } content ? $": it is {content}" : "")}", "convert it, for example: ffmpeg -i INPUT -ar 16000 -ac 1 OUTPUT.wav");
        Format? format = null;
        for (long at = 12; at + 8 <= length;)
        {
            if (at + 8 > bytes.Length) return null;
            var name = bytes.Slice((int)at, 4);
            long size = BinaryPrimitives.ReadUInt32LittleEndian(bytes[((int)at + 4)..]);
            at += 8;
            var left = length - at;
            if (name.SequenceEqual("fmt "u8))
            {
                if (size > left) throw Wrong(path, "ends inside its header");
                if (at + size > bytes.Length) return null;
                format = Format.Read(bytes.Slice((int)at, (int)size), path);
            }
            else if (name.SequenceEqual("data"u8))
            {
                if (format is null) throw Wrong(path, "has samples before the header that describes them");
                // A program that writes to a pipe does not know the length in advance.
                if (size == uint.MaxValue) size = left - left % format.Frame;
                if (size > left) throw Wrong(path, $"ends inside its samples: {size:N0} bytes are announced, but only {left:N0} are present");
                format.Check(size, path);
                return (format, (int)at, (int)size);
            }
            at += size + size % 2;
        }
        throw Wrong(path, format is null ? "has no header that describes its samples" : "has no samples");
    }

    // The actual format of a file that is not WAV.
    static string? ContentOf(ReadOnlySpan<byte> bytes) =>
        bytes.IsEmpty ? "empty" : bytes.StartsWith("RIFX"u8) ? "a big-endian one (RIFX)" : bytes.StartsWith("RF64"u8) || bytes.StartsWith("BW64"u8) ? "one of more than 4 GB (RF64)"
        : bytes.StartsWith("fLaC"u8) ? "FLAC" : bytes.StartsWith("OggS"u8) ? "Ogg" : bytes.StartsWith("FORM"u8) ? "AIFF" : bytes.Length > 8 && bytes[4..].StartsWith("ftyp"u8) ? "MP4"
        : bytes.StartsWith("ID3"u8) || bytes.Length > 1 && bytes[0] == 0xFF && (bytes[1] & 0xE6) == 0xE2 ? "MP3" : null;

    sealed record Format(int Channels, int Rate, int Bits, bool IsFloat)
    {
        internal int Frame => Channels * Bits / 8;

        internal static Format Read(ReadOnlySpan<byte> chunk, string path)
        {
            if (chunk.Length < 16) throw Wrong(path, $"has a header of {chunk.Length} bytes, but needs 16");
            int kind = BinaryPrimitives.ReadUInt16LittleEndian(chunk), channels = BinaryPrimitives.ReadUInt16LittleEndian(chunk[2..]), bits = BinaryPrimitives.ReadUInt16LittleEndian(chunk[14..]);
            var rate = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
            // The actual format is in the first two bytes of the sub-format.
            if (kind == Extensible) kind = chunk.Length >= 40 ? BinaryPrimitives.ReadUInt16LittleEndian(chunk[24..]) : throw Wrong(path, $"has an extended header of {chunk.Length} bytes, but needs 40");
            if ((kind, bits) is not ((Pcm, 8 or 16 or 24 or 32) or (Float, 32 or 64)))
                throw Wrong(path, $"has samples of format {kind} with {bits} bits{(NameOf(kind) is { } coding ? $" ({coding})" : "")}", "8, 16, 24 or 32 bits and floating point are supported: ffmpeg -i INPUT -c:a pcm_s16le OUTPUT.wav");
            if (channels is < 1 or > MostChannels) throw Wrong(path, $"has {channels} channels; 1 to {MostChannels} are supported");
            if (rate is < LowestRate or > HighestRate) throw Wrong(path, $"has {rate} samples per second; {LowestRate} to {HighestRate} are supported");
            return new Format(channels, (int)rate, bits, kind == Float);
        }

        static string? NameOf(int kind) => kind switch { 2 or 17 => "ADPCM", 6 => "A-law", 7 => "µ-law", 80 or 85 => "MPEG", _ => null };

        internal void Check(long size, string path)
        {
            if (size < Frame) throw Wrong(path, "has no samples");
            if (size % Frame != 0) throw Wrong(path, $"has {size} bytes of samples, not a multiple of {Frame}, the bytes per sample of all channels");
        }

        internal Sound Decode(ReadOnlySpan<byte> data, string path)
        {
            var count = data.Length / Frame;
            var (samples, width) = (new float[count], Bits / 8);
            for (var i = 0; i < count; i++)
            {
                double sum = 0;
                for (var channel = 0; channel < Channels; channel++) sum += Sample(data.Slice((i * Channels + channel) * width, width));
                samples[i] = (float)(sum / Channels);
                if (Math.Abs(samples[i]) > Largest) throw Wrong(path, FormattableString.Invariant($"has a sample of {samples[i]:G3}, at {i}; samples are from -1 to 1, and at most {Largest:N0} are read"), "scale them, for example: ffmpeg -i INPUT -af loudnorm -c:a pcm_s16le OUTPUT.wav");
                if (!float.IsFinite(samples[i])) throw Wrong(path, $"has a sample that is not a number, at {i}");
            }
            return new Sound(samples, Rate);
        }

        double Sample(ReadOnlySpan<byte> bytes) => (IsFloat, Bits) switch
        {
            (true, 32) => BinaryPrimitives.ReadSingleLittleEndian(bytes),
            (true, _) => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
            (_, 8) => (bytes[0] - 128) / 128.0,
            (_, 16) => BinaryPrimitives.ReadInt16LittleEndian(bytes) / 32768.0,
            (_, 24) => ((bytes[0] << 8 | bytes[1] << 16 | bytes[2] << 24) >> 8) / 8388608.0,
            _ => BinaryPrimitives.ReadInt32LittleEndian(bytes) / 2147483648.0,
        };
    }

    static UserException Wrong(string path, string what, string? hint = null) => new([new Problem(what, path, Hint: hint)]);

    /// <summary>The bytes of a file of one channel in 16 bits; samples beyond -1 to 1 are clipped.</summary>
    public static byte[] Write(Sound sound)
    {
        var bytes = new byte[44 + 2 * sound.Samples.Length];
        "RIFF"u8.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), bytes.Length - 8);
        "WAVEfmt "u8.CopyTo(bytes.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(16), 16);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(20), Pcm);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(22), 1);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(24), sound.Rate);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(28), 2 * sound.Rate);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(32), 2);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(34), 16);
        "data"u8.CopyTo(bytes.AsSpan(36));
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(40), 2 * sound.Samples.Length);
        for (var i = 0; i < sound.Samples.Length; i++)
            BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(44 + 2 * i), (short)Math.Clamp(Math.Round(sound.Samples[i] * 32767.0), -32768, 32767));
        return bytes;
    }
}

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
