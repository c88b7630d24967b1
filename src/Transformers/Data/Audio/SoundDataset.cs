using Transformers.Data.Images;
using Transformers.Generators.Speech;
using Transformers.IO.Sounds;

namespace Transformers.Data.Audio;

/// <summary>Recordings in class folders, divided into training, validation and test.</summary>
public sealed class SoundDataset
{
    /// <summary>The sample rate of the model's input.</summary>
    public const int Rate = 16_000;

    // Decoded recordings are kept in memory up to this size.
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
        (Train, Validation, Test) = (DataLimit.Draw(train, i => labels[i], config.Limit, seed, "recordings"), validation, [.. by[ImageSplit.Test]]);
    }

    /// <summary>What is wrong with a file; null if it can be read.</summary>
    internal static Problem? FaultOf(string path) => UserException.ProblemOf(() => WavFile.Check(path));

    /// <summary>Opens the recordings that a config names; generated ones are synthesised once and kept.</summary>
    /// <param name="seed">The run's seed, which determines what is held out.</param>
    /// <param name="path">Replaces the config's source, as <c>--data</c> does.</param>
    /// <param name="generated">The folder in which generated data sets are kept.</param>
    /// <param name="cancel">Cancels the synthesis of generated recordings, and leaves nothing behind.</param>
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
        if (files.Found.Count == 0) throw new UserException([new Problem("the folder contains no WAV files", folder, Hint: "put .wav files into one folder per class: CLASS/FILE.wav, or train/CLASS/FILE.wav and test/CLASS/FILE.wav")]);
        // Recordings that the program generated itself are readable.
        return new SoundDataset(folder, files, path is null ? config : config with { Limit = null }, seed, check: path is not null || config.Source is AudioFolderConfig);
    }

    static string Generate(GeneratedAudioConfig spoken, string folder, CancellationToken cancel)
    {
        var path = Path.Combine(folder, $"{spoken.Generator.ToString().ToLowerInvariant()}-v{SpeechGenerator.Version}-{spoken.Count}-seed{spoken.Seed}");
        // A data set is written completely or not at all, so one that exists is complete.
        if (Directory.Exists(path)) return path;
        try
        {
            SpeechGenerator.Write(path, spoken.Count, spoken.Seed, cancel);
        }
        catch (UserException) when (Directory.Exists(path))
        {
            // Another process generated the same data set first.
        }
        return path;
    }

    /// <summary>The WAV files in a folder at any depth, in order of their names.</summary>
    /// <exception cref="UserException">It cannot be read, or has none.</exception>
    internal static IReadOnlyList<string> FilesBelow(string folder)
    {
        List<string> files = [.. new ClassFolders(folder, WavFile.HasName, "WAV files").Found.Select(file => Path.Combine(folder, file)).Order(StringComparer.Ordinal)];
        return files.Count > 0 ? files : throw new UserException([new Problem("the folder contains no WAV files", folder)]);
    }

    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> Classes { get; }
    /// <summary>Indices of the training recordings.</summary>
    public int[] Train { get; }
    /// <summary>Indices of the validation recordings.</summary>
    public int[] Validation { get; }
    /// <summary>Indices of the test recordings.</summary>
    public int[] Test { get; }

    /// <summary>The recordings that cannot be read and are in no split, with what is wrong with them.</summary>
    public IReadOnlyList<Problem> Broken { get; }

    /// <summary>What a user should know before training on them: what was left out, and classes that are missing from a split.</summary>
    public IEnumerable<string> Warnings =>
    [
        .. files.Warnings,
        .. ClassFolders.MissingClasses(Classes, LabelOf, "recording", ("training", Train), ("validation", Validation), ("test", Test)),
        .. Broken.Take(MostNamed).Select(problem => $"skipped {problem.File}: {problem.Message}"),
        .. Broken.Count > MostNamed ? [$"{Broken.Count:N0} recordings are skipped in total"] : Array.Empty<string>(),
    ];

    /// <summary>The class of a recording.</summary>
    public int LabelOf(int index) => labels[index];

    /// <summary>The file of a recording.</summary>
    public string NameOf(int index) => paths[index];

    /// <summary>The recordings of a split.</summary>
    /// <param name="name"><c>test</c>, <c>validation</c> or <c>train</c>; null for the test split if there is one, else validation, else all.</param>
    /// <exception cref="UserException">There are none.</exception>
    public (string Name, int[] Indices) Split(string? name)
    {
        if (Broken.Count == paths.Length) throw new UserException(paths.Length == 1 ? "the only recording cannot be read" : $"none of the {paths.Length:N0} recordings can be read", Broken[0].ToString());
        if (name is null) return Test.Length > 0 ? ("test", Test) : Validation.Length > 0 ? ("validation", Validation) : ("all", Train);
        var indices = ClassLayout.SplitNamed(name) switch { ImageSplit.Train => Train, ImageSplit.Validation => Validation, ImageSplit.Test => Test, _ => [] };
        if (indices.Length > 0) return (name, indices);
        var there = new[] { ("train", Train), ("validation", Validation), ("test", Test) }.Where(split => split.Item2.Length > 0).Select(split => split.Item1);
        throw new UserException($"the recordings have no split \"{name}\"", $"the splits are {string.Join(", ", there)}");
    }

    /// <summary>A recording's samples at 16 kHz; do not modify them.</summary>
    /// <exception cref="UserException">The file cannot be read.</exception>
    public float[] Load(int index)
    {
        if (cache.TryGetValue(index, out var samples)) return samples;
        samples = Resampler.Resample(WavFile.Read(paths[index]), Rate).Samples;
        // What is not kept must not count, or one long recording would keep all others out.
        var bytes = 4L * samples.Length;
        if (Interlocked.Add(ref cached, bytes) > CacheBytes || !cache.TryAdd(index, samples)) Interlocked.Add(ref cached, -bytes);
        return samples;
    }

    /// <summary>Recordings for one pass, in order, without augmentation.</summary>
    /// <param name="indices">The recordings.</param>
    /// <param name="length">The number of samples of each.</param>
    public SoundBatch Batch(ReadOnlySpan<int> indices, int length)
    {
        var batch = new SoundBatch([.. indices], [.. indices.ToArray().Select(i => (long)labels[i])], length);
        for (var row = 0; row < indices.Length; row++) Clip(Load(indices[row]), batch.Row(row), 0);
        return batch;
    }

    /// <summary>Recordings for a training step, shifted and masked.</summary>
    /// <param name="size">The number of recordings, drawn at random.</param>
    /// <param name="length">The number of samples of each.</param>
    /// <param name="frames">The number of frames T of a spectrogram.</param>
    /// <param name="mels">The number of bands M of a spectrogram.</param>
    /// <param name="augment">The augmentation.</param>
    /// <param name="random">The random numbers of this step.</param>
    internal SoundBatch Draw(int size, int length, int frames, int mels, AudioAugmentConfig augment, SampleRandom random)
    {
        var indices = new int[size];
        for (var row = 0; row < size; row++) indices[row] = Train[random.Next(Train.Length)];
        var batch = new SoundBatch(indices, [.. indices.Select(i => (long)labels[i])], length) { FramesKept = Ones(size * frames), BandsKept = Ones(size * mels) };
        var shift = augment.Shift * Rate;
        for (var row = 0; row < size; row++)
        {
            var samples = Load(indices[row]);
            // Any part of a long recording; otherwise the recording, shifted a little.
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

    /// <summary>The centre of a recording, shifted by some samples and padded with silence.</summary>
    internal static void Clip(ReadOnlySpan<float> samples, Span<float> clip, int shift)
    {
        var start = (samples.Length - clip.Length) / 2 + shift;
        for (var i = 0; i < clip.Length; i++) clip[i] = start + i >= 0 && start + i < samples.Length ? samples[start + i] : 0;
    }
}

/// <summary>Recordings of the same length, with their classes.</summary>
/// <param name="indices">The indices of B recordings.</param>
/// <param name="labels">B classes.</param>
/// <param name="length">The number of samples S of each.</param>
public sealed class SoundBatch(int[] indices, long[] labels, int length)
{
    /// <summary>The indices of B recordings.</summary>
    public int[] Indices => indices;
    /// <summary>B classes.</summary>
    public long[] Labels => labels;
    /// <summary>The number of samples S of each.</summary>
    public int Length => length;
    /// <summary>[B, S].</summary>
    public float[] Samples { get; } = new float[indices.Length * length];
    /// <summary>[B, T]: 0 for masked frames; null if none is masked.</summary>
    public float[]? FramesKept { get; init; }
    /// <summary>[B, M]: 0 for masked bands; null if none is masked.</summary>
    public float[]? BandsKept { get; init; }

    internal Span<float> Row(int row) => Samples.AsSpan(row * length, length);
}

/// <summary>A report on recordings in class folders.</summary>
/// <param name="Sounds">The number of readable recordings.</param>
/// <param name="Classes">The number of recordings of each class in each split.</param>
/// <param name="ShortestSeconds">The length of the shortest.</param>
/// <param name="MeanSeconds">The mean length.</param>
/// <param name="LongestSeconds">The length of the longest.</param>
/// <param name="Rates">The number of recordings with each sample rate.</param>
/// <param name="Unreadable">The number of unreadable recordings.</param>
/// <param name="UnreadableFiles">The first of these, with what is wrong.</param>
public sealed record SoundReport(int Sounds, IReadOnlyList<SoundClass> Classes, double ShortestSeconds, double MeanSeconds, double LongestSeconds, IReadOnlyDictionary<string, int> Rates, int Unreadable, IReadOnlyList<string> UnreadableFiles)
{
    const int MostNamed = 10;

    /// <summary>The warnings of training on the folder: what is skipped, and classes that a split lacks.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Whether a path is a folder that has a WAV file among its first files.</summary>
    public static bool IsFor(string path) => Directory.Exists(path) && Directory.EnumerateFiles(path, "*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 16 }).Take(1000).Any(WavFile.HasName);

    /// <summary>Reads every recording of a folder.</summary>
    /// <param name="progress">Receives the fraction done so far.</param>
    /// <exception cref="UserException">The folder cannot be read, or has no recordings in class folders.</exception>
    public static SoundReport Of(string folder, Action<double>? progress = null)
    {
        var sounds = SoundDataset.Open(new AudioDataConfig { Source = new AudioFolderConfig { Path = folder }, Holdout = 0 }, seed: 0);
        int[] all = [.. sounds.Train, .. sounds.Validation, .. sounds.Test];
        var (seconds, rates, faults) = (new List<double>(), new SortedDictionary<int, int>(), sounds.Broken.Select(problem => problem.ToString()).ToList());
        foreach (var index in all.Counted(all.Length, progress))
            try
            {
                var sound = WavFile.Read(sounds.NameOf(index));
                seconds.Add((double)sound.Samples.Length / sound.Rate);
                rates[sound.Rate] = rates.GetValueOrDefault(sound.Rate) + 1;
            }
            catch (UserException exception)
            {
                faults.Add(exception.Message);
            }
        int Count(int[] split, int label) => split.Count(index => sounds.LabelOf(index) == label);
        return new SoundReport(seconds.Count, [.. sounds.Classes.Select((name, label) => new SoundClass(name, Count(sounds.Train, label), Count(sounds.Validation, label), Count(sounds.Test, label)))],
            seconds.DefaultIfEmpty(0).Min(), seconds.DefaultIfEmpty(0).Average(), seconds.DefaultIfEmpty(0).Max(), rates.ToDictionary(rate => FormattableString.Invariant($"{rate.Key}"), rate => rate.Value), faults.Count, [.. faults.Take(MostNamed)]) { Warnings = [.. sounds.Warnings.Where(warning => !warning.StartsWith("skipped ", StringComparison.Ordinal))] };
    }
}

/// <summary>How many recordings a class has.</summary>
/// <param name="Name">The class.</param>
/// <param name="Train">Those in training, or all if the folder has no splits.</param>
/// <param name="Validation">Those in validation.</param>
/// <param name="Test">Those in the test split.</param>
public sealed record SoundClass(string Name, int Train, int Validation, int Test);
