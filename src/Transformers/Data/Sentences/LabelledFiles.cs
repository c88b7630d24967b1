using Transformers.Configs;
using Transformers.Generators;
using Transformers.Tokenizers;

namespace Transformers.Data.Sentences;

/// <summary>Reads labelled text from TSV, CSV or JSON lines, each plain or gzip, as a stream.</summary>
static class LabelledFiles
{
    /// <summary>Reads a file according to its extension: <c>.tsv</c>, <c>.csv</c> or <c>.jsonl</c>, each also with <c>.gz</c>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="text">The text's column: its number from 0, or its name if the first line has names. For JSON lines, the field.</param>
    /// <param name="label">The label's column or field.</param>
    public static IEnumerable<LabelledExample> Read(string path, string text, string label)
    {
        return TextLines.EndingOf(path) switch
        {
            ".tsv" => Columns(TabSeparated(path), path, text, label),
            ".csv" => Columns(CommaSeparated.ReadTexts(path), path, text, label),
            ".jsonl" => JsonLines(path, text, label),
            var ending => throw new UserException([new Problem($"files with the extension {ending} cannot be read as labelled text", path,
                Hint: "expected .tsv, .csv or .jsonl, optionally with .gz")]),
        };
    }

    static IEnumerable<(int, string[])> TabSeparated(string path) =>
        TextLines.ReadFilled(path).Select(line => (line.Line, line.Text.Split('\t')));

    /// <summary>The names of columns on the first line of a table whose columns are given by number; null if there are none.</summary>
    internal static string? HeaderOf(string path, string text, string label)
    {
        if (Number(text) is not { } first || Number(label) is not { } second || TextLines.EndingOf(path) == ".jsonl") return null;
        var records = TextLines.EndingOf(path) == ".csv" ? CommaSeparated.ReadTexts(path) : TabSeparated(path);
        var fields = records.Select(record => record.Item2).FirstOrDefault();
        return fields is not null && fields.Length > Math.Max(first, second) && TableLines.IsHeader(fields[first], fields[second]) ? string.Join(", ", fields) : null;
    }

    static IEnumerable<LabelledExample> Columns(IEnumerable<(int Line, string[] Fields)> records, string path, string text, string label)
    {
        var numbered = Number(text) is not null && Number(label) is not null;
        var (textColumn, labelColumn) = (Number(text) ?? -1, Number(label) ?? -1);
        var columns = 0;
        foreach (var (line, fields) in records)
        {
            var isFirst = columns == 0;
            if (isFirst) columns = fields.Length;
            if (fields.Length > columns) throw TableLines.TooMany(path, line, fields.Length, columns);
            if (!numbered)
            {
                (textColumn, labelColumn, numbered) = (Find(fields, text, line), Find(fields, label, line), true);
                continue;
            }
            var needed = Math.Max(textColumn, labelColumn) + 1;
            if (fields.Length < needed)
                throw TextLines.Error(path, line, $"the line has {Amount.Of(fields.Length, "column")}, but {needed} are needed", "columns are separated by tabs in a .tsv, by commas in a .csv; data.source.text and data.source.label name them");
            if (isFirst && TableLines.IsHeader(fields[textColumn], fields[labelColumn])) continue;
            yield return Example(fields[textColumn], fields[labelColumn].Trim(), path, line);
        }

        int Find(string[] names, string name, int line)
        {
            if (Number(name) is { } number) return number;
            var at = Array.IndexOf(names, name);
            return at >= 0 ? at : throw TextLines.Error(path, line, $"no column named {name}", $"the first line names: {string.Join(", ", names)}");
        }
    }

    static int? Number(string column) =>
        int.TryParse(column, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < 10_000 ? number : null;

    static IEnumerable<LabelledExample> JsonLines(string path, string text, string label)
    {
        foreach (var (line, json) in TextLines.ReadFilled(path))
        {
            using var document = JsonLine.Parse(json, path, line);
            yield return Example(JsonLine.Text(document.RootElement, text, path, line), JsonLine.Text(document.RootElement, label, path, line), path, line);
        }
    }

    // Programs write a missing label as an empty field, which would otherwise become a class of its own.
    static LabelledExample Example(string text, string label, string path, int line) =>
        label.Length > 0 ? new(text, label, line) : throw TextLines.Error(path, line, "the label is empty", "give the text a label, or leave the line out");
}

/// <summary>Labelled text as a folder of splits.</summary>
/// <remarks>Files are named <c>split.tsv</c>, <c>split.csv</c> or <c>split.jsonl</c>, each also with <c>.gz</c>; the split is <c>train</c>;
/// <c>val</c>, <c>valid</c>, <c>validation</c> or <c>dev</c>; or <c>test</c>.</remarks>
static class LabelledFolder
{
    static readonly string[] Endings = [".tsv", ".csv", ".jsonl"];

    public static TextSplits<LabelledExample> Find(string folder, string text, string label)
    {
        if (File.Exists(folder)) return new(new("train", [folder], () => LabelledFiles.Read(folder, text, label)), null, []);
        if (!Directory.Exists(folder)) throw new UserException([new Problem("the file or folder does not exist", folder, Hint: Suggestion.ForPath(folder))]);
        // A folder that may not be read must not count as an empty one.
        if (SpecialFile.IsDenied(Path.Combine(folder, "train"))) throw new UserException([new Problem("the folder cannot be read: permission denied", folder)]);
        return new(
            Split("train") ?? throw new UserException([new Problem("the folder contains no training text", folder,
                Hint: "expected train.tsv, train.csv or train.jsonl, optionally with .gz")]),
            ParallelFolder.ValidationNames.Select(Split).FirstOrDefault(s => s is not null), Split("test") is { } test ? [test] : []);

        TextSplit<LabelledExample>? Split(string name)
        {
            var files = Endings.SelectMany(e => new[] { name + e, name + e + ".gz" }).Select(f => Path.Combine(folder, f)).Where(File.Exists).ToList();
            if (files.Count > 1)
                throw new UserException([new Problem($"the split {name} is in several files: {string.Join(", ", files.Select(Path.GetFileName))}", folder)]);
            return files.Count == 0 ? null : new(name, [files[0]], () => LabelledFiles.Read(files[0], text, label));
        }
    }
}

/// <summary>Texts with classes, for encoders that classify.</summary>
[Kind("labelled")]
public sealed record LabelledDataConfig : DataConfig
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> InputSettings() => ["max_length"];

    /// <summary>Where the texts come from: a generator or a folder.</summary>
    public required LabelledSourceConfig Source { get; init; }

    /// <summary>How text becomes token ids.</summary>
    public required TokenizerConfig Tokenizer { get; init; }

    /// <summary>The maximum number of tokens of a text, including its two framing tokens; longer texts are truncated.</summary>
    [Between(3, 100_000)]
    public int MaxLength { get; init; } = 512;

    /// <summary>The fraction of the training texts that is held out for validation if the source has no validation split; nothing by default. The same texts are held out regardless of their order.</summary>
    [Between(0, 0.9)]
    public double? Holdout { get; init; }

    /// <summary>The splits, with what is held out and what the limit leaves.</summary>
    /// <exception cref="UserException">They are missing.</exception>
    public TextSplits<LabelledExample> Open() =>
        Source.Open().WithHoldout(Holdout, ContentOf).WithLimit(Limit, ContentOf, example => example.Label, "texts");

    static string ContentOf(LabelledExample example) => $"{example.Text}\t{example.Label}";
}

/// <summary>Where labelled texts come from: a generator or a folder.</summary>
public abstract record LabelledSourceConfig
{
    /// <summary>The splits.</summary>
    /// <exception cref="UserException">They are missing.</exception>
    public abstract TextSplits<LabelledExample> Open();

    /// <summary>The same kind of text from another folder, as with <c>--data</c>.</summary>
    public abstract LabelledSourceConfig At(string folder);
}

/// <summary>Labelled texts that the program generates, the same on every machine.</summary>
[ByKey("generator")]
public sealed record GeneratedLabelsConfig : LabelledSourceConfig
{
    /// <summary>The task.</summary>
    public required LabelGenerator Generator { get; init; }

    /// <summary>The number of training texts; validation and test have a twentieth each, between 50 and 1,000.</summary>
    [Between(1, 100_000_000)]
    public int Size { get; init; } = 8_000;

    /// <summary>The seed of the texts; separate from the run's seed, so that runs with several seeds train on the same texts.</summary>
    public ulong Seed { get; init; } = 1;

    /// <inheritdoc/>
    public override TextSplits<LabelledExample> Open()
    {
        return new TextSplits<LabelledExample>(Split(SyntheticSplit.Train), Split(SyntheticSplit.Validation), [Split(SyntheticSplit.Test)]);

        TextSplit<LabelledExample> Split(SyntheticSplit split) =>
            new(split.FileName(), [], () => new SentimentGenerator().Take(split, Seed, SyntheticText.SizeOf(split, Size)));
    }

    /// <inheritdoc/>
    public override LabelledSourceConfig At(string folder) => new LabelledFolderConfig { Folder = folder };
}

/// <summary>The generators of labelled text.</summary>
public enum LabelGenerator
{
    /// <summary>Short reviews, positive or negative.</summary>
    Sentiment,
}

/// <summary>A folder with <c>train.tsv</c>, <c>val.tsv</c> and <c>test.tsv</c> (or <c>.csv</c>, <c>.jsonl</c>), each also as <c>.gz</c>.</summary>
[ByKey("folder")]
public sealed record LabelledFolderConfig : LabelledSourceConfig
{
    /// <summary>The folder, or a single file, all of whose texts are used for training.</summary>
    [NotEmpty]
    public required string Folder { get; init; }

    /// <summary>The text's column: its number from 0, or its name if the first line has names; for JSON lines the field.</summary>
    [NotEmpty]
    public string Text { get; init; } = "0";

    /// <summary>The label's column or field.</summary>
    [NotEmpty]
    public string Label { get; init; } = "1";

    /// <inheritdoc/>
    public override TextSplits<LabelledExample> Open() => LabelledFolder.Find(Folder, Text, Label);

    /// <inheritdoc/>
    public override LabelledSourceConfig At(string folder) => this with { Folder = folder };
}
