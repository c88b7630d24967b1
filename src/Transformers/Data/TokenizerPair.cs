using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;

namespace Transformers.Data;

/// <summary>The tokenizers of a run as files: one for everything, or one for the source and one for the target of an encoder-decoder.</summary>
public static class TokenizerPair
{
    const string TargetPrefix = "target_";

    /// <summary>The names that the tokenizer's file can have, the source's where the target has its own.</summary>
    public static IReadOnlyList<string> SourceNames { get; } = ["tokenizer.json", SentencePieceVocabulary.DefaultFileName];

    /// <summary>The names that the file of the target's own tokenizer can have.</summary>
    public static IReadOnlyList<string> TargetNames { get; } = [.. SourceNames.Select(name => TargetPrefix + name)];

    /// <summary>The file of one tokenizer, by its name.</summary>
    public static Dictionary<string, byte[]> Files(TextTokenizer tokenizer) => new() { [tokenizer.FileName] = tokenizer.ToBytes() };

    /// <summary>The files of two tokenizers, or of one that both sides share, by their names.</summary>
    public static Dictionary<string, byte[]> Files(TextTokenizer source, TextTokenizer target)
    {
        var files = Files(source);
        if (!ReferenceEquals(source, target)) files[TargetPrefix + target.FileName] = target.ToBytes();
        return files;
    }

    /// <summary>The path of a folder's tokenizer; that of <c>tokenizer.json</c> where there is none.</summary>
    public static string PathIn(string folder) =>
        SourceNames.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists) ?? Path.Combine(folder, SourceNames[0]);
}
