using System.CommandLine;
using Transformers.IO;
using Transformers.Tokenizers.Bpe;

namespace TransformerCli.Commands;

/// <summary><c>tokenizer</c>: trains, applies and shows tokenizers.</summary>
public static class TokenizerCommand
{
    /// <summary>The command with its four subcommands.</summary>
    public static Command Create(CliContext context) => new("tokenizer",
        "Trains, applies and shows tokenizers.\nExample: transformer tokenizer train --input corpus.txt --vocabulary 8192 --output tokenizer.json")
    {
        TokenizerTrainCommand.Create(context), TokenizerEncodeCommand.Create(context),
        TokenizerDecodeCommand.Create(context), TokenizerInspectCommand.Create(context),
    };

    internal static Argument<string> TokenizerArgument() => new("TOKENIZER")
    {
        Description = "A tokenizer.json, a .tiktoken file, a SentencePiece .model, a WordPiece vocab.txt, a folder with one of these or with vocab.json and merges.txt, or a run",
    };

    internal static Option<string?> PatternOption() => new("--pattern")
    {
        Description = $"How text is cut before merging: {SplitPatterns.Names}", HelpName = "NAME",
    };

    internal static Option<string> InputOption(string what) => new("--input")
    {
        Description = what + ", - for standard input", HelpName = "FILE", DefaultValueFactory = _ => "-",
    };

    internal static Option<string?> OutputOption(string what) => new("--output") { Description = what, HelpName = "FILE" };

    /// <summary>A file or, for <c>-</c>, standard input, as bytes.</summary>
    internal static Stream Open(CliContext context, string path)
    {
        if (path == "-") return InputLines.StandardInput(context);
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"cannot be read: {exception.Message}", File: path)], exception);
        }
    }

    /// <summary>Writes a file beside its name and renames it, so that a name never holds half a file.</summary>
    internal static void WriteFile(string path, Action<Stream> write)
    {
        var temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            using (var file = File.Create(temporary)) write(file);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"cannot be written: {exception.Message}", File: path)], exception);
        }
        finally
        {
            // Where its folder is missing, to delete it is an error of its own, in place of the one above.
            if (File.Exists(temporary)) File.Delete(temporary);
        }
    }
}
