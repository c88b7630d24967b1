using System.CommandLine;
using System.Diagnostics;
using TransformerCli.Output;
using Transformers.Data;
using Transformers.Data.Text;
using Transformers.IO;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Bpe;

namespace TransformerCli.Commands;

/// <summary><c>tokenizer train</c>: learns a vocabulary from text and writes it as <c>tokenizer.json</c>.</summary>
static class TokenizerTrainCommand
{
    // As in configs; OldKinds has the names of an earlier version.
    static readonly string[] Kinds = ["bpe", "characters", "bytes", "words"];
    static readonly Dictionary<string, string> OldKinds = new() { ["character"] = "characters", ["byte"] = "bytes", ["word"] = "words" };

    internal static Command Create(CliContext context)
    {
        var input = new Option<string[]>("--input")
        {
            Description = "Text files, folders (of which the files whose content is text are read, except JSON), or - for standard input; .gz files are decompressed", HelpName = "PATH",
            Required = true, AllowMultipleArgumentsPerToken = true,
        };
        var kind = new Option<string>("--kind") { Description = "What a token is, as in configs: bpe, characters, bytes or words", HelpName = "KIND", DefaultValueFactory = _ => "bpe", CompletionSources = { Kinds } };
        kind.Validators.Add(result =>
        {
            if (result.Tokens is not [{ Value: var word }] || Kinds.Contains(word) || OldKinds.ContainsKey(word)) return;
            result.AddError(word is "sentencepiece" or "unigram" or "wordpiece"
                ? $"--kind {word} cannot be trained; a vocabulary that another program trained can be used, with kind: file in the config"
                : $"--kind ({word}) must be one of {string.Join(", ", Kinds)}");
        });
        var vocabulary = new Option<int?>("--vocabulary") { Description = "Vocabulary size of a bpe, including special tokens", HelpName = "N" };
        var pattern = TokenizerCommand.PatternOption();
        var minimum = new Option<long>("--min-frequency") { Description = "How often a pair must occur to be merged", DefaultValueFactory = _ => 2, HelpName = "N" };
        var special = new Option<string[]?>("--special") { Description = "Special tokens [default: <|endoftext|>; none for characters]", HelpName = "TEXT", AllowMultipleArgumentsPerToken = true };
        var threads = new Option<int>("--threads") { Description = "Threads to count with, 0 for one per core; the result is the same", DefaultValueFactory = _ => 0, HelpName = "N" };
        var output = CommonOptions.Output("The file to write", "FILE", "tokenizer.json");
        var command = new Command("train", "Learns a vocabulary from text.\n\nExample: transformer tokenizer train --input corpus.txt --vocabulary 8192 --pattern cl100k --output tokenizer.json")
        {
            input, kind, vocabulary, pattern, minimum, special, threads, output,
        };
        context.Handle(command, (parse, cancel) =>
        {
            var started = Stopwatch.StartNew();
            var wanted = OldKinds.GetValueOrDefault(parse.GetValue(kind)!, parse.GetValue(kind)!);
            if (wanted is not "bpe" && new Option[] { vocabulary, pattern, minimum, threads }.FirstOrDefault(option => parse.Has(option)) is { } unused)
                throw new UserException($"{unused.Name} is for --kind bpe, but --kind is {wanted}", "leave it out");
            var workers = parse.AtLeast(0, threads, "0 means one per core");
            var documents = Documents(context, parse.GetValue(input)!);
            var names = parse.GetValue(special) is { Length: > 0 } given ? given : null;
            var progress = new ProgressReporter(context.Error, parse.GetValue(context.QuietOption));
            TextTokenizer tokenizer = wanted switch
            {
                "characters" => CharacterTokenizer.FromText(documents, names),
                "bytes" => new ByteTokenizer(names),
                "words" => WordTokenizer.Train(Texts(documents), names ?? [TextTokenizer.DefaultEndOfText]),
                _ => BpeTrainer.Train(documents, new()
                {
                    VocabularySize = parse.GetValue(vocabulary) ?? throw new UserException("--vocabulary is needed for a bpe", hint: "8192 suits small models, 32768 larger ones"),
                    Pattern = parse.GetValue(pattern) is { } name ? SplitPatterns.Parse(name) : SplitPattern.Gpt2,
                    MinimumFrequency = parse.GetValue(minimum),
                    SpecialTokens = names ?? [TextTokenizer.DefaultEndOfText],
                    Threads = workers,
                }, progress, cancel),
            };
            tokenizer.Save(parse.GetValue(output)!);
            var bpe = tokenizer as ByteLevelBpeTokenizer;
            var report = new Report("transformer.tokenizer.train/1", parse.GetValue(output)!, wanted, tokenizer.VocabularySize, bpe?.MergeCount,
                bpe is null ? null : progress.Last.BytesRead, bpe is null ? null : progress.Last.DistinctPieces, started.Elapsed.TotalSeconds, tokenizer.Hash);
            if (parse.GetValue(context.JsonOption)) context.WriteJson(report);
            else context.Out.WriteLine($"{report.Output}: {report.Vocabulary} ids in {report.Seconds:F1} s");
            if (bpe is not null && tokenizer.VocabularySize < parse.GetValue(vocabulary))
                context.Error.WriteLine($"note: the text has no more pairs to merge; the vocabulary has {tokenizer.VocabularySize} ids, not {parse.GetValue(vocabulary)}");
            return ExitCodes.Done;
        });
        return command;
    }

    static IEnumerable<Stream> Documents(CliContext context, IEnumerable<string> paths)
    {
        foreach (var path in paths)
        {
            if (!Directory.Exists(path))
            {
                yield return Open(context, path);
                continue;
            }
            // The files that training on the folder reads, except JSON, whose syntax is not text.
            List<string> files = [.. new FileTextSource(new TextFilesConfig { Files = [path] }).Files.Where(file => !file.Contains(".json", StringComparison.OrdinalIgnoreCase) && !file.Contains(".ndjson", StringComparison.OrdinalIgnoreCase))];
            if (files.Count == 0) throw new UserException([new Problem("the folder contains no plain text", File: path, Hint: "a file that is named directly is read whatever its extension")]);
            foreach (var file in files) yield return Open(context, file);
        }
    }

    static Stream Open(CliContext context, string path)
    {
        if (path != "-" && File.Exists(path) && !SpecialFile.IsAt(path))
            foreach (var (note, isWarning) in TextNotes.Of(FileTextSource.CheckStart(path)))
                if (isWarning) context.Error.WriteLine($"warning: {path}: {note}");
        return path == "-" ? InputLines.StandardInput(context) : InputFile.Open(path);
    }

    static IEnumerable<string> Texts(IEnumerable<Stream> documents)
    {
        foreach (var document in documents)
        {
            using var reader = new StreamReader(document);
            while (reader.ReadLine() is { } line) yield return line;
        }
    }

    /// <summary>A bar on a terminal, elsewhere a line every few seconds.</summary>
    sealed class ProgressReporter(EventLog error, bool quiet) : IProgress<BpeTrainingProgress>
    {
        long next = Environment.TickCount64 + 2000;

        internal BpeTrainingProgress Last { get; private set; }

        public void Report(BpeTrainingProgress value)
        {
            Last = value;
            if (quiet) return;
            var text = value.DistinctPieces == 0 ? $"counting: {value.BytesRead / 1e6:N0} MB" : $"merging: {value.Merges} of {value.MergesWanted}";
            if (error.Progress.IsLive) error.Progress.Show(text, value.DistinctPieces == 0 ? null : (double)value.Merges / Math.Max(1, value.MergesWanted));
            else if (Environment.TickCount64 >= next)
            {
                next = Environment.TickCount64 + 5000;
                error.WriteLine(text);
            }
        }
    }

    sealed record Report(string Schema, string Output, string Kind, int Vocabulary, int? Merges, long? Bytes, long? DistinctPieces, double Seconds, string Hash);
}
