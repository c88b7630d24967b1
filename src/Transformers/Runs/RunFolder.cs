using Transformers.Checkpoints;

namespace Transformers.Runs;

/// <summary>The folder of a run: the paths of its files, and writing them so that none is ever incomplete.</summary>
public sealed class RunFolder : IDisposable
{
    /// <summary>The name of the folder of checkpoints.</summary>
    public const string CheckpointsFolder = "checkpoints";

    const int LongestText = 64 << 20;
    readonly RunLock? held;

    RunFolder(string path, RunLock? held)
    {
        (FullPath, this.held) = (path, held);
        Checkpoints = new(Path.Combine(path, CheckpointsFolder));
    }

    /// <summary>The folder, as an absolute path.</summary>
    public string FullPath { get; }
    /// <summary>The resolved config.</summary>
    public string ConfigFile => Path.Combine(FullPath, "config.yaml");
    /// <summary>The tokenizer.</summary>
    public string TokenizerFile => Path.Combine(FullPath, "tokenizer.json");
    /// <summary>The training and validation events, one per line: see <see cref="MetricsLog"/>.</summary>
    public string MetricsFile => Path.Combine(FullPath, "metrics.jsonl");
    /// <summary>The program's log.</summary>
    public string LogFile => Path.Combine(FullPath, "log.jsonl");
    /// <summary>The result; it exists once the run has finished.</summary>
    public string ResultFile => Path.Combine(FullPath, "result.json");
    /// <summary>Texts that the model generated during training, one line per step.</summary>
    public string SamplesFile => Path.Combine(FullPath, "samples.jsonl");
    /// <summary>The offline page.</summary>
    public string ReportFile => Path.Combine(FullPath, "report.html");
    /// <summary>TensorBoard's event files.</summary>
    public string TensorBoardFolder => Path.Combine(FullPath, "tensorboard");
    /// <summary>The checkpoints.</summary>
    public CheckpointStore Checkpoints { get; }

    /// <summary>Whether the run has written its result.</summary>
    public bool IsFinished => File.Exists(ResultFile);

    /// <summary>Whether the folder has no files of a run; <c>--resume=never</c> refuses one that has.</summary>
    public bool IsEmpty => !Directory.EnumerateFileSystemEntries(FullPath).Any(e => Path.GetFileName(e) is not (".lock" or ".lock.json"));

    /// <summary>Opens a folder for training: creates it if necessary, locks it, and cleans up after a killed run.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="policy">Decides which checkpoint is the best.</param>
    /// <exception cref="UserException">Another run uses it, or it cannot be written.</exception>
    public static RunFolder OpenForTraining(string path, CheckpointPolicy policy)
    {
        path = Path.GetFullPath(path);
        CheckPath(path);
        RunLock? held = null;
        try
        {
            FolderSync.CreateFolders(path);
            held = RunLock.Take(path);
            DurableFolder.Recover(path);
            var run = new RunFolder(path, held);
            run.Checkpoints.Recover(policy);
            return run;
        }
        catch (Exception e)
        {
            held?.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw new CheckpointException(path, $"the run folder cannot be written: {OutputFile.ReasonOf(e)}", "name another folder; a run of another user can be copied there and continued", e);
            throw;
        }
    }

    /// <summary>Whether a folder is that of a run.</summary>
    /// <param name="path">A folder; it need not exist.</param>
    public static bool IsRun(string path) => File.Exists(Path.Combine(path, CheckpointFiles.Config)) && Directory.Exists(Path.Combine(path, CheckpointsFolder));

    // A run must not be mixed with the files of another, or with those of a checkpoint.
    internal static void CheckPath(string path)
    {
        if (File.Exists(Path.Combine(path, CheckpointFiles.Manifest)))
            throw new CheckpointException(path, "is a checkpoint, not a run folder", "name another folder with --run; --from starts from the weights of a checkpoint");
        for (var above = Path.GetDirectoryName(path); above is not null; above = Path.GetDirectoryName(above))
            if (IsRun(above)) throw new CheckpointException(path, $"is inside the run folder {above}", "name a folder outside it with --run");
    }

    /// <summary>Opens a folder to read from it, even while a run writes to it. Writing methods must not be called.</summary>
    /// <param name="path">The folder.</param>
    /// <exception cref="UserException">The folder does not exist, or is a file.</exception>
    public static RunFolder OpenForReading(string path)
    {
        path = Path.GetFullPath(path);
        if (!Directory.Exists(path)) throw new CheckpointException(path, File.Exists(path) ? "is a file, but a run folder is needed" : "the run folder does not exist");
        return new(path, null);
    }

    /// <summary>Opens and verifies the checkpoint of a path: a checkpoint folder, or one of the checkpoints of a run.</summary>
    /// <param name="path">A run folder or a checkpoint folder.</param>
    /// <param name="which"><c>latest</c>, <c>best</c> or a step of a run; null for the best, or the newest if none is marked.</param>
    /// <exception cref="UserException">There is none, or it is damaged.</exception>
    public static Checkpoint OpenCheckpoint(string path, string? which = null)
    {
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (File.Exists(Path.Combine(path, CheckpointFiles.Manifest)))
            return which is null ? Checkpoint.Open(path) : throw new CheckpointException(path, $"is itself a checkpoint, so {MessageText.Quote(which)} cannot be selected from it");
        using var run = OpenForReading(path);
        return which is null ? run.Checkpoints.OpenBestOrLatest() : run.Checkpoints.Open(which);
    }

    /// <summary>Replaces a file of the run durably.</summary>
    /// <param name="name">Its name, relative to the folder.</param>
    /// <param name="text">The new content.</param>
    /// <exception cref="UserException">It cannot be written; the old content is untouched.</exception>
    public void WriteText(string name, string text) => WriteBytes(name, Encoding.UTF8.GetBytes(text));

    /// <summary>Replaces a file of the run durably.</summary>
    /// <param name="name">Its name, relative to the folder.</param>
    /// <param name="bytes">The new content.</param>
    /// <exception cref="UserException">It cannot be written; the old content is untouched.</exception>
    public void WriteBytes(string name, ReadOnlyMemory<byte> bytes)
    {
        CheckHeld();
        var path = SafePath.Resolve(FullPath, name);
        try
        {
            FolderSync.CreateFolders(Path.GetDirectoryName(path)!);
            DurableFile.WriteBytes(path, bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"cannot be written: {OutputFile.ReasonOf(e)}", inner: e);
        }
    }

    void CheckHeld()
    {
        if (held is null) throw new InvalidOperationException($"the run folder {FullPath} was opened for reading");
    }

    /// <summary>Reads a file of the run, at most 64 MiB of UTF-8.</summary>
    /// <exception cref="UserException">There is none, it is larger, or it is not UTF-8.</exception>
    public string ReadText(string name) => BoundedFile.ReadText(SafePath.Resolve(FullPath, name), LongestText);

    /// <summary>Writes <c>result.json</c>, after which the run counts as finished.</summary>
    public void WriteResult(string json) => WriteText("result.json", json);

    /// <summary>Deletes <c>result.json</c>, because the run continues.</summary>
    public void ClearResult()
    {
        CheckHeld();
        File.Delete(ResultFile);
        FolderSync.Sync(FullPath);
    }

    /// <summary>Opens <c>metrics.jsonl</c> for appending; events after the resumed step are dropped first.</summary>
    /// <param name="resumedStep">The step from which training continues; 0 for a new run.</param>
    /// <exception cref="UserException">It cannot be written.</exception>
    public MetricsLog OpenMetrics(long resumedStep)
    {
        CheckHeld();
        return MetricsLog.Open(MetricsFile, resumedStep);
    }

    /// <summary>Releases the folder.</summary>
    public void Dispose() => held?.Dispose();
}

/// <summary>Checks whether a run could use a folder, without changing it.</summary>
static class RunFolderProbe
{
    /// <summary>Writes a file in the folder, or where the folder would be created, and deletes it again.</summary>
    /// <param name="path">The run's folder, which need not exist.</param>
    /// <exception cref="UserException">It cannot be created or written, or another run uses it.</exception>
    internal static void Check(string path)
    {
        path = Path.GetFullPath(path);
        RunFolder.CheckPath(path);
        if (File.Exists(Path.Combine(path, ".lock"))) RunLock.Take(path).Dispose();
        var trial = Path.Combine(Nearest(path), $".transformer-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(trial);
            try
            {
                File.WriteAllText(Path.Combine(trial, "trial"), "trial");
            }
            finally
            {
                Directory.Delete(trial, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"the run folder cannot be written: {OutputFile.ReasonOf(e)}", "name another folder; a run of another user can be copied there and continued", e);
        }
    }

    /// <summary>Free bytes on the disk of the folder; null if the system does not report them.</summary>
    internal static long? FreeBytes(string path)
    {
        try
        {
            return new DriveInfo(Nearest(Path.GetFullPath(path))).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    // The folder, or the nearest one above it that exists.
    static string Nearest(string path)
    {
        for (var folder = path; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (Directory.Exists(folder)) return folder;
            if (File.Exists(folder)) throw new CheckpointException(folder, "is a file, but the run needs a folder", "name another folder with --run");
        }
        return path;
    }
}
