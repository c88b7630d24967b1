using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Tokenizers;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>A vocabulary of WordPiece: BERT's <c>vocab.txt</c> (Devlin et al. 2019). It can be used, and not trained.</summary>
/// <remarks>Words are cut greedily, the longest piece first, by Microsoft.ML.Tokenizers. White space is not kept: a text comes back with single spaces.</remarks>
public sealed class WordPieceVocabulary : TextTokenizer
{
    internal const string Continuation = "##";
    internal const int LongestWord = 100;

    readonly string[] tokens;
    readonly string unknown;
    readonly string? postProcessor;
    readonly BertNormalizer normalizer;
    readonly BertPreTokenizer preTokenizer = new();
    readonly WordPieceTokenizer library;
    readonly Dictionary<string, int> special;
    readonly Lazy<string> hash;
    // One cache a thread that is at work; handed back after each text.
    readonly ConcurrentBag<WordCache> caches = [];

    /// <summary>A vocabulary of tokens by id, of which <paramref name="unknown"/> stands in for words that have no pieces.</summary>
    internal WordPieceVocabulary(string[] tokens, IReadOnlyDictionary<string, int> special, string unknown, BertNormalizer normalizer, string? postProcessor)
    {
        (this.tokens, this.special, this.unknown, this.normalizer, this.postProcessor) = (tokens, new(special, StringComparer.Ordinal), unknown, normalizer, postProcessor);
        using var lines = new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', tokens)));
        library = WordPieceTokenizer.Create(lines, new()
        {
            UnknownToken = unknown, ContinuingSubwordPrefix = Continuation, MaxInputCharsPerWord = LongestWord, Normalizer = normalizer, PreTokenizer = preTokenizer,
        });
        hash = new(() =>
        {
            var sum = new CanonicalHash("wordpiece");
            sum.AddTokens([.. tokens.Select(Encoding.UTF8.GetBytes)]);
            sum.AddNames(this.special);
            sum.Add(unknown);
            foreach (var flag in (bool[])[normalizer.LowerCase, normalizer.StripAccents, normalizer.SpaceChinese]) sum.Add(flag ? 1 : 0);
            return sum.Finish();
        });
    }

    /// <inheritdoc/>
    public override int VocabularySize => tokens.Length;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, int> SpecialTokens => special;

    /// <inheritdoc/>
    public override int? EndOfTextId => special.TryGetValue("[SEP]", out var id) ? id : base.EndOfTextId;

    /// <summary>Whether capitals are read as small letters.</summary>
    public bool LowerCase => normalizer.LowerCase;

    /// <summary>What is done to a text before it is cut into words; offsets are those of its result.</summary>
    public override Normalizer Normalizer => normalizer;

    /// <summary>How a text is cut into words.</summary>
    public override PreTokenizer PreTokenizer => preTokenizer;

    /// <inheritdoc/>
    public override string Hash => hash.Value;

    /// <summary>The piece, with a space in front where it starts a word. Empty for a special token.</summary>
    public override ReadOnlyMemory<byte> BytesOf(int id)
    {
        if ((uint)id >= (uint)tokens.Length) throw NotAnId(id);
        var text = tokens[id];
        if (special.ContainsKey(text)) return default;
        return Encoding.UTF8.GetBytes(text.StartsWith(Continuation, StringComparison.Ordinal) && text.Length > Continuation.Length ? text[Continuation.Length..] : " " + text);
    }

    internal override bool StartsWithSpace => true;

    // White space never joins anything.
    internal override int LastCut(ReadOnlySpan<byte> text) => Math.Max(0, text.LastIndexOfAny((byte)' ', (byte)'\n'));

    /// <inheritdoc/>
    public override void EncodeToIds(ReadOnlySpan<byte> utf8, List<int> ids)
    {
        if (!caches.TryTake(out var cache)) cache = new WordCache();
        var text = normalizer.Normalize(Encoding.UTF8.GetString(utf8));
        foreach (var (offset, length) in preTokenizer.PreTokenize(text))
        {
            var word = text.AsSpan(offset, length);
            if (cache.Find(word) is { } known)
            {
                ids.AddRange(known);
                continue;
            }
            var start = ids.Count;
            ids.AddRange(library.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false));
            cache.Add(word, ids, start);
        }
        caches.Add(cache);
    }

    /// <summary>The tokens of a text, with offsets in the normalized text.</summary>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(settings.MaxTokenCount);
        var found = library.EncodeToTokens(text ?? textSpan, out var normalized, settings.ConsiderPreTokenization, settings.ConsiderNormalization);
        return Limited([.. found], (normalized ?? text ?? textSpan).Length, settings) with { NormalizedText = normalized };
    }

    /// <summary>The ids of a text.</summary>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var found = EncodeToTokens(text, textSpan, settings);
        return new() { Tokens = [.. found.Tokens.Select(token => token.Id)], CharsConsumed = found.CharsConsumed, NormalizedText = found.NormalizedText };
    }

    /// <summary>Writes a Hugging Face <c>tokenizer.json</c> of model <c>WordPiece</c>.</summary>
    public override void Save(Stream target) => HuggingFaceWriter.Create(target, json =>
    {
        HuggingFaceWriter.WriteAddedTokens(json, special, new Dictionary<string, int>());
        json.WriteStartObject("normalizer");
        json.WriteString("type", "BertNormalizer");
        json.WriteBoolean("clean_text", true);
        json.WriteBoolean("handle_chinese_chars", normalizer.SpaceChinese);
        json.WriteBoolean("strip_accents", normalizer.StripAccents);
        json.WriteBoolean("lowercase", normalizer.LowerCase);
        json.WriteEndObject();
        json.WriteStartObject("pre_tokenizer");
        json.WriteString("type", "BertPreTokenizer");
        json.WriteEndObject();
        json.WritePropertyName("post_processor");
        if (postProcessor is null) json.WriteNullValue();
        else json.WriteRawValue(postProcessor);
        json.WriteStartObject("decoder");
        json.WriteString("type", "WordPiece");
        json.WriteString("prefix", Continuation);
        json.WriteBoolean("cleanup", false);
        json.WriteEndObject();
        json.WriteStartObject("model");
        json.WriteString("type", "WordPiece");
        json.WriteString("unk_token", unknown);
        json.WriteString("continuing_subword_prefix", Continuation);
        json.WriteNumber("max_input_chars_per_word", LongestWord);
        json.WriteStartObject("vocab");
        for (var id = 0; id < tokens.Length; id++) json.WriteNumber(tokens[id], id);
        json.WriteEndObject();
        json.WriteEndObject();
    });
}
