using System.CommandLine;
using Transformers.Data;
using Transformers.Data.Text;
using Transformers.IO;
using Transformers.Metrics;

namespace TransformerCli.Commands;

/// <summary><c>data inspect</c>: a report on text or on a prepared folder.</summary>
public static class DataInspectCommand
{
    // The n-grams of so many tokens take up to about 10 GB.
    const long MostCounted = 50_000_000;
    const string Schema = "transformer.data.inspect/1";

    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var path = new Argument<string>("PATH") { Description = "A text file, a folder of text files, a prepared folder, or a set of images (class folders, a tar file, IDX files)" };
        var field = new Option<string>("--field") { Description = "The field of a JSON line that holds the text", DefaultValueFactory = _ => "text" };
        var separator = new Option<string?>("--separator") { Description = "The line between two documents of a plain-text file", HelpName = "TEXT" };
        var ngram = new Option<int?>("--ngram") { Description = "Also the validation loss of a Kneser-Ney model of this order, from the training tokens of prepared data", HelpName = "N" };
        var command = new Command("inspect", "Reports counts, lengths, duplicates and what is wrong with a data set; of prepared data, every checksum too.\n\nExample: transformer data inspect data/stories --separator '<|endoftext|>'")
        {
            path, field, separator, ngram,
        };
        context.Handle(command, (parse, cancel) =>
        {
            var (given, json) = (parse.GetValue(path)!, parse.GetValue(context.JsonOption));
            if (File.Exists(Path.Combine(given, DataManifest.FileName)))
            {
                using var data = PreparedData.Open(given);
                data.Verify();
                double? loss = parse.GetValue(ngram) is { } order ? NgramLoss(data, order, cancel) : null;
                if (json) context.WriteJson(new { Schema, Kind = "prepared", Folder = given, Verified = true, NgramLoss = loss, Dataset = data.Manifest });
                else Print(context.Out, data.Manifest);
                if (!json && loss is { } nats) context.Out.WriteLine($"n-gram      {nats:F4} nats a validation token, Kneser-Ney of order {parse.GetValue(ngram)}");
                return ExitCodes.Done;
            }
            if (DataInspectImages.Is(given)) return DataInspectImages.Write(context, given, json);
            var source = new FileTextSource(new TextFilesConfig { Files = [given], TextField = parse.GetValue(field)!, Separator = parse.GetValue(separator) });
            var report = TextReport.Of(source, cancel);
            if (json) context.WriteJson(new { Schema, Kind = "text", report.Source, report.Counts, report.Shortest, report.Longest, report.Mean, report.Lengths, report.Duplicates });
            else Print(context.Out, report);
            return ExitCodes.Done;
        });
        return command;
    }

    static double NgramLoss(PreparedData data, int order, CancellationToken cancel)
    {
        if (order is < 1 or > 8) throw new UserException($"--ngram ({order}) must be between 1 and 8");
        if (data.Train.Count > MostCounted) throw new UserException($"--ngram counts at most {MostCounted:N0} tokens, and the training split has {data.Train.Count:N0}");
        if (data.Validation.Count == 0) throw new UserException("--ngram needs a validation split, and this one is empty");
        var model = new KneserNey(data.Train.VocabularySize, order);
        foreach (var tokens in Chunks(data.Train))
        {
            cancel.ThrowIfCancellationRequested();
            model.Add(tokens);
        }
        var reader = model.Read();
        return Chunks(data.Validation).SelectMany(tokens => tokens).Average(token => -Math.Log(reader.Next(token)));
    }

    static IEnumerable<int[]> Chunks(TokenSequence split)
    {
        for (long at = 0; at < split.Count; at += 1 << 16)
        {
            var tokens = new int[Math.Min(1 << 16, split.Count - at)];
            split.Read(at, tokens);
            yield return tokens;
        }
    }

    /// <summary>Prints what a prepared folder holds.</summary>
    internal static void Print(TextWriter output, DataManifest manifest)
    {
        output.WriteLine($"source      {manifest.Source}");
        output.WriteLine($"vocabulary  {manifest.VocabularySize:N0} (tokenizer {manifest.TokenizerHash[..12]}…)");
        foreach (var (name, split) in new[] { ("train", manifest.Train), ("validation", manifest.Validation) })
            output.WriteLine($"{name,-11} {split.Tokens:N0} tokens, {split.Documents:N0} documents, {split.Characters:N0} characters, {split.Bytes:N0} bytes");
        output.WriteLine($"held out    {manifest.HoldOut}, {manifest.HoldOutFraction}");
        output.WriteLine($"duplicates  {manifest.Duplicates.ValidationDocuments:N0} validation documents stand in the training text too");
        Print(output, manifest.Counts);
    }

    static void Print(TextWriter output, TextReport report)
    {
        output.WriteLine($"source      {report.Source}");
        output.WriteLine($"documents   {report.Counts.Documents:N0}, of {report.Shortest:N0} to {report.Longest:N0} characters, {report.Mean:N0} on average");
        output.WriteLine($"text        {report.Counts.Characters:N0} characters, {report.Counts.Bytes:N0} bytes, longest line {report.Counts.LongestLine:N0} bytes");
        foreach (var length in report.Lengths) output.WriteLine($"  up to {length.UpTo,13:N0} characters  {length.Documents,12:N0}");
        output.WriteLine($"duplicates  {(report.Duplicates is { } n ? $"{n:N0} documents repeat one before them" : "not counted: too many documents")}");
        Print(output, report.Counts);
    }

    static void Print(TextWriter output, TextCounts counts)
    {
        (long Count, string What)[] notes =
        [
            (counts.EmptyFiles, "empty files"), (counts.SkippedFiles, "files passed over that hold no text by their name"), (counts.EmptyDocuments, "empty documents left out"),
            (counts.InvalidSequences, "ill-formed UTF-8 sequences replaced with U+FFFD"), (counts.TruncatedFiles, "files that end inside a character"),
            (counts.ByteOrderMarks, "byte-order marks dropped"), (counts.Nuls, "NUL characters kept"), (counts.CarriageReturns, "CR LF line ends kept"),
        ];
        foreach (var (count, what) in notes)
            if (count > 0) output.WriteLine($"note        {count:N0} {what}");
    }
}
