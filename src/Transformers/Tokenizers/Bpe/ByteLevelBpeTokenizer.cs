using Microsoft.ML.Tokenizers;
using Transformers.Tokenizers.Formats;

namespace Transformers.Tokenizers.Bpe;

/// <summary>A byte-level BPE tokenizer: any bytes can be encoded, and are decoded exactly (Radford et al. 2019, section 2.2).</summary>
public sealed class ByteLevelBpeTokenizer : TextTokenizer
{
    readonly BpeDefinition definition;
    readonly PieceScanner scanner;
    readonly PairTable pairs;
    readonly int[] idOfByte = new int[256];
    readonly Dictionary<ReadOnlyMemory<byte>, int>? wholePieces;
    readonly TextMatcher? matchedFirst, matchedNormalized;
    readonly bool keepsText;
    readonly Lazy<string> hash;
    // One encoder per working thread, returned after each text.
    readonly ConcurrentBag<PieceEncoder> encoders = [];

    internal ByteLevelBpeTokenizer(BpeDefinition definition)
    {
        this.definition = definition;
        scanner = PieceScanner.For(definition.Pattern);
        pairs = new PairTable(definition.Merges);
        Array.Fill(idOfByte, -1);
        var addedIds = definition.AlwaysMatched.Values.ToHashSet();
        if (definition.WholePiecesFirst) wholePieces = new(definition.Tokens.Length, ByteStringComparer.Instance);
        for (var id = 0; id < definition.Tokens.Length; id++)
        {
            if (definition.Tokens[id] is not { } token || addedIds.Contains(id)) continue;
            if (token.Length == 1) idOfByte[token[0]] = id;
            wholePieces?.TryAdd(token, id);
        }
        (matchedFirst, matchedNormalized) = MatchersOf(definition.AlwaysMatched);
        keepsText = !definition.Composes && !definition.PrefixSpace && !definition.AlwaysMatched.Keys.Any(name => RuleOf(name) is { StripLeft: true } or { StripRight: true });
        hash = new(definition.Hash);
    }

    /// <inheritdoc/>
    public override int VocabularySize => definition.Tokens.Length;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, int> SpecialTokens => definition.Special;

    /// <summary>How text is cut into pieces, for programs that use Microsoft.ML.Tokenizers; null if it is not cut.</summary>
    public override Microsoft.ML.Tokenizers.PreTokenizer? PreTokenizer => definition.Pattern == SplitPattern.None && definition.CutBefore.Count == 0 ? null
        : new ScannerPreTokenizer([.. definition.CutBefore, scanner]);

    /// <summary>How text is cut into pieces.</summary>
    public SplitPattern Pattern => definition.Pattern;

    /// <summary>The number of merges.</summary>
    public int MergeCount => definition.Merges.Count;

    /// <inheritdoc/>
    public override string Hash => hash.Value;

    internal BpeDefinition Definition => definition;

    /// <summary>The merges in the order of their ranks, as pairs of ids and the id they become.</summary>
    public IEnumerable<(int Left, int Right, int Result)> Merges => definition.Merges.Select(merge => (merge.Left, merge.Right, merge.Result));

    /// <inheritdoc/>
    public override void EncodeToIds(ReadOnlySpan<byte> utf8, List<int> ids) => EncodeUntil(utf8, utf8.Length, ids);

    /// <inheritdoc/>
    public override (IReadOnlyList<int> Before, IReadOnlyList<int> After) Frame => definition.Frame;

    internal override bool StartsWithSpace => definition.PrefixSpace;

    internal override void EncodeUntil(ReadOnlySpan<byte> text, int end, List<int> ids) => Encode(text, end, ids, matchedFirst, matchedNormalized);

    private protected override void EncodeAllowing(byte[] utf8, Dictionary<string, int> allowed, List<int> ids)
    {
        // Special and other added tokens are found in one pass, as in Hugging Face's library.
        var (first, normalized) = MatchersOf(allowed.Concat(definition.AlwaysMatched));
        Encode(utf8, utf8.Length, ids, first, normalized);
    }

    (TextMatcher? First, TextMatcher? Normalized) MatchersOf(IEnumerable<KeyValuePair<string, int>> names)
    {
        var all = names.ToLookup(token => RuleOf(token.Key).Normalized);
        return (MatcherOf(all[false]), MatcherOf(all[true].Select(token => KeyValuePair.Create(Composed(token.Key), token.Value))));
    }

    TextMatcher? MatcherOf(IEnumerable<KeyValuePair<string, int>> names) => names.Any() ? new TextMatcher(names, definition.Rules) : null;

    AddedRule RuleOf(string name) => definition.Rules.GetValueOrDefault(name);

    string Composed(string name) =>
        definition.Composes && CanonicalComposition.Normalize(Encoding.UTF8.GetBytes(name)) is { } composed ? Encoding.UTF8.GetString(composed) : name;

    void Encode(ReadOnlySpan<byte> text, int end, List<int> ids, TextMatcher? first, TextMatcher? normalized)
    {
        if (first is null) EncodeNormalized(text, end, ids);
        else first.Split(text, end, ids, EncodeNormalized);

        void EncodeNormalized(ReadOnlySpan<byte> part, int partEnd, List<int> found)
        {
            if (definition.Composes && CanonicalComposition.Normalize(part[..partEnd]) is { } before)
            {
                // No character combines across a position where text is cut.
                var after = part[partEnd..];
                part = after.IsEmpty ? before : [.. before, .. CanonicalComposition.Normalize(after) ?? after];
                partEnd = before.Length;
            }
            if (normalized is null) EncodePieces(part, partEnd, found);
            else normalized.Split(part, partEnd, found, EncodePieces);
        }
    }

    internal override void EncodeUnsplit(ReadOnlySpan<byte> utf8, List<int> ids)
    {
        var encoder = new PieceEncoder(PieceScanner.For(SplitPattern.None), pairs, idOfByte, wholePieces);
        if (matchedFirst is null) encoder.Encode(utf8, utf8.Length, ids);
        else matchedFirst.Split(utf8, utf8.Length, ids, encoder.Encode);
    }

    // A cut could be inside an added token, which may contain spaces and newlines, and the text after a cut would get a space in front.
    internal override int LastCut(ReadOnlySpan<byte> text) =>
        matchedFirst is null && matchedNormalized is null && !definition.PrefixSpace && definition.CutBefore.All(before => before is NumberScanner) ? scanner.LastCut(text) : 0;

    void EncodePieces(ReadOnlySpan<byte> text, int end, List<int> ids) => EncodePieces(text, end, ids, stage: 0);

    void EncodePieces(ReadOnlySpan<byte> text, int end, List<int> ids, int stage)
    {
        if (stage < definition.CutBefore.Count)
        {
            for (int start = 0, next; start < end; start = next)
            {
                next = definition.CutBefore[stage].Next(text, start);
                EncodePieces(text[start..next], Math.Min(next, end) - start, ids, stage + 1);
            }
            return;
        }
        if (definition.PrefixSpace && !text.IsEmpty && text[0] != ' ')
        {
            text = (byte[])[(byte)' ', .. text];
            end++;
        }
        if (!encoders.TryTake(out var encoder)) encoder = new PieceEncoder(scanner, pairs, idOfByte, wholePieces);
        encoder.Encode(text, end, ids);
        encoders.Add(encoder);
    }

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (keepsText) return base.EncodeToTokens(text, textSpan, settings);
        var ids = Encode(text ?? textSpan, settings);
        var normalized = Encoding.UTF8.GetString([.. ids.SelectMany(id => BytesOf(id).ToArray())]);
        return Limited(TokenOffsets.Locate(normalized, ids, this), normalized.Length, settings) with { NormalizedText = normalized };
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (keepsText) return base.EncodeToIds(text, textSpan, settings);
        var found = EncodeToTokens(text, textSpan, settings);
        return new() { Tokens = [.. found.Tokens.Select(token => token.Id)], CharsConsumed = found.CharsConsumed, NormalizedText = found.NormalizedText };
    }

    /// <inheritdoc/>
    public override ReadOnlyMemory<byte> BytesOf(int id) =>
        (uint)id < (uint)definition.Tokens.Length ? definition.Tokens[id] : throw NotAnId(id);

    /// <inheritdoc/>
    public override void Save(Stream target) => HuggingFaceWriter.Write(definition, target);
}

/// <summary>A <see cref="PieceScanner"/> as a pre-tokenizer of Microsoft.ML.Tokenizers: pieces as offsets and lengths in UTF-16 units.</summary>
sealed class ScannerPreTokenizer(PieceScanner[] scanners) : PreTokenizer
{
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var utf8 = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, utf8);
        var pieces = new List<(int, int)>();
        var offset = 0;
        Cut(utf8, 0);
        return pieces;

        void Cut(ReadOnlySpan<byte> part, int stage)
        {
            for (int start = 0, next; start < part.Length; start = next)
            {
                next = scanners[stage].Next(part, start);
                if (stage + 1 < scanners.Length)
                {
                    Cut(part[start..next], stage + 1);
                    continue;
                }
                var length = Encoding.UTF8.GetCharCount(part[start..next]);
                pieces.Add((offset, length));
                offset += length;
            }
        }
    }
}
