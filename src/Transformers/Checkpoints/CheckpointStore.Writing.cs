namespace Transformers.Checkpoints;

/// <summary>What a save did besides writing the checkpoint.</summary>
/// <param name="Checkpoint">The new checkpoint.</param>
/// <param name="Deleted">Steps whose checkpoints were deleted.</param>
/// <param name="Warnings">What could not be deleted, and why; the save itself succeeded.</param>
public sealed record SaveReport(Checkpoint Checkpoint, IReadOnlyList<long> Deleted, IReadOnlyList<string> Warnings);

public sealed partial class CheckpointStore
{
    // Steps that this process wrote, or read and found intact: they are not read again before older ones are deleted.
    readonly HashSet<long> verified = [];

    /// <summary>Saves a checkpoint: writes it durably, moves <c>latest</c> and <c>best</c>, deletes what the policy no longer keeps.</summary>
    /// <param name="contents">What it holds.</param>
    /// <param name="policy">Which checkpoints are kept.</param>
    /// <exception cref="CheckpointException">It could not be written; all earlier checkpoints are untouched.</exception>
    public SaveReport Save(CheckpointContents contents, CheckpointPolicy policy)
    {
        policy.Check();
        var checkpoint = Write(contents);
        try
        {
            latest.Set(contents.Step);
            FailPoint.Pass(FailPoint.LatestWritten);
            var plausible = Plausible();
            PointToBest(policy, plausible);
            FailPoint.Pass(FailPoint.BestWritten);
            var (deleted, warnings) = Rotate(policy, plausible);
            return new(checkpoint, deleted, warnings);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(contents.Step, e);
        }
    }

    /// <summary>Writes a checkpoint durably; nothing else is touched, except an older checkpoint of the same step, which it
    /// replaces.</summary>
    /// <param name="contents">What it holds.</param>
    /// <exception cref="CheckpointException">It could not be written; all earlier checkpoints are untouched.</exception>
    public Checkpoint Write(CheckpointContents contents)
    {
        try
        {
            var checkpoint = WriteFolder(PathOf(contents.Step), contents);
            verified.Add(contents.Step);
            return checkpoint;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(contents.Step, e);
        }
    }

    /// <summary>Writes a checkpoint durably to a folder of its own, outside any run.</summary>
    /// <param name="folder">The folder; an existing one is replaced.</param>
    /// <param name="contents">What it holds.</param>
    /// <exception cref="CheckpointException">It could not be written.</exception>
    public static Checkpoint WriteTo(string folder, CheckpointContents contents)
    {
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        try
        {
            FolderSync.CreateFolders(Path.GetDirectoryName(folder)!);
            return WriteFolder(folder, contents);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(folder, $"cannot be written: {OutputFile.ReasonOf(e)}", inner: e);
        }
    }

    static Checkpoint WriteFolder(string path, CheckpointContents contents)
    {
        using var building = new DurableFolder(path);
        foreach (var file in contents.Files) building.Write(file.Name, file.Write);
        var files = building.Files.Select(f => new ManifestFile(f.Name, f.Bytes, CheckpointManifest.Hex(f.Checksum))).ToList();
        var manifest = new CheckpointManifest(CheckpointManifest.SchemaName, contents.Step, contents.Metrics, files);
        building.Write(CheckpointFiles.Manifest, stream => stream.Write(manifest.ToJson()));
        building.Commit();
        return Checkpoint.OpenUnverified(path);
    }

    /// <summary>Repairs the store after a crash: leftovers are deleted, and dangling pointers are corrected. For the holder of the run's lock.</summary>
    /// <param name="policy">Determines which checkpoint is the best.</param>
    /// <returns>Leftovers that could not be deleted.</returns>
    /// <exception cref="CheckpointException">The folder cannot be written.</exception>
    public IReadOnlyList<string> Recover(CheckpointPolicy policy)
    {
        try
        {
            var (_, failed) = DurableFolder.Recover(Folder);
            if (!Directory.Exists(Folder)) return failed;
            var plausible = Plausible();
            latest.Set(plausible.Count > 0 ? plausible[0].Step : null);
            PointToBest(policy, plausible);
            return failed;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(Folder, $"cannot be cleaned up: {OutputFile.ReasonOf(e)}", inner: e);
        }
    }

    /// <summary>Sets aside the checkpoints after a step, because training resumes from that step: they are renamed to <c>step-N.aside</c>
    /// and no longer used.</summary>
    /// <param name="step">Training resumes from here.</param>
    /// <param name="policy">Determines which of the remaining checkpoints is the best.</param>
    /// <returns>The steps set aside.</returns>
    /// <exception cref="CheckpointException">The folder cannot be written.</exception>
    public IReadOnlyList<long> SetAsideAfter(long step, CheckpointPolicy policy)
    {
        try
        {
            var later = Steps().Where(s => s > step).ToList();
            if (later.Count == 0) return later;
            var staying = Plausible().Where(c => c.Step <= step).ToList();
            latest.Set(staying.Count > 0 ? staying[0].Step : null);
            PointToBest(policy, staying);
            foreach (var s in later)
            {
                var aside = PathOf(s) + ".aside";
                for (var n = 2; Path.Exists(aside); n++) aside = $"{PathOf(s)}.aside{n}";
                Directory.Move(PathOf(s), aside);
                verified.Remove(s);
            }
            FolderSync.Sync(Folder);
            return later;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(Folder, $"later checkpoints cannot be set aside: {OutputFile.ReasonOf(e)}", inner: e);
        }
    }

    void PointToBest(CheckpointPolicy policy, IReadOnlyList<Checkpoint> plausible)
    {
        if (policy.Best is not null) best.Set(policy.BestOf(plausible));
        else if (best.Target is null) best.Set(null);
    }

    /// <summary>Deletes what a policy no longer keeps, but never the last intact checkpoint. Returns the deleted steps, and warnings about
    /// those that could not be deleted.</summary>
    public (IReadOnlyList<long> Deleted, IReadOnlyList<string> Warnings) Rotate(CheckpointPolicy policy) => Rotate(policy, Plausible());

    (IReadOnlyList<long> Deleted, IReadOnlyList<string> Warnings) Rotate(CheckpointPolicy policy, List<Checkpoint> plausible)
    {
        List<long> deleted = [];
        List<string> warnings = [];
        var kept = policy.Kept(plausible);
        if (best.Target is { } marked) kept.Add(marked);
        List<long> doomed = plausible is [var newest, ..] ? [.. Steps().Where(s => !kept.Contains(s) && s < newest.Step)] : [];
        if (doomed.Count > 0 && !kept.Any(IsIntact))
            return (deleted, [$"no checkpoint that would be kept is intact, so none is deleted from {Folder}"]);
        foreach (var step in doomed)
        {
            try
            {
                DurableFolder.Delete(PathOf(step));
                deleted.Add(step);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                warnings.Add($"the old checkpoint {PathOf(step)} could not be deleted: {OutputFile.ReasonOf(e)}");
            }
        }
        return (deleted, warnings);
    }

    bool IsIntact(long step)
    {
        if (verified.Contains(step) && Directory.Exists(PathOf(step))) return true;
        try
        {
            Checkpoint.Open(PathOf(step));
            verified.Add(step);
            return true;
        }
        catch (UserException)
        {
            return false;
        }
    }

    CheckpointException Unwritable(long step, Exception e) =>
        new(PathOf(step), $"the checkpoint of step {step} could not be written: {OutputFile.ReasonOf(e)}", "earlier checkpoints are untouched; free space or fix the permissions, and continue with --resume", e);
}

/// <summary>Which checkpoints are kept.</summary>
/// <param name="KeepLast">How many of the newest, at least 1; those that were saved only as the best so far do not count.</param>
/// <param name="Best">The metric in <see cref="CheckpointContents.Metrics"/> of which the checkpoint with the lowest value is also kept, and is
/// <c>best</c>; null for none.</param>
/// <param name="Instead">A metric that counts instead in the checkpoints that have it.</param>
public sealed record CheckpointPolicy(int KeepLast, string? Best = null, string? Instead = null)
{
    /// <summary>Checks the number.</summary>
    /// <exception cref="UserException">It is below 1.</exception>
    public void Check()
    {
        if (KeepLast < 1) throw new UserException($"checkpoint.keep ({KeepLast}) must be at least 1");
    }

    /// <summary>The step of the best checkpoint, the earliest among equals; null if none has a finite value.</summary>
    internal long? BestOf(IEnumerable<Checkpoint> checkpoints) =>
        Best is null ? null : checkpoints.Select(c => (c.Step, Value: ValueOf(c.Manifest.Metrics)))
            .Where(c => double.IsFinite(c.Value)).OrderBy(c => c.Value).ThenBy(c => c.Step).Select(c => (long?)c.Step).FirstOrDefault();

    double ValueOf(IReadOnlyDictionary<string, double> metrics) =>
        Instead is not null && metrics.TryGetValue(Instead, out var instead) ? instead : metrics.TryGetValue(Best!, out var value) ? value : double.NaN;

    /// <summary>The steps that are kept.</summary>
    internal HashSet<long> Kept(IReadOnlyList<Checkpoint> newestFirst)
    {
        var kept = newestFirst.Where(c => !c.Has(CheckpointFiles.BestOnly)).Take(KeepLast).Select(c => c.Step).ToHashSet();
        if (BestOf(newestFirst) is { } best) kept.Add(best);
        return kept;
    }
}
