using Transformers.IO.Sounds;

namespace Transformers.Generators.Speech;

/// <summary>The words that are synthesised.</summary>
public enum SpeechKind
{
    /// <summary>The words for 0 to 9.</summary>
    Digits,
}

/// <summary>A speaker.</summary>
/// <param name="Pitch">The pitch in Hz.</param>
/// <param name="Tract">The factor on all formants: a shorter vocal tract has higher ones.</param>
/// <param name="Speed">The divisor of all durations.</param>
/// <param name="Breath">The loudness of breath in the voice.</param>
/// <param name="Tilt">How much softer high frequencies of the voice are, from 0 to below 1.</param>
/// <param name="Fall">The fraction by which the pitch falls over a word.</param>
sealed record Voice(double Pitch, double Tract, double Speed, double Breath, double Tilt, double Fall)
{
    internal static Voice Draw(SampleRandom random)
    {
        var height = random.NextDouble();
        return new Voice(85 * Math.Pow(3, height), 0.88 + 0.26 * height + random.Uniform(-0.05, 0.05), random.Uniform(0.8, 1.25), random.Uniform(0, 0.12), random.Uniform(0.3, 0.8), random.Uniform(-0.1, 0.3));
    }
}

/// <summary>Synthesises words by rule in many voices, and adds noise.</summary>
/// <remarks>
/// A source of pulses and noise goes through a series of resonators, one for each formant, as in Klatt 1980; formants, loudness and pitch glide from sound to sound.
/// The noise is 0 to 20 dB softer than the word.
/// </remarks>
public static class SpeechGenerator
{
    /// <summary>Changes when a seed would give different sounds.</summary>
    public const int Version = 1;

    /// <summary>Samples per second.</summary>
    public const int Rate = 16_000;

    /// <summary>The number of voices of training, validation and test, which have no voice in common.</summary>
    public static IReadOnlyList<(string Split, int Voices)> Splits { get; } = [("train", 60), ("validation", 10), ("test", 20)];

    const int Length = Rate, Frame = 80;
    const double QuietestNoise = 20;

    /// <summary>The names of the classes, in the order of labels.</summary>
    public static IReadOnlyList<string> Classes { get; } = [.. Words.All.Select(word => word.Name)];

    /// <summary>Synthesises a word.</summary>
    /// <param name="seed">The seed of the set.</param>
    /// <param name="split">The number of the split, which determines the voices.</param>
    /// <param name="index">The number of the sound in its split; its class is the remainder by the number of classes.</param>
    /// <returns>One second at 16 kHz.</returns>
    public static Sound Speak(ulong seed, int split, int index)
    {
        var random = new SampleRandom(seed, 0x737065616B, (ulong)split, (ulong)index);
        var voice = Voice.Draw(new SampleRandom(seed, 0x766F696365, (ulong)split, (ulong)random.Next(Splits[split].Voices)));
        var word = Synthesize(Words.All[index % Words.All.Count].Phones, voice, random);
        var samples = new double[Length];
        var start = random.Next(Math.Max(1, Length - word.Length));
        for (var i = 0; i < Math.Min(word.Length, Length); i++) samples[start + i] = word[i];
        AddNoise(samples, Power(word), random);
        var loudness = random.Uniform(0.1, 0.9) / Math.Max(1e-9, samples.Max(Math.Abs));
        return new Sound([.. samples.Select(sample => (float)(sample * loudness))], Rate);
    }

    static double Power(double[] samples) => samples.Sum(sample => sample * sample) / samples.Length;

    // White to brown noise: each sample includes part of the one before.
    static void AddNoise(double[] samples, double power, SampleRandom random)
    {
        var ratio = Math.Pow(10, -random.Uniform(0, QuietestNoise) / 10);
        var memory = random.Uniform(0, 0.95);
        var noise = new double[samples.Length];
        double last = 0;
        for (var i = 0; i < noise.Length; i++) noise[i] = last = memory * last + random.Normal();
        var gain = Math.Sqrt(power * ratio / Power(noise));
        for (var i = 0; i < samples.Length; i++) samples[i] += gain * noise[i];
    }

    static double[] Synthesize(Phone[] phones, Voice voice, SampleRandom random)
    {
        // A speaker never says a sound in exactly the same way twice.
        var said = Array.ConvertAll(phones, phone => phone with
        {
            F1 = phone.F1 * voice.Tract * random.Uniform(0.95, 1.05), F2 = phone.F2 * voice.Tract * random.Uniform(0.95, 1.05), F3 = phone.F3 * voice.Tract * random.Uniform(0.97, 1.03),
            HissAt = phone.HissAt * random.Uniform(0.93, 1.07), Milliseconds = phone.Milliseconds / voice.Speed * random.Uniform(0.85, 1.15),
        });
        var ends = new double[said.Length];
        for (var i = 0; i < said.Length; i++) ends[i] = (i == 0 ? 0 : ends[i - 1]) + said[i].Milliseconds * Rate / 1000;
        var sound = new double[(int)Math.Min(ends[^1], Length - Frame)];
        Resonator[] formants = [new(), new(), new(), new()];
        var hiss = new Resonator();
        var (pulse, filtered, pitch) = (0.0, 0.0, voice.Pitch * random.Uniform(0.94, 1.06));
        for (var t = 0; t < sound.Length; t++)
        {
            var now = At(said, ends, t);
            if (t % Frame == 0)
            {
                double[] frequencies = [now.F1, now.F2, now.F3, 3500 * voice.Tract], widths = [70, 100, 140, 220];
                for (var f = 0; f < formants.Length; f++) formants[f].Tune(Math.Min(frequencies[f], 7500), widths[f]);
                hiss.Tune(Math.Min(Math.Max(now.HissAt, 1000), 7500), 1500);
            }
            // The smoothed pulses of the voice, with a little jitter in their distances.
            pulse += pitch * (1 - voice.Fall * t / sound.Length) / Rate * (1 + 0.02 * random.Normal());
            var source = voice.Breath * random.Normal() * 0.3;
            if (pulse >= 1)
            {
                pulse -= 1;
                source += 8;
            }
            filtered = voice.Tilt * filtered + (1 - voice.Tilt) * source;
            var voiced = now.Voice * filtered;
            foreach (var formant in formants) voiced = formant.Next(voiced);
            var edge = Math.Min(1, Math.Min(t, sound.Length - t) / (0.01 * Rate));
            sound[t] = edge * (voiced + 0.5 * now.Hiss * hiss.Next(random.Normal()));
        }
        return sound;
    }

    // The sounds glide into each other over 40 milliseconds around each border.
    static Phone At(Phone[] said, double[] ends, int t)
    {
        var i = 0;
        while (i < said.Length - 1 && t >= ends[i]) i++;
        const double half = 0.02 * Rate;
        if (i > 0 && t - ends[i - 1] < half) return Between(said[i - 1], said[i], 0.5 + (t - ends[i - 1]) / (2 * half));
        return i < said.Length - 1 && ends[i] - t < half ? Between(said[i], said[i + 1], 0.5 - (ends[i] - t) / (2 * half)) : said[i];
    }

    static Phone Between(Phone a, Phone b, double w)
    {
        double Mix(double x, double y) => x + w * (y - x);
        return new(Mix(a.F1, b.F1), Mix(a.F2, b.F2), Mix(a.F3, b.F3), 0, Mix(a.Voice, b.Voice), Mix(a.Hiss, b.Hiss), Mix(a.HissAt == 0 ? b.HissAt : a.HissAt, b.HissAt == 0 ? a.HissAt : b.HissAt));
    }

    /// <summary>A resonance: two poles, with gain 1 at frequency 0.</summary>
    sealed class Resonator
    {
        double a, b, c, last, before;

        internal void Tune(double frequency, double width)
        {
            c = -Math.Exp(-2 * Math.PI * width / Rate);
            b = 2 * Math.Exp(-Math.PI * width / Rate) * Math.Cos(2 * Math.PI * frequency / Rate);
            a = 1 - b - c;
        }

        internal double Next(double x)
        {
            var y = a * x + b * last + c * before;
            (before, last) = (last, y);
            return y;
        }
    }

    /// <summary>Writes a set as <c>SPLIT/CLASS/NNNNNN.wav</c>; it is written completely or not at all.</summary>
    /// <param name="folder">A folder that does not exist or is empty.</param>
    /// <param name="count">Training sounds; validation gets a tenth and test a fifth as many, at least one of each class.</param>
    /// <param name="cancel">Cancels the writing, and leaves nothing behind.</param>
    /// <exception cref="UserException">There are too few sounds or too many, or the folder is not empty or cannot be written.</exception>
    public static void Write(string folder, int count, ulong seed, CancellationToken cancel = default)
    {
        if (count < Classes.Count || count > 1_000_000) throw new UserException($"the number of recordings ({count}) must be from {Classes.Count}, for one of each class, to 1,000,000");
        PartialFolder.Fill(folder, "the recordings", path =>
        {
            foreach (var (split, (name, _)) in Splits.Index())
            {
                foreach (var label in Classes) Directory.CreateDirectory(Path.Combine(path, name, label));
                AllCores.For(CountOf(count, split), i => File.WriteAllBytes(Path.Combine(path, name, Classes[i % Classes.Count], $"{i:d6}.wav"), WavFile.Write(Speak(seed, split, i))), cancel);
            }
        });
    }

    static int CountOf(int train, int split) => split switch { 0 => train, 1 => Math.Max(Classes.Count, train / 10), _ => Math.Max(Classes.Count, train / 5) };
}

/// <summary>A speech sound: the resonances of the vocal tract, and what excites them.</summary>
/// <param name="F1">The first formant in Hz, of a man's voice.</param>
/// <param name="F2">The second.</param>
/// <param name="F3">The third.</param>
/// <param name="Milliseconds">The duration in milliseconds.</param>
/// <param name="Voice">The loudness of the voice.</param>
/// <param name="Hiss">The loudness of the hiss.</param>
/// <param name="HissAt">The middle of the hiss in Hz.</param>
readonly record struct Phone(double F1, double F2, double F3, double Milliseconds, double Voice = 1, double Hiss = 0, double HissAt = 0);

/// <summary>The sounds of the words for 0 to 9.</summary>
/// <remarks>Formants after Peterson and Barney 1952 (vowels) and Klatt 1980, table II (consonants), rounded.</remarks>
static class Words
{
    static readonly Phone
        Ih = new(400, 1900, 2570, 90), Eh = new(530, 1840, 2480, 110), Ah = new(640, 1200, 2400, 120), Ao = new(570, 850, 2410, 140), Uw = new(310, 870, 2250, 190), Iy = new(280, 2250, 2900, 180),
        Schwa = new(500, 1400, 2400, 60, 0.8), OpenA = new(700, 1200, 2500, 110), CloseI = new(350, 2100, 2700, 100), E = new(480, 1900, 2550, 110), O = new(500, 900, 2400, 120), CloseU = new(350, 850, 2300, 90),
        W = new(300, 650, 2200, 70, 0.7), R = new(330, 1060, 1500, 70, 0.7), N = new(280, 1500, 2500, 80, 0.45),
        Z = new(250, 1600, 2600, 90, 0.35, 0.35, 5200), V = new(250, 1100, 2100, 60, 0.45, 0.12, 3800),
        S = new(320, 1600, 2600, 110, 0, 0.6, 5600), F = new(340, 1100, 2100, 100, 0, 0.22, 3900), Th = new(320, 1300, 2600, 90, 0, 0.16, 4600),
        Closure = new(300, 1600, 2600, 55, 0), T = new(400, 1700, 2600, 35, 0, 0.7, 4300), K = new(350, 1900, 2400, 35, 0, 0.6, 2300);

    /// <summary>The words in the order of their digits.</summary>
    internal static IReadOnlyList<(string Name, Phone[] Phones)> All { get; } =
    [
        ("zero", [Z, Ih, R, O, CloseU]), ("one", [W, Ah, N]), ("two", [T, Uw]), ("three", [Th, R, Iy]), ("four", [F, Ao, R]),
        ("five", [F, OpenA, CloseI, V]), ("six", [S, Ih, Closure, K, S]), ("seven", [S, Eh, V, Schwa, N]), ("eight", [E, CloseI, Closure, T]), ("nine", [N, OpenA, CloseI, N]),
    ];
}
