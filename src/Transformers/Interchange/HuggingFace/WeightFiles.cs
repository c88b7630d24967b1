using Transformers.Checkpoints;
using static TorchSharp.torch;

namespace Transformers.Interchange.HuggingFace;

/// <summary>The weights of a folder: one safetensors file, or several with an index that says which tensor is in which.</summary>
sealed class WeightFiles : IDisposable
{
    internal const string Single = "model.safetensors", Index = "model.safetensors.index.json";
    const int LargestIndex = 64 << 20, MostShards = 10_000;
    static readonly string[] Pickles = ["*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl"];

    readonly List<SafetensorsFile> files = [];
    readonly Dictionary<string, (SafetensorsFile File, SafetensorsTensor Tensor)> tensors = new(StringComparer.Ordinal);

    /// <summary>Opens the weights of a folder.</summary>
    /// <exception cref="UserException">They are missing or damaged, or the index and the files do not agree.</exception>
    public WeightFiles(string folder)
    {
        try
        {
            if (File.Exists(Path.Combine(folder, Index))) OpenShards(folder, Path.Combine(folder, Index));
            else if (File.Exists(Path.Combine(folder, Single))) AddTensors(Open(folder, Single));
            else throw Missing(folder);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The names of all tensors.</summary>
    public IEnumerable<string> Names => tensors.Keys;

    /// <summary>The shape of a tensor; null if there is none with that name.</summary>
    public IReadOnlyList<long>? ShapeOf(string name) => tensors.TryGetValue(name, out var found) ? found.Tensor.Shape : null;

    /// <summary>The file that contains a tensor, for messages.</summary>
    public string FileOf(string name) => tensors[name].File.Path;

    /// <summary>A tensor as 32-bit floats.</summary>
    /// <exception cref="UserException">It does not contain floats, or some are not finite.</exception>
    public Tensor Load(string name)
    {
        var (file, stored) = tensors[name];
        if (stored.Dtype is not (SafetensorsDtype.F32 or SafetensorsDtype.F16 or SafetensorsDtype.BF16 or SafetensorsDtype.F64))
            throw new UserException([new Problem($"{name} has the type {stored.Dtype}, but weights must be F32, F16, BF16 or F64", file.Path)]);
        var loaded = ModelTensors.Load(file, stored, file.Path).to(ScalarType.Float32);
        return loaded.IsFinite() ? loaded : throw new UserException([new Problem($"{name} has numbers that are not finite", file.Path, Hint: "training diverged, or the weights are damaged")]);
    }

    void OpenShards(string folder, string index)
    {
        var map = ReadIndex(index);
        var byFile = map.GroupBy(entry => entry.Value).ToList();
        if (byFile.Count > MostShards) throw new UserException([new Problem($"names {byFile.Count} files, but at most {MostShards} are supported", index)]);
        foreach (var shard in byFile)
        {
            if (shard.Key.Contains('/') || SafePath.Problem(shard.Key) is not null || !shard.Key.EndsWith(".safetensors", StringComparison.Ordinal))
                throw new UserException([new Problem($"the file name {MessageText.Quote(shard.Key)} must be a .safetensors file in the same folder", index, Path: "weight_map")]);
            if (!File.Exists(Path.Combine(folder, shard.Key))) throw new UserException([new Problem($"is missing, but {Index} says that it has {shard.Count()} tensors", Path.Combine(folder, shard.Key))]);
            var file = Open(folder, shard.Key);
            foreach (var (name, _) in shard)
                if (!file.Header.TryFind(name, out _)) throw new UserException([new Problem($"has no tensor {MessageText.Quote(name)}, although {Index} says so", file.Path)]);
            foreach (var tensor in file.Tensors)
                if (!map.TryGetValue(tensor.Name, out var where) || where != shard.Key)
                    throw new UserException([new Problem($"has the tensor {MessageText.Quote(tensor.Name)}, which {Index} {(where is null ? "does not name" : $"says is in {where}")}", file.Path)]);
            AddTensors(file);
        }
    }

    static Dictionary<string, string> ReadIndex(string index)
    {
        try
        {
            using var document = JsonDocument.Parse(BoundedFile.ReadBytes(index, LargestIndex), new() { MaxDepth = 8 });
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("weight_map", out var list) || list.ValueKind != JsonValueKind.Object)
                throw new UserException([new Problem("must have an object weight_map that maps tensor names to files", index)]);
            var map = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var entry in list.EnumerateObject())
                if (entry.Value.ValueKind != JsonValueKind.String || !map.TryAdd(entry.Name, entry.Value.GetString()!))
                    throw new UserException([new Problem($"({MessageText.Quote(entry.Name)}) must occur once, with the name of a file", index, Path: "weight_map")]);
            return map.Count > 0 ? map : throw new UserException([new Problem("names no tensors", index, Path: "weight_map")]);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            var json = exception as JsonException;
            throw new UserException([new Problem($"is not valid JSON: {JsonStyle.ReasonOf(exception)}", index, Line: (int?)json?.LineNumber + 1, Column: (int?)json?.BytePositionInLine + 1)], exception);
        }
    }

    SafetensorsFile Open(string folder, string name)
    {
        var file = SafetensorsFile.Open(SafePath.Resolve(folder, name));
        files.Add(file);
        return file;
    }

    void AddTensors(SafetensorsFile file)
    {
        foreach (var tensor in file.Tensors)
            if (!tensors.TryAdd(CurrentName(tensor.Name), (file, tensor))) throw new UserException([new Problem($"has the tensor {MessageText.Quote(tensor.Name)} under both its old and its new name", file.Path)]);
    }

    // The first published BERT models use TensorFlow's names for norms, which the library still reads.
    static string CurrentName(string name) => name.EndsWith(".LayerNorm.gamma", StringComparison.Ordinal) ? $"{name[..^"gamma".Length]}weight"
        : name.EndsWith(".LayerNorm.beta", StringComparison.Ordinal) ? $"{name[..^"beta".Length]}bias" : name;

    static UserException Missing(string folder)
    {
        // Unpickling runs arbitrary code from the file, so such files are deliberately not read.
        if (Pickles.SelectMany(pattern => Directory.EnumerateFiles(folder, pattern)).Order(StringComparer.Ordinal).FirstOrDefault() is { } pickle)
            return new UserException([new Problem("is a PyTorch pickle, which can run arbitrary code, so it is not read", pickle, Hint: PickleHint)]);
        return new UserException([new Problem($"has no {Single} and no {Index}", folder)]);
    }

    /// <summary>How a pickle is converted.</summary>
    internal const string PickleHint = "convert it once in Python: from transformers import AutoModel…; AutoModel….from_pretrained(folder).save_pretrained(new_folder, safe_serialization=True); "
        + "or, for a plain state dict: safetensors.torch.save_file(torch.load(file, weights_only=True), 'model.safetensors')";

    public void Dispose()
    {
        foreach (var file in files) file.Dispose();
    }
}
