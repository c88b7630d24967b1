using System.CommandLine;
using System.Diagnostics;
using System.Text;
using TransformerCli.Output;
using Transformers.Data;
using Transformers.Data.Text;
using Transformers.IO;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Bpe;
using Transformers.Tokenizers.Formats;

namespace TransformerCli.Commands;

/// <summary><c>tokenizer</c>: trains, applies and inspects tokenizers.</summary>
public static class TokenizerCommand
{
    const int Shown = 10;

    /// <summary>The command with its four subcommands.</summary>
    public static Command Create(CliContext context) => new("tokenizer",
        "Trains, applies and inspects tokenizers.\n\nExample: transformer tokenizer train --input corpus.txt --vocabulary 8192 --output tokenizer.json")
    {
        TokenizerTrainCommand.Create(context), TokenizerCodec.CreateEncode(context), TokenizerCodec.CreateDecode(context), CreateInspect(context),
    };

    internal static Argument<string> TokenizerArgument() => new("TOKENIZER")
    {
        Description = "A tokenizer.json, a .tiktoken file, a SentencePiece .model, a WordPiece vocab.txt, a folder with one of these or with vocab.json and merges.txt, or a run",
        HelpName = "TOKENIZER", CompletionSources = { Completions.Runs },
    };

    internal static Option<string?> PatternOption() => new("--pattern")
    {
        Description = $"How text is split into words before merging: {SplitPatterns.Names}", HelpName = "NAME", CompletionSources = { SplitPatterns.Names.Split(", ") },
    };

    static Command CreateInspect(CliContext context)
    {
        var (path, pattern) = (TokenizerArgument(), PatternOption());
        return context.Create("inspect", "Prints a tokenizer's kind, size, pattern, special tokens and longest tokens.\n\nExample: transformer tokenizer inspect tokenizer.json", [path, pattern], (parse, _) =>
        {
            var report = Inspect(TokenizerFile.Load(parse.GetValue(path)!, parse.GetValue(pattern)));
            return context.Print(parse, report, writer => Print(writer, report));
        });
    }

    static Report Inspect(TextTokenizer tokenizer)
    {
        var longest = Enumerable.Range(0, tokenizer.VocabularySize).Select(id => (id, bytes: tokenizer.BytesOf(id)))
            .OrderByDescending(token => token.bytes.Length).Take(Shown)
            .Select(token => new Token(token.id, Encoding.UTF8.GetString(token.bytes.Span), token.bytes.Length)).ToList();
        var bpe = tokenizer as ByteLevelBpeTokenizer;
        var kind = tokenizer switch
        {
            ByteLevelBpeTokenizer => "bpe",
            CharacterTokenizer => "characters",
            WordTokenizer => "words",
            SentencePieceVocabulary pieces => $"sentencepiece {pieces.Kind}",
            WordPieceVocabulary => "wordpiece",
            _ => "bytes",
        };
        return new("transformer.tokenizer.inspect/1", kind, tokenizer.VocabularySize, bpe?.MergeCount, bpe is null ? null : SplitPatterns.NameOf(bpe.Pattern),
            tokenizer.SpecialTokens, tokenizer.EndOfTextId, longest, tokenizer.Hash);
    }

    static void Print(TextWriter output, Report report)
    {
        output.WriteLine($"kind        {report.Kind}");
        output.WriteLine($"vocabulary  {report.Vocabulary}");
        if (report.Merges is { } merges) output.WriteLine($"merges      {merges}");
        if (report.Pattern is { } pattern) output.WriteLine($"pattern     {pattern}");
        foreach (var (name, id) in report.Special.OrderBy(token => token.Value).Take(Shown)) output.WriteLine($"special     {id} {name}");
        if (report.Special.Count > Shown) output.WriteLine($"special     … and {report.Special.Count - Shown} more");
        foreach (var token in report.Longest) output.WriteLine($"longest     {token.Id} {System.Text.Json.JsonSerializer.Serialize(Shorten(token.Text), CliContext.Json)}");
        output.WriteLine($"hash        {report.Hash}");
    }

    static string Shorten(string text) => text.Length <= 80 ? text : text[..80] + "…";

    sealed record Token(int Id, string Text, int Bytes);

    sealed record Report(string Schema, string Kind, int Vocabulary, int? Merges, string? Pattern, IReadOnlyDictionary<string, int> Special, int? EndOfText, IReadOnlyList<Token> Longest, string Hash);
}

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
            Description = "Text files, folders (their text files are read, except JSON), or - for standard input; .gz files are decompressed", HelpName = "PATH",
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
        var vocabulary = new Option<int?>("--vocabulary") { Description = "Vocabulary size of a BPE tokenizer, including special tokens", HelpName = "N" };
        var pattern = TokenizerCommand.PatternOption();
        var minimum = new Option<long>("--min-frequency") { Description = "How often a pair must occur to be merged", DefaultValueFactory = _ => 2, HelpName = "N" };
        var special = new Option<string[]?>("--special") { Description = "Special tokens [default: <|endoftext|>; none for characters]", HelpName = "TEXT", AllowMultipleArgumentsPerToken = true };
        var threads = new Option<int>("--threads") { Description = "Threads to count with, 0 for one per core; the result is the same", DefaultValueFactory = _ => 0, HelpName = "N" };
        var output = CommonOptions.Output("The file to write", "FILE", "tokenizer.json");
        return context.Create("train", "Learns a vocabulary from text.\n\nExample: transformer tokenizer train --input corpus.txt --vocabulary 8192 --pattern cl100k --output tokenizer.json", [input, kind, vocabulary, pattern, minimum, special, threads, output], (parse, cancel) =>
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
            var report = new
            {
                Schema = "transformer.tokenizer.train/1", Output = parse.GetValue(output), Kind = wanted, Vocabulary = tokenizer.VocabularySize, Merges = bpe?.MergeCount,
                Bytes = bpe is null ? (long?)null : progress.Last.BytesRead, DistinctPieces = bpe is null ? (long?)null : progress.Last.DistinctPieces, Seconds = started.Elapsed.TotalSeconds, tokenizer.Hash,
            };
            context.Print(parse, report, writer => writer.WriteLine($"{report.Output}: {report.Vocabulary} ids in {report.Seconds:F1} s"));
            if (bpe is not null && tokenizer.VocabularySize < parse.GetValue(vocabulary))
                context.Error.WriteLine($"note: the text has no more pairs to merge; the vocabulary has {tokenizer.VocabularySize} ids, not {parse.GetValue(vocabulary)}");
            return ExitCodes.Done;
        });
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
}
