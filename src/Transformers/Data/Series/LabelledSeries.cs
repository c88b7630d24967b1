using Transformers.Configs;
using Transformers.Data.Images;
using Transformers.Generators;

namespace Transformers.Data.Series;

/// <summary>Time series with classes, for models that classify them.</summary>
[Kind("labelled_series")]
public sealed record LabelledSeriesDataConfig : DataConfig
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> InputSettings() => ["length"];

    /// <summary>Where the series come from: a generator or files.</summary>
    public required LabelledSeriesSourceConfig Source { get; init; }

    /// <summary>The number of steps that the model sees: longer series are truncated, shorter ones are padded with missing values.</summary>
    [Between(2, 100_000)]
    public required int Length { get; init; }

    /// <summary>The fraction of the training series of each class that is held out for validation; 0 for none.</summary>
    [Between(0, 0.9)]
    public double Holdout { get; init; } = 0.1;
}

/// <summary>Where series with classes come from: a generator or files.</summary>
public abstract record LabelledSeriesSourceConfig;

/// <summary>Time series that the program generates, the same on every machine.</summary>
[ByKey("generator")]
public sealed record GeneratedLabelledSeriesConfig : LabelledSeriesSourceConfig
{
    /// <summary>What is generated.</summary>
    public required LabelledSeriesKind Generator { get; init; }

    /// <summary>The number of training series; the test has a fifth as many.</summary>
    [Between(30, 1_000_000)]
    public int Count { get; init; } = 3_000;

    /// <summary>The seed of the series; separate from the run's seed, so that runs with several seeds train on the same series.</summary>
    public ulong Seed { get; init; } = 1;
}

/// <summary>Time series that are read from tables with one series per row, its class first.</summary>
[ByKey("train")]
public sealed record LabelledSeriesFilesConfig : LabelledSeriesSourceConfig
{
    /// <summary>The training series: a <c>.csv</c> or <c>.tsv</c> file, as in the UCR archive.</summary>
    [NotEmpty]
    public required string Train { get; init; }

    /// <summary>The test series; none by default.</summary>
    [NotEmpty]
    public string? Test { get; init; }
}

/// <summary>Series with classes, divided into training, validation and test.</summary>
public sealed class LabelledSeriesDataset
{
    /// <summary>A series from a table or from the generator.</summary>
    /// <param name="Values">Its values.</param>
    /// <param name="Label">The name of its class; empty if it is unknown.</param>
    /// <param name="Name">Its file and line.</param>
    /// <param name="Problem">Why it cannot be used; null if it can.</param>
    internal sealed record One(double[] Values, string Label, string Name, Problem? Problem = null);

    readonly List<One> all = [];
    readonly int[] labels;

    LabelledSeriesDataset(LabelledSeriesDataConfig config, IEnumerable<One> train, IEnumerable<One> test, ulong seed)
    {
        Length = config.Length;
        all.AddRange(train);
        var count = all.Count;
        all.AddRange(test);
        Classes = ClassNames.Of(all.Select(one => one.Label).Where(label => label.Length > 0));
        var number = Classes.Index().ToDictionary(one => one.Item, one => one.Index, StringComparer.Ordinal);
        labels = [.. all.Select(one => number.GetValueOrDefault(one.Label, -1))];
        (Train, Validation, Test) = ([.. Enumerable.Range(0, count)], [], [.. Enumerable.Range(count, all.Count - count)]);
        if (config.Holdout > 0 && (int)Math.Round(config.Holdout * count) is var held && held > 0 && held < count)
            (Train, Validation) = new HoldoutFractionConfig { Fraction = config.Holdout }.Divide(Train, i => labels[i], seed);
        Train = DataLimit.Draw(Train, i => labels[i], config.Limit, seed, "series");
    }

    /// <summary>Opens the series that a config names; generated series are kept in memory.</summary>
    /// <param name="seed">The run's seed, which determines what is held out.</param>
    /// <exception cref="UserException">A file cannot be read.</exception>
    public static LabelledSeriesDataset Open(LabelledSeriesDataConfig config, ulong seed)
    {
        if (config.Source is GeneratedLabelledSeriesConfig drawn)
            return new LabelledSeriesDataset(config, Draw(drawn, 0, drawn.Count), Draw(drawn, 1, Math.Max(3, drawn.Count / 5)), seed);
        var files = (LabelledSeriesFilesConfig)config.Source;
        foreach (var path in new[] { files.Train, files.Test }.OfType<string>().Where(SpecialFile.IsAt)) throw new UserException([SpecialFile.Problem(path, "write it to a file first")]);
        var dataset = new LabelledSeriesDataset(config, Read(files.Train, labelled: true), files.Test is null ? [] : Read(files.Test, labelled: true), seed);
        return dataset.Classes.Count >= 2 ? dataset : throw new UserException([new Problem("the series must have at least two classes", files.Train, Hint: "the first column is the class, the others are the values")]);
    }

    /// <summary>The series of a table, which may be a pipe.</summary>
    /// <param name="config">The config of the run.</param>
    /// <param name="path">The table.</param>
    /// <param name="labelled">Whether a series without a class, or with an invalid value, is an error; otherwise <see cref="ProblemOf"/> describes it.</param>
    /// <exception cref="UserException">The file cannot be read.</exception>
    internal static LabelledSeriesDataset OpenTable(LabelledSeriesDataConfig config, string path, bool labelled) =>
        new(config with { Holdout = 0, Limit = null }, [], Read(path, labelled), 0);

    static IEnumerable<One> Draw(GeneratedLabelledSeriesConfig drawn, int split, int count) =>
        Enumerable.Range(0, count).Select(i => new One(CylinderBellFunnel.Draw(drawn.Seed, split, i), CylinderBellFunnel.Classes[i % 3], $"series {i.ToString(CultureInfo.InvariantCulture)}"));

    /// <summary>The series of a table.</summary>
    /// <inheritdoc cref="OpenTable"/>
    internal static IEnumerable<One> Read(string path, bool labelled)
    {
        var (total, rows) = (0L, 0);
        foreach (var (line, fields) in CommaSeparated.Read(path, CommaSeparated.SeparatorOf(path), once: true))
        {
            if ((total += fields.Length) > SeriesTable.MostValues) throw TextLines.Error(path, line, $"the table has more than {SeriesTable.MostValues:N0} values", "split it into several files");
            // A header line has no numbers after the first column.
            if (rows++ == 0 && fields.Length > 1 && fields.Skip(1).All(field => !SeriesTable.IsMissing(field) && !SeriesTable.IsNumber(field))) continue;
            One? one = null;
            Problem? problem = null;
            try
            {
                one = Row(fields, path, line, labelled);
            }
            catch (UserException exception) when (!labelled)
            {
                problem = exception.Problems[0];
            }
            yield return one ?? new One([double.NaN], "", NameOf(path, line), problem);
        }
        if (rows == 0) throw new UserException([new Problem("the table has no rows", path, Hint: "a row is a series: its class, then its values")]);
    }

    static One Row(string[] fields, string path, int line, bool labelled)
    {
        if (fields.Length < 3) throw TextLines.Error(path, line, $"the line has {Amount.Of(fields.Length, "column")}, but needs a class and at least two values", CommaSeparated.Separators(fields) ?? "a row is a series: its class, then its values");
        var label = fields[0].Trim();
        if (labelled && label.Length == 0) throw TextLines.Error(path, line, "the class of the series, in the first column, is empty");
        // Tables represent series of different lengths with trailing missing values.
        var values = fields.Skip(1).Select((field, i) => SeriesTable.Parse(field, path, line, (i + 2).ToString(CultureInfo.InvariantCulture), false)).ToArray();
        if (values.Count(value => !double.IsNaN(value)) < 2) throw TextLines.Error(path, line, "the series has fewer than two values");
        return new One(values, label, NameOf(path, line));
    }

    static string NameOf(string path, int line) => $"{path}:{line.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>The number of steps L of a series.</summary>
    public int Length { get; }
    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> Classes { get; }
    /// <summary>Indices of the training series.</summary>
    public int[] Train { get; }
    /// <summary>Indices of the validation series.</summary>
    public int[] Validation { get; }
    /// <summary>Indices of the test series.</summary>
    public int[] Test { get; }

    /// <summary>The class of a series; -1 if the table leaves it empty.</summary>
    public int LabelOf(int index) => labels[index];

    /// <summary>Why a series cannot be used; null if it can.</summary>
    internal Problem? ProblemOf(int index) => all[index].Problem;

    /// <summary>What a user should know before training on them: classes that a split lacks.</summary>
    public IEnumerable<string> Warnings => ClassFolders.MissingClasses(Classes, LabelOf, "series", ("training", Train), ("validation", Validation), ("test", Test));

    /// <summary>The name of a series: its file and line.</summary>
    public string NameOf(int index) => all[index].Name;

    /// <summary>The series of a split.</summary>
    /// <param name="name"><c>test</c>, <c>validation</c> or <c>train</c>; null for the test split if there is one, else validation, else all.</param>
    /// <exception cref="UserException">There are none.</exception>
    public (string Name, int[] Indices) Split(string? name)
    {
        if (name is null) return Test.Length > 0 ? ("test", Test) : Validation.Length > 0 ? ("validation", Validation) : ("all", Train);
        var indices = name switch { "train" => Train, "validation" => Validation, "test" => Test, _ => [] };
        return indices.Length > 0 ? (name, indices) : throw new UserException($"the series have no split \"{name}\"", "the splits are train, and validation and test if the config has them");
    }

    /// <summary>Values of series, each normalised by its own mean and standard deviation.</summary>
    public SeriesBatch Batch(IReadOnlyList<int> indices)
    {
        var batch = new SeriesBatch([.. indices.Select(index => new SeriesWindow(index, Length))], Length, 0);
        for (var row = 0; row < indices.Count; row++)
        {
            var values = all[indices[row]].Values;
            var own = new double[Length];
            Array.Fill(own, double.NaN);
            Array.Copy(values, own, Math.Min(values.Length, Length));
            batch.Fill(row, own);
        }
        return batch;
    }
}

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
