using System.Runtime.ExceptionServices;

namespace Transformers.Checkpoints;

/// <summary>A checkpoint that was skipped, and why.</summary>
/// <param name="Folder">Its folder.</param>
/// <param name="Reason">What is wrong, with the file's name.</param>
public sealed record SkippedCheckpoint(string Folder, string Reason);

/// <summary>The checkpoints of one run: the folders <c>step-NNNNNNNN</c>, and the small files <c>latest</c> and <c>best</c> next to them.</summary>
/// <remarks>Age is the step in the name, never the time of a file. Reading needs no lock; only the holder of the run's lock may
/// write.</remarks>
/// <param name="folder">The folder <c>checkpoints</c> of a run; it need not exist yet.</param>
public sealed partial class CheckpointStore(string folder)
{
    readonly CheckpointPointer latest = new(folder, "latest"), best = new(folder, "best");

    /// <summary>The folder of the checkpoints.</summary>
    public string Folder { get; } = folder;

    /// <summary>The steps that have a folder, newest first, intact or not.</summary>
    public IReadOnlyList<long> Steps()
    {
        if (!Directory.Exists(Folder)) return [];
        var steps = new List<long>();
        foreach (var path in Directory.EnumerateDirectories(Folder))
            if (CheckpointName.TryParse(Path.GetFileName(path), out var step)) steps.Add(step);
        steps.Sort((a, b) => b.CompareTo(a));
        return steps;
    }

    /// <summary>The folder of a step, whether or not it exists.</summary>
    public string PathOf(long step) => Path.Combine(Folder, CheckpointName.Of(step));

    /// <summary>The step that <c>best</c> names, if it exists.</summary>
    public long? BestStep => best.Target;

    /// <summary>The step that <c>latest</c> names, if it exists.</summary>
    public long? LatestStep => latest.Target;

    /// <summary>The newest checkpoint with every byte intact.</summary>
    /// <param name="skipped">The newer ones that were skipped, and why.</param>
    /// <param name="before">Only checkpoints of earlier steps are considered.</param>
    /// <returns>The checkpoint, or null if none is intact.</returns>
    public Checkpoint? FindNewestIntact(out IReadOnlyList<SkippedCheckpoint> skipped, long before = long.MaxValue)
    {
        var passed = new List<SkippedCheckpoint>();
        skipped = passed;
        foreach (var step in Steps().Where(step => step < before))
        {
            try
            {
                return Checkpoint.Open(PathOf(step));
            }
            catch (UserException e)
            {
                passed.Add(new(PathOf(step), e.Message));
            }
        }
        return null;
    }

    /// <summary>Opens the checkpoint that the user names, and verifies it.</summary>
    /// <param name="which"><c>latest</c> (the newest), <c>best</c>, or a step.</param>
    /// <exception cref="UserException">There is none, or it is damaged.</exception>
    public Checkpoint Open(string which)
    {
        var steps = Steps();
        if (steps.Count == 0) throw new CheckpointException(Folder, "there are no checkpoints");
        var step = which switch
        {
            "latest" => steps[0],
            "best" => BestStep ?? throw new CheckpointException(Folder, "no checkpoint is marked as the best", "only validation marks one; use 'latest'"),
            _ => ParseStep(which),
        };
        if (!steps.Contains(step))
            throw new CheckpointException(Folder, $"no checkpoint of step {step}", $"the steps are {string.Join(", ", steps.Take(20))}{(steps.Count > 20 ? ", …" : "")}");
        try
        {
            return Checkpoint.Open(PathOf(step));
        }
        catch (CheckpointException exception) when (exception.Problems is [{ Hint: null } problem] && IntactBeside(step) is { } other)
        {
            throw new CheckpointException(exception.File, problem.Message, $"the checkpoint of step {other} is intact: --checkpoint {other}", exception);
        }
    }

    // The message about a damaged checkpoint names the newest intact one.
    long? IntactBeside(long damaged)
    {
        foreach (var step in Steps().Where(step => step != damaged))
        {
            try
            {
                return Checkpoint.Open(PathOf(step)).Step;
            }
            catch (UserException)
            {
                // Damaged too.
            }
        }
        return null;
    }

    /// <summary>Opens the best checkpoint, or the newest if none is marked.</summary>
    /// <exception cref="UserException">There is none, or it is damaged.</exception>
    public Checkpoint OpenBestOrLatest() => Open(BestStep is null ? "latest" : "best");

    long ParseStep(string which)
    {
        if (long.TryParse(which, NumberStyles.None, CultureInfo.InvariantCulture, out var step) || CheckpointName.TryParse(which, out step)) return step;
        throw new CheckpointException(Folder, $"the checkpoint {MessageText.Quote(which)} must be latest, best or a step");
    }

    /// <summary>The checkpoints that have a valid manifest and files of the right sizes, newest first.</summary>
    List<Checkpoint> Plausible()
    {
        var found = new List<Checkpoint>();
        foreach (var step in Steps())
        {
            try
            {
                found.Add(Checkpoint.OpenUnverified(PathOf(step)));
            }
            catch (UserException)
            {
                // Damaged ones count neither as kept nor as the best.
            }
        }
        return found;
    }
}

/// <summary>A small file beside the checkpoints with the name of one of them.</summary>
/// <param name="store">The folder of the checkpoints.</param>
/// <param name="name"><c>latest</c> or <c>best</c>.</param>
sealed class CheckpointPointer(string store, string name)
{
    string FilePath => Path.Combine(store, name);

    /// <summary>The step that it points to, if its text is a checkpoint's name and that folder exists.</summary>
    public long? Target
    {
        get
        {
            try
            {
                if (!File.Exists(FilePath)) return null;
                var text = BoundedFile.ReadText(FilePath, 64).TrimEnd('\n', '\r', ' ');
                return CheckpointName.TryParse(text, out var step) && Directory.Exists(Path.Combine(store, text)) ? step : null;
            }
            catch (UserException)
            {
                return null; // An unreadable file points nowhere; the next save or start rewrites it.
            }
        }
    }

    /// <summary>Points to a step durably; null deletes the file.</summary>
    public void Set(long? step)
    {
        if (step is null)
        {
            if (!File.Exists(FilePath)) return;
            File.Delete(FilePath);
            FolderSync.Sync(store);
        }
        else if (Target != step)
        {
            DurableFile.WriteText(FilePath, CheckpointName.Of(step.Value) + "\n");
        }
    }
}

/// <summary>Saves checkpoints on another thread while training continues; at most one at a time.</summary>
/// <remarks>
/// The contents must be a snapshot: nothing in it may change afterwards. A failure is not lost: the next call of
/// <see cref="ThrowIfFailed"/>, <see cref="Wait"/>, <see cref="Begin"/> or <see cref="SaveNow"/> throws it, so end a run with
/// <see cref="Wait"/>.
/// </remarks>
/// <param name="store">Where the checkpoints go. Only this object may write to it until <see cref="Wait"/> has returned.</param>
/// <param name="policy">Which checkpoints are kept.</param>
public sealed class BackgroundCheckpoints(CheckpointStore store, CheckpointPolicy policy) : IDisposable
{
    Thread? worker;
    volatile SaveReport? report;
    volatile ExceptionDispatchInfo? failure;

    /// <summary>Whether a save is being written at this moment.</summary>
    public bool Busy => worker is { IsAlive: true };

    /// <summary>Seconds that the last save in the background took; 0 before one has ended.</summary>
    public double LastSeconds { get; private set; }

    /// <summary>The report of the last successful save, if any; returned only once.</summary>
    public SaveReport? TakeReport() => Interlocked.Exchange(ref report, null);

    /// <summary>Throws the exception of a save that has failed; never waits. Call it at every step.</summary>
    /// <exception cref="CheckpointException">The last save failed.</exception>
    public void ThrowIfFailed() => Interlocked.Exchange(ref failure, null)?.Throw();

    /// <summary>Waits for the save in flight, if any, and throws its exception if it failed.</summary>
    /// <exception cref="CheckpointException">The last save failed.</exception>
    public void Wait()
    {
        worker?.Join();
        worker = null;
        ThrowIfFailed();
    }

    /// <summary>Waits for the save in flight, if any; a failure is left for the next call that throws it.</summary>
    public void Settle() => worker?.Join();

    /// <summary>Waits for the save in flight, if any, starts to save snapshots in order, and returns; they are disposed of at the
    /// end.</summary>
    /// <param name="snapshots">What to save; nothing in them may change from now on.</param>
    /// <exception cref="CheckpointException">The previous save failed; these snapshots are not saved, and are disposed of.</exception>
    public void Begin(params IReadOnlyList<CheckpointContents> snapshots)
    {
        try
        {
            Wait();
        }
        catch
        {
            foreach (var snapshot in snapshots) snapshot.Dispose();
            throw;
        }
        // A foreground thread: returning from the main method does not end the process in the middle of a save.
        worker = new Thread(() => Run(snapshots)) { Name = "checkpoint", IsBackground = false };
        worker.Start();
    }

    /// <summary>Waits for the save in flight, if any, saves, disposes of the contents, and returns when the checkpoint is
    /// durable.</summary>
    /// <exception cref="CheckpointException">This save, or the one before, failed.</exception>
    public SaveReport SaveNow(CheckpointContents contents)
    {
        using (contents)
        {
            Wait();
            return store.Save(contents, policy);
        }
    }

    void Run(IReadOnlyList<CheckpointContents> snapshots)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            foreach (var snapshot in snapshots) report = store.Save(snapshot, policy);
        }
        catch (Exception e)
        {
            failure = ExceptionDispatchInfo.Capture(e);
        }
        finally
        {
            foreach (var snapshot in snapshots) snapshot.Dispose();
            LastSeconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        }
    }

    /// <summary>Waits for the save in flight. Throws nothing, so that it hides no other exception.</summary>
    public void Dispose() => worker?.Join();
}
