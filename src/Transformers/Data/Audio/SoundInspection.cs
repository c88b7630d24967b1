using Transformers.IO;
using Transformers.IO.Sounds;

namespace Transformers.Data.Audio;

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
    /// <param name="folder">The folder.</param>
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
