using Transformers.Configs;
using Transformers.Generators;

namespace Transformers.Data.Sentences;

/// <summary>Reads sentence pairs: two aligned files, a table or JSON lines, each plain or gzip, as a stream.</summary>
static class ParallelFiles
{
    /// <summary>Pairs the lines of two files.</summary>
    public static IEnumerable<SentencePair> ReadPair(string source, string target)
    {
        using var sources = TextLines.ReadTexts(source).GetEnumerator();
        using var targets = TextLines.ReadTexts(target).GetEnumerator();
        for (long pairs = 0; ; pairs++)
        {
            var (more, moreToo) = (sources.MoveNext(), targets.MoveNext());
            if (more && moreToo)
            {
                yield return new SentencePair(sources.Current, targets.Current);
                continue;
            }
            if (!more && !moreToo) yield break;
            // Count the longer file to its end: the difference shows what went wrong.
            var longer = pairs + 1;
            while ((more ? sources : targets).MoveNext()) longer++;
            throw new UserException([new Problem(
                $"the files are misaligned: {(more ? source : target)} has {Amount.Of(longer, "line")}, {(more ? target : source)} has {pairs}",
                more ? target : source, Hint: "line n of one must be the translation of line n of the other")]);
        }
    }

    /// <summary>Reads the first two columns of a table, according to its extension: comma-separated values in a <c>.csv</c>, otherwise
    /// tab-separated values, in which quotes have no special meaning.</summary>
    public static IEnumerable<SentencePair> ReadTable(string path, params string[] names)
    {
        var first = 0;
        foreach (var (line, columns) in Rows(path))
        {
            var isFirst = first == 0;
            if (isFirst) first = columns.Length;
            if (columns.Length > first) throw TableLines.TooMany(path, line, columns.Length, first);
            if (columns.Length < 2)
                throw TextLines.Error(path, line, $"the line has {Amount.Of(columns.Length, "column")}, but 2 are needed", $"columns are separated by {(IsCsv(path) ? "commas" : "tabs")}");
            if (isFirst && TableLines.IsHeader(columns[0], columns[1], names)) continue;
            yield return new SentencePair(columns[0], columns[1]);
        }
    }

    static IEnumerable<(int Line, string[] Columns)> Rows(string path) =>
        IsCsv(path) ? CommaSeparated.ReadTexts(path) : TextLines.ReadFilled(path).Select(line => (line.Line, line.Text.Split('\t')));

    static bool IsCsv(string path) => TextLines.EndingOf(path) == ".csv";

    /// <summary>The names of columns on the first line of a table of pairs; null if there are none.</summary>
    internal static string? HeaderOf(string path, params string[] names)
    {
        if (TextLines.EndingOf(path) is not (".tsv" or ".csv")) return null;
        var columns = Rows(path).Select(row => row.Columns).FirstOrDefault();
        return columns is [var source, var target, ..] && TableLines.IsHeader(source, target, names) ? string.Join(", ", columns) : null;
    }

    /// <summary>Reads two fields of JSON lines.</summary>
    /// <param name="path">The file.</param>
    /// <param name="sourceField">The field of the source; dots lead into objects, as in <c>translation.de</c>.</param>
    /// <param name="targetField">The field of the target.</param>
    public static IEnumerable<SentencePair> ReadJsonLines(string path, string sourceField, string targetField)
    {
        foreach (var (line, text) in TextLines.ReadFilled(path))
        {
            using var document = JsonLine.Parse(text, path, line);
            yield return new SentencePair(
                JsonLine.Text(document.RootElement, sourceField, path, line), JsonLine.Text(document.RootElement, targetField, path, line));
        }
    }
}

/// <summary>Parallel text as a folder of splits.</summary>
/// <remarks>
/// Files are named <c>split.language</c> (two per split), <c>split.tsv</c>, <c>split.csv</c> or <c>split.jsonl</c>, each also with <c>.gz</c>. The split is
/// <c>train</c>; <c>val</c>, <c>valid</c>, <c>validation</c> or <c>dev</c>; or anything that starts with <c>test</c>. Of several tests
/// the first by name is <see cref="TextSplits{T}.Test"/>.
/// </remarks>
static class ParallelFolder
{
    internal static readonly string[] ValidationNames = ["val", "valid", "validation", "dev"];

    public static TextSplits<SentencePair> Find(string folder, string source, string target)
    {
        if (File.Exists(folder)) return new TextSplits<SentencePair>(new TextSplit<SentencePair>("train", [folder], OfTable(folder, source, target)), null, []);
        if (!Directory.Exists(folder)) throw new UserException([new Problem("the file or folder does not exist", folder, Hint: Suggestion.ForPath(folder))]);
        var files = Directory.GetFiles(folder).Order(StringComparer.Ordinal).ToList();
        var splits = new SortedDictionary<string, TextSplit<SentencePair>>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            var name = Path.GetFileName(file);
            if (name.EndsWith(".gz", StringComparison.Ordinal)) name = name[..^3];
            var split = Path.GetFileNameWithoutExtension(name);
            if (!IsSplit(split)) continue;
            var found = Path.GetExtension(name) switch
            {
                ".tsv" or ".csv" => new TextSplit<SentencePair>(split, [file], () => ParallelFiles.ReadTable(file, [source.ToLowerInvariant(), target.ToLowerInvariant()])),
                ".jsonl" => new TextSplit<SentencePair>(split, [file], () => ParallelFiles.ReadJsonLines(file, source, target)),
                var language when language == "." + source => Pair(split, file, Partner(files, folder, split, target)),
                var language when language == "." + target => Pair(split, Partner(files, folder, split, source), file),
                _ => null,
            };
            if (found is null) continue;
            if (splits.TryGetValue(split, out var other) && !other.Files.SequenceEqual(found.Files))
                throw new UserException([new Problem(
                    $"the split {split} is in several files: {string.Join(", ", other.Files.Concat(found.Files).Distinct())}", folder)]);
            splits[split] = found;
        }
        if (!splits.TryGetValue("train", out var train))
        {
            List<string> there = [.. files.Select(file => Path.GetFileName(file)!).Where(name => name.StartsWith("train.", StringComparison.Ordinal))];
            throw new UserException([new Problem("the folder contains no training text", folder,
                Hint: $"expected train.{source} and train.{target}, train.tsv, train.csv or train.jsonl, optionally with .gz{(there.Count > 0 ? $"; there are {string.Join(", ", there)}, and data.source.from and data.source.to name the languages" : "")}")]);
        }
        return new TextSplits<SentencePair>(train,
            ValidationNames.Select(splits.GetValueOrDefault).FirstOrDefault(s => s is not null),
            [.. splits.Values.Where(s => s.Name.StartsWith("test", StringComparison.Ordinal))]);
    }

    static Func<IEnumerable<SentencePair>> OfTable(string file, string source, string target) =>
        TextLines.EndingOf(file) switch
        {
            ".tsv" or ".csv" => () => ParallelFiles.ReadTable(file, [source.ToLowerInvariant(), target.ToLowerInvariant()]),
            ".jsonl" => () => ParallelFiles.ReadJsonLines(file, source, target),
            _ => throw new UserException([new Problem("a file of sentence pairs must be a .tsv, .csv or .jsonl file, optionally with .gz", file, Hint: "put two aligned files into a folder, as train.de and train.en")]),
        };

    internal static bool IsSplit(string name) =>
        name == "train" || ValidationNames.Contains(name) || name.StartsWith("test", StringComparison.Ordinal);

    static TextSplit<SentencePair> Pair(string split, string source, string target) =>
        new(split, [source, target], () => ParallelFiles.ReadPair(source, target));

    static string Partner(List<string> files, string folder, string split, string language)
    {
        var name = Path.Combine(folder, $"{split}.{language}");
        return files.Find(f => f == name) ?? files.Find(f => f == name + ".gz")
            ?? throw new UserException([new Problem($"{split}.{language} is missing", folder,
                Hint: $"the split {split} exists in the other language")]);
    }
}
