using Transformers.Data.Images;
using Transformers.Models;

namespace Transformers.Interchange.HuggingFace;

/// <summary>Another program's <c>config.json</c>: checked values, with errors that name the file and the key.</summary>
sealed class ForeignConfig
{
    const int Largest = 16 << 20, Deepest = 32;

    readonly JsonElement root;

    ForeignConfig(string path, JsonElement root) => (Path, this.root) = (path, root);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="UserException">It is missing, too large, or not a JSON object.</exception>
    public static ForeignConfig Read(string path)
    {
        if (!File.Exists(path)) throw new UserException([new Problem("is missing", path, Hint: "a folder of Hugging Face's transformers library has config.json, model.safetensors and, for text, tokenizer.json")]);
        try
        {
            using var document = JsonDocument.Parse(BoundedFile.ReadBytes(path, Largest), new() { MaxDepth = Deepest });
            return document.RootElement.ValueKind == JsonValueKind.Object ? new(path, document.RootElement.Clone()) : throw new UserException([new Problem("must be a JSON object", path)]);
        }
        catch (JsonException exception)
        {
            throw new UserException([new Problem("is not valid JSON", path, Line: (int?)exception.LineNumber + 1, Column: (int?)exception.BytePositionInLine + 1)], exception);
        }
    }

    /// <summary>An object within this one; null if there is none.</summary>
    public ForeignConfig? Inner(string key) => Find(key) is { ValueKind: JsonValueKind.Object } inner ? new(Path, inner) : null;

    /// <summary>Whether there is a value other than null.</summary>
    public bool Has(string key) => Find(key) is not null;

    /// <summary>A whole number.</summary>
    /// <exception cref="UserException">It is missing, not a whole number, or out of range.</exception>
    public int Int(string key, int? standard = null, int least = 1, int most = 10_000_000)
    {
        if (Find(key) is not { } value) return standard ?? throw Missing(key);
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= least && number <= most ? number
            : throw Error(key, $"({Show(value)}) must be a whole number from {least} to {most}");
    }

    /// <summary>A whole number; null if there is none.</summary>
    public int? OptionalInt(string key, int least = 0) => Has(key) ? Int(key, least: least) : null;

    /// <summary>A number.</summary>
    public double Number(string key, double standard) => Find(key) is not { } value ? standard
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number : throw Error(key, $"({Show(value)}) must be a number");

    /// <summary>True or false.</summary>
    public bool Flag(string key, bool standard) => Find(key) is not { } value ? standard
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Error(key, $"({Show(value)}) must be true or false");

    /// <summary>A string; null if there is none.</summary>
    public string? Text(string key) => Find(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Error(key, $"({Show(value)}) must be a string");

    /// <summary>A list of whole numbers.</summary>
    public int[] Ints(string key, int least = 1, int most = 1_000_000) => Find(key) is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() is > 0 and <= 64
        ? [.. list.EnumerateArray().Select(one => one.ValueKind == JsonValueKind.Number && one.TryGetInt32(out var number) && number >= least && number <= most ? number
            : throw Error(key, $"({Show(one)}) must be whole numbers from {least} to {most}"))]
        : throw (Has(key) ? Error(key, "must be a list of whole numbers") : Missing(key));

    /// <summary>Token ids: a list, a single one, or none.</summary>
    public IReadOnlyList<int> Ids(string key) => Find(key) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list when list.GetArrayLength() == 0 => [],
        { ValueKind: JsonValueKind.Array } => Ints(key, least: 0, most: int.MaxValue),
        _ => [Int(key, least: 0, most: int.MaxValue)],
    };

    /// <summary>The keys.</summary>
    public IEnumerable<string> Keys => root.EnumerateObject().Select(member => member.Name);

    /// <summary>A list of numbers; null if there is none.</summary>
    public double[]? Numbers(string key) => Find(key) is not { } list ? null
        : list.ValueKind == JsonValueKind.Array && list.GetArrayLength() is > 0 and <= 64 && list.EnumerateArray().All(one => one.ValueKind == JsonValueKind.Number)
            ? [.. list.EnumerateArray().Select(one => one.GetDouble())] : throw Error(key, "must be a list of numbers");

    /// <summary>A list of strings; null if there is none.</summary>
    public string[]? Texts(string key) => Find(key) is not { } list ? null
        : list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(one => one.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(one => one.GetString()!)] : throw Error(key, "must be a list of strings");

    /// <summary>The strings of an object whose keys are the numbers from 0, such as <c>id2label</c>; null if there is none.</summary>
    public string[]? Numbered(string key)
    {
        if (Find(key) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Object) throw Error(key, "must be an object of strings");
        var texts = new SortedDictionary<int, string>();
        foreach (var member in value.EnumerateObject())
            if (!int.TryParse(member.Name, System.Globalization.NumberStyles.None, null, out var number) || member.Value.ValueKind != JsonValueKind.String || !texts.TryAdd(number, member.Value.GetString()!))
                throw Error(key, $"({MessageText.Escape(member.Name)}) must have class numbers as keys, each once, and strings as values");
        return texts.Count > 0 && texts.Keys.First() == 0 && texts.Keys.Last() == texts.Count - 1 ? [.. texts.Values] : throw Error(key, "must have the keys 0, 1, 2, … without a gap");
    }

    /// <summary>Requires a value, because this program's models do not support any other.</summary>
    /// <exception cref="UserException">It has another value.</exception>
    public void Require(string key, string standard, params string[] allowed)
    {
        var value = Find(key) is { } found ? Show(found) : standard;
        if (!allowed.Contains(value)) throw Error(key, $"({MessageText.Escape(value)}) is not supported: it must be {string.Join(" or ", allowed)}");
    }

    /// <summary>The error for a value.</summary>
    public UserException Error(string key, string message) => new([new Problem(message, Path, Path: key)]);

    UserException Missing(string key) => new([new Problem("is missing", Path, Path: key)]);

    JsonElement? Find(string key) => root.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    static string Show(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : MessageText.Escape(value.GetRawText());
}

/// <summary>Reads and writes the image preprocessing and the labels of a Hugging Face folder.</summary>
static class ForeignImages
{
    const string FileName = "preprocessor_config.json";
    const int Bilinear = 2, Bicubic = 3;

    /// <summary>The number of classes of the folder's head.</summary>
    internal static int Classes(WeightFiles weights, string head, ForeignConfig config) => weights.ShapeOf(head) is [> 0 and <= 10_000_000 and var classes, _] ? Shared.Classes(config, (int)classes)
        : throw new UserException([new Problem($"the weights have no classifier ({head})", config.Path, Hint: "save the model for image classification")]);

    /// <summary>The images that a config describes.</summary>
    internal static ImageShape Shape(ForeignConfig config, WeightFiles weights, string head) =>
        new(config.Int("image_size", 224, most: 4096), config.Int("num_channels", 3, most: 3), Classes(weights, head, config));

    /// <summary>Requires that patches divide the image.</summary>
    internal static void RequireDivisible(ForeignConfig config, int size, int patch)
    {
        if (size % patch != 0) throw config.Error("image_size", $"({size}) must be divisible by patch_size ({patch})");
    }

    /// <summary>The transform and the labels of a folder.</summary>
    internal static ForeignInput Read(string folder, ForeignConfig config, ForeignModel model)
    {
        var image = model.Sizes.Image;
        var path = Path.Combine(folder, FileName);
        var transform = File.Exists(path) ? Transform(ForeignConfig.Read(path), image)
            : new ImageTransform { Size = image.Size, Channels = image.Channels, Mean = Repeat(0.5, image.Channels), Std = Repeat(0.5, image.Channels), KeepRatio = false, Filter = ResizeFilter.Bilinear };
        return Input(transform, config.Numbered("id2label"), config, model);
    }

    /// <summary>The data and the files of a transform and labels.</summary>
    internal static ForeignInput Input(ImageTransform transform, string[]? labels, ForeignConfig config, ForeignModel model)
    {
        labels ??= [.. Enumerable.Range(0, model.Sizes.Classes).Select(label => $"LABEL_{label}")];
        if (labels.Length != model.Sizes.Classes) throw config.Error("id2label", $"has {labels.Length} names, but the classifier has {model.Sizes.Classes} classes");
        if (labels.Any(string.IsNullOrEmpty)) throw config.Error("id2label", "has an empty name");
        // ImageNet has two pairs of classes with the same name (crane, maillot).
        var counts = labels.GroupBy(label => label).Where(group => group.Count() > 1).Select(group => group.Key).ToHashSet();
        labels = [.. labels.Select((label, id) => counts.Contains(label) ? $"{label} ({id})" : label)];
        var input = new ImageInput(transform.Checked(), labels);
        var data = new ImageDataConfig
        {
            Source = new ImageFilesConfig { Path = ForeignInput.NoData },
            Input = new ImageInputConfig
            {
                Size = transform.Size, Channels = transform.Channels, Resize = transform.Resize, KeepRatio = transform.KeepRatio, Filter = transform.Filter,
                Normalize = new GivenStatisticsConfig { Mean = transform.Mean, Std = transform.Std },
            },
        };
        return new(data, new Dictionary<string, byte[]> { [ImageInput.FileName] = Encoding.UTF8.GetBytes(input.ToJson()) });
    }

    static ImageTransform Transform(ForeignConfig config, ImageShape image)
    {
        config.Require("do_rescale", "true", "true");
        if (Math.Abs(config.Number("rescale_factor", 1 / 255.0) - 1 / 255.0) > 1e-9) throw config.Error("rescale_factor", "must be 1/255");
        var normalizes = config.Flag("do_normalize", true);
        var crops = config.Flag("do_center_crop", false);
        var size = config.Inner("size");
        var edge = size?.OptionalInt("shortest_edge", 1);
        var side = size is null ? config.Int("size", image.Size, most: 8192) : edge ?? size.Int("height", image.Size, most: 8192);
        if (size is not null && edge is null && size.Int("width", side, most: 8192) != side) throw config.Error("size", "must describe a square");
        var filter = config.Int("resample", Bilinear, least: 0, most: 5) switch
        {
            Bilinear => ResizeFilter.Bilinear,
            Bicubic => ResizeFilter.Bicubic,
            var other => throw config.Error("resample", $"({other}) must be 2 (bilinear) or 3 (bicubic)"),
        };
        var cut = crops ? config.Inner("crop_size")?.Int("height", image.Size, most: 4096) ?? config.Int("crop_size", image.Size, most: 4096) : side;
        if (cut != image.Size) throw config.Error(crops ? "crop_size" : "size", $"({cut}) must be the model's image_size ({image.Size})");
        if (side < cut) throw config.Error("size", $"({side}) must be at least crop_size ({cut})");
        return new()
        {
            Size = image.Size, Resize = side == image.Size ? null : side, KeepRatio = edge is not null, Filter = filter, Channels = image.Channels,
            Mean = normalizes ? config.Numbers("image_mean") ?? Repeat(0.5, image.Channels) : Repeat(0, image.Channels),
            Std = normalizes ? config.Numbers("image_std") ?? Repeat(0.5, image.Channels) : Repeat(1, image.Channels),
        };
    }

    static double[] Repeat(double value, int count) => [.. Enumerable.Repeat(value, count)];

    /// <summary>Writes a transform.</summary>
    internal static void Write(ExportFolder folder, ImageTransform transform)
    {
        var side = transform.Resize ?? transform.Size;
        var crops = transform.KeepRatio || side != transform.Size;
        folder.Write(FileName, new JsonObject
        {
            // ViT's image processor stretches images to a square; CLIP's keeps their proportions and crops the centre.
            ["image_processor_type"] = crops ? "CLIPImageProcessor" : "ViTImageProcessor",
            ["do_convert_rgb"] = transform.Channels == 3, ["do_resize"] = true,
            ["size"] = transform.KeepRatio ? new JsonObject { ["shortest_edge"] = side } : new JsonObject { ["height"] = side, ["width"] = side },
            ["resample"] = transform.Filter == ResizeFilter.Bilinear ? Bilinear : Bicubic, ["do_center_crop"] = crops,
            ["crop_size"] = new JsonObject { ["height"] = transform.Size, ["width"] = transform.Size }, ["do_rescale"] = true, ["rescale_factor"] = 1 / 255.0, ["do_normalize"] = true,
            ["image_mean"] = new JsonArray([.. transform.Mean.Select(value => (JsonNode)value)]), ["image_std"] = new JsonArray([.. transform.Std.Select(value => (JsonNode)value)]),
        });
    }
}
