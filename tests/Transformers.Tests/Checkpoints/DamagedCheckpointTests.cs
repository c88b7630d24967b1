namespace Transformers.Tests.Checkpoints;

/// <summary>Every file of a checkpoint, cut at every boundary and flipped in every region.</summary>
public class DamagedCheckpointTests : TempFolderTest
{
    static CheckpointContents Contents(long step) => new CheckpointContents(step)
        .AddTensors(CheckpointFiles.Model, [TensorBytes.FromMemory("w", SafetensorsDtype.U8, [4000], new byte[4000]), TensorBytes.FromMemory("b", SafetensorsDtype.F64, [2], new byte[16])])
        .AddTensors(CheckpointFiles.Optimizer, [TensorBytes.FromMemory("m", SafetensorsDtype.U8, [4000], new byte[4000])])
        .AddState(TrainingStateTests.Example with { Trainer = TrainingStateTests.Example.Trainer with { Step = step } })
        .AddText(CheckpointFiles.Config, "seed: 1\n")
        .AddText(CheckpointFiles.Tokenizer, "{}")
        .AddMetric("val_loss", 1.25);

    public static TheoryData<string> Files =>
        [CheckpointFiles.Model, CheckpointFiles.Optimizer, CheckpointFiles.State, CheckpointFiles.Config, CheckpointFiles.Tokenizer, CheckpointFiles.Manifest];

    static void ExpectNamedAndFallenBack(string name, string what, Func<byte[], byte[]> damage)
    {
        using var folder = new TempFolder();
        var store = new CheckpointStore(folder.FullPath);
        store.Write(Contents(1));
        store.Write(Contents(2));
        var path = Path.Combine(store.PathOf(2), name);
        File.WriteAllBytes(path, damage(File.ReadAllBytes(path)));
        Assert.Equal(1, store.FindNewestIntact(out var skipped)?.Step);
        Assert.True(Assert.Single(skipped).Reason.Contains(path), $"{what} of {name} gave: {skipped[0].Reason}");
        var error = Assert.ThrowsAny<UserException>(() => store.Open("2"));
        Assert.Equal(path, error.Problems[0].File);
        Assert.Equal("the checkpoint of step 1 is intact: --checkpoint 1", error.Problems[0].Hint);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void A_file_truncated_anywhere_is_named_and_the_previous_checkpoint_is_used(string name)
    {
        new CheckpointStore(folder.FullPath).Write(Contents(1));
        var whole = File.ReadAllBytes(Path.Combine(folder["step-00000001"], name));
        var header = name.EndsWith(".safetensors", StringComparison.Ordinal) ? 8 + BinaryPrimitives.ReadInt32LittleEndian(whole) : whole.Length / 2;
        int[] cuts = [0, 1, 7, 8, header - 1, header, header + 1, whole.Length - 1];
        foreach (var cut in cuts.Where(c => c < whole.Length).Distinct()) ExpectNamedAndFallenBack(name, $"a cut at {cut}", bytes => bytes[..cut]);
        ExpectNamedAndFallenBack(name, "a byte too many", bytes => [.. bytes, 0]);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void A_flipped_bit_anywhere_is_named_with_its_file_and_the_previous_checkpoint_is_used(string name)
    {
        var store = new CheckpointStore(folder.FullPath);
        store.Write(Contents(1));
        store.Write(Contents(2));
        var path = Path.Combine(store.PathOf(2), name);
        var whole = File.ReadAllBytes(path);
        // Every byte of the small files and of the headers, then a stride through the data.
        for (var at = 0; at < whole.Length; at += at < 700 ? 1 : 97)
        {
            var damaged = (byte[])whole.Clone();
            damaged[at] ^= (byte)(1 << (at % 8));
            File.WriteAllBytes(path, damaged);
            var error = Assert.ThrowsAny<UserException>(() => store.Open("2"));
            Assert.True(error.Problems[0].File == path, $"bit {at % 8} of byte {at} of {name} gave: {error.Message}");
        }
        ExpectNamedAndFallenBack(name, "a flip in the middle", bytes =>
        {
            bytes[bytes.Length / 2] ^= 16;
            return bytes;
        });
    }

    [Fact]
    public void A_manifest_that_points_outside_the_folder_is_refused_even_with_a_correct_checksum()
    {
        var store = new CheckpointStore(folder.FullPath);
        store.Write(Contents(1));
        File.WriteAllText(folder["secret"], "x");
        foreach (var name in new[] { "../secret", "/etc/passwd", "a/../../secret", "C:secret", "..\\secret", "se\0cret", new string('x', 4096), "", "nul" })
        {
            var manifest = new CheckpointManifest(CheckpointManifest.SchemaName, 1, new Dictionary<string, double>(), [new(name, 1, "00000000")]);
            File.WriteAllBytes(Path.Combine(store.PathOf(1), CheckpointFiles.Manifest), manifest.ToJson());
            Assert.Contains("file name", Assert.ThrowsAny<UserException>(() => store.Open("1")).Message);
        }
    }

    [UnixFact]
    public void A_pipe_in_a_files_place_is_an_error_and_not_a_wait_without_end()
    {
        Assert.Equal(0, MountFactAttribute.Run("mkfifo", folder["pipe"]));
        Assert.Equal(SafetensorsError.HeaderTooSmall, Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(folder["pipe"])).Error);
        Assert.Throws<UserException>(() => TrainingState.Read(folder["pipe"]));
        Assert.Empty(Transformers.Runs.MetricsLog.Read(folder["pipe"]));
    }

    [Fact]
    public void A_file_that_is_a_symbolic_link_is_refused()
    {
        var store = new CheckpointStore(folder.FullPath);
        store.Write(Contents(1));
        var path = Path.Combine(store.PathOf(1), CheckpointFiles.Config);
        File.Move(path, folder["elsewhere"]);
        File.CreateSymbolicLink(path, folder["elsewhere"]);
        Assert.Contains("symbolic link", Assert.ThrowsAny<UserException>(() => store.Open("1")).Message);
    }
}
