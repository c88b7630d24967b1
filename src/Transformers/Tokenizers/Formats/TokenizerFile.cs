using Transformers.IO;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>Reads tokenizers from the formats in use.</summary>
public static class TokenizerFile
{
    const string LinesFile = "vocab.txt";
    static readonly string[] ModelFiles = [SentencePieceVocabulary.DefaultFileName, "spiece.model"];
    static readonly (string Vocabulary, string Merges)[] Pairs = [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")];

    /// <summary>
    /// Reads a Hugging Face <c>tokenizer.json</c>, a <c>.tiktoken</c> file, one of GPT-2's pair of files (the other is beside it),
    /// a SentencePiece <c>.model</c>, BERT's <c>vocab.txt</c>, or a folder that holds one of these.
    /// </summary>
    /// <param name="path">A file or a folder.</param>
    /// <param name="pattern">One of <see cref="SplitPatterns.Names"/>; needed for a <c>.tiktoken</c> file that is none of the published ones.</param>
    /// <exception cref="UserException">The file is missing, malformed, hostile, or asks for something that is not supported, which the message names.</exception>
    public static TextTokenizer Load(string path, string? pattern = null)
    {
        SplitPattern? wanted = pattern is null ? null : SplitPatterns.Parse(pattern);
        if (Directory.Exists(path)) return LoadFolder(path, wanted);
        if (!File.Exists(path)) throw Error(path, "does not exist");

        var (folder, name) = (Path.GetDirectoryName(path) ?? "", Path.GetFileName(path));
        foreach (var pair in Pairs)
            if (name == pair.Vocabulary || name == pair.Merges) return LoadPair(folder, pair, wanted);
        var content = ReadBytes(path);
        var start = content.AsSpan().TrimStart("\uFEFF \t\r\n"u8);
        if (start.StartsWith((byte)'{')) return CheckPattern(path, HuggingFaceReader.Read(path, content), wanted);
        // Llama's tokenizer.model is in tiktoken's format too; a sentencepiece model begins with a protobuf tag, which is no letter of base 64.
        if (name.EndsWith(".tiktoken", StringComparison.OrdinalIgnoreCase) || LooksLikeTiktoken(content)) return TiktokenFile.Read(path, content, wanted);
        if (SentencePieceModel.Looks(content)) return SentencePieceVocabulary.Read(path, content);
        if (name == LinesFile || WordPieceFile.Looks(content)) return WordPieceFile.ReadLines(path, content);
        throw Error(path, "is not a tokenizer that can be read",
            "it must be a tokenizer.json, a .tiktoken file, a SentencePiece .model, BERT's vocab.txt, or a folder with vocab.json and merges.txt");
    }

    static TextTokenizer LoadFolder(string path, SplitPattern? pattern)
    {
        // A folder with both has its tokenizer.json converted from the model.
        foreach (var name in ModelFiles)
            if (Path.Combine(path, name) is var model && File.Exists(model) && ReadBytes(model) is var content && SentencePieceModel.Looks(content))
                return SentencePieceVocabulary.Read(model, content);
        var file = Path.Combine(path, "tokenizer.json");
        if (File.Exists(file)) return CheckPattern(file, HuggingFaceReader.Read(file, ReadBytes(file)), pattern);
        foreach (var pair in Pairs)
            if (File.Exists(Path.Combine(path, pair.Vocabulary))) return LoadPair(path, pair, pattern);
        if (Directory.GetFiles(path, "*.tiktoken") is [var only]) return TiktokenFile.Read(only, ReadBytes(only), pattern);
        if (Path.Combine(path, LinesFile) is var lines && File.Exists(lines)) return WordPieceFile.ReadLines(lines, ReadBytes(lines));
        throw Error(path, "holds no tokenizer",
            $"looked for tokenizer.json, vocab.json with merges.txt, encoder.json with vocab.bpe, {string.Join(", ", ModelFiles)}, {LinesFile} and a single .tiktoken file");
    }

    static TextTokenizer LoadPair(string folder, (string Vocabulary, string Merges) names, SplitPattern? pattern)
    {
        string vocabulary = Path.Combine(folder, names.Vocabulary), merges = Path.Combine(folder, names.Merges);
        foreach (var file in (string[])[vocabulary, merges])
            if (!File.Exists(file)) throw Error(file, "does not exist", $"{names.Vocabulary} and {names.Merges} belong together");
        return Gpt2Files.Read(vocabulary, merges, pattern);
    }

    static TextTokenizer CheckPattern(string path, TextTokenizer tokenizer, SplitPattern? wanted)
    {
        if (wanted is { } pattern && tokenizer is ByteLevelBpeTokenizer bpe && bpe.Pattern != pattern)
            throw Error(path, $"was made with pattern {SplitPatterns.NameOf(bpe.Pattern)}, and --pattern says {SplitPatterns.NameOf(pattern)}");
        return tokenizer;
    }

    static bool LooksLikeTiktoken(ReadOnlySpan<byte> content)
    {
        var end = content.IndexOf((byte)'\n');
        var line = (end < 0 ? content : content[..end]).TrimEnd((byte)'\r');
        var space = line.IndexOf((byte)' ');
        return space > 0 && space < line.Length - 1 && !line[(space + 1)..].ContainsAnyExceptInRange((byte)'0', (byte)'9')
            && System.Buffers.Text.Base64.IsValid(line[..space]);
    }

    /// <summary>The bytes of a file of a size that a tokenizer may have.</summary>
    internal static byte[] ReadBytes(string path) => Reading(path, () =>
    {
        using var file = File.OpenRead(path);
        // A length is not enough: a pipe or a device has none.
        if (file.CanSeek && file.Length > TokenizerLimits.FileBytes) throw TooLong(path);
        using var bytes = new MemoryStream(file.CanSeek ? (int)file.Length : 0);
        var block = new byte[1 << 16];
        for (int read; (read = file.Read(block)) > 0;)
        {
            bytes.Write(block, 0, read);
            if (bytes.Length > TokenizerLimits.FileBytes) throw TooLong(path);
        }
        return bytes.ToArray();
    });

    /// <summary>Does something with a file and names the file where it cannot be read.</summary>
    internal static T Reading<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (IsUnreadable(exception))
        {
            throw new UserException([new Problem($"cannot be read: {exception.Message}", File: path)], exception);
        }
    }

    /// <summary>Whether an exception says that a file or a packed stream cannot be read.</summary>
    internal static bool IsUnreadable(Exception exception) => exception is IOException or UnauthorizedAccessException or InvalidDataException;

    static UserException TooLong(string path) => Error(path, $"has more than {TokenizerLimits.FileBytes >> 20} MiB, more than a tokenizer file may have");

    static UserException Error(string path, string message, string? hint = null) => new([new Problem(message, File: path, Hint: hint)]);
}
