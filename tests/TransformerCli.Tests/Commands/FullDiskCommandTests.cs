namespace TransformerCli.Tests.Commands;

/// <summary>The real program on a disk that fills up, with checkpoints that are written in the background.</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed class FullDiskCommandTests : FolderTest
{
    [MountFact]
    public void A_run_on_a_full_disk_exits_with_2_and_continues_from_its_last_checkpoint_once_there_is_space()
    {
        Write("tiny.yaml", """
            data: { kind: text, source: { generator: stories, size: 60kB }, tokenizer: { kind: bytes } }
            model: { kind: gpt, layers: 1, heads: 2, width: 32, context: 32 }
            training:
              steps: 200
              batch: { sequences: 4 }
              optimizer: { kind: adamw, lr: 1.0e-3 }
              checkpoint: { every: 2, keep: 1000 }
              sample: { tokens: 0 }
            """);
        var disk = Directory.CreateDirectory(At("disk")).FullName;
        string[] train = ["train", "tiny.yaml", "--run", Path.Combine(disk, "run"), "--device", "cpu"];
        Assert.Equal(0, MountFactAttribute.Run("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk));
        try
        {
            Assert.Contains("No space left on device", ProgramProcess.Run(Folder, train).Exits(2).Error);
            var newest = new CheckpointStore(Path.Combine(disk, "run", "checkpoints")).FindNewestIntact(out var skipped);
            Assert.Empty(skipped);
            Assert.InRange(newest!.Step, 2, 198);
            Assert.False(File.Exists(Path.Combine(disk, "run", "result.json")));

            Assert.Equal(0, MountFactAttribute.Run("mount", "-o", "remount,size=200m", disk));
            Assert.Contains($"resuming from step {newest.Step} ", ProgramProcess.Run(Folder, train).Done().Error);
        }
        finally
        {
            MountFactAttribute.Run("umount", "-l", disk);
        }
    }
}
