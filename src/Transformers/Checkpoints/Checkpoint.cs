using System.Buffers;

namespace Transformers.Checkpoints;

/// <summary>A checkpoint folder whose manifest has been read; unless it was opened unverified, all its files match the manifest.</summary>
public sealed class Checkpoint
{
    readonly Dictionary<string, ManifestFile> files;

    Checkpoint(string folder, CheckpointManifest manifest)
    {
        (Folder, Manifest) = (folder, manifest);
        files = manifest.Files.ToDictionary(f => f.Name, StringComparer.Ordinal);
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>Its manifest.</summary>
    public CheckpointManifest Manifest { get; }

    /// <summary>Optimizer steps done when it was written.</summary>
    public long Step => Manifest.Step;

    /// <summary>Opens a checkpoint and verifies every byte of it.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <exception cref="CheckpointException">A file is missing or damaged; the message names it.</exception>
    public static Checkpoint Open(string folder)
    {
        var checkpoint = OpenUnverified(folder);
        checkpoint.Verify();
        return checkpoint;
    }

    /// <summary>Opens a checkpoint and compares only the sizes of its files.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <exception cref="CheckpointException">A file is missing or has another size; the message names it.</exception>
    public static Checkpoint OpenUnverified(string folder)
    {
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "the checkpoint does not exist");
        var checkpoint = new Checkpoint(folder, CheckpointManifest.Read(folder));
        if (CheckpointName.TryParse(Path.GetFileName(folder), out var step) && step != checkpoint.Step)
            throw new CheckpointException(Path.Combine(folder, CheckpointFiles.Manifest), $"step ({checkpoint.Step}) must be that of the folder's name ({step})");
        foreach (var file in checkpoint.Manifest.Files) checkpoint.CheckSize(file);
        return checkpoint;
    }

    /// <summary>Whether it has a file of that name.</summary>
    public bool Has(string name) => files.ContainsKey(name);

    /// <summary>The file of the weights to use: their moving average if there is one.</summary>
    public string WeightsFile => Has(CheckpointFiles.Average) ? CheckpointFiles.Average : CheckpointFiles.Model;

    /// <summary>The path of one of its files.</summary>
    /// <exception cref="CheckpointException">It has no file of that name.</exception>
    public string PathOf(string name) => files.ContainsKey(name) ? SafePath.Resolve(Folder, name)
        : throw new CheckpointException(Folder, $"the checkpoint has no {name}");

    /// <summary>Opens a file of tensors under their current names; the caller closes it.</summary>
    /// <exception cref="UserException">It has no file of that name, or the file is not in the safetensors format.</exception>
    public SafetensorsFile OpenTensors(string name) => SafetensorsFile.Open(PathOf(name), TensorNames.Adapt);

    /// <summary>Reads a file of text.</summary>
    /// <exception cref="UserException">It has no file of that name, or the file has more than 64 MiB or is not UTF-8.</exception>
    public string ReadText(string name) => BoundedFile.ReadText(PathOf(name), 64 << 20);

    /// <summary>Reads a file's bytes.</summary>
    /// <exception cref="UserException">It has no file of that name, or the file has more than 64 MiB.</exception>
    public byte[] ReadBytes(string name) => BoundedFile.ReadBytes(PathOf(name), 64 << 20);

    /// <summary>Reads <c>state.json</c>.</summary>
    /// <exception cref="UserException">It is missing or invalid.</exception>
    public TrainingState ReadState() => Has(CheckpointFiles.State) ? TrainingState.Read(PathOf(CheckpointFiles.State))
        : throw new CheckpointException(Folder, "has weights but no training state, because it was imported or averaged, so training cannot resume from it", "start a new run from its weights, in another folder: --from this folder --run another");

    /// <summary>Reads every byte and compares the checksums.</summary>
    /// <exception cref="CheckpointException">A file is damaged; the message names it.</exception>
    public void Verify()
    {
        foreach (var file in Manifest.Files)
        {
            var path = CheckSize(file);
            var found = CheckpointManifest.Hex(ChecksumOf(path));
            if (found != file.Crc32c) throw new CheckpointException(path, $"is damaged: its checksum is {found}, but the manifest says {MessageText.Quote(file.Crc32c)}");
        }
    }

    string CheckSize(ManifestFile file)
    {
        var path = SafePath.Resolve(Folder, file.Name);
        var info = new FileInfo(path);
        if (!info.Exists) throw new CheckpointException(path, "is missing");
        if (info.Length != file.Bytes) throw new CheckpointException(path, $"is damaged: it has {info.Length} bytes, but the manifest says {file.Bytes}");
        return path;
    }

    static uint ChecksumOf(string path)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 20);
        try
        {
            if (new FileInfo(path).Length == 0) return Crc32C.Empty;
            using var file = File.OpenHandle(path, options: FileOptions.SequentialScan);
            var checksum = Crc32C.Empty;
            for (long at = 0; ;)
            {
                var count = RandomAccess.Read(file, buffer, at);
                if (count == 0) return checksum;
                checksum = Crc32C.Append(checksum, buffer.AsSpan(0, count));
                at += count;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"cannot be read: {InputFile.ReasonOf(e)}", inner: e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}

/// <summary>A checkpoint, or another file of a run, is missing, damaged, or cannot be written.</summary>
public sealed class CheckpointException : UserException
{
    /// <summary>The file or folder in question.</summary>
    public string File { get; }

    /// <summary>Names the file and what is wrong with it.</summary>
    public CheckpointException(string file, string message, string? hint = null, Exception? inner = null)
        : base([new Problem(message, File: file, Hint: hint)], inner) => File = file;
}

/// <summary>Names of the files of a checkpoint.</summary>
public static class CheckpointFiles
{
    /// <summary>The weights.</summary>
    public const string Model = "model.safetensors";
    /// <summary>The optimizer's tensors.</summary>
    public const string Optimizer = "optimizer.safetensors";
    /// <summary>The weights' exponential moving average, if there is one.</summary>
    public const string Average = "ema.safetensors";
    /// <summary>Everything else that training needs to continue: see <see cref="TrainingState"/>.</summary>
    public const string State = "state.json";
    /// <summary>The resolved config.</summary>
    public const string Config = "config.yaml";
    /// <summary>The names of the classes, if the model classifies texts.</summary>
    public const string Classes = "classes.json";
    /// <summary>The tokenizer, if the model has one.</summary>
    public const string Tokenizer = "tokenizer.json";
    /// <summary>Marks a checkpoint that was saved only because its validation was the best so far: it is deleted once there is a better
    /// one, and does not count among the newest.</summary>
    public const string BestOnly = "best_only";
    /// <summary>Sizes and checksums of the others; written last.</summary>
    public const string Manifest = "manifest.json";
}

/// <summary>One file of a checkpoint to be written.</summary>
/// <param name="Name">A plain file name.</param>
/// <param name="Write">Writes the content. In the background this runs on another thread, so what it reads must be a snapshot.</param>
public sealed record CheckpointFile(string Name, Action<Stream> Write);

/// <summary>The contents of a checkpoint to be written.</summary>
/// <param name="step">Optimizer steps done, at least 0: the checkpoint's name and age.</param>
public sealed class CheckpointContents(long step) : IDisposable
{
    readonly List<CheckpointFile> files = [];
    readonly List<IDisposable> owned = [];
    readonly Dictionary<string, double> metrics = new(StringComparer.Ordinal);

    /// <summary>Optimizer steps done.</summary>
    public long Step { get; } = step is >= 0 and <= CheckpointName.LargestStep ? step
        : throw new ArgumentOutOfRangeException(nameof(step), step, $"a step must be from 0 to {CheckpointName.LargestStep}");

    /// <summary>The files, in the order in which they are written.</summary>
    public IReadOnlyList<CheckpointFile> Files => files;

    /// <summary>The validation metrics at this step, by which the best checkpoints are chosen.</summary>
    public IReadOnlyDictionary<string, double> Metrics => metrics;

    /// <summary>Hands over what the content reads from; it is disposed of with this object.</summary>
    public CheckpointContents Own(IDisposable source)
    {
        owned.Add(source);
        return this;
    }

    /// <summary>Disposes of what was handed over; afterwards nothing can be written.</summary>
    public void Dispose()
    {
        foreach (var source in owned) source.Dispose();
        owned.Clear();
    }

    /// <summary>Adds a file of tensors.</summary>
    public CheckpointContents AddTensors(string name, IReadOnlyList<TensorBytes> tensors) =>
        Add(name, stream => SafetensorsWriter.WriteTo(stream, tensors, TensorNames.Metadata, file: name));

    /// <summary>Adds a file of text, in UTF-8.</summary>
    public CheckpointContents AddText(string name, string text) => AddBytes(name, Encoding.UTF8.GetBytes(text));

    /// <summary>Adds a file by its bytes.</summary>
    public CheckpointContents AddBytes(string name, ReadOnlyMemory<byte> bytes) => Add(name, stream => stream.Write(bytes.Span));

    /// <summary>Adds <c>state.json</c>.</summary>
    public CheckpointContents AddState(TrainingState state) => Add(CheckpointFiles.State, stream => stream.Write(state.ToJson()));

    /// <summary>Adds a file of any kind.</summary>
    /// <param name="name">A plain file name.</param>
    /// <param name="write">Writes the content; it may run on another thread.</param>
    public CheckpointContents Add(string name, Action<Stream> write)
    {
        if (name.Contains('/') || IO.SafePath.Problem(name) is not null || name.EndsWith(IO.DurableFile.TemporarySuffix, StringComparison.Ordinal) || name == CheckpointFiles.Manifest)
            throw new ArgumentException($"{name} cannot be the name of a checkpoint's file", nameof(name));
        if (files.Exists(f => f.Name == name)) throw new ArgumentException($"the checkpoint has a file {name} already", nameof(name));
        files.Add(new(name, write));
        return this;
    }

    /// <summary>Adds a validation metric. One that is not finite is left out: it is never the best.</summary>
    public CheckpointContents AddMetric(string name, double value)
    {
        if (double.IsFinite(value)) metrics[name] = value;
        return this;
    }
}
