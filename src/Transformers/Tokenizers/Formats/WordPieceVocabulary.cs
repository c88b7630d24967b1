using System.Reflection;
using Microsoft.ML.Tokenizers;

namespace Transformers.Tokenizers.Formats;

/// <summary>A vocabulary of WordPiece: BERT's <c>vocab.txt</c> (Devlin et al. 2019). It can be used but not trained.</summary>
/// <remarks>Words are cut greedily, the longest piece first, by Microsoft.ML.Tokenizers. White space is not kept: decoded text has single spaces.</remarks>
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
    // One cache per working thread, returned after each text.
    readonly ConcurrentBag<WordCache> caches = [];

    /// <summary>A vocabulary of tokens by id, of which <paramref name="unknown"/> replaces words that have no pieces.</summary>
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

    /// <summary>The tokens that the file's post-processor puts around a text.</summary>
    internal (int[] Before, int[] After) Framing { get; init; } = ([], []);

    /// <inheritdoc/>
    public override (IReadOnlyList<int> Before, IReadOnlyList<int> After) Frame => Framing;

    /// <summary>Whether capitals are converted to lower case.</summary>
    public bool LowerCase => normalizer.LowerCase;

    /// <summary>The normalizer that is applied before a text is cut into words; offsets refer to its result.</summary>
    public override Normalizer Normalizer => normalizer;

    /// <summary>How a text is cut into words.</summary>
    public override PreTokenizer PreTokenizer => preTokenizer;

    /// <inheritdoc/>
    public override string Hash => hash.Value;

    /// <summary>The piece, with a space in front if it starts a word. Empty for a special token.</summary>
    public override ReadOnlyMemory<byte> BytesOf(int id)
    {
        if ((uint)id >= (uint)tokens.Length) throw NotAnId(id);
        var text = tokens[id];
        if (special.ContainsKey(text)) return default;
        return Encoding.UTF8.GetBytes(text.StartsWith(Continuation, StringComparison.Ordinal) && text.Length > Continuation.Length ? text[Continuation.Length..] : " " + text);
    }

    internal override bool StartsWithSpace => true;

    // No word spans white space.
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
    public override void Save(Stream target)
    {
        var vocabulary = new JsonObject();
        for (var id = 0; id < tokens.Length; id++) vocabulary[tokens[id]] = id;
        HuggingFaceWriter.Write(target, HuggingFaceWriter.AddedTokens(special),
            new JsonObject
            {
                ["type"] = "BertNormalizer", ["clean_text"] = true, ["handle_chinese_chars"] = normalizer.SpaceChinese,
                ["strip_accents"] = normalizer.StripAccents, ["lowercase"] = normalizer.LowerCase,
            },
            new JsonObject { ["type"] = "BertPreTokenizer" }, postProcessor is null ? null : JsonNode.Parse(postProcessor),
            new JsonObject { ["type"] = "WordPiece", ["prefix"] = Continuation, ["cleanup"] = false },
            new JsonObject
            {
                ["type"] = "WordPiece", ["unk_token"] = unknown, ["continuing_subword_prefix"] = Continuation,
                ["max_input_chars_per_word"] = LongestWord, ["vocab"] = vocabulary,
            });
    }
}

/// <summary>BERT's normalization of a text before it is cut (Devlin et al. 2019): control characters are removed, white space becomes spaces, Chinese characters are separated, and accents and capitals are removed.</summary>
/// <remarks>The library's own normalizer removes line ends without leaving a space.</remarks>
sealed class BertNormalizer(bool lowerCase, bool stripAccents, bool spaceChinese) : Normalizer
{
    internal bool LowerCase => lowerCase;

    internal bool StripAccents => stripAccents;

    internal bool SpaceChinese => spaceChinese;

    public override string Normalize(string original) => Normalize(original.AsSpan());

    public override string Normalize(ReadOnlySpan<char> original)
    {
        var result = new StringBuilder(original.Length + 16);
        Span<char> units = stackalloc char[2];
        foreach (var rune in original.EnumerateRunes())
        {
            if (rune.Value is '\t' or '\n' or '\r' || Rune.GetUnicodeCategory(rune) is UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator) result.Append(' ');
            else if (IsRemoved(rune)) continue;
            else if (spaceChinese && IsChinese(rune.Value)) result.Append(' ').Append(units[..rune.EncodeToUtf16(units)]).Append(' ');
            else AppendLetter(result, rune, units);
        }
        return result.ToString();
    }

    void AppendLetter(StringBuilder result, Rune rune, Span<char> units)
    {
        if (stripAccents && Rune.GetUnicodeCategory(rune) == UnicodeCategory.NonSpacingMark) return;
        if (stripAccents && Decompositions.WithoutMarks(rune) is { } bare)
        {
            result.Append(lowerCase ? bare.ToLowerInvariant() : bare);
            return;
        }
        result.Append(units[..(lowerCase ? Rune.ToLowerInvariant(rune) : rune).EncodeToUtf16(units)]);
    }

    static bool IsRemoved(Rune rune) => rune.Value == 0xFFFD || Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse;

    static bool IsChinese(int value) => value is >= 0x4E00 and <= 0x9FFF or >= 0x3400 and <= 0x4DBF or >= 0x20000 and <= 0x2A6DF
        or >= 0x2A700 and <= 0x2B73F or >= 0x2B740 and <= 0x2B81F or >= 0x2B920 and <= 0x2CEAF or >= 0xF900 and <= 0xFAFF or >= 0x2F800 and <= 0x2FA1F;
}

/// <summary>Cuts text into words and punctuation marks, as BERT does, without white space.</summary>
sealed class BertPreTokenizer : PreTokenizer
{
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var words = new List<(int, int)>();
        int start = 0, at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            var (isSpace, isMark, length) = (Rune.IsWhiteSpace(rune), IsPunctuation(rune), rune.Utf16SequenceLength);
            if ((isSpace || isMark) && at > start) words.Add((start, at - start));
            if (isMark) words.Add((at, length));
            at += length;
            if (isSpace || isMark) start = at;
        }
        if (at > start) words.Add((start, at - start));
        return words;
    }

    // All ASCII characters that are neither letters nor digits count, although Unicode classifies some of them as symbols.
    static bool IsPunctuation(Rune rune) => rune.IsAscii ? rune.Value > ' ' && rune.Value < 0x7F && !Rune.IsLetterOrDigit(rune) : Rune.IsPunctuation(rune);
}

/// <summary>Characters without their marks: é as e. The program runs without the system's Unicode library, so .NET itself does not decompose.</summary>
static class Decompositions
{
    const int FirstSyllable = 0xAC00, LastSyllable = 0xD7A3;
    const int FirstLead = 0x1100, FirstVowel = 0x1161, BeforeTails = 0x11A7, Vowels = 21, Tails = 28;
    static readonly Lazy<Dictionary<int, string>> Table = new(Read);

    /// <summary>The canonical decomposition of a character without non-spacing marks, or null if it has none.</summary>
    internal static string? WithoutMarks(Rune rune) =>
        rune.Value < 0xC0 ? null : rune.Value is >= FirstSyllable and <= LastSyllable ? Syllable(rune.Value - FirstSyllable) : Table.Value.GetValueOrDefault(rune.Value);

    // Unicode Standard, section 3.12: a Korean syllable is a lead, a vowel and perhaps a tail.
    static string Syllable(int index)
    {
        var parts = $"{(char)(FirstLead + index / (Vowels * Tails))}{(char)(FirstVowel + index / Tails % Vowels)}";
        return index % Tails == 0 ? parts : parts + (char)(BeforeTails + index % Tails);
    }

    static Dictionary<int, string> Read()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Transformers.Tokenizers.decompositions.txt")!;
        using var lines = new StreamReader(stream);
        var table = new Dictionary<int, string>();
        while (lines.ReadLine() is { } line)
        {
            var (bare, characters) = (line[..line.IndexOf('\t')], line[(line.IndexOf('\t') + 1)..]);
            foreach (var character in characters.EnumerateRunes()) table.Add(character.Value, bare);
        }
        return table;
    }
}
