using Transformers.Data.Audio;
using Transformers.Data.ImageText;
using Transformers.Data.Images;
using Transformers.Data.Sentences;
using Transformers.Data.Series;
using Transformers.Data.Text;
using Transformers.IO.Images;

namespace TransformerCli.Commands;

/// <summary><c>data inspect</c>: a report on text, images or a prepared folder.</summary>
static class DataInspectCommand
{
    const string Schema = "transformer.data.inspect/1";

    public static Command Create(CliContext context)
    {
        var path = new Argument<string>("PATH") { Description = "A text file, a folder of text files, a table or a folder of sentence pairs or labelled texts, a prepared folder, a set of images (class folders, a tar file, IDX files), class folders of WAV files, a table of series, a table or a folder of series with classes, or images with text", HelpName = "PATH" };
        var field = new Option<string>("--field") { Description = "The field of a JSON line that contains the text", HelpName = "NAME", DefaultValueFactory = _ => "text" };
        var separator = new Option<string?>("--separator") { Description = "The line that separates documents in a plain-text file", HelpName = "TEXT" };
        var document = new Option<string>("--document") { Description = "What counts as a document in a plain-text file, without a separator", HelpName = "file|line", DefaultValueFactory = _ => "file" }.OneOf("file", "line");
        var include = CommonOptions.Include();
        return context.Create("inspect", "Reports counts, lengths, duplicates and problems in a data set; for prepared data it also verifies every checksum.\n\nExample: transformer data inspect data/stories --separator '<|endoftext|>'", [path, field, separator, document, include], (parse, cancel) =>
        {
            var given = parse.GetValue(path)!;
            var progress = context.Error.Progress.Watch($"inspecting {given}");
            if (File.Exists(Path.Combine(given, DataManifest.FileName)))
            {
                using var data = PreparedData.Open(given);
                data.Verify();
                return context.Print(parse, new { Schema, Kind = "prepared", Folder = given, Verified = true, Dataset = data.Manifest }, writer => Print(writer, data.Manifest));
            }
            if (SoundReport.IsFor(given))
            {
                var sounds = SoundReport.Of(given, progress);
                return context.Print(parse, new { Schema, Contents = "sounds", Report = sounds }, writer => Print(writer, sounds));
            }
            if (ImageTextReport.IsFor(given))
            {
                var pairs = ImageTextReport.Of(given);
                return context.Print(parse, new { Schema, Contents = "pairs", Report = pairs }, writer => Print(writer, pairs));
            }
            if (IsImages(given) || ImageInspection.IsTable(given))
            {
                var images = ImageInspection.Inspect(given, progress);
                return context.Print(parse, new { Schema, Contents = "images", Report = images }, writer => Print(writer, images));
            }
            if (LabelledSeriesFolderReport.Of(given) is { } tables)
                return context.Print(parse, new { Schema, Contents = "labelled_series", Report = tables }, writer => Print(writer, tables));
            if (LabelledSeriesReport.Of(given) is { } labelled)
                return context.Print(parse, new { Schema, Contents = "labelled_series", Report = labelled }, writer => Print(writer, labelled));
            if (SeriesReport.Of(given) is { } series)
                return context.Print(parse, new { Schema, Contents = "series", Report = series }, writer => Print(writer, series));
            if (TableReport.Of(given) is { } table)
                return context.Print(parse, new { Schema, Kind = "table", table.Source, table.Splits }, writer => Print(writer, table));
            var source = new FileTextSource(new TextFilesConfig { Files = [given], TextField = parse.GetValue(field)!, Separator = parse.GetValue(separator), Document = parse.GetValue(document) == "line" ? DocumentUnit.Line : DocumentUnit.File, Include = parse.Patterns(include) }, once: true);
            var report = TextReport.Of(source, cancel);
            return context.Print(parse, new { Schema, Kind = "text", report.Source, report.Counts, report.Shortest, report.Longest, report.Mean, report.Lengths, report.Duplicates }, writer => Print(writer, report));
        });
    }

    /// <summary>Prints a summary of a prepared folder.</summary>
    internal static void Print(TextWriter output, DataManifest manifest)
    {
        output.WriteLine($"source      {manifest.Source}");
        output.WriteLine($"vocabulary  {manifest.VocabularySize:N0} (tokenizer {manifest.TokenizerHash[..12]}…)");
        foreach (var (name, split) in new[] { ("train", manifest.Train), ("validation", manifest.Validation) })
            output.WriteLine($"{name,-11} {Amount.Of(split.Tokens, "token")}, {Amount.Of(split.Documents, "document")}, {Amount.Of(split.Characters, "character")}, {Amount.Of(split.Bytes, "byte")}");
        output.WriteLine($"held out    {manifest.HoldOut}, {manifest.HoldOutFraction}");
        output.WriteLine($"duplicates  {Amount.Of(manifest.Duplicates.ValidationDocuments, "validation document also occurs", "validation documents also occur")} in the training text");
        Print(output, manifest.Counts);
    }

    static void Print(TextWriter output, SoundReport report)
    {
        output.WriteLine($"recordings  {report.Sounds:N0}, of {report.ShortestSeconds:0.##} to {report.LongestSeconds:0.##} seconds, {report.MeanSeconds:0.##} on average");
        output.WriteLine($"rates       {string.Join(", ", report.Rates.Select(rate => $"{rate.Value:N0} at {rate.Key} Hz"))}");
        foreach (var one in report.Classes) output.WriteLine($"class       {MessageText.OneLine(one.Name)}: {one.Train} train, {one.Validation} validation, {one.Test} test");
        foreach (var fault in report.UnreadableFiles) output.WriteLine($"unreadable  {fault}");
        if (report.Unreadable > report.UnreadableFiles.Count) output.WriteLine($"unreadable  {report.Unreadable} in total");
        foreach (var warning in report.Warnings) output.WriteLine($"warning     {MessageText.OneLine(warning)}");
    }

    static void Print(TextWriter output, ImageTextReport report)
    {
        foreach (var split in report.Splits)
        {
            output.WriteLine($"{split.Name,-11} {Amount.Of(split.Examples, "example")} with {Amount.Of(split.Images, "image")}{(split.WithoutAnswer > 0 ? $", {split.WithoutAnswer:N0} without an answer" : "")}: {split.File}");
            if (split.Answers > 0) output.WriteLine($"  answers   {split.Answers:N0} different: {string.Join(", ", split.MostFrequent.Take(10).Select(answer => $"{answer.Key} {answer.Value:N0}"))}{(split.Answers > 10 ? ", …" : "")}");
        }
        foreach (var fault in report.UnusableExamples) output.WriteLine($"unusable    {fault}");
        if (report.Unusable > report.UnusableExamples.Count) output.WriteLine($"unusable    {report.Unusable} in total");
        foreach (var warning in report.Warnings) output.WriteLine($"warning     {MessageText.OneLine(warning)}");
    }

    static void Print(TextWriter output, SeriesReport report)
    {
        output.WriteLine($"series      {report.Series.Count:N0} of {Amount.Of(report.Steps, "step")}, from {report.First} to {report.Last}{(report.Missing > 0 ? $"; {Amount.Of(report.Missing, "value is", "values are")} missing" : "")}");
        foreach (var one in report.Series.Take(20))
            output.WriteLine($"  {one.Name}: {(one.Mean is { } mean ? $"{one.Least:G5} to {one.Most:G5}, {mean:G5} on average" : "no values")}{(one.Missing > 0 ? $", {one.Missing:N0} missing" : "")}");
        if (report.Series.Count > 20) output.WriteLine($"  … and {report.Series.Count - 20:N0} more");
        foreach (var warning in report.Warnings) output.WriteLine($"warning     {MessageText.OneLine(warning)}");
    }

    static string Lengths(LabelledSeriesReport report) =>
        $"of {(report.Shortest < report.Longest ? $"{report.Shortest:N0} to " : "")}{Amount.Of(report.Longest, "step")}{(report.Missing > 0 ? $"; {Amount.Of(report.Missing, "value is", "values are")} missing" : "")}";

    static void Print(TextWriter output, LabelledSeriesFolderReport report)
    {
        output.WriteLine($"source      {report.Source}");
        foreach (var (name, file, table) in report.Splits)
        {
            output.WriteLine($"{name,-11} {table.Series:N0} series {Lengths(table)}: {file}");
            output.WriteLine($"  classes   {table.Classes.Count:N0}: {string.Join(", ", table.Classes.Take(10).Select(one => $"{one.Key} {one.Value:N0}"))}{(table.Classes.Count > 10 ? ", …" : "")}");
            foreach (var row in table.UnusableRows) output.WriteLine($"unusable    {row}");
            if (table.Unusable > table.UnusableRows.Count) output.WriteLine($"unusable    {table.Unusable:N0} in total");
        }
        foreach (var warning in report.Warnings) output.WriteLine($"warning     {MessageText.OneLine(warning)}");
    }

    static void Print(TextWriter output, LabelledSeriesReport report)
    {
        output.WriteLine($"series      {report.Series:N0} {Lengths(report)}");
        foreach (var (name, count) in report.Classes.Take(100)) output.WriteLine($"class       {name}: {count:N0}");
        if (report.Classes.Count > 100) output.WriteLine($"  … and {report.Classes.Count - 100:N0} more");
        foreach (var row in report.UnusableRows) output.WriteLine($"unusable    {row}");
        if (report.Unusable > report.UnusableRows.Count) output.WriteLine($"unusable    {report.Unusable:N0} in total");
        foreach (var warning in report.Warnings) output.WriteLine($"warning     {MessageText.OneLine(warning)}");
    }

    static void Print(TextWriter output, TableReport report)
    {
        output.WriteLine($"source      {report.Source}");
        foreach (var split in report.Splits)
        {
            output.WriteLine($"{split.Name,-11} {Amount.Of(split.Rows, "line")} of {Amount.Of(split.Columns.Count, "column")}: {string.Join(", ", split.Files)}");
            foreach (var column in split.Columns)
            {
                var values = column.Values is { } all ? $": {string.Join(", ", all.Take(10).Select(value => $"{value.Key} {value.Value:N0}"))}{(all.Count > 10 ? ", …" : "")}" : "";
                output.WriteLine($"  column {column.Name,-4} {column.Shortest:N0} to {column.Longest:N0} characters, {column.Mean:N0} on average, {column.Distinct:N0} different{values}");
                if (column.Empty > 0) output.WriteLine($"note        {Amount.Of(column.Empty, "text")} of column {column.Name} {(column.Empty == 1 ? "is" : "are")} empty");
            }
            if (split.Warning is { } warning) output.WriteLine($"warning     {MessageText.OneLine(warning)}");
            if (split.FirstRepeated is { } repeated) output.WriteLine($"note        {Amount.Of(split.Repeated ?? 0, "line is", "lines are")} also in the split train; {(split.Repeated == 1 ? "it" : "the first of them")} is line {repeated}");
            if (split.FirstUneven is { } line) output.WriteLine($"note        {Amount.Of(split.Uneven, "line has", "lines have")} a different number of columns from the first line; {(split.Uneven == 1 ? "it" : "the first of them")} is line {line}");
        }
    }

    static void Print(TextWriter output, TextReport report)
    {
        output.WriteLine($"source      {report.Source}");
        output.WriteLine($"documents   {report.Counts.Documents:N0}, of {report.Shortest:N0} to {report.Longest:N0} characters, {report.Mean:N0} on average");
        output.WriteLine($"text        {Amount.Of(report.Counts.Characters, "character")}, {Amount.Of(report.Counts.Bytes, "byte")}, longest line {Amount.Of(report.Counts.LongestLine, "byte")}");
        foreach (var length in report.Lengths) output.WriteLine($"  up to {length.UpTo,13:N0} characters  {length.Documents,12:N0}");
        output.WriteLine($"duplicates  {(report.Duplicates is { } n ? $"{Amount.Of(n, "document repeats", "documents repeat")} an earlier one" : "not counted: too many documents")}");
        Print(output, report.Counts);
    }

    static void Print(TextWriter output, TextCounts counts)
    {
        foreach (var (note, isWarning) in TextNotes.Of(counts)) output.WriteLine($"{(isWarning ? "warning" : "note"),-11} {note}");
    }

    // Whether a path is a set of images: an archive or pixel file of a known kind, or a folder with an image in it.
    static bool IsImages(string path)
    {
        if (Directory.Exists(path))
            return Directory.EnumerateFiles(path, "*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 16 }).Take(1000).Any(IsImage);
        if (SpecialFile.IsAt(path)) return false;
        return path.EndsWith(".tar", StringComparison.OrdinalIgnoreCase) || IsImage(path);
    }

    // IDX files have no file extension.
    static bool IsImage(string path) => ImageFiles.HasImageName(path) || Path.GetFileName(path).Contains("-ubyte", StringComparison.Ordinal);

    static void Print(TextWriter output, ImageReport report)
    {
        output.WriteLine($"images      {report.Images:N0} ({report.Kind}), {report.MinWidth}x{report.MinHeight} to {report.MaxWidth}x{report.MaxHeight}, {report.Grey:N0} without colour");
        output.WriteLine($"formats     {string.Join(", ", report.Formats.Select(format => $"{format.Value} {format.Key}"))}");
        output.WriteLine($"mean, std   [{string.Join(", ", report.Mean.Select(m => m.ToString("F3")))}], [{string.Join(", ", report.Std.Select(s => s.ToString("F3")))}]");
        foreach (var one in report.Classes)
            output.WriteLine($"class       {MessageText.OneLine(one.Name)}: {(one.Unsplit > 0 ? $"{one.Unsplit}" : $"{one.Train} train, {one.Validation} validation, {one.Test} test")}");
        output.WriteLine($"duplicates  {report.Duplicates}, {report.DuplicatesAcrossSplits} of them across splits");
        foreach (var fault in report.UnreadableFiles.Take(10)) output.WriteLine($"unreadable  {new Problem(fault.Message, fault.Name)}");
        if (report.Unreadable > 10) output.WriteLine($"unreadable  {report.Unreadable} in total");
        foreach (var warning in report.Warnings) output.WriteLine($"warning     {MessageText.OneLine(warning)}");
    }
}

/// <summary><c>data</c>: makes, prepares and inspects data.</summary>
static class DataCommand
{
    public static Command Create(CliContext context) => new("data", "Generates, prepares and inspects data.\n\nExample: transformer data inspect data/stories")
    {
        DataMakeCommand.Create(context), DataPrepareCommand.Create(context), DataInspectCommand.Create(context),
    };
}

/// <summary><c>data prepare</c>: tokenizes the text of a config into shards, which training then finds.</summary>
static class DataPrepareCommand
{
    public static Command Create(CliContext context)
    {
        var (configs, sets) = (CommonOptions.Configs(), CommonOptions.Sets());
        var data = CommonOptions.Data("Read the text from this file or folder instead; - reads standard input");
        var include = CommonOptions.Include();
        var lines = new Option<bool>("--jsonl") { Description = "Standard input is JSON lines" };
        var cache = new Option<string?>("--cache") { Description = $"The folder for prepared data [default: {DataCache.Variable}, or data/.cache]", HelpName = "DIR" };
        var threads = new Option<int>("--threads") { Description = "Threads to tokenize with, 0 for one per core; the result is the same", HelpName = "N" };
        return context.Create("prepare", """
            Tokenizes the text of a config into memory-mapped shards. Training does this itself if necessary.
            The folder can also be given to train as --data.

            Example: transformer data prepare configs/gpt-stories.yaml
            """, [configs, sets, data, include, lines, cache, threads], (parse, cancel) =>
        {
            var path = parse.GetValue(data);
            if (parse.GetValue(lines) && path != "-") throw new UserException("--jsonl is for --data -", "a file is read as JSON lines if its name ends in .jsonl or .ndjson");
            var config = ConfigFile.Load<RunConfig>(parse.GetValue(configs)!, parse.GetValue(sets) ?? []);
            var workers = parse.AtLeast(0, threads, "0 means one per core");
            config = DataOverride.Apply(config, path is "-" ? null : path, parse.Patterns(include));
            if (config.Data is not TextDataConfig text)
                throw new UserException($"data of kind {KindAttribute.Of(config.Data)} need no preparation: training reads them directly");
            if (path != "-" && PreparedData.FolderOf(text.Source) is { } folder) throw new UserException([new Problem("is already prepared", folder)]);
            var folders = parse.GetValue(cache) ?? DataCache.Folder;
            var files = TextSources.WithFiles(text.Source, []);
            using var standardInput = path == "-" ? new StandardInputSource(InputLines.StandardInput(context), folders, parse.GetValue(lines), files.TextField, files.Separator, files.Document) : null;
            // Standard input is several documents, or one if nothing separates them.
            text = path != "-" ? Kind.ResolveText(text) : text.DocumentStart is not null ? text
                : text with { DocumentStart = parse.GetValue(lines) || files.Separator is not null || files.Document == DocumentUnit.Line };
            var source = standardInput ?? TextSources.Of(text.Source);
            var tokenizer = TokenizerFactory.Create(text.Tokenizer, source, folders, TokenizerFactory.SpecialTokensOf(text), progress: done => context.Error.Progress.Show($"training the tokenizer {done:P0}", done), cancel: cancel);
            var progress = parse.GetValue(context.QuietOption) ? null : new PreparationReporter(context.Error);
            using var prepared = DataPreparation.Prepare(DataPreparation.OptionsOf(text, source, tokenizer) with { Threads = workers }, folders, progress, cancel);
            return context.Print(parse, new { Schema = "transformer.data.prepare/1", prepared.Folder, Dataset = prepared.Manifest }, writer =>
            {
                writer.WriteLine(prepared.Folder);
                DataInspectCommand.Print(writer, prepared.Manifest);
            });
        });
    }

    // Without a terminal it prints a line for each tenth, so that a corpus of any size gives ten lines.
    sealed class PreparationReporter(EventLog error) : IProgress<PreparationProgress>
    {
        long tenths = -1;

        public void Report(PreparationProgress value)
        {
            var text = $"tokenized {value.Bytes / 1e6:N0} of {value.TotalBytes / 1e6:N0} MB";
            error.Progress.Show(text, value.TotalBytes == 0 ? 1 : (double)value.Bytes / value.TotalBytes);
            var now = value.TotalBytes == 0 ? 10 : value.Bytes * 10 / value.TotalBytes;
            if (now == tenths || error.Progress.IsLive) return;
            tenths = now;
            error.WriteLine(text);
        }
    }
}
