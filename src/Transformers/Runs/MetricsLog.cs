using System.Buffers;
using Transformers.Checkpoints;

namespace Transformers.Runs;

/// <summary>One event of <c>metrics.jsonl</c>.</summary>
/// <param name="Step">The optimizer step.</param>
/// <param name="Split"><c>train</c> or <c>val</c>.</param>
/// <param name="Values">The numbers by name; NaN for a null in the file.</param>
public sealed record MetricsEvent(long Step, string Split, IReadOnlyDictionary<string, double> Values);

/// <summary>Appends to <c>metrics.jsonl</c>: <c>{"step":n,"split":"train","loss":x,…}</c>, one line per event.</summary>
/// <remarks>Each line is passed to the operating system immediately, so that a killed process loses none; <see cref="Flush"/> writes it to
/// the disk. JSON has no NaN: numbers that are not finite are written as null.</remarks>
public sealed class MetricsLog : IDisposable
{
    const int LongestLine = 1 << 20;
    readonly FileStream file;
    readonly ArrayBufferWriter<byte> line = new();

    MetricsLog(FileStream file) => this.file = file;

    internal static MetricsLog Open(string path, long resumedStep)
    {
        try
        {
            FileSizeLimit.ReportAsError();
            Cut(path, resumedStep);
            var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            FolderSync.Sync(Path.GetDirectoryName(path)!);
            return new(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(path, e);
        }
    }

    /// <summary>Appends an event.</summary>
    /// <param name="step">The optimizer step.</param>
    /// <param name="split"><c>train</c> or <c>val</c>.</param>
    /// <param name="values">Names and numbers.</param>
    /// <exception cref="UserException">The disk is full, ….</exception>
    public void Append(long step, string split, params ReadOnlySpan<(string Name, double Value)> values)
    {
        line.ResetWrittenCount();
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteNumber("step", step);
            json.WriteString("split", split);
            foreach (var (name, value) in values)
                if (double.IsFinite(value)) json.WriteNumber(name, value);
                else json.WriteNull(name);
            json.WriteEndObject();
        }
        line.Write("\n"u8);
        try
        {
            FileSizeLimit.Write(file, line.WrittenSpan); // In one call, so that other readers see whole lines.
        }
        catch (IOException e)
        {
            throw Unwritable(file.Name, e);
        }
    }

    /// <summary>Returns once all lines are on the disk. It is called before a checkpoint is saved, so that none of its events can be lost.</summary>
    /// <exception cref="UserException">The disk reports an error.</exception>
    public void Flush()
    {
        try
        {
            file.Flush(flushToDisk: true);
        }
        catch (IOException e)
        {
            throw Unwritable(file.Name, e);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    /// <summary>Reads the events of a file; incomplete and invalid lines are skipped.</summary>
    /// <param name="path">The file; if there is none, there are no events.</param>
    /// <exception cref="UserException">It cannot be read, or has a line of more than 1 MiB.</exception>
    public static IEnumerable<MetricsEvent> Read(string path)
    {
        foreach (var bytes in Lines(path))
            if (Parse(bytes) is { } parsed) yield return parsed;
    }

    /// <summary>Drops events after a step, and incomplete or invalid lines, by rewriting the file.</summary>
    static void Cut(string path, long lastStep)
    {
        if (!File.Exists(path)) return;
        var clean = EndsCleanly(path);
        foreach (var bytes in Lines(path)) clean = clean && IsKept(bytes, lastStep);
        if (clean) return;
        DurableFile.Write(path, stream =>
        {
            foreach (var bytes in Lines(path))
            {
                if (!IsKept(bytes, lastStep)) continue;
                stream.Write(bytes);
                stream.Write("\n"u8);
            }
        });
    }

    static bool IsKept(byte[] bytes, long lastStep) => Parse(bytes) is { } parsed && parsed.Step <= lastStep;

    static bool EndsCleanly(string path)
    {
        using var file = File.OpenRead(path);
        if (file.Length == 0) return true;
        file.Seek(-1, SeekOrigin.End);
        return file.ReadByte() == '\n';
    }

    static IEnumerable<byte[]> Lines(string path)
    {
        if (!File.Exists(path) || new FileInfo(path).Length == 0) yield break;
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16);
        var pending = new ArrayBufferWriter<byte>();
        var buffer = new byte[1 << 16];
        int count;
        while ((count = file.Read(buffer)) > 0)
        {
            for (var start = 0; start < count;)
            {
                var length = buffer.AsSpan(start, count - start).IndexOf((byte)'\n');
                var part = buffer.AsSpan(start, length < 0 ? count - start : length);
                if (pending.WrittenCount + part.Length > LongestLine) throw new CheckpointException(path, $"has a line of more than {LongestLine} bytes");
                pending.Write(part);
                start += part.Length + 1;
                if (length < 0) continue;
                yield return pending.WrittenSpan.ToArray();
                pending.ResetWrittenCount();
            }
        }
        if (pending.WrittenCount > 0) yield return pending.WrittenSpan.ToArray(); // Incomplete, unless only the line break is missing.
    }

    static MetricsEvent? Parse(byte[] bytes)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object) return null;
            long? step = null;
            string? split = null;
            var values = new Dictionary<string, double>(StringComparer.Ordinal);
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (property.Name == "step") step = property.Value.TryGetInt64(out var n) ? n : null;
                else if (property.Name == "split") split = property.Value.GetString();
                else if (property.Value.ValueKind == JsonValueKind.Number && property.Value.TryGetDouble(out var x)) values[property.Name] = x;
                else if (property.Value.ValueKind == JsonValueKind.Null) values[property.Name] = double.NaN;
            }
            return step is null || split is null ? null : new(step.Value, split, values);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    static CheckpointException Unwritable(string path, Exception e) => new(path, $"cannot be written: {OutputFile.ReasonOf(e)}", inner: e);
}
