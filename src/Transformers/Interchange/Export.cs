namespace Transformers.Interchange;

/// <summary>The formats of other programs to which a run's model can be exported.</summary>
public enum ExportFormat
{
    /// <summary>A folder that Hugging Face's transformers library loads.</summary>
    HuggingFace,
    /// <summary>A folder with a graph that ONNX Runtime runs.</summary>
    Onnx,
    /// <summary>A file that llama.cpp runs.</summary>
    Gguf,
}

/// <summary>How weights are stored in an exported file.</summary>
public enum ExportType
{
    /// <summary>32-bit floats, as in the run.</summary>
    F32,
    /// <summary>16-bit floats.</summary>
    F16,
    /// <summary>bfloat16: the upper half of 32-bit floats.</summary>
    BF16,
    /// <summary>Blocks of 32 8-bit integers with one scale per block, in GGUF.</summary>
    Q8_0,
    /// <summary>8-bit integers with one scale per output, in ONNX.</summary>
    Int8,
}

/// <summary>What to export, and where.</summary>
public sealed record ExportRequest
{
    /// <summary>The format.</summary>
    public required ExportFormat Format { get; init; }

    /// <summary>The new folder; for GGUF the new file.</summary>
    public required string Output { get; init; }

    /// <summary>How weights are stored; null for the default, 32 bits.</summary>
    public ExportType? Type { get; init; }

    /// <summary>The maximum size of a weight file in bytes, for Hugging Face; larger models are written as several files with an index.</summary>
    public long ShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Whether an ONNX graph's weights are in a separate file; null: only if they exceed <see cref="MostInside"/>.</summary>
    public bool? WeightsBeside { get; init; }

    /// <summary>The maximum size of the weights inside an ONNX graph in bytes: protocol buffers are limited to 2 GB, and the rest of a graph is small compared to this reserve.</summary>
    internal long MostInside { get; init; } = 1_800_000_000;

    /// <summary>The type of the weights, which the format must support.</summary>
    /// <exception cref="UserException">The format does not support the type.</exception>
    internal ExportType TypeAmong(params ReadOnlySpan<ExportType> types)
    {
        var type = Type ?? ExportType.F32;
        foreach (var one in types)
            if (one == type) return type;
        throw new UserException($"{NameOf(Format)} has no weights of type {NameOf(type)}", $"it has {string.Join(", ", types.ToArray().Select(NameOf))}");
    }

    /// <summary>The name of a format or a type on the command line.</summary>
    internal static string NameOf<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}

/// <summary>What was written.</summary>
/// <param name="Output">The folder or the file.</param>
/// <param name="Layout">Its layout, such as <c>gpt2</c>.</param>
/// <param name="Files">The files with their sizes.</param>
/// <param name="Notes">What the user should know, such as a property of the run that the format omits.</param>
public sealed record ExportResult(string Output, string Layout, IReadOnlyList<ExportedFile> Files, IReadOnlyList<string> Notes);

/// <summary>One file of an export.</summary>
/// <param name="Name">Its name in the folder.</param>
/// <param name="Bytes">Its size.</param>
public sealed record ExportedFile(string Name, long Bytes);

/// <summary>A folder of exported files, which is written completely or not at all.</summary>
sealed class ExportFolder : IDisposable
{
    readonly DurableFolder folder;

    /// <summary>Creates the folder under a temporary name.</summary>
    /// <exception cref="UserException">The folder already contains files.</exception>
    public ExportFolder(string path)
    {
        Path = path;
        if (File.Exists(path)) throw new UserException([new Problem("is a file, but the export needs a folder", path, Path: "--output")]);
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
            throw new UserException([new Problem("the folder is not empty", path, Path: "--output", Hint: "name a new folder")]);
        folder = Writing(() => new DurableFolder(path));
    }

    public string Path { get; }

    /// <summary>The files so far.</summary>
    public IReadOnlyList<ExportedFile> Files => [.. folder.Files.Select(file => new ExportedFile(file.Name, file.Bytes))];

    public void Write(string name, Action<Stream> write) => Writing(() => folder.Write(name, write));

    public void Write(string name, ReadOnlyMemory<byte> bytes) => Write(name, stream => stream.Write(bytes.Span));

    T Writing<T>(Func<T> write)
    {
        try
        {
            return write();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"cannot be written: {OutputFile.ReasonOf(exception)}", Path, Hint: "the partial export has been deleted")], exception);
        }
    }

    /// <summary>Writes a JSON document.</summary>
    public void Write(string name, System.Text.Json.Nodes.JsonNode document) =>
        Write(name, System.Text.Encoding.UTF8.GetBytes(document.ToJsonString(JsonStyle.Indented) + "\n"));

    /// <summary>Gives the folder its final name.</summary>
    public ExportResult Commit(string layout, IReadOnlyList<string> notes)
    {
        var files = Files;
        Writing(() =>
        {
            folder.Commit();
            return true;
        });
        return new(Path, layout, files, notes);
    }

    public void Dispose() => folder.Dispose();
}
