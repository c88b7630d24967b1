using Transformers.IO.Sounds;

namespace Transformers.Tests.IO.Sounds;

public sealed class WavFileTests : TempFolderTest
{
    static readonly byte[] Good = WavFile.Write(new Sound([0, 0.5f, -0.5f, 1, -1], 8000));

    static byte[] Changed(int at, uint value, int bytes = 4)
    {
        var file = Good.ToArray();
        for (var i = 0; i < bytes; i++) file[at + i] = (byte)(value >> 8 * i);
        return file;
    }

    static List<(string Name, int Rate, byte[] File, double[] Samples)> Golden()
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Repository.Golden("data", "wav.json")));
        return [.. document.RootElement.EnumerateArray().Select(one => (one.GetProperty("name").GetString()!, one.GetProperty("rate").GetInt32(), one.GetProperty("file").GetBytesFromBase64(),
            one.GetProperty("samples").EnumerateArray().Select(sample => sample.GetDouble()).ToArray()))];
    }

    [Fact]
    public void Every_kind_of_file_is_read_as_an_independent_reader_reads_it()
    {
        var golden = Golden();
        Assert.True(golden.Count >= 11);
        foreach (var (name, rate, file, samples) in golden)
        {
            var sound = WavFile.Parse(file, name);
            Assert.Equal((rate, samples.Length), (sound.Rate, sound.Samples.Length));
            for (var i = 0; i < samples.Length; i++) Assert.True(Math.Abs(samples[i] - sound.Samples[i]) <= 1e-6, $"{name}, sample {i}: {sound.Samples[i]}, not {samples[i]}");
        }
    }

    [Fact]
    public void What_is_written_is_read_again()
    {
        var sound = WavFile.Parse(Good, "a.wav");
        Assert.Equal(8000, sound.Rate);
        Assert.Equal(5, sound.Samples.Length);
        foreach (var (expected, actual) in new[] { 0, 0.5f, -0.5f, 1, -1 }.Zip(sound.Samples)) Assert.Equal(expected, actual, 1e-4);
    }

    [Fact]
    public void A_length_that_was_not_known_while_writing_is_that_of_the_file() =>
        Assert.Equal(5, WavFile.Parse(Changed(40, uint.MaxValue), "a.wav").Samples.Length);

    public static TheoryData<byte[], string> Wrong() => new()
    {
        { [], "is not a WAV file" },
        { Good[..20], "ends inside its header" },
        { Good[..36], "has no samples" },
        { Good[..48], "ends inside its samples: 10 bytes are announced, but only 4 are present" },
        { Changed(20, 2, 2), "has samples of format 2 with 16 bits" },
        { Changed(34, 12, 2), "has samples of format 1 with 12 bits" },
        { Changed(22, 0, 2), "has 0 channels; 1 to 64 are supported" },
        { Changed(24, 0), "has 0 samples per second; 1000 to 768000 are supported" },
        { Changed(40, 0), "has no samples" },
        { Changed(40, 9), "has 9 bytes of samples, not a multiple of 2" },
        { Changed(16, 14), "has a header of 14 bytes, but needs 16" },
        { Changed(20, 0xFFFE, 2), "has an extended header of 16 bytes, but needs 40" },
    };

    [Theory, MemberData(nameof(Wrong)), MemberData(nameof(Others))]
    public void A_file_that_is_wrong_or_of_another_format_says_so(byte[] file, string message) =>
        Assert.Contains($"a.wav: {message}", Assert.Throws<UserException>(() => WavFile.Parse(file, "a.wav")).Message);

    [Theory, MemberData(nameof(Wrong))]
    public void A_file_that_is_wrong_is_found_by_its_header(byte[] file, string message) =>
        Assert.Contains(message, Assert.Throws<UserException>(() => WavFile.Check(folder.Write("a.wav", file))).Message);

    [Fact]
    public void A_file_that_can_be_read_passes_the_look_at_its_header_wherever_its_samples_begin()
    {
        foreach (var (name, _, file, _) in Golden()) WavFile.Check(folder.Write("golden.wav", file));
        // A chunk of 40,000 bytes before the samples, as of a picture.
        byte[] late = [.. Good[..36], .. "junk"u8, .. BitConverter.GetBytes(40_000), .. new byte[40_000], .. Good[36..]];
        Assert.Equal(5, WavFile.Parse(late, "late.wav").Samples.Length);
        WavFile.Check(folder.Write("late.wav", late));
        Assert.Contains("ends inside its samples", Assert.Throws<UserException>(() => WavFile.Check(folder.Write("late.wav", late[..^2]))).Message);
    }

    public static TheoryData<byte[], string> Others() => new()
    {
        { [], "is not a WAV file: it is empty (convert it" },
        { [.. "RIFX"u8, .. new byte[20]], "is not a WAV file: it is a big-endian one (RIFX)" },
        { [.. "fLaC"u8, .. new byte[20]], "is not a WAV file: it is FLAC" },
        { [.. "ID3"u8, .. new byte[20]], "is not a WAV file: it is MP3" },
        { [0xFF, 0xFB, .. new byte[20]], "is not a WAV file: it is MP3" },
        { [.. "OggS"u8, .. new byte[20]], "is not a WAV file: it is Ogg" },
        { [0, 0, 0, 24, .. "ftypM4A "u8, .. new byte[20]], "is not a WAV file: it is MP4" },
        { Changed(20, 7, 2), "has samples of format 7 with 16 bits (µ-law)" },
    };

    [Fact]
    public void A_sample_that_is_not_a_number_is_refused()
    {
        var file = Golden().First(one => one.Name.StartsWith("float 32 bits, 1", StringComparison.Ordinal)).File;
        var data = file.AsSpan().IndexOf("data"u8);
        BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(data + 8 + 4 * 3), float.NaN);
        Assert.Contains("has a sample that is not a number, at 3", Assert.Throws<UserException>(() => WavFile.Parse(file, "a.wav")).Message);
        Assert.Contains("has a sample that is not a number, at 3", Assert.Throws<UserException>(() => WavFile.Check(folder.Write("a.wav", file))).Message);
    }

    [Fact]
    public void Damaged_files_are_read_or_refused_in_bounded_memory()
    {
        var accepted = Mutants.Read(Mutants.Count / 2, [.. Golden().Select(one => one.File)], bytes =>
        {
            var sound = WavFile.Parse(bytes, "mutant.wav");
            Assert.InRange(sound.Samples.Length, 1, bytes.Length);
            Assert.All(sound.Samples, sample => Assert.True(float.IsFinite(sample)));
        });
        Assert.InRange(accepted, Mutants.Count / 100, Mutants.Count / 2 - 1);
    }
}
