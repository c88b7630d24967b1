using System.Text.Unicode;

namespace Transformers.Checkpoints;

/// <summary>A checked safetensors header: the tensors in the order of their bytes, and the free-form metadata.</summary>
/// <remarks>
/// The rules are those of the reference implementation (safetensors, README "Format", and its reader), and two more: a name that occurs
/// twice is refused everywhere, and a shape has at most 64 sizes.
/// </remarks>
public sealed class SafetensorsHeader
{
    /// <summary>The maximum number of bytes of a header.</summary>
    public const int LongestHeader = 100_000_000;

    internal const string MetadataKey = "__metadata__";

    readonly Dictionary<string, SafetensorsTensor> byName;

    SafetensorsHeader(List<SafetensorsTensor> tensors, Dictionary<string, SafetensorsTensor> byName, IReadOnlyDictionary<string, string> metadata, long dataStart) =>
        (Tensors, this.byName, Metadata, DataStart) = (tensors, byName, metadata, dataStart);

    /// <summary>The tensors, in the order of their bytes.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors { get; }

    /// <summary>The free-form metadata; empty if there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Offset in the file of the first tensor's first byte: 8 and the header's length.</summary>
    public long DataStart { get; }

    /// <summary>The tensor of that name; false if there is none.</summary>
    public bool TryFind(string name, out SafetensorsTensor tensor) => byName.TryGetValue(name, out tensor!);

    /// <summary>The header with other names.</summary>
    internal SafetensorsHeader Renamed(Func<string, string> rename)
    {
        List<SafetensorsTensor> tensors = [.. Tensors.Select(tensor => tensor with { Name = rename(tensor.Name) })];
        return new(tensors, tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal), Metadata, DataStart);
    }

    /// <summary>The header's length in bytes, from the file's first eight.</summary>
    /// <param name="start">The file's first bytes, at least 8 if the file has them.</param>
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
        // InvalidOperationException: an escaped lone surrogate, found when the string is read.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new SafetensorsException(SafetensorsError.InvalidHeaderDeserialization, file, null, $"the header is not JSON of the safetensors format: {JsonStyle.ReasonOf(e)}", e);
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
                var what = t.End < t.Begin ? "end before they start" : t.Begin < end ? "overlap the previous tensor" : "leave a gap before them";
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
                                 : $"{dataLength - end} bytes follow the last tensor, but none may");
    }
}

/// <summary>Turns a safetensors header's JSON into records, token by token: what is wrong is refused before it takes memory.</summary>
sealed class SafetensorsHeaderParser(string file)
{
    public const int LongestShape = 64;

    public Dictionary<string, SafetensorsTensor> Tensors { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    public void Read(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 16 });
        Next(ref reader, JsonTokenType.StartObject, null, "the header must be a JSON object");
        var metadataSeen = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (name == SafetensorsHeader.MetadataKey)
            {
                if (metadataSeen) throw Twice(null, name);
                metadataSeen = true;
                ReadMetadata(ref reader);
            }
            else if (!Tensors.TryAdd(name, ReadTensor(ref reader, name)))
            {
                throw Twice(name, name);
            }
        }
        reader.Read(); // Throws if anything but white space follows.
    }

    void ReadMetadata(ref Utf8JsonReader reader)
    {
        Next(ref reader, JsonTokenType.StartObject, null, $"{SafetensorsHeader.MetadataKey} must be a JSON object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            Next(ref reader, JsonTokenType.String, null, $"{SafetensorsHeader.MetadataKey}.{MessageText.Quote(key)} must be a string");
            if (!Metadata.TryAdd(key, reader.GetString()!)) throw Twice(null, $"{SafetensorsHeader.MetadataKey}.{key}");
        }
    }

    SafetensorsTensor ReadTensor(ref Utf8JsonReader reader, string name)
    {
        Next(ref reader, JsonTokenType.StartObject, name, "must be a JSON object with dtype, shape and data_offsets");
        SafetensorsDtype? dtype = null;
        long[]? shape = null, offsets = null;
        HashSet<string>? others = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            switch (key)
            {
                case "dtype" when dtype is null:
                    dtype = ReadDtype(ref reader, name);
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(ref reader, name, key, LongestShape);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(ref reader, name, key, 2);
                    if (offsets.Length != 2) throw Malformed(name, "data_offsets must be two numbers");
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw Twice(name, key);
                default: // Unknown keys are skipped, as in the reference implementation.
                    if (!(others ??= []).Add(key)) throw Twice(name, key);
                    reader.Skip();
                    break;
            }
        }
        if (dtype is null || shape is null || offsets is null)
            throw Malformed(name, $"{(dtype is null ? "dtype" : shape is null ? "shape" : "data_offsets")} is missing");
        return new(name, dtype.Value, shape, offsets[0], offsets[1]);
    }

    SafetensorsDtype ReadDtype(ref Utf8JsonReader reader, string name)
    {
        Next(ref reader, JsonTokenType.String, name, "dtype must be a string");
        var text = reader.GetString()!;
        return SafetensorsDtypes.TryParse(text, out var dtype) ? dtype : throw Malformed(name, $"dtype {MessageText.Quote(text)} is not one of {string.Join(", ", Enum.GetNames<SafetensorsDtype>())}");
    }

    long[] ReadNumbers(ref Utf8JsonReader reader, string name, string key, int most)
    {
        Next(ref reader, JsonTokenType.StartArray, name, $"{key} must be an array");
        Span<long> numbers = stackalloc long[LongestShape];
        var count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetUInt64(out var number))
                throw Malformed(name, $"{key} must contain whole numbers that are not negative");
            if (number > long.MaxValue) throw new SafetensorsException(SafetensorsError.ValidationOverflow, file, name, $"{key} contains {number}, which is more than 63 bits");
            if (count == most) throw Malformed(name, $"{key} must contain at most {most} numbers");
            numbers[count++] = (long)number;
        }
        return numbers[..count].ToArray();
    }

    void Next(ref Utf8JsonReader reader, JsonTokenType wanted, string? tensor, string rule)
    {
        if (!reader.Read() || reader.TokenType != wanted) throw Malformed(tensor, rule);
    }

    SafetensorsException Malformed(string? tensor, string message) => new(SafetensorsError.InvalidHeaderDeserialization, file, tensor, message);

    SafetensorsException Twice(string? tensor, string key) => new(SafetensorsError.InvalidName, file, tensor, $"the name {MessageText.Quote(key)} occurs twice in the header");
}
