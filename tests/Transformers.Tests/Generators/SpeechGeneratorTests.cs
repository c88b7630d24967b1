using Transformers.Generators.Speech;
using Transformers.IO.Sounds;

namespace Transformers.Tests.Generators;

public sealed class SpeechGeneratorTests : TempFolderTest
{
    [Fact]
    public void A_seed_gives_the_same_sounds_and_splits_differ()
    {
        var sound = SpeechGenerator.Speak(1, 0, 5);
        Assert.Equal(sound.Samples, SpeechGenerator.Speak(1, 0, 5).Samples);
        Assert.NotEqual(sound.Samples, SpeechGenerator.Speak(1, 2, 5).Samples);
        Assert.NotEqual(sound.Samples, SpeechGenerator.Speak(2, 0, 5).Samples);
        Assert.Equal((16_000, 16_000), (sound.Rate, sound.Samples.Length));
    }

    [Fact]
    public void Sounds_are_finite_and_of_different_loudness_below_the_limit()
    {
        var peaks = Enumerable.Range(0, 60).Select(i => SpeechGenerator.Speak(3, 1, i).Samples.Max(Math.Abs)).ToList();
        Assert.All(peaks, peak => Assert.InRange(peak, 0.09f, 0.91f));
        Assert.True(peaks.Max() - peaks.Min() > 0.4);
    }

    [Fact]
    public void A_set_is_written_whole_with_a_folder_for_each_split_and_class()
    {
        SpeechGenerator.Write(folder["set"], 20, 1);
        var files = Directory.GetFiles(folder["set"], "*.wav", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder["set"], path)).ToList();
        Assert.Equal((20, 10, 10), (files.Count(path => path.StartsWith("train", StringComparison.Ordinal)), files.Count(path => path.StartsWith("validation", StringComparison.Ordinal)), files.Count(path => path.StartsWith("test", StringComparison.Ordinal))));
        Assert.All(SpeechGenerator.Classes, label => Assert.Equal(2, Directory.GetFiles(folder[$"set/train/{label}"]).Length));
        Assert.Equal(16_000, WavFile.Read(folder["set/test/seven/000007.wav"]).Samples.Length);
        Assert.Contains("exists and is not an empty folder", Assert.Throws<UserException>(() => SpeechGenerator.Write(folder["set"], 20, 1)).Message);
        foreach (var count in (int[])[9, 1_000_001])
            Assert.Contains($"the number of recordings ({count}) must be from 10", Assert.Throws<UserException>(() => SpeechGenerator.Write(folder["other"], count, 1)).Message);
    }
}
