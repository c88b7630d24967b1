namespace Transformers.Tests.Checkpoints;

public class CheckpointStoreTests : TempFolderTest
{
    const string Loss = "val_loss";

    static CheckpointContents Contents(long step, double? loss = null, byte fill = 7)
    {
        var contents = new CheckpointContents(step)
            .AddTensors(CheckpointFiles.Model, [TensorBytes.FromMemory("w", SafetensorsDtype.U8, [100], Enumerable.Repeat(fill, 100).ToArray())])
            .AddText(CheckpointFiles.Config, "seed: 1\n");
        return loss is null ? contents : contents.AddMetric("val_loss", loss.Value);
    }

    static CheckpointStore Store(TempFolder folder) => new(folder["checkpoints"]);

    static void Damage(CheckpointStore store, long step, string file = CheckpointFiles.Model)
    {
        var path = Path.Combine(store.PathOf(step), file);
        var bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    [Fact]
    public void What_was_saved_is_found_and_read_back()
    {
        Store(folder).Save(Contents(12, 1.5), new(2, Loss));
        var found = Store(folder).FindNewestIntact(out var skipped);
        Assert.Empty(skipped);
        Assert.Equal(12, found!.Step);
        Assert.Equal(1.5, found.Manifest.Metrics["val_loss"]);
        Assert.Equal("seed: 1\n", found.ReadText(CheckpointFiles.Config));
        using var model = found.OpenTensors(CheckpointFiles.Model);
        Assert.Equal(100, model.Span(model["w"]).Length);
        Assert.EndsWith(Path.Combine("checkpoints", "step-00000012"), found.Folder);
        Assert.Throws<CheckpointException>(() => found.PathOf("absent.json"));
    }

    [Fact]
    public void An_empty_or_absent_folder_has_no_checkpoint()
    {
        Assert.Null(Store(folder).FindNewestIntact(out var skipped));
        Assert.Empty(skipped);
        Assert.Throws<CheckpointException>(() => Store(folder).Open("latest"));
        Assert.Empty(Store(folder).Recover(new(1)));
    }

    [Fact]
    public void The_newest_checkpoint_is_the_one_with_the_highest_step_regardless_of_time()
    {
        var store = Store(folder);
        foreach (var step in new long[] { 9, 100_000_000, 10 }) store.Write(Contents(step));
        Directory.SetLastWriteTimeUtc(store.PathOf(9), DateTime.UtcNow.AddYears(5));
        Assert.Equal([100_000_000L, 10, 9], store.Steps());
        Assert.Equal(100_000_000, store.FindNewestIntact(out _)!.Step);
        Assert.Equal(100_000_000, store.Open("latest").Step);
    }

    [Fact]
    public void Damaged_ones_are_passed_over_with_the_reason()
    {
        var store = Store(folder);
        foreach (var step in new long[] { 1, 2, 3 }) store.Write(Contents(step));
        Damage(store, 3);
        File.Delete(Path.Combine(store.PathOf(2), CheckpointFiles.Config));
        Assert.Equal(1, store.FindNewestIntact(out var skipped)!.Step);
        Assert.Equal([store.PathOf(3), store.PathOf(2)], skipped.Select(s => s.Folder));
        Assert.Contains(CheckpointFiles.Model, skipped[0].Reason);
        Assert.Contains(CheckpointFiles.Config, skipped[1].Reason);
        Assert.Contains(CheckpointFiles.Model, Assert.Throws<CheckpointException>(() => store.Open("latest")).Message);
    }

    [Theory]
    [InlineData("step-12")]
    [InlineData("step-000000012")]
    [InlineData("step-0000001x")]
    [InlineData("step-00000012.tmp")]
    [InlineData("step--0000012")]
    [InlineData("xstep-00000012")]
    [InlineData("step-99999999999999999999")]
    public void Folders_of_other_names_are_no_checkpoints(string name)
    {
        Directory.CreateDirectory(Path.Combine(folder["checkpoints"], name));
        Assert.Empty(Store(folder).Steps());
    }

    [Fact]
    public void A_renamed_checkpoint_is_not_taken_for_another_step()
    {
        var store = Store(folder);
        store.Write(Contents(5));
        Directory.Move(store.PathOf(5), store.PathOf(500));
        Assert.Null(store.FindNewestIntact(out var skipped));
        Assert.Contains("500", Assert.Single(skipped).Reason);
    }

    [Fact]
    public void The_last_n_and_the_best_stay()
    {
        var store = Store(folder);
        double[] losses = [5, 1, 4, 2, 3, 9, 8, 7];
        for (var i = 0; i < losses.Length; i++)
        {
            store.Save(Contents(i, losses[i]), new(2, Loss));
            Assert.Equal(i, store.LatestStep);
        }
        Assert.Equal([7L, 6, 1], store.Steps());
        Assert.Equal(1, store.BestStep);
        Assert.Equal(1, store.Open("best").Step);
        Assert.Equal(6, store.Open("6").Step);
        Assert.Equal("step-00000001\n", File.ReadAllText(Path.Combine(store.Folder, "best")));
        Assert.Equal("step-00000007\n", File.ReadAllText(Path.Combine(store.Folder, "latest")));
    }

    [Fact]
    public void Of_equally_good_checkpoints_the_earliest_is_the_best()
    {
        var store = Store(folder);
        double[] losses = [0.9, 0.3, 0.3, 0.8];
        for (var i = 0; i < losses.Length; i++) store.Save(Contents(i, losses[i]), new(1, Loss));
        Assert.Equal(1, store.BestStep);
        Assert.Equal([3L, 1], store.Steps());
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.NegativeInfinity)]
    [InlineData(double.PositiveInfinity)]
    public void A_metric_that_is_not_finite_is_never_the_best_not_even_as_the_first(double value)
    {
        var store = Store(folder);
        store.Save(Contents(1, value), new(1, Loss));
        Assert.Null(store.BestStep);
        Assert.Equal(1, store.OpenBestOrLatest().Step);
        store.Save(Contents(2, 100), new(1, Loss));
        store.Save(Contents(3, value), new(1, Loss));
        Assert.Equal(2, store.BestStep);
        Assert.Equal([3L, 2], store.Steps());
    }

    [Fact]
    public void Damaged_checkpoints_do_not_count_as_kept_and_the_only_intact_one_is_not_deleted()
    {
        var store = Store(folder);
        for (var step = 1; step <= 3; step++) store.Write(Contents(step));
        File.WriteAllText(Path.Combine(store.PathOf(2), CheckpointFiles.Model), "short");
        File.Delete(Path.Combine(store.PathOf(3), CheckpointFiles.Manifest));
        store.Save(Contents(4), new(2));
        Assert.Equal([4L, 1], store.Steps());
        // Of two that would be kept none is intact on closer look: the third, intact, must survive the rotation by another process.
        store.Write(Contents(5));
        Damage(store, 4);
        Damage(store, 5);
        Assert.Contains("intact", Assert.Single(new CheckpointStore(store.Folder).Rotate(new(2)).Warnings));
        Assert.Equal([5L, 4, 1], store.Steps());
        Assert.Equal(1, store.FindNewestIntact(out _)!.Step);
    }

    [Fact]
    public void Without_a_checkpoint_that_could_be_intact_nothing_is_deleted()
    {
        using var folder = new TempFolder();
        var store = Store(folder);
        store.Write(Contents(1));
        File.Delete(Path.Combine(store.PathOf(1), CheckpointFiles.Manifest));
        Assert.Empty(store.Rotate(new(1)).Deleted);
        Assert.Equal([1L], store.Steps());
    }

    /// <summary>A process of its own, which knows of no checkpoint that it is intact.</summary>
    [Fact]
    public void A_deletion_that_fails_is_reported_and_does_not_stop_the_others()
    {
        var store = Store(folder);
        for (var step = 1; step <= 3; step++) store.Write(Contents(step));
        // A file in the way of the name under which step 2 would be deleted.
        File.WriteAllText(store.PathOf(2) + ".deleted.tmp", "");
        var report = store.Save(Contents(4), new(1));
        Assert.Equal([3L, 1], report.Deleted);
        Assert.Contains("step-00000002", Assert.Single(report.Warnings));
        Assert.Equal([4L, 2], store.Steps());
        store.Recover(new(1));
        Assert.Equal([2L], store.Save(Contents(5), new(2)).Deleted);
    }

    [Fact]
    public void Saving_a_step_again_replaces_it()
    {
        var store = Store(folder);
        store.Save(Contents(1, fill: 1), new(1));
        store.Save(Contents(1, fill: 2), new(1));
        using var model = store.Open("1").OpenTensors(CheckpointFiles.Model);
        Assert.Equal(2, model.Span(model["w"])[0]);
        Assert.Equal(["latest", "step-00000001"], Directory.GetFileSystemEntries(store.Folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Leftovers_of_a_killed_process_are_deleted_and_pointers_to_missing_checkpoints_are_corrected()
    {
        var store = Store(folder);
        var policy = new CheckpointPolicy(9, Loss);
        for (var step = 1; step <= 3; step++) store.Save(Contents(step, step), policy);
        Directory.CreateDirectory(store.PathOf(4) + ".tmp");
        File.WriteAllText(Path.Combine(store.Folder, "latest.tmp"), "step-0");
        Directory.Move(store.PathOf(2), store.PathOf(2) + ".replaced.tmp"); // Killed between moving it aside and putting the new one there.
        Directory.Delete(store.PathOf(1), recursive: true); // The best, deleted by a user.
        File.WriteAllText(Path.Combine(store.Folder, "latest"), "../../etc\n");
        Assert.Null(store.BestStep);
        Assert.Empty(store.Recover(policy));
        Assert.Equal(2, store.BestStep);
        Assert.Equal(3, store.LatestStep);
        Assert.Equal(["best", "latest", "step-00000002", "step-00000003"], Directory.GetFileSystemEntries(store.Folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Going_back_sets_later_checkpoints_aside_without_losing_them()
    {
        var store = Store(folder);
        var policy = new CheckpointPolicy(9, Loss);
        for (var step = 1; step <= 4; step++) store.Save(Contents(step, 10 - step), policy);
        Assert.Equal([4L, 3], store.SetAsideAfter(2, policy));
        Assert.Equal([2L, 1], store.Steps());
        Assert.Equal((2L, 2L), (store.LatestStep!.Value, store.BestStep!.Value));
        store.Save(Contents(3, 1), policy);
        store.SetAsideAfter(2, policy);
        Assert.Equal(["step-00000003.aside", "step-00000003.aside2", "step-00000004.aside"],
            Directory.GetDirectories(store.Folder, "*.aside*").Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("/x")]
    [InlineData("manifest.json")]
    [InlineData("a/b")]
    [InlineData("x.tmp")]
    [InlineData("a\0b")]
    public void A_file_name_that_could_leave_the_folder_is_not_written(string name) =>
        Assert.Throws<ArgumentException>(() => new CheckpointContents(1).AddText(name, ""));

    [Fact]
    public void A_source_that_fails_leaves_the_earlier_checkpoint_and_no_trace()
    {
        var store = Store(folder);
        store.Save(Contents(1), new(1));
        Assert.Throws<CheckpointException>(() => store.Save(Contents(2).Add("extra.bin", _ => throw new IOException("No space left on device")), new(1)));
        Assert.Equal(["latest", "step-00000001"], Directory.GetFileSystemEntries(store.Folder).Select(Path.GetFileName).Order());
        Assert.Equal(1, store.FindNewestIntact(out _)!.Step);
    }
}
