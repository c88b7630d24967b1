namespace Transformers.Tokenizers;

/// <summary>The tokenizers of an encoder-decoder as files: one of both sides, or one of each.</summary>
public static class TokenizerPair
{
    /// <summary>The file of the source's tokenizer, or of both sides'.</summary>
    public const string SourceFile = "tokenizer.json";

    /// <summary>The file of the target's tokenizer, where it has its own.</summary>
    public const string TargetFile = "target_tokenizer.json";

    /// <summary>Names and contents of the files.</summary>
    public static IReadOnlyDictionary<string, string> Files(Tokenizer source, Tokenizer target)
    {
        var files = new Dictionary<string, string> { [SourceFile] = TokenizerText.Of(source) };
        if (!ReferenceEquals(source, target)) files[TargetFile] = TokenizerText.Of(target);
        return files;
    }

    /// <summary>Loads the tokenizers of a folder; the same object twice where there is one.</summary>
    /// <exception cref="UserException">A file is missing or damaged.</exception>
    public static (Tokenizer source, Tokenizer target) Load(string folder)
    {
        var source = TokenizerFile.Load(Path.Combine(folder, SourceFile));
        var target = Path.Combine(folder, TargetFile);
        return (source, File.Exists(target) ? TokenizerFile.Load(target) : source);
    }
}
