using System.CommandLine;
using System.IO.Compression;
using Transformers.IO;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Bpe;

namespace TransformerCli.Commands;

/// <summary><c>tokenizer train</c>: learns a vocabulary from text and writes it as <c>tokenizer.json</c>.</summary>
public static class TokenizerTrainCommand
{
    sealed record Report(string Schema, string Output, string Kind, int Vocabulary, int? Merges, long? Bytes, long? DistinctPieces, double Seconds, string Hash);

    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var input = new Option<string[]>("--input")
        {
            Description = "Text files, folders of them (.txt, .md, .gz) or - for standard input; .gz is unpacked", HelpName = "PATH",
            Required = true, AllowMultipleArgumentsPerToken = true,
        };
        var kind = new Option<string>("--kind") { Description = "bpe, character or byte", DefaultValueFactory = _ => "bpe" };
        kind.AcceptOnlyFromAmong("bpe", "character", "byte");
        kind.Validators.Insert(0, result =>
        {
            if (result.Tokens is [{ Value: "sentencepiece" or "unigram" or "wordpiece" } foreign])
                result.AddError($"--kind {foreign.Value} cannot be trained; a vocabulary that another program trained can be used, with kind: file in the config");
        });
        var vocabulary = new Option<int?>("--vocabulary") { Description = "Number of ids of a bpe, special tokens included", HelpName = "N" };
        var pattern = TokenizerCommand.PatternOption();
        var minimum = new Option<long>("--min-frequency") { Description = "How often a pair must occur to be merged", DefaultValueFactory = _ => 2, HelpName = "N" };
        var special = new Option<string[]?>("--special") { Description = "Special tokens (default: <|endoftext|>, for characters none)", HelpName = "TEXT", AllowMultipleArgumentsPerToken = true };
        var threads = new Option<int>("--threads") { Description = "Threads that count, 0 for all; the result is the same", DefaultValueFactory = _ => 0, HelpName = "N" };
        var output = new Option<string>("--output") { Description = "The file to write", HelpName = "FILE", DefaultValueFactory = _ => "tokenizer.json" };
        var command = new Command("train", "Learns a vocabulary from text.\nExample: transformer tokenizer train --input corpus.txt --vocabulary 8192 --pattern cl100k --output tokenizer.json")
        {
            input, kind, vocabulary, pattern, minimum, special, threads, output,
        };
        context.Handle(command, (parse, cancel) =>
        {
            var started = System.Diagnostics.Stopwatch.StartNew();
            if (parse.GetValue(kind) is not "bpe" and { } other && new Option[] { vocabulary, pattern, minimum, threads }.FirstOrDefault(option => OptionUse.Has(parse, option)) is { } vain)
                throw new UserException($"{vain.Name} is for --kind bpe, and --kind is {other}", "leave it out");
            if (parse.GetValue(threads) is < 0 and var few) throw new UserException($"--threads ({few}) must be at least 0", "0 stands for all");
            var documents = Documents(context, parse.GetValue(input)!);
            var names = parse.GetValue(special) is { Length: > 0 } given ? given : null;
            BpeTrainingProgress progress = default;
            var reports = new ProgressLines(context, parse.GetValue(context.QuietOption), value => progress = value);
            TextTokenizer tokenizer = parse.GetValue(kind) switch
            {
                "character" => CharacterTokenizer.FromText(documents, names),
                "byte" => new ByteTokenizer(names),
                _ => BpeTrainer.Train(documents, new()
                {
                    VocabularySize = parse.GetValue(vocabulary) ?? throw new UserException("--vocabulary is needed for a bpe", hint: "8192 serves small models, 32768 larger ones"),
                    Pattern = parse.GetValue(pattern) is { } name ? SplitPatterns.Parse(name) : SplitPattern.Gpt2,
                    MinimumFrequency = parse.GetValue(minimum),
                    SpecialTokens = names ?? [TextTokenizer.DefaultEndOfText],
                    Threads = parse.GetValue(threads),
                }, reports, cancel),
            };
            tokenizer.Save(parse.GetValue(output)!);
            var report = new Report("transformer.tokenizer.train/1", parse.GetValue(output)!, parse.GetValue(kind)!, tokenizer.VocabularySize, (tokenizer as ByteLevelBpeTokenizer)?.MergeCount,
                tokenizer is ByteLevelBpeTokenizer ? progress.BytesRead : null, tokenizer is ByteLevelBpeTokenizer ? progress.DistinctPieces : null, started.Elapsed.TotalSeconds, tokenizer.Hash);
            if (parse.GetValue(context.JsonOption)) context.WriteJson(report);
            else context.Out.WriteLine($"{report.Output}: {report.Vocabulary} ids in {report.Seconds:F1} s");
            if (tokenizer is ByteLevelBpeTokenizer && tokenizer.VocabularySize < parse.GetValue(vocabulary))
                context.Error.WriteLine($"note: the text offers no more merges; the vocabulary has {tokenizer.VocabularySize} ids, not {parse.GetValue(vocabulary)}");
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
                yield return Unpacked(context, path);
                continue;
            }
            var files = Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
                .Where(file => Path.GetExtension(file).ToLowerInvariant() is ".txt" or ".md" or ".gz").Order(StringComparer.Ordinal).ToList();
            if (files.Count == 0) throw new UserException([new Problem("holds no .txt, .md or .gz file", File: path)]);
            foreach (var file in files) yield return Unpacked(context, file);
        }
    }

    static Stream Unpacked(CliContext context, string path)
    {
        var stream = TokenizerCommand.Open(context, path);
        return path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(stream, CompressionMode.Decompress) : stream;
    }

    /// <summary>A line of progress every few seconds.</summary>
    sealed class ProgressLines(CliContext context, bool quiet, Action<BpeTrainingProgress> seen) : IProgress<BpeTrainingProgress>
    {
        long next = Environment.TickCount64 + 2000;

        public void Report(BpeTrainingProgress value)
        {
            seen(value);
            if (quiet || Environment.TickCount64 < next) return;
            next = Environment.TickCount64 + 5000;
            context.Error.WriteLine(value.DistinctPieces == 0 ? $"counting: {value.BytesRead / 1e6:N0} MB" : $"merging: {value.Merges} of {value.MergesWanted}");
        }
    }
}
