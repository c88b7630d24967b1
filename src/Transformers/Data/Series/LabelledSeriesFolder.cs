using System.Text.RegularExpressions;
using Transformers.IO;

namespace Transformers.Data.Series;

/// <summary>A folder with tables of series with classes, as in the UCR archive: <c>NAME_TRAIN.tsv</c> and <c>NAME_TEST.tsv</c>.</summary>
static partial class LabelledSeriesFolder
{
    internal const string Train = "train", Test = "test";

    [GeneratedRegex(@"^(?:.*_)?(train|test)\.[ct]sv(?:\.gz)?\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex FileName();

    /// <summary>The tables in a folder, training tables first.</summary>
    /// <param name="folder">The folder; nothing is found if it is not one.</param>
    /// <returns>Each table's split, <see cref="Train"/> or <see cref="Test"/>, and its path.</returns>
    internal static IReadOnlyList<(string Split, string File)> Find(string folder) => !Directory.Exists(folder) ? [] :
    [
        .. Directory.GetFiles(folder).Select(file => (Split: FileName().Match(Path.GetFileName(file)).Groups[1].Value.ToLowerInvariant(), file))
            .Where(table => table.Split.Length > 0).OrderByDescending(table => table.Split, StringComparer.Ordinal).ThenBy(table => table.file, StringComparer.Ordinal),
    ];

    /// <summary>The tables of a path: those of a folder, or the file itself.</summary>
    /// <exception cref="UserException">The folder does not have one training table and at most one test table.</exception>
    internal static LabelledSeriesFilesConfig Open(string path)
    {
        if (!Directory.Exists(path)) return new LabelledSeriesFilesConfig { Train = path };
        var tables = Find(path).ToLookup(table => table.Split, table => table.File);
        return tables[Train].Count() == 1 && tables[Test].Count() <= 1 ? new LabelledSeriesFilesConfig { Train = tables[Train].Single(), Test = tables[Test].SingleOrDefault() }
            : throw new UserException([new Problem($"the folder has {Amount.Of(tables[Train].Count(), "training table")} and {Amount.Of(tables[Test].Count(), "test table")}, but one training table and at most one test table are needed", path,
                Hint: "they are named NAME_TRAIN.tsv and NAME_TEST.tsv; data.source.train and data.source.test name others")]);
    }
}

/// <summary>One table of a folder of series with classes.</summary>
/// <param name="Name"><c>train</c> or <c>test</c>; the name of the file if there are several of these.</param>
/// <param name="File">The table.</param>
/// <param name="Report">What is in it.</param>
public sealed record LabelledSeriesSplitReport(string Name, string File, LabelledSeriesReport Report);

/// <summary>A report on a folder of tables of series with classes.</summary>
/// <param name="Source">The folder.</param>
/// <param name="Splits">Its tables, training tables first.</param>
/// <param name="Warnings">What a user should know before training on them.</param>
public sealed record LabelledSeriesFolderReport(string Source, IReadOnlyList<LabelledSeriesSplitReport> Splits, IReadOnlyList<string> Warnings)
{
    /// <summary>Reports on a folder, or returns null if it has something else.</summary>
    /// <exception cref="UserException">A table cannot be read.</exception>
    public static LabelledSeriesFolderReport? Of(string folder)
    {
        var tables = LabelledSeriesFolder.Find(folder);
        if (!tables.Any(table => SeriesTables.LayoutOf(table.File) == SeriesLayout.Rows)) return null;
        var single = tables.CountBy(table => table.Split).All(split => split.Value == 1);
        List<LabelledSeriesSplitReport> splits = [.. tables.Select(table => new LabelledSeriesSplitReport(
            single ? table.Split : Path.GetFileNameWithoutExtension(table.File), table.File, LabelledSeriesReport.Read(table.File, trains: table.Split == LabelledSeriesFolder.Train)))];
        return new(folder, splits,
        [
            .. single && splits is [var train, var test] ? Missing("training", train, test).Concat(Missing("test", test, train)) : [],
            .. splits.SelectMany(split => split.Report.Warnings.Select(warning => $"{split.File}: {warning}")),
        ]);
    }

    static IEnumerable<string> Missing(string name, LabelledSeriesSplitReport split, LabelledSeriesSplitReport other)
    {
        var classes = ClassNames.Of([.. split.Report.Classes.Keys, .. other.Report.Classes.Keys]);
        return ClassFolders.MissingClasses(classes, label => label, "series", (name, [.. Enumerable.Range(0, classes.Count).Where(label => split.Report.Classes.ContainsKey(classes[label]))]));
    }
}
