using System.Text.Json;

namespace Transformers.Checkpoints;

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
        reader.Read(); // Throws where anything but white space follows.
    }

    void ReadMetadata(ref Utf8JsonReader reader)
    {
        Next(ref reader, JsonTokenType.StartObject, null, $"{SafetensorsHeader.MetadataKey} must be a JSON object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            Next(ref reader, JsonTokenType.String, null, $"{SafetensorsHeader.MetadataKey}.{IO.MessageText.Quote(key)} must be a text");
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
                default: // As the reference does: what it does not know, it passes over.
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
        Next(ref reader, JsonTokenType.String, name, "dtype must be a text");
        var text = reader.GetString()!;
        return SafetensorsDtypes.TryParse(text, out var dtype) ? dtype : throw Malformed(name, $"dtype {IO.MessageText.Quote(text)} is not one of {string.Join(", ", Enum.GetNames<SafetensorsDtype>())}");
    }

    long[] ReadNumbers(ref Utf8JsonReader reader, string name, string key, int most)
    {
        Next(ref reader, JsonTokenType.StartArray, name, $"{key} must be an array");
        Span<long> numbers = stackalloc long[LongestShape];
        var count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetUInt64(out var number))
                throw Malformed(name, $"{key} must hold whole numbers that are not negative");
            if (number > long.MaxValue) throw new SafetensorsException(SafetensorsError.ValidationOverflow, file, name, $"{key} holds {number}, which is more than 63 bits");
            if (count == most) throw Malformed(name, $"{key} must hold at most {most} numbers");
            numbers[count++] = (long)number;
        }
        return numbers[..count].ToArray();
    }

    void Next(ref Utf8JsonReader reader, JsonTokenType wanted, string? tensor, string rule)
    {
        if (!reader.Read() || reader.TokenType != wanted) throw Malformed(tensor, rule);
    }

    SafetensorsException Malformed(string? tensor, string message) => new(SafetensorsError.InvalidHeaderDeserialization, file, tensor, message);

    SafetensorsException Twice(string? tensor, string key) => new(SafetensorsError.InvalidName, file, tensor, $"the name {IO.MessageText.Quote(key)} occurs twice in the header");
}
