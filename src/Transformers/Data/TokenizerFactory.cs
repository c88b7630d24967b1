using Transformers.Configs;
using Transformers.Data.Text;
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
    /// <param name="cancel">Cancels training.</param>
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

/// <summary>The ids that frame and fill sequences of an encoder or an encoder-decoder.</summary>
/// <remarks>
/// A tokenizer for these models is trained with special tokens of these names, which are Marian's and RoBERTa's:
/// <c>&lt;pad&gt;</c>, <c>&lt;s&gt;</c>, <c>&lt;/s&gt;</c> for an encoder-decoder (<see cref="ForTranslation"/>) and
/// <c>&lt;mask&gt;</c> too for an encoder (<see cref="ForEncoder"/>). A source sentence x is read as <c>x &lt;/s&gt;</c>; a target y
/// as <c>&lt;s&gt; y</c> with <c>y &lt;/s&gt;</c> to be predicted; an encoder's text as <c>&lt;s&gt; x &lt;/s&gt;</c>, whose first
/// position classifies (BERT's CLS). Padding is never attended to and never predicted.
/// </remarks>
/// <param name="Padding">Fills rows up to the longest.</param>
/// <param name="Begin">Starts a target and an encoder's text.</param>
/// <param name="End">Ends a source, a target and an encoder's text.</param>
/// <param name="Mask">Replaces a token to predict, if the vocabulary has one.</param>
public sealed record SpecialIds(int Padding, int Begin, int End, int? Mask = null)
{
    /// <summary>The special tokens of an encoder-decoder's vocabulary, in the order in which to add them.</summary>
    public static IReadOnlyList<string> ForTranslation { get; } = ["<pad>", "<s>", "</s>"];

    /// <summary>The special tokens of an encoder's vocabulary, in the order in which to add them.</summary>
    public static IReadOnlyList<string> ForEncoder { get; } = ["<pad>", "<s>", "</s>", "<mask>"];

    static readonly string[] PaddingNames = ["<pad>", "[PAD]", "<|pad|>"], BeginNames = ["<s>", "[CLS]", "<bos>"];
    static readonly string[] EndNames = ["</s>", "[SEP]", "<eos>"];

    /// <summary>The names that a vocabulary can have for the token that masks another.</summary>
    internal static readonly string[] MaskNames = ["<mask>", "[MASK]"];

    /// <summary>Finds the ids in a vocabulary: under the names above, or under those of vocabularies that other projects published.</summary>
    /// <remarks>Without a begin token, a target begins with padding (T5); a SentencePiece vocabulary without padding pads with its unknown token (Llama).</remarks>
    /// <exception cref="UserException">It lacks one of <see cref="ForTranslation"/>.</exception>
    public static SpecialIds Of(TextTokenizer tokenizer)
    {
        var padding = Find(PaddingNames);
        int? begin = Find(BeginNames) ?? padding, end = Find(EndNames);
        if (tokenizer is SentencePieceVocabulary) padding ??= Find(["<unk>"]);
        if ((padding, begin, end) is ({ } filler, { } first, { } last)) return new SpecialIds(filler, first, last, Find(MaskNames));
        string?[] missing = [padding is null ? "<pad>" : null, begin is null ? "<s>" : null, end is null ? "</s>" : null];
        throw new UserException($"the tokenizer has no special token {string.Join(", ", missing.OfType<string>())}",
            $"train it with the special tokens {string.Join(" ", ForTranslation)}");

        int? Find(string[] names)
        {
            foreach (var name in names)
                if (tokenizer.SpecialTokens.TryGetValue(name, out var id)) return id;
            return null;
        }
    }
}

/// <summary>How text becomes token ids.</summary>
public abstract record TokenizerConfig;

/// <summary>Byte-level byte-pair encoding, trained on the data.</summary>
[Kind("bpe")]
public sealed record BpeTokenizerConfig : TokenizerConfig
{
    /// <summary>The number of tokens, including the 256 bytes and the special tokens.</summary>
    [Between(257, 1_000_000)]
    public required int Vocabulary { get; init; }

    /// <summary>How text is split into words; no token spans two words.</summary>
    public SplitPattern Pattern { get; init; } = SplitPattern.Gpt2;

    /// <summary>How often a pair must occur to become a token.</summary>
    [AtLeast(1)]
    public int MinFrequency { get; init; } = 2;

    /// <summary>How much of the training text the vocabulary is trained on; all of it by default.</summary>
    [AtLeast(1)]
    public ByteSize? Sample { get; init; }
}

/// <summary>One token for each character that occurs in the data.</summary>
[Kind("characters")]
public sealed record CharacterTokenizerConfig : TokenizerConfig;

/// <summary>One token for each byte.</summary>
[Kind("bytes")]
public sealed record ByteTokenizerConfig : TokenizerConfig;

/// <summary>One token for each word of the data, split at white space; for copying, reversing and similar tasks.</summary>
[Kind("words")]
public sealed record WordTokenizerConfig : TokenizerConfig;

/// <summary>An existing tokenizer.</summary>
[Kind("file")]
public sealed record FileTokenizerConfig : TokenizerConfig
{
    /// <summary>A <c>tokenizer.json</c>, a <c>.tiktoken</c> file, a SentencePiece <c>.model</c>, a WordPiece <c>vocab.txt</c>, a folder with one of these or with GPT-2's vocabulary and merges, or a run.</summary>
    [NotEmpty]
    public required string Path { get; init; }

    /// <summary>How text is split into words, for vocabularies that do not specify it.</summary>
    public SplitPattern? Pattern { get; init; }
}
