namespace Transformers.Checkpoints;

/// <summary>A checkpoint folder's name: <c>step-</c> and the step with at least eight digits.</summary>
public static class CheckpointName
{
    /// <summary>The largest step that a name can hold.</summary>
    public const long LargestStep = 999_999_999_999;

    const string Prefix = "step-";

    /// <summary>The name for a step.</summary>
    public static string Of(long step) => Prefix + step.ToString("D8", CultureInfo.InvariantCulture);

    /// <summary>The step of a name; false for any other text, such as a leftover's name or the same step written differently.</summary>
    public static bool TryParse(string name, out long step)
    {
        step = 0;
        return name.StartsWith(Prefix, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out step)
            && step <= LargestStep && Of(step) == name;
    }
}

/// <summary>One file in a manifest.</summary>
/// <param name="Name">A plain file name.</param>
/// <param name="Bytes">Its size in bytes.</param>
/// <param name="Crc32c">Its CRC-32C, in eight hexadecimal digits.</param>
public sealed record ManifestFile(string Name, long Bytes, string Crc32c);

/// <summary>The contents of a checkpoint: names, sizes and checksums of its files, and the metrics by which it is compared with
/// others.</summary>
/// <param name="Schema">Always <see cref="SchemaName"/>.</param>
/// <param name="Step">Optimizer steps done.</param>
/// <param name="Metrics">Validation metrics, all finite.</param>
/// <param name="Files">Every file but the manifest.</param>
public sealed record CheckpointManifest(string Schema, long Step, IReadOnlyDictionary<string, double> Metrics, IReadOnlyList<ManifestFile> Files)
{
    /// <summary>The format's name and version.</summary>
    public const string SchemaName = "transformer.checkpoint/1";

    const int LongestManifest = 1 << 20, MostFiles = 1000;

    // The file starts with its own checksum, of everything after these bytes, so that a flipped bit in a size or a metric is not attributed
    // to the file that it describes.
    const string Opening = "{\n  \"crc32c\": \"", Closing = "\",";
    const int Covered = 14 + 1 + 8 + 2;

    static readonly JsonSerializerOptions Json = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NewLine = "\n",
        MaxDepth = 8,
    };

    /// <summary>The manifest's file, its own checksum first.</summary>
    public byte[] ToJson()
    {
        // The checksum is inserted after the "{" with which the serializer's document begins.
        var rest = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(this, Json)[1..] + "\n");
        return [.. Encoding.UTF8.GetBytes(Opening + Hex(Crc32C.Of(rest)) + Closing), .. rest];
    }

    /// <summary>Reads and checks a checkpoint's manifest.</summary>
    /// <param name="folder">The checkpoint.</param>
    /// <exception cref="UserException">It is missing, damaged, or not a manifest.</exception>
    public static CheckpointManifest Read(string folder)
    {
        var path = Path.Combine(folder, CheckpointFiles.Manifest);
        if (!File.Exists(path)) throw new CheckpointException(path, "is missing: this is not a checkpoint, or it was not copied completely");
        var bytes = BoundedFile.ReadBytes(path, LongestManifest);
        var head = Encoding.ASCII.GetBytes(Opening);
        if (bytes.Length < Covered || !bytes.AsSpan().StartsWith(head)) throw new CheckpointException(path, "is damaged: it does not start with its checksum");
        var rest = bytes.AsSpan(Covered);
        var claimed = Encoding.ASCII.GetString(bytes.AsSpan(head.Length, Covered - head.Length));
        if (claimed != Hex(Crc32C.Of(rest)) + Closing) throw new CheckpointException(path, "is damaged: its checksum does not match");
        try
        {
            rest = (byte[])[(byte)'{', .. rest];
            return Check(JsonSerializer.Deserialize<CheckpointManifest>(rest, Json), path);
        }
        catch (JsonException e)
        {
            throw new CheckpointException(path, $"is not a checkpoint's manifest: {JsonStyle.ReasonOf(e)}", inner: e);
        }
    }

    static CheckpointManifest Check(CheckpointManifest? m, string path)
    {
        if (m is null) throw new CheckpointException(path, "is not a checkpoint's manifest");
        if (m.Schema != SchemaName) throw new CheckpointException(path, $"schema ({MessageText.Quote(m.Schema)}) must be {SchemaName}", "a newer version of the program may have written it");
        if (m.Step is < 0 or > CheckpointName.LargestStep) throw new CheckpointException(path, $"step ({m.Step}) must be from 0 to {CheckpointName.LargestStep}");
        if (m.Files.Count is 0 or > MostFiles) throw new CheckpointException(path, $"files must be from 1 to {MostFiles}, not {m.Files.Count}");
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var f in m.Files)
        {
            if (f is null) throw new CheckpointException(path, "files must not contain null");
            var problem = f.Name.Contains('/') ? "must be a plain file name" : SafePath.Problem(f.Name) ?? (names.Add(f.Name) ? null : "must not occur twice");
            if (problem is not null) throw new CheckpointException(path, $"the file name {MessageText.Quote(f.Name)} {problem}");
            if (f.Bytes < 0) throw new CheckpointException(path, $"the size of {f.Name} ({f.Bytes}) must not be negative");
        }
        return m;
    }

    internal static string Hex(uint checksum) => checksum.ToString("x8", CultureInfo.InvariantCulture);
}
