using Transformers.Data.Audio;
using Transformers.IO.Sounds;

namespace Transformers.Tests.Data.Audio;

public sealed class SoundDatasetTests : TempFolderTest
{
    void Write(string name, int samples = 1000, int rate = 16_000) =>
        folder.Write(name, WavFile.Write(new Sound([.. Enumerable.Range(1, samples).Select(i => i / (float)samples)], rate)));

    SoundDataset Open(double holdout = 0) => SoundDataset.Open(new AudioDataConfig { Source = new AudioFolderConfig { Path = folder.FullPath }, Holdout = holdout }, seed: 1);

    [Fact]
    public void Folders_are_classes_and_may_be_below_splits()
    {
        foreach (var name in (string[])["train/cat/a.wav", "train/dog/b.wav", "test/dog/c.wav", "train/dog/notes.txt"]) Write(name);
        var sounds = Open();
        Assert.Equal(["cat", "dog"], sounds.Classes);
        Assert.Equal((2, 0, 1), (sounds.Train.Length, sounds.Validation.Length, sounds.Test.Length));
        Assert.Equal(1, sounds.LabelOf(sounds.Test[0]));
    }

    [Fact]
    public void A_fraction_of_every_class_is_held_out()
    {
        for (var i = 0; i < 40; i++) Write($"{(i % 4 == 0 ? "cat" : "dog")}/{i}.wav", 20);
        var sounds = Open(0.2);
        Assert.Equal((32, 8), (sounds.Train.Length, sounds.Validation.Length));
        Assert.Equal(2, sounds.Validation.Count(i => sounds.LabelOf(i) == 0));
        Assert.Empty(sounds.Train.Intersect(sounds.Validation));
    }

    [Fact]
    public void A_long_recording_loses_its_ends_and_a_short_one_gets_silence_around_it()
    {
        float[] samples = [1, 2, 3, 4, 5, 6], clip = new float[4];
        SoundDataset.Clip(samples, clip, 0);
        Assert.Equal([2, 3, 4, 5], clip);
        SoundDataset.Clip(samples[..2], clip, 0);
        Assert.Equal([0, 1, 2, 0], clip);
        SoundDataset.Clip(samples[..2], clip, 1);
        Assert.Equal([1, 2, 0, 0], clip);
    }

    [Fact]
    public void Recordings_are_resampled()
    {
        Write("a/a.wav", 4000, 8000);
        Assert.Equal(8000, Open().Load(0).Length);
    }

    [Fact]
    public void A_training_batch_depends_on_its_random_numbers_alone_and_hides_bands_and_frames()
    {
        for (var i = 0; i < 10; i++) Write($"{i % 2}/{i}.wav", 3000 + 100 * i);
        var sounds = Open();
        SoundBatch Draw(ulong seed) => sounds.Draw(8, 1600, 10, 32, new AudioAugmentConfig { Frequency = 8, Time = 4, Shift = 0.05 }, new SampleRandom(seed));
        var (first, again, other) = (Draw(1), Draw(1), Draw(2));
        Assert.Equal(first.Samples, again.Samples);
        Assert.Equal(first.BandsKept, again.BandsKept);
        Assert.NotEqual(first.Samples, other.Samples);
        Assert.Contains(0f, first.BandsKept!);
        Assert.Contains(0f, first.FramesKept!);
        for (var row = 0; row < 8; row++) Assert.InRange(first.BandsKept.AsSpan(row * 32, 32).Count(0f), 0, 8);
        Assert.Null(sounds.Batch([0, 1], 1600).BandsKept);
    }

    [Fact]
    public void Skipped_recordings_and_missing_classes_are_reported()
    {
        foreach (var name in (string[])["train/cat/a.wav", "train/dog/b.wav", "test/dog/c.wav", "train/cat/.hidden.wav", "train/.old/x.wav"]) Write(name);
        Directory.CreateDirectory(folder["train/fox"]);
        folder.Write("train/dog/d.mp3", "no sound");
        folder.Write("train/cat/broken.wav", "RIFF and no more");
        var sounds = Open();
        Assert.Equal(["cat", "dog"], sounds.Classes);
        Assert.Equal((2, 1), (sounds.Train.Length, sounds.Test.Length));
        Assert.Equal("is not a WAV file", Assert.Single(sounds.Broken).Message);
        Assert.Equal([$"the folder {folder["train/fox"]} contains no WAV files, so there is no class for it", "1 file skipped, not named like WAV files: 1 .mp3",
            "no test recording is of class cat", $"skipped {folder["train/cat/broken.wav"]}: is not a WAV file"], sounds.Warnings);
        Assert.Equal(sounds.Warnings.SkipLast(1), SoundReport.Of(folder.FullPath).Warnings);
    }

    [Fact]
    public void Where_no_recording_can_be_read_the_first_is_named()
    {
        Write("cat/a.wav");
        folder.Write("cat/a.wav", "RIFF and no more");
        Assert.Contains("the only recording cannot be read", Assert.Throws<UserException>(() => Open().Split(null)).Message);
        Assert.Contains("a.wav: is not a WAV file", Assert.Throws<UserException>(() => Open().Split(null)).Message);
    }

    [Fact]
    public void A_folder_without_recordings_says_what_is_expected()
    {
        Assert.Contains("the folder contains no WAV files", Assert.Throws<UserException>(() => Open()).Message);
        Assert.Contains("the folder does not exist", Assert.Throws<UserException>(() => SoundDataset.FilesBelow(folder["none"])).Message);
        Assert.Contains("the folder contains no WAV files", Assert.Throws<UserException>(() => SoundDataset.FilesBelow(Directory.CreateDirectory(folder["empty"]).FullName)).Message);
        Write("a/a.wav");
        Assert.Contains("the recordings have no split \"test\" (the splits are train)", Assert.Throws<UserException>(() => Open().Split("test")).Message);
    }
}
