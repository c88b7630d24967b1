namespace Transformers.Tests.Checkpoints;

/// <summary>Files mutated at random, by a fixed seed: they are read or refused with a typed error, in bounded memory.</summary>
[Trait("Category", "slow")]
public class FormatFuzzTests : TempFolderTest
{
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
        var accepted = Mutants.Read(Mutants.Count, seeds, bytes =>
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
        Assert.InRange(accepted, 1, Mutants.Count - 1);
    }

    [Fact]
    public void Mutated_training_states_are_read_or_refused()
    {
        var accepted = Mutants.Read(Mutants.Count / 10, [TrainingStateTests.Example.ToJson()], bytes => TrainingState.Parse(bytes, "state.json"));
        Assert.InRange(accepted, 1, Mutants.Count - 1);
    }

    [Fact]
    public void Mutated_manifests_whose_checksum_holds_are_read_or_refused()
    {
        var manifest = new CheckpointManifest(CheckpointManifest.SchemaName, 3, new Dictionary<string, double> { ["val_loss"] = 1.5 },
            [new("model.safetensors", 100, "00000000"), new("state.json", 10, "ffffffff")]).ToJson();
        var accepted = Mutants.Read(Mutants.Count / 10, [manifest[25..]], bytes =>
        {
            var checksum = CheckpointManifestChecksum(bytes);
            File.WriteAllBytes(folder[CheckpointFiles.Manifest], [.. manifest[..15], .. checksum, .. manifest[23..25], .. bytes]);
            var read = CheckpointManifest.Read(folder.FullPath);
            Assert.All(read.Files, f => Assert.Null(Transformers.IO.SafePath.Problem(f.Name)));
        });
        Assert.InRange(accepted, 1, Mutants.Count - 1);
    }

    static byte[] CheckpointManifestChecksum(byte[] bytes) => Encoding.ASCII.GetBytes(Transformers.IO.Crc32C.Of(bytes).ToString("x8", CultureInfo.InvariantCulture));

    [Fact]
    public void Mutated_metrics_are_read_or_refused()
    {
        var seed = """
            {"step":1,"split":"train","loss":2.5}
            {"step":2,"split":"val","loss":null,"nested":{"a":[1]}}

            """u8.ToArray();
        Mutants.Read(Mutants.Count / 10, [seed], bytes =>
        {
            File.WriteAllBytes(folder["metrics.jsonl"], bytes);
            Assert.All(MetricsLog.Read(folder["metrics.jsonl"]), e => Assert.NotNull(e.Split));
        });
    }
}
