using System.Globalization;
using System.Text.Json;
using Transformers.Generators;
using Transformers.IO;

namespace Transformers.Data.Sentences;

/// <summary>Reads labelled text from TSV, CSV or JSON lines, each plain or gzip, as a stream.</summary>
public static class LabelledFiles
{
    /// <summary>Reads a file by its ending: <c>.tsv</c>, <c>.csv</c> or <c>.jsonl</c>, each also with <c>.gz</c>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="text">The text's column: its number from 0, or its name, and then the first line holds names. For JSON lines, the field.</param>
    /// <param name="label">The label's column or field.</param>
    /// <exception cref="UserException">The file cannot be read, its ending is none of these, or a column is missing.</exception>
    public static IEnumerable<LabelledExample> Read(string path, string text, string label)
    {
        var name = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;
        return Path.GetExtension(name).ToLowerInvariant() switch
        {
            ".tsv" => Columns(TabSeparated(path), path, text, label),
            ".csv" => Columns(CommaSeparated.Read(path), path, text, label),
            ".jsonl" => JsonLines(path, text, label),
            var ending => throw new UserException([new Problem($"files of ending {ending} cannot be read as labelled text", path,
                Hint: ".tsv, .csv or .jsonl is expected, each also with .gz")]),
        };
    }

    static IEnumerable<(int, string[])> TabSeparated(string path) =>
        TextLines.Read(path).Select((text, index) => (index + 1, text.Split('\t')));

    static IEnumerable<LabelledExample> Columns(IEnumerable<(int Line, string[] Fields)> records, string path, string text, string label)
    {
        var numbered = Number(text) is not null && Number(label) is not null;
        var (textColumn, labelColumn) = (Number(text) ?? -1, Number(label) ?? -1);
        foreach (var (line, fields) in records)
        {
            if (!numbered)
            {
                (textColumn, labelColumn, numbered) = (Find(fields, text), Find(fields, label), true);
                continue;
            }
            var needed = Math.Max(textColumn, labelColumn) + 1;
            if (fields.Length < needed)
                throw TextLines.Error(path, line, $"the line has {fields.Length} columns, {needed} are needed");
            yield return new LabelledExample(fields[textColumn], fields[labelColumn].Trim(), line);
        }

        int Find(string[] names, string name)
        {
            if (Number(name) is { } number) return number;
            var at = Array.IndexOf(names, name);
            return at >= 0 ? at : throw TextLines.Error(path, 1, $"there is no column {name}", $"the first line names: {string.Join(", ", names)}");
        }
    }

    static int? Number(string column) =>
        int.TryParse(column, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < 10_000 ? number : null;

    static IEnumerable<LabelledExample> JsonLines(string path, string text, string label)
    {
        var line = 0;
        foreach (var json in TextLines.Read(path))
        {
            line++;
            using var document = JsonLine.Parse(json, path, line);
            yield return new LabelledExample(
                JsonLine.Text(document.RootElement, text, path, line), JsonLine.Text(document.RootElement, label, path, line), line);
        }
    }
}
