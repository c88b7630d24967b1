using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;

namespace Transformers.Checkpoints;

/// <summary>A checked safetensors header: the tensors in the order of their bytes, and the free metadata.</summary>
/// <remarks>
/// The rules are those of the reference implementation (safetensors, README "Format", and its reader), and two more that its README
/// states or leaves open: a name that occurs twice is refused wherever it stands, and a shape has at most 64 sizes.
/// </remarks>
public sealed class SafetensorsHeader
{
    /// <summary>The most bytes that a header may have.</summary>
    public const int LongestHeader = 100_000_000;

    internal const string MetadataKey = "__metadata__";

    readonly Dictionary<string, SafetensorsTensor> byName;

    SafetensorsHeader(List<SafetensorsTensor> tensors, Dictionary<string, SafetensorsTensor> byName, IReadOnlyDictionary<string, string> metadata, long dataStart) =>
        (Tensors, this.byName, Metadata, DataStart) = (tensors, byName, metadata, dataStart);

    /// <summary>The tensors, in the order of their bytes.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors { get; }

    /// <summary>The free metadata; empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Offset in the file of the first tensor's first byte: 8 and the header's length.</summary>
    public long DataStart { get; }

    /// <summary>The tensor of that name; false where there is none.</summary>
    public bool TryFind(string name, out SafetensorsTensor tensor) => byName.TryGetValue(name, out tensor!);

    /// <summary>The header with other names.</summary>
    internal SafetensorsHeader Renamed(Func<string, string> rename)
    {
        List<SafetensorsTensor> tensors = [.. Tensors.Select(tensor => tensor with { Name = rename(tensor.Name) })];
        return new(tensors, tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal), Metadata, DataStart);
    }

    /// <summary>The header's length in bytes, from the file's first eight.</summary>
    /// <param name="start">The file's first bytes, at least 8 where the file has them.</param>
    /// <param name="fileLength">The whole file's length in bytes.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <exception cref="SafetensorsException">The file is too short, or the header too long.</exception>
    public static int ReadLength(ReadOnlySpan<byte> start, long fileLength, string file)
    {
        if (fileLength < 8 || start.Length < 8)
            throw new SafetensorsException(SafetensorsError.HeaderTooSmall, file, null, $"has {fileLength} bytes; a safetensors file has at least 8");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > LongestHeader)
            throw new SafetensorsException(SafetensorsError.HeaderTooLarge, file, null, $"the header claims {length} bytes; at most {LongestHeader} are allowed");
        if ((long)length > fileLength - 8)
            throw new SafetensorsException(SafetensorsError.InvalidHeaderLength, file, null, $"the header claims {length} bytes, but only {fileLength - 8} follow");
        return (int)length;
    }

    /// <summary>Reads and checks a header.</summary>
    /// <param name="json">The header's bytes, without the eight of its length.</param>
    /// <param name="fileLength">The whole file's length in bytes.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <exception cref="SafetensorsException">A rule is broken.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long fileLength, string file)
    {
        if (!Utf8.IsValid(json)) throw new SafetensorsException(SafetensorsError.InvalidHeader, file, null, "the header is not UTF-8");
        var parser = new SafetensorsHeaderParser(file);
        try
        {
            parser.Read(json);
        }
        // InvalidOperationException: an escaped half of a surrogate pair, found when the text is asked for.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new SafetensorsException(SafetensorsError.InvalidHeaderDeserialization, file, null, $"the header is not JSON of the safetensors format: {e.Message}", e);
        }
        var tensors = new List<SafetensorsTensor>(parser.Tensors.Values);
        tensors.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        Check(tensors, fileLength - 8 - json.Length, file);
        return new(tensors, parser.Tensors, parser.Metadata, 8 + json.Length);
    }

    static void Check(List<SafetensorsTensor> tensors, long dataLength, string file)
    {
        long end = 0;
        foreach (var t in tensors)
        {
            if (t.Begin != end || t.End < t.Begin)
            {
                var what = t.End < t.Begin ? "end before they begin" : t.Begin < end ? "overlap the tensor before" : "leave a hole before them";
                throw new SafetensorsException(SafetensorsError.InvalidOffset, file, t.Name, $"its offsets [{t.Begin}, {t.End}] {what} (expected to begin at {end})");
            }
            var bytes = SafetensorsTensor.BytesOf(t.Dtype, t.Shape, file, t.Name);
            if (bytes != t.ByteCount)
                throw new SafetensorsException(SafetensorsError.TensorInvalidInfo, file, t.Name,
                    $"its offsets [{t.Begin}, {t.End}] span {t.ByteCount} bytes, but {t.Dtype} {SafetensorsTensor.Show(t.Shape)} has {bytes}");
            end = t.End;
        }
        if (end != dataLength)
            throw new SafetensorsException(SafetensorsError.MetadataIncompleteBuffer, file, null,
                dataLength < end ? $"the tensors need {end} bytes after the header, but only {dataLength} follow: the file was cut short"
                                 : $"{dataLength - end} bytes follow the last tensor, where none may");
    }
}
