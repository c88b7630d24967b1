namespace Transformers.Tests.Data.Images;

/// <summary>Mutated files through the decoder. TRANSFORMER_FUZZ_IMAGES sets how many of each format; tests/Long/fuzz does so.</summary>
[Trait("Category", "slow")]
public class ImageFuzzTests
{
    static readonly int? Asked = int.TryParse(Environment.GetEnvironmentVariable("TRANSFORMER_FUZZ_IMAGES"), out var n) ? n : null;

    // Small enough that 10,000 files pass in a minute, large enough that a lie about the size gets through to the decoder.
    static readonly ImageDecodeOptions Options = new() { Limits = new ImageLimits(4_000_000, 1 << 20) };

    [Theory]
    [InlineData("jpeg-*.jpg", 11)]
    [InlineData("png-*.png", 12)]
    [InlineData("webp-*.webp", 13)]
    [InlineData("gif-*.gif", 14)]
    [InlineData("bmp-*.bmp", 15)]
    public void Mutated_files_decode_or_give_a_typed_error(string pattern, ulong seed)
    {
        var files = Directory.GetFiles(Repository.PathOf("tests", "Transformers.Tests", "Data", "Images", "Golden"), pattern)
            .Order(StringComparer.Ordinal).Select(File.ReadAllBytes).ToArray();
        Assert.True(files.Length >= 4, $"only {files.Length} files to start from");
        var before = Resident();
        var faults = new Dictionary<ImageFault, int>();
        var decoded = 0;
        for (var i = 0; i < (Asked ?? 400); i++)
        {
            var random = new SampleRandom(seed, (ulong)i);
            var mutated = Mutate(files[random.Next(files.Length)], files, random);
            try
            {
                var image = ImageCodec.Decode(mutated, Options);
                Assert.InRange((long)image.Width * image.Height, 1, Options.Limits.MaxPixels);
                decoded++;
            }
            catch (ImageException exception)
            {
                Assert.NotEmpty(exception.Problems[0].Message);
                faults[exception.Fault] = faults.GetValueOrDefault(exception.Fault) + 1;
            }
        }
        Assert.True(faults.GetValueOrDefault(ImageFault.Truncated) > 0 && faults.GetValueOrDefault(ImageFault.Corrupt) > 0 && decoded > 0,
            $"decoded {decoded}, {string.Join(", ", faults)}");
        // Only where nothing else runs beside: the suite's other tests take memory of their own.
        if (Asked is not null) Assert.InRange(Resident() - before, long.MinValue, 256L << 20);
    }

    static long Resident()
    {
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    static byte[] Mutate(byte[] original, byte[][] all, SampleRandom random)
    {
        var bytes = (byte[])original.Clone();
        // Half of the changes hit the first hundred bytes, where the headers are.
        int Place() => random.Next(random.Chance(0.5) ? Math.Min(100, bytes.Length) : bytes.Length);
        for (var rounds = 1 + random.Next(3); rounds > 0 && bytes.Length > 8; rounds--)
            switch (random.Next(7))
            {
                case 0: // bits flip
                    for (var n = 1 + random.Next(16); n > 0; n--) bytes[Place()] ^= (byte)(1 << random.Next(8));
                    break;
                case 1: // cut off
                    bytes = bytes[..(1 + random.Next(bytes.Length - 1))];
                    break;
                case 2: // a length, a size, a count lies
                    var at = Place();
                    byte[] lie = random.Next(4) switch
                    {
                        0 => [0xFF, 0xFF, 0xFF, 0xFF], 1 => [0, 0, 0, 0], 2 => [0x7F, 0xFF, 0xFF, 0xFF],
                        _ => [(byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256)],
                    };
                    lie.AsSpan(0, Math.Min(1 + random.Next(4), bytes.Length - at)).CopyTo(bytes.AsSpan(at));
                    break;
                case 3: // a piece is missing
                    var from = Place();
                    var to = Math.Min(bytes.Length, from + 1 + random.Next(64));
                    bytes = [.. bytes[..from], .. bytes[to..]];
                    break;
                case 4: // a piece comes twice
                    from = Place();
                    to = Math.Min(bytes.Length, from + 1 + random.Next(200));
                    bytes = [.. bytes[..to], .. bytes[from..]];
                    break;
                case 5: // a piece of another file
                    var other = all[random.Next(all.Length)];
                    from = random.Next(other.Length);
                    var into = Place();
                    var length = Math.Min(Math.Min(1 + random.Next(400), other.Length - from), bytes.Length - into);
                    other.AsSpan(from, length).CopyTo(bytes.AsSpan(into));
                    break;
                default: // noise
                    at = Place();
                    for (var i = at; i < Math.Min(bytes.Length, at + 1 + random.Next(32)); i++) bytes[i] = (byte)random.Next(256);
                    break;
            }
        // A wrong checksum would be found before anything deeper is reached.
        if (random.Chance(0.7)) RepairPng(bytes);
        return bytes;
    }

    static void RepairPng(byte[] bytes)
    {
        if (bytes.Length < 8 || bytes[0] != 0x89) return;
        for (long at = 8; at + 12 <= bytes.Length;)
        {
            var length = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan((int)at));
            if (length > bytes.Length - at - 12) return;
            var sum = Crc(bytes.AsSpan((int)at + 4, (int)length + 4));
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan((int)(at + 8 + length)), sum);
            at += 12 + length;
        }
    }

    static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }
}
