using Transformers.Data.Sentences;
using Transformers.IO.Images;

namespace Transformers.Data.ImageText;

/// <summary>An image with its texts.</summary>
/// <param name="Image">The image's name.</param>
/// <param name="Text">The question, or the caption if there is no answer.</param>
public sealed record ImageTextExample(string Image, string Text)
{
    /// <summary>The answer, if any.</summary>
    public string? Answer { get; init; }
    /// <summary>The type of question, if known.</summary>
    public string? Kind { get; init; }
    /// <summary>A true caption, in addition to the question.</summary>
    public string? Caption { get; init; }
    /// <summary>An almost true caption.</summary>
    public string? FalseCaption { get; init; }
    /// <summary>Its line in the file, from 1, or its number from the generator, from 0.</summary>
    public int Number { get; init; }
}

/// <summary>The regions of an image.</summary>
/// <param name="Boxes">Left, top, right and bottom of each of R regions, as fractions of the image's sides [R, 4].</param>
/// <param name="Features">The features of each [R, C].</param>
/// <param name="Classes">The probability of each class [R, N]; null if the detector gave none.</param>
public sealed record ImageRegions(float[][] Boxes, float[][] Features, float[][]? Classes)
{
    internal ImageRegions AtMost(int most) => Boxes.Length <= most ? this : new(Boxes[..most], Features[..most], Classes?[..most]);
}

/// <summary>One split.</summary>
/// <param name="Name">The name of its file without extension, for example <c>train</c>.</param>
/// <param name="File">The file; null if it is generated.</param>
/// <param name="Read">Reads it from the start, as a stream.</param>
public sealed record ImageTextSplit(string Name, string? File, Func<IEnumerable<ImageTextExample>> Read)
{
    /// <summary>Opens an example's image.</summary>
    public required Func<ImageTextExample, RgbImage> Open { get; init; }

    /// <summary>Finds an example's regions; null if images are read as pixels.</summary>
    public Func<ImageTextExample, ImageRegions>? Regions { get; init; }

    /// <summary>What is wrong with an example's text or image, found without decoding it; null if nothing is, and for generated examples.</summary>
    internal Func<ImageTextExample, Problem?>? FaultOf { get; init; }

    /// <summary>The examples read so far that are left out because their text or image cannot be used, by line.</summary>
    public ConcurrentDictionary<int, Problem> Broken { get; } = new();

    internal ImageTextSplit WithoutBroken() => FaultOf is not { } faultOf ? this : this with
    {
        Read = () => Read().Where(example =>
        {
            if (faultOf(example) is not { } fault) return true;
            Broken[example.Number] = fault;
            return false;
        }),
    };
}

/// <summary>The splits of images with text.</summary>
/// <param name="Train">The training split.</param>
/// <param name="Validation">The validation split, if there is one.</param>
/// <param name="Tests">The test splits; the first is the default.</param>
public sealed record ImageTextSplits(ImageTextSplit Train, ImageTextSplit? Validation, IReadOnlyList<ImageTextSplit> Tests)
{
    /// <summary>The splits without the examples that cannot be used.</summary>
    internal ImageTextSplits WithoutBroken() => new(Train.WithoutBroken(), Validation?.WithoutBroken(), [.. Tests.Select(test => test.WithoutBroken())]);

    /// <summary>The splits, with part of the training images held out if there is no validation split.</summary>
    internal ImageTextSplits WithHoldout(double? fraction)
    {
        if (Validation is not null || fraction is not > 0) return this;
        var held = new ContentHoldout<ImageTextExample>(Train.Read, example => example.Image, fraction.Value);
        return this with { Train = Train with { Read = () => held.Kept() }, Validation = Train with { Name = "val", Read = () => held.Held() } };
    }

    /// <summary>The splits with a limited number of training examples, spread evenly over the types of questions; all of them if there is no limit.</summary>
    internal ImageTextSplits WithLimit(long? limit)
    {
        if (limit is not { } most) return this;
        var limited = new ContentLimit<ImageTextExample>(Train.Read, example => $"{example.Image}\t{example.Text}", example => example.Kind ?? "", most, "examples");
        return this with { Train = Train with { Read = () => limited.Kept() } };
    }

    /// <summary>The split with a name; without a name the first test split, else the validation split, else the training split.</summary>
    /// <exception cref="UserException">The split does not exist.</exception>
    public ImageTextSplit Choose(string? name) => name switch
    {
        null => Tests.FirstOrDefault() ?? Validation ?? Train,
        "train" => Train,
        "validation" => Validation,
        _ => Tests.FirstOrDefault(test => test.Name == name),
    } ?? throw new UserException($"no split named {name}", $"the splits are {string.Join(", ", new[] { "train", Validation is null ? null : "validation" }.OfType<string>().Concat(Tests.Select(test => test.Name)))}");
}

/// <summary>Reads images with text from a folder of JSON lines or TSV files.</summary>
sealed class ImageTextFiles(ImageTextFolderConfig config, RegionsConfig? regions)
{
    static readonly string[] Endings = [".jsonl", ".tsv"];

    internal ImageTextSplits Open()
    {
        if (File.Exists(config.Folder)) return new(Split("train", config.Folder, FolderOf(config.Folder)), null, []);
        if (!Directory.Exists(config.Folder)) throw new UserException([new Problem("the file or folder does not exist", config.Folder)]);
        var files = Directory.GetFiles(config.Folder).Order(StringComparer.Ordinal)
            .Where(file => Endings.Contains(TextLines.EndingOf(file)) && (regions is null || Path.GetFileName(file) != regions.File) && TextLines.NameOf(file) != "regions")
            .GroupBy(TextLines.NameOf).ToDictionary(group => group.Key, group => group.ToList(), StringComparer.Ordinal);
        if (files.FirstOrDefault(one => one.Value.Count > 1) is { Key: not null } twice)
            throw new UserException([new Problem($"the split {twice.Key} is in several files: {string.Join(", ", twice.Value.Select(Path.GetFileName))}", config.Folder)]);
        if (!files.TryGetValue("train", out var train))
            throw new UserException([new Problem("the folder contains no training examples", config.Folder, Hint: "expected train.jsonl or train.tsv, optionally with .gz")]);
        var validation = ParallelFolder.ValidationNames.FirstOrDefault(files.ContainsKey);
        return new(Split("train", train[0], config.Folder), validation is null ? null : Split(validation, files[validation][0], config.Folder),
            [.. files.Keys.Where(name => name != "train" && !ParallelFolder.ValidationNames.Contains(name)).OrderBy(name => name != "test").ThenBy(name => name, StringComparer.Ordinal)
                .Select(name => Split(name, files[name][0], config.Folder))]);
    }

    static string FolderOf(string file) => Path.GetDirectoryName(Path.GetFullPath(file))!;

    ImageTextSplit Split(string name, string file, string folder) => new(name, file, () => TextLines.EndingOf(file) == ".tsv" ? Columns(file) : JsonLines(file))
    {
        Open = example => Decoded(Path.Combine(folder, example.Image), file, example),
        Regions = regions is null ? null : example => RegionsOf(folder).TryGetValue(example.Image, out var one) ? one
            : throw new UserException([new Problem($"has no regions for the image {MessageText.Escape(example.Image)}", Path.Combine(folder, regions.File), Hint: "each image in the examples needs a line")]),
        FaultOf = example => string.IsNullOrWhiteSpace(example.Text) ? new Problem("the text is empty", file, example.Number) : faults.GetOrAdd(example.Image, image => regions is null ? FaultOf(Path.Combine(folder, image)) : RegionsOf(folder).ContainsKey(image) ? null : $"has no line in {regions.File}") is { } fault
            ? new Problem($"the image {MessageText.Escape(example.Image)} {fault}", file, example.Number, Hint: fault == "does not exist" ? "names are relative to the folder of the file" : null) : null,
    };

    readonly ConcurrentDictionary<string, string?> faults = new(StringComparer.Ordinal);

    // All splits are in one folder.
    Dictionary<string, ImageRegions>? found;

    Dictionary<string, ImageRegions> RegionsOf(string folder)
    {
        lock (faults) return found ??= RegionFile.Read(Path.Combine(folder, regions!.File), regions.Most);
    }

    // Damage inside the pixel data is found only when the image is decoded.
    static RgbImage Decoded(string image, string file, ImageTextExample example)
    {
        try
        {
            return ImageCodec.DecodeFile(image, named: false);
        }
        catch (ImageException exception)
        {
            throw new UserException([exception.Problems[0] with { Message = $"the image {MessageText.Escape(example.Image)}: {exception.Problems[0].Message}", File = file, Line = example.Number, Hint = "leave the line out, or replace the image" }], exception);
        }
    }

    static string? FaultOf(string image)
    {
        const int headerBytes = 1 << 16;
        if (!File.Exists(image)) return Directory.Exists(image) ? "is a folder" : "does not exist";
        try
        {
            var start = BoundedFile.ReadStart(image, headerBytes, int.MaxValue, out var length);
            // The header may come after a large preview.
            if (length <= headerBytes) ImageCodec.Probe(start);
            return null;
        }
        catch (UserException exception)
        {
            return $"cannot be used: {exception.Problems[0].Message}";
        }
    }

    IEnumerable<ImageTextExample> JsonLines(string path)
    {
        foreach (var (line, json) in TextLines.ReadFilled(path))
        {
            using var document = JsonLine.Parse(json, path, line);
            var root = document.RootElement;
            yield return Example(path, line, JsonLine.Text(root, config.Image, path, line), JsonLine.Text(root, config.Text, path, line),
                name => JsonLine.Find(root, name, path, line));
        }
    }

    IEnumerable<ImageTextExample> Columns(string path)
    {
        string[]? names = null;
        foreach (var (line, text) in TextLines.ReadFilled(path))
        {
            var fields = text.Split('\t');
            if (names is null)
            {
                var named = fields.Contains(config.Image);
                names = named ? fields : [config.Image, config.Text, config.Answer];
                if (!names.Contains(config.Text)) throw TextLines.Error(path, line, $"no column named {config.Text}", $"the first line names: {string.Join(", ", names)}");
                if (named) continue;
            }
            if (fields.Length > names.Length) throw TableLines.TooMany(path, line, fields.Length, names.Length);
            if (Written(config.Text) is not { } content || Written(config.Image) is not { } image)
                throw TextLines.Error(path, line, $"the line has {Amount.Of(fields.Length, "column")}, but {config.Image} and {config.Text} are needed", "columns are separated by tabs");
            yield return Example(path, line, image, content, Field);

            string? Written(string name) => Array.IndexOf(names, name) is var at && at >= 0 && at < fields.Length ? fields[at] : null;

            string? Field(string name) => Written(name) is { Length: > 0 } field ? field : null;
        }
    }

    ImageTextExample Example(string path, int line, string image, string text, Func<string, string?> field)
    {
        if (SafePath.Problem(image) is { } problem)
            throw TextLines.Error(path, line, $"the image's name ({MessageText.Escape(image)}) {problem}", "names are relative to the file's folder");
        return new(image, text)
        {
            // Programs write a missing answer as an empty one.
            Answer = field(config.Answer)?.Trim() is { Length: > 0 } answer ? answer : null, Kind = field(config.Kind), Caption = field(config.Caption), FalseCaption = field(config.FalseCaption), Number = line,
        };
    }
}

/// <summary>Reads region features: JSON lines of <c>image</c>, <c>boxes</c> [R, 4], <c>features</c> [R, C] and optionally <c>classes</c> [R, N].</summary>
static class RegionFile
{
    sealed record Line(string? Image, float[][]? Boxes, float[][]? Features, float[][]? Classes);

    internal static Dictionary<string, ImageRegions> Read(string path, int most)
    {
        var found = new Dictionary<string, ImageRegions>(StringComparer.Ordinal);
        (int Features, int Classes)? widths = null;
        foreach (var (number, text) in TextLines.ReadStrict(path))
        {
            Line? line;
            try
            {
                line = JsonSerializer.Deserialize<Line>(text, JsonStyle.Options);
            }
            catch (JsonException exception)
            {
                throw TextLines.Error(path, number, $"is not a line of regions: {JsonStyle.ReasonOf(exception)}", "expected an object with image, boxes, features and optionally classes");
            }
            if (line is not { Image: { } image, Boxes: { Length: > 0 } boxes, Features: { } features })
                throw TextLines.Error(path, number, "must have image, boxes (at least one) and features");
            if (features.Length != boxes.Length || (line.Classes is { } classes && classes.Length != boxes.Length))
                throw TextLines.Error(path, number, $"the line has {Amount.Of(boxes.Length, "box", "boxes")} and {Amount.Of(features.Length, "row")} of features{(line.Classes is { } given ? $" and {given.Length} of classes" : "")}: each region needs one of each");
            var own = (features[0]?.Length ?? 0, line.Classes?[0]?.Length ?? 0);
            widths ??= own;
            if (own != widths || own.Item1 == 0 || !AllOf(features, own.Item1) || !AllOf(boxes, 4) || (line.Classes is { } probabilities && !AllOf(probabilities, own.Item2)))
                throw TextLines.Error(path, number, $"each box must have 4 finite numbers, each region {widths.Value.Features} features and {widths.Value.Classes} classes, as in the first line");
            if (!found.TryAdd(image, new ImageRegions(boxes, features, line.Classes).AtMost(most)))
                throw TextLines.Error(path, number, $"the image {MessageText.Escape(image)} already has a line");
        }
        return found.Count > 0 ? found : throw new UserException([new Problem("contains no regions", path)]);
    }

    static bool AllOf(float[][] rows, int width) => rows.All(row => row?.Length == width && row.All(float.IsFinite));
}
