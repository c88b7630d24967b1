using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Transformers.Data.Text;
using Transformers.IO;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Bpe;
using Transformers.Tokenizers.Formats;

namespace Transformers.Data;

/// <summary>Makes the tokenizer that a config asks for: trains it on the text once, if necessary.</summary>
public static class TokenizerFactory
{
    /// <summary>The tokenizer of a config.</summary>
    /// <param name="config">The kind and its numbers.</param>
    /// <param name="source">The text to train on.</param>
    /// <param name="cache">A folder that keeps trained tokenizers; the same text and settings give the same one.</param>
    /// <param name="specialTokens">The special tokens; null for the default: the end-of-text token alone, or none for characters.</param>
    /// <param name="progress">Called with the progress of training, from 0 to 1.</param>
    /// <param name="cancel">Ends training.</param>
    /// <exception cref="UserException">The text or a tokenizer file cannot be read.</exception>
    public static TextTokenizer Create(TokenizerConfig config, TextSource source, string cache, IReadOnlyList<string>? specialTokens = null,
        Action<double>? progress = null, CancellationToken cancel = default)
    {
        switch (config)
        {
            case FileTokenizerConfig file: return TokenizerFile.Load(file.Path, file.Pattern);
            case ByteTokenizerConfig: return new ByteTokenizer(specialTokens);
            case WordTokenizerConfig: return WordTokenizer.Train(source.ReadDocuments(), [.. specialTokens ?? [], WordTokenizer.Unknown]);
            case CharacterTokenizerConfig: return CharacterTokenizer.FromText(Streams(source, long.MaxValue), specialTokens);
            case BpeTokenizerConfig bpe:
                var path = Path.Combine(cache, $"tokenizer-{KeyOf(bpe, source, specialTokens)}.json");
                if (File.Exists(path)) return TokenizerFile.Load(path);
                var trained = Train(bpe, source, specialTokens, progress, cancel);
                CacheFolder.Write(cache, () => trained.Save(path));
                return trained;
            default: throw new ArgumentOutOfRangeException(nameof(config), config, "a kind of tokenizer without a class");
        }
    }

    /// <summary>The special tokens of running text: the end-of-text token if the config puts it before each document and the vocabulary is of characters or words, which have none by default.</summary>
    /// <param name="data">The text.</param>
    /// <returns>Their texts; null for the tokenizer's own.</returns>
    public static IReadOnlyList<string>? SpecialTokensOf(TextDataConfig data) => data.DocumentStart is not true ? null : data.Tokenizer switch
    {
        CharacterTokenizerConfig => [TextTokenizer.DefaultEndOfText],
        WordTokenizerConfig => [WordTokenizer.EndOfText],
        _ => null,
    };

    static ByteLevelBpeTokenizer Train(BpeTokenizerConfig config, TextSource source, IReadOnlyList<string>? specialTokens, Action<double>? progress, CancellationToken cancel)
    {
        var options = new BpeTrainerOptions
        {
            VocabularySize = config.Vocabulary,
            Pattern = config.Pattern,
            MinimumFrequency = config.MinFrequency,
        };
        if (specialTokens is not null) options = options with { SpecialTokens = specialTokens };
        var reporter = new DirectProgress(p => progress?.Invoke(p.MergesWanted == 0 ? 1 : (double)p.Merges / p.MergesWanted));
        return BpeTrainer.Train(Streams(source, config.Sample?.Bytes ?? long.MaxValue), options, reporter, cancel);
    }

    static IEnumerable<Stream> Streams(TextSource source, long limit)
    {
        long read = 0;
        foreach (var piece in source.Read(new TextCounts()))
        {
            if (read >= limit) yield break;
            read += piece.Utf8.Length;
            yield return new MemoryStream(piece.Utf8.ToArray(), writable: false);
        }
    }

    static string KeyOf(BpeTokenizerConfig config, TextSource source, IReadOnlyList<string>? specialTokens)
    {
        // The version is part of the name, so that the result of an older trainer is not used.
        var parts = JsonSerializer.Serialize(new { version = 1, source.Fingerprint, config.Vocabulary, config.Pattern, config.MinFrequency, config.Sample?.Bytes, specialTokens });
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(parts)))[..20];
    }

    sealed class DirectProgress(Action<BpeTrainingProgress> report) : IProgress<BpeTrainingProgress>
    {
        public void Report(BpeTrainingProgress value) => report(value);
    }
}

/// <summary>The tokenizers of a run as files: one for everything, or one for the source and one for the target of an encoder-decoder.</summary>
static class TokenizerPair
{
    const string TargetPrefix = "target_";

    /// <summary>The names that the tokenizer's file can have; it is the source's if the target has its own.</summary>
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

    /// <summary>The path of a folder's tokenizer; that of <c>tokenizer.json</c> if there is none.</summary>
    public static string PathIn(string folder) =>
        SourceNames.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists) ?? Path.Combine(folder, SourceNames[0]);
}
