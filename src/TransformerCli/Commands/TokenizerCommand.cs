using System.CommandLine;
using System.Text;
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
        var command = new Command("inspect", "Prints a tokenizer's kind, size, pattern, special tokens and longest tokens.\n\nExample: transformer tokenizer inspect tokenizer.json") { path, pattern };
        context.Handle(command, (parse, _) =>
        {
            var report = Inspect(TokenizerFile.Load(parse.GetValue(path)!, parse.GetValue(pattern)));
            if (parse.GetValue(context.JsonOption)) context.WriteJson(report);
            else Print(context.Out, report);
            return ExitCodes.Done;
        });
        return command;
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
