using System.Buffers;
using Transformers.IO;

namespace Transformers.Checkpoints;

/// <summary>A checkpoint folder whose manifest was read; unless said otherwise, all its files agree with it.</summary>
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

    /// <summary>Opens a checkpoint and reads every byte of it to see that it is intact.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <exception cref="CheckpointException">A file is missing or damaged; the message names it.</exception>
    public static Checkpoint Open(string folder)
    {
        var checkpoint = OpenUnverified(folder);
        checkpoint.Verify();
        return checkpoint;
    }

    /// <summary>Opens a checkpoint and compares the sizes of its files only.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <exception cref="CheckpointException">A file is missing or has another size; the message names it.</exception>
    public static Checkpoint OpenUnverified(string folder)
    {
        if (!Directory.Exists(folder)) throw new CheckpointException(folder, "there is no such checkpoint");
        var checkpoint = new Checkpoint(folder, CheckpointManifest.Read(folder));
        if (CheckpointName.TryParse(Path.GetFileName(folder), out var step) && step != checkpoint.Step)
            throw new CheckpointException(Path.Combine(folder, CheckpointFiles.Manifest), $"step ({checkpoint.Step}) must be that of the folder's name ({step})");
        foreach (var file in checkpoint.Manifest.Files) checkpoint.CheckSize(file);
        return checkpoint;
    }

    /// <summary>Whether it holds a file of that name.</summary>
    public bool Has(string name) => files.ContainsKey(name);

    /// <summary>The file of the weights to work with: of their moving average, where there is one.</summary>
    public string WeightsFile => Has(CheckpointFiles.Average) ? CheckpointFiles.Average : CheckpointFiles.Model;

    /// <summary>The path of a file that it holds.</summary>
    /// <exception cref="CheckpointException">It holds none of that name.</exception>
    public string PathOf(string name) => files.ContainsKey(name) ? SafePath.Resolve(Folder, name)
        : throw new CheckpointException(Folder, $"the checkpoint has no {name}");

    /// <summary>Opens a file of tensors under their current names; the caller closes it.</summary>
    /// <exception cref="UserException">It holds none of that name, or not in the safetensors format.</exception>
    public SafetensorsFile OpenTensors(string name) => SafetensorsFile.Open(PathOf(name), TensorNames.Adapt);

    /// <summary>Reads a file of text.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="limit">The most bytes that it may have.</param>
    /// <exception cref="UserException">It holds none of that name, it is larger, or it is not UTF-8.</exception>
    public string ReadText(string name, int limit = 64 << 20) => BoundedFile.ReadText(PathOf(name), limit);

    /// <summary>Reads a file's bytes.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="UserException">It holds none of that name, or it has more than 64 MiB.</exception>
    public byte[] ReadBytes(string name) => BoundedFile.ReadBytes(PathOf(name), 64 << 20);

    /// <summary>Reads <c>state.json</c>.</summary>
    /// <exception cref="UserException">There is none, or it is not what it should be.</exception>
    public TrainingState ReadState() => TrainingState.Read(PathOf(CheckpointFiles.State));

    /// <summary>Reads every byte and compares the checksums.</summary>
    /// <exception cref="CheckpointException">A file is damaged; the message names it.</exception>
    public void Verify()
    {
        foreach (var file in Manifest.Files)
        {
            var path = CheckSize(file);
            var found = CheckpointManifest.Hex(ChecksumOf(path));
            if (found != file.Crc32c) throw new CheckpointException(path, $"is damaged: its checksum is {found}, where the manifest says {Shown.Name(file.Crc32c)}");
        }
    }

    string CheckSize(ManifestFile file)
    {
        var path = SafePath.Resolve(Folder, file.Name);
        var info = new FileInfo(path);
        if (!info.Exists) throw new CheckpointException(path, "is missing");
        if (info.Length != file.Bytes) throw new CheckpointException(path, $"is damaged: it has {info.Length} bytes, where the manifest says {file.Bytes}");
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
            throw new CheckpointException(path, $"cannot be read: {e.Message}", inner: e);
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
