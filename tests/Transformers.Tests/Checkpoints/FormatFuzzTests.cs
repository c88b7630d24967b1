using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Transformers.Checkpoints;
using Transformers.Runs;

namespace Transformers.Tests.Checkpoints;

/// <summary>Files mutated at random, by a fixed seed: they are read or refused with a typed error, in bounded memory.</summary>
public class FormatFuzzTests
{
    // TRANSFORMER_FUZZ=1000000 for the full count: scripts/fuzz.
    static readonly int Count = int.Parse(Environment.GetEnvironmentVariable("TRANSFORMER_FUZZ") ?? "10000", CultureInfo.InvariantCulture);

    static readonly string[] Pieces =
    [
        "\"", "{", "}", "[", "]", ",", ":", "\\", "\\u0000", "\\ud800", "\0", "\u00ff", " ", "\n", "0", "-1", "1e9", "1.5", "9223372036854775807", "18446744073709551615",
        "99999999999999999999999", "null", "true", "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"__metadata__\"", "\"F32\"", "\"F4\"", "\"a\"", "[0,4]", "{}", "[[[[[[[[[[[[[[[[[[[[",
        "\"step\"", "\"NaN\"", "\"crc32c\"", "../", "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},",
    ];

    static byte[] Mutated(Random random, byte[] seed)
    {
        var bytes = new List<byte>(seed);
        for (var n = random.Next(1, 5); n > 0; n--)
        {
            var at = random.Next(bytes.Count + 1);
            var length = Math.Min(random.Next(1, 12), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes.InsertRange(at, Encoding.Latin1.GetBytes(Pieces[random.Next(Pieces.Length)]));
                    break;
                case 2:
                    bytes.RemoveRange(at, length);
                    break;
                case 3: // A part of it once more, elsewhere.
                    bytes.InsertRange(random.Next(bytes.Count + 1), bytes.GetRange(at, Math.Min(random.Next(1, 80), bytes.Count - at)));
                    break;
                case 4:
                    bytes.RemoveRange(at, length);
                    bytes.InsertRange(at, Encoding.Latin1.GetBytes(Pieces[random.Next(Pieces.Length)]));
                    break;
                case 5:
                    for (var i = at; i < at + length; i++)
                        if (bytes[i] is >= (byte)'0' and <= (byte)'9') bytes[i] = (byte)random.Next('0', '9' + 1);
                    break;
            }
        }
        return [.. bytes];
    }

    /// <summary>Reads mutants; says how many were accepted.</summary>
    static int Try(int count, byte[][] seeds, Action<byte[]> read, int bytesOfMemory = 1 << 18)
    {
        var random = new Random(42);
        var accepted = 0;
        for (var i = 0; i < count; i++)
        {
            var mutant = Mutated(random, seeds[random.Next(seeds.Length)]);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(mutant);
                accepted++;
            }
            catch (UserException)
            {
                // Refused as it should be.
            }
            catch (Exception e)
            {
                Assert.Fail($"mutant {i} ({Convert.ToBase64String(mutant)}) gave {e}");
            }
            var used = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(used < bytesOfMemory, $"mutant {i} ({Convert.ToBase64String(mutant)}) took {used} bytes of memory");
        }
        return accepted;
    }

    [Fact]
    public void Mutated_safetensors_files_are_read_or_refused()
    {
        byte[][] seeds =
        [
            SafetensorsReferenceTests.Bytes("""{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}""", 16),
            SafetensorsReferenceTests.Bytes("""{"__metadata__":{"format":"pt","k":"v"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[1,0,2],"data_offsets":[4,4]},"c":{"dtype":"U8","shape":[3],"data_offsets":[4,7]}}  """, 7),
            SafetensorsReferenceTests.Bytes("{}"),
        ];
        var random = new Random(7);
        var accepted = Try(Count, seeds, bytes =>
        {
            // Most mutants get a length that fits again, so that the JSON behind it is reached.
            if (bytes.Length >= 24 && random.Next(8) != 0) BinaryPrimitives.WriteInt64LittleEndian(bytes, random.Next(2) == 0 ? bytes.Length - 8 : bytes.AsSpan().LastIndexOf((byte)'}') - 7);
            var header = SafetensorsHeader.Parse(bytes.AsSpan(8, SafetensorsHeader.ReadLength(bytes, bytes.Length, "f")), bytes.Length, "f");
            long end = header.DataStart;
            foreach (var t in header.Tensors)
            {
                Assert.Equal(end, header.DataStart + t.Begin);
                Assert.Equal((System.Int128)t.ByteCount * 8, t.Shape.Aggregate((System.Int128)t.Dtype.Bits(), (a, b) => a * b));
                end = header.DataStart + t.End;
            }
            Assert.Equal(bytes.Length, end);
        });
        Assert.InRange(accepted, 1, Count - 1);
    }

    [Fact]
    public void Mutated_training_states_are_read_or_refused()
    {
        var accepted = Try(Count / 5, [TrainingStateTests.Example.ToJson()], bytes => TrainingState.Parse(bytes, "state.json"));
        Assert.InRange(accepted, 1, Count - 1);
    }

    [Fact]
    public void Mutated_manifests_whose_checksum_holds_are_read_or_refused()
    {
        using var folder = new TempFolder();
        var manifest = new CheckpointManifest(CheckpointManifest.SchemaName, 3, new Dictionary<string, double> { ["val_loss"] = 1.5 },
            [new("model.safetensors", 100, "00000000"), new("state.json", 10, "ffffffff")]).ToJson();
        var accepted = Try(Count / 20, [manifest[25..]], bytes =>
        {
            var checksum = CheckpointManifestChecksum(bytes);
            File.WriteAllBytes(folder[CheckpointFiles.Manifest], [.. manifest[..15], .. checksum, .. manifest[23..25], .. bytes]);
            var read = CheckpointManifest.Read(folder.FullPath);
            Assert.All(read.Files, f => Assert.Null(Transformers.IO.SafePath.Problem(f.Name)));
        });
        Assert.InRange(accepted, 1, Count - 1);
    }

    static byte[] CheckpointManifestChecksum(byte[] bytes) => Encoding.ASCII.GetBytes(Transformers.IO.Crc32C.Of(bytes).ToString("x8", CultureInfo.InvariantCulture));

    [Fact]
    public void Mutated_metrics_are_read_or_refused()
    {
        using var folder = new TempFolder();
        var seed = """
            {"step":1,"split":"train","loss":2.5}
            {"step":2,"split":"val","loss":null,"nested":{"a":[1]}}

            """u8.ToArray();
        Try(Count / 20, [seed], bytes =>
        {
            File.WriteAllBytes(folder["metrics.jsonl"], bytes);
            Assert.All(MetricsLog.Read(folder["metrics.jsonl"]), e => Assert.NotNull(e.Split));
        });
    }
}
