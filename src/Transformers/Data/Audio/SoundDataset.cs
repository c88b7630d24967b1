using System.Collections.Concurrent;
using Transformers.Data.Images;
using Transformers.Generators.Speech;
using Transformers.IO;
using Transformers.IO.Sounds;

namespace Transformers.Data.Audio;

/// <summary>Recordings in class folders, divided into training, validation and test.</summary>
public sealed class SoundDataset
{
    /// <summary>Samples per second of what the model hears.</summary>
    public const int Rate = 16_000;

    // Decoded recordings are kept in memory up to here.
    const long CacheBytes = 512L << 20;

    const int MostNamed = 5;

    readonly string[] paths;
    readonly int[] labels;
    readonly ConcurrentDictionary<int, float[]> cache = new();
    long cached;

    readonly ClassFolders files;

    SoundDataset(string folder, ClassFolders files, AudioDataConfig config, ulong seed, bool check)
    {
        this.files = files;
        var layout = ClassLayout.Of(files.Found, folder);
        Classes = layout.Classes;
        paths = [.. layout.Order.Select(i => Path.Combine(folder, files.Found[i]))];
        labels = layout.Labels;
        var faults = new Problem?[paths.Length];
        if (check) AllCores.For(paths.Length, i => faults[i] = FaultOf(paths[i]));
        Broken = [.. faults.OfType<Problem>()];
        var by = Enumerable.Range(0, paths.Length).Where(i => faults[i] is null).ToLookup(i => layout.Splits[i]);
        int[] train = [.. by[ImageSplit.None].Concat(by[ImageSplit.Train]).Order()], validation = [.. by[ImageSplit.Validation]];
        if (validation.Length == 0 && config.Holdout > 0 && (int)Math.Round(config.Holdout * train.Length) is var held && held > 0 && held < train.Length)
            (train, validation) = new HoldoutFractionConfig { Fraction = config.Holdout }.Divide(train, i => labels[i], seed);
        (Train, Validation, Test) = (DataLimit.Draw(train, i => labels[i], config.Limit, seed, "sounds"), validation, [.. by[ImageSplit.Test]]);
    }

    /// <summary>What is wrong with a file; null where it can be read.</summary>
    internal static Problem? FaultOf(string path)
    {
        try
        {
            WavFile.Check(path);
            return null;
        }
        catch (UserException exception)
        {
            return exception.Problems[0];
        }
    }

    /// <summary>Opens what a config names; generated sounds are spoken once and kept.</summary>
    /// <param name="config">The config.</param>
    /// <param name="seed">The run's seed; it decides what is held out.</param>
    /// <param name="path">Replaces the config's source, as <c>--data</c> does.</param>
    /// <param name="generated">The folder that generated sets are kept in.</param>
    /// <param name="cancel">Ends the speaking of generated sounds, of which nothing is left then.</param>
    /// <exception cref="UserException">The folder cannot be read, or has no recordings in class folders.</exception>
    public static SoundDataset Open(AudioDataConfig config, ulong seed, string? path = null, string generated = "data/generated", CancellationToken cancel = default)
    {
        var folder = path ?? config.Source switch
        {
            GeneratedAudioConfig spoken => Generate(spoken, generated, cancel),
            AudioFolderConfig own => own.Path,
            _ => throw new NotSupportedException($"sounds cannot come from {config.Source.GetType().Name}"),
        };
        var files = new ClassFolders(folder, WavFile.HasName, "WAV files");
        if (files.Found.Count == 0) throw new UserException([new Problem("there are no WAV files in the folder", folder, Hint: "put .wav files in a folder for each class: CLASS/FILE.wav, or train/CLASS/FILE.wav and test/CLASS/FILE.wav")]);
        // What the program has spoken itself it can read.
        return new SoundDataset(folder, files, path is null ? config : config with { Limit = null }, seed, check: path is not null || config.Source is AudioFolderConfig);
    }

    static string Generate(GeneratedAudioConfig spoken, string folder, CancellationToken cancel)
    {
        var path = Path.Combine(folder, $"{spoken.Generator.ToString().ToLowerInvariant()}-v{SpeechGenerator.Version}-{spoken.Count}-seed{spoken.Seed}");
        // A set appears whole or not at all, so one that is there is complete.
        if (Directory.Exists(path)) return path;
        try
        {
            SpeechGenerator.Write(path, spoken.Count, spoken.Seed, cancel);
        }
        catch (UserException) when (Directory.Exists(path))
        {
            // Another process spoke the same set, and was faster.
        }
        return path;
    }

    /// <summary>The WAV files of a folder and below it, in order of their names.</summary>
    /// <exception cref="UserException">It cannot be read.</exception>
    internal static IReadOnlyList<string> FilesBelow(string folder) =>
        [.. new ClassFolders(folder, WavFile.HasName, "WAV files").Found.Select(file => Path.Combine(folder, file)).Order(StringComparer.Ordinal)];

    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> Classes { get; }
    /// <summary>Numbers of the training recordings.</summary>
    public int[] Train { get; }
    /// <summary>Numbers of the validation recordings.</summary>
    public int[] Validation { get; }
    /// <summary>Numbers of the test recordings.</summary>
    public int[] Test { get; }

    /// <summary>The recordings that cannot be read and are in no split, with what is wrong with them.</summary>
    public IReadOnlyList<Problem> Broken { get; }

    /// <summary>What a person should know before training on them: what was left out, and classes that a split lacks.</summary>
    public IEnumerable<string> Warnings =>
    [
        .. files.Warnings,
        .. ClassFolders.MissingClasses(Classes, LabelOf, "sound", ("training", Train), ("validation", Validation), ("test", Test)),
        .. Broken.Take(MostNamed).Select(problem => $"skipped {problem.File}: {problem.Message}"),
        .. Broken.Count > MostNamed ? [$"{Broken.Count:N0} recordings are skipped in all"] : Array.Empty<string>(),
    ];

    /// <summary>The class of a recording.</summary>
    public int LabelOf(int index) => labels[index];

    /// <summary>The file of a recording.</summary>
    public string NameOf(int index) => paths[index];

    /// <summary>The recordings of a split.</summary>
    /// <param name="name"><c>test</c>, <c>validation</c> or <c>train</c>; null for the test where there is one, else validation, else all.</param>
    /// <exception cref="UserException">There are none.</exception>
    public (string Name, int[] Indices) Split(string? name)
    {
        if (Broken.Count == paths.Length) throw new UserException($"none of the {paths.Length} recordings can be read", Broken[0].ToString());
        if (name is null) return Test.Length > 0 ? ("test", Test) : Validation.Length > 0 ? ("validation", Validation) : ("all", Train);
        var indices = ClassLayout.SplitNamed(name) switch { ImageSplit.Train => Train, ImageSplit.Validation => Validation, ImageSplit.Test => Test, _ => [] };
        if (indices.Length > 0) return (name, indices);
        var there = new[] { ("train", Train), ("validation", Validation), ("test", Test) }.Where(split => split.Item2.Length > 0).Select(split => split.Item1);
        throw new UserException($"the recordings have no split \"{name}\"", $"there are: {string.Join(", ", there)}");
    }

    /// <summary>A recording's samples at 16 kHz; not to be written into.</summary>
    /// <exception cref="UserException">The file cannot be read.</exception>
    public float[] Load(int index)
    {
        if (cache.TryGetValue(index, out var samples)) return samples;
        samples = Resampler.Resample(WavFile.Read(paths[index]), Rate).Samples;
        if (Interlocked.Add(ref cached, 4L * samples.Length) <= CacheBytes) cache[index] = samples;
        return samples;
    }

    /// <summary>Recordings for one pass, in order, with nothing random.</summary>
    /// <param name="indices">The recordings.</param>
    /// <param name="length">Samples of each.</param>
    public SoundBatch Batch(ReadOnlySpan<int> indices, int length)
    {
        var batch = new SoundBatch([.. indices], [.. indices.ToArray().Select(i => (long)labels[i])], length);
        for (var row = 0; row < indices.Length; row++) Clip(Load(indices[row]), batch.Row(row), 0);
        return batch;
    }

    /// <summary>Recordings for a step of training, moved and with masks.</summary>
    /// <param name="size">The number of recordings, drawn at random.</param>
    /// <param name="length">Samples of each.</param>
    /// <param name="frames">Frames T of a spectrogram.</param>
    /// <param name="mels">Bands M of a spectrogram.</param>
    /// <param name="augment">What is random.</param>
    /// <param name="random">The numbers of this step.</param>
    internal SoundBatch Draw(int size, int length, int frames, int mels, AudioAugmentConfig augment, SampleRandom random)
    {
        var indices = new int[size];
        for (var row = 0; row < size; row++) indices[row] = Train[random.Next(Train.Length)];
        var batch = new SoundBatch(indices, [.. indices.Select(i => (long)labels[i])], length) { FramesKept = Ones(size * frames), BandsKept = Ones(size * mels) };
        var shift = augment.Shift * Rate;
        for (var row = 0; row < size; row++)
        {
            var samples = Load(indices[row]);
            // Of a long recording any part, else one that is moved a little.
            var slack = (samples.Length - length) / 2.0;
            Clip(samples, batch.Row(row), (int)random.Uniform(-Math.Max(shift, slack), Math.Max(shift, slack)));
            for (var mask = 0; mask < augment.Masks; mask++)
            {
                Hide(batch.FramesKept.AsSpan(row * frames, frames), augment.Time, random);
                Hide(batch.BandsKept.AsSpan(row * mels, mels), augment.Frequency, random);
            }
        }
        return batch;
    }

    static float[] Ones(int count)
    {
        var ones = new float[count];
        Array.Fill(ones, 1f);
        return ones;
    }

    static void Hide(Span<float> kept, int most, SampleRandom random)
    {
        var width = random.Next(Math.Min(most, kept.Length) + 1);
        kept.Slice(random.Next(kept.Length - width + 1), width).Clear();
    }

    /// <summary>The middle of a recording, moved by some samples; silence where it has none.</summary>
    internal static void Clip(ReadOnlySpan<float> samples, Span<float> clip, int shift)
    {
        var start = (samples.Length - clip.Length) / 2 + shift;
        for (var i = 0; i < clip.Length; i++) clip[i] = start + i >= 0 && start + i < samples.Length ? samples[start + i] : 0;
    }
}

/// <summary>Recordings of one length with their classes.</summary>
/// <param name="indices">B numbers of recordings.</param>
/// <param name="labels">B classes.</param>
/// <param name="length">S samples of each.</param>
public sealed class SoundBatch(int[] indices, long[] labels, int length)
{
    /// <summary>B numbers of recordings.</summary>
    public int[] Indices => indices;
    /// <summary>B classes.</summary>
    public long[] Labels => labels;
    /// <summary>S samples of each.</summary>
    public int Length => length;
    /// <summary>[B, S].</summary>
    public float[] Samples { get; } = new float[indices.Length * length];
    /// <summary>[B, T]: 0 for frames that are hidden; null where nothing is.</summary>
    public float[]? FramesKept { get; init; }
    /// <summary>[B, M]: 0 for bands that are hidden; null where nothing is.</summary>
    public float[]? BandsKept { get; init; }

    internal Span<float> Row(int row) => Samples.AsSpan(row * length, length);
}
