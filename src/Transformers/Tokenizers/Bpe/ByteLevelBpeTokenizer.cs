using System.Collections.Concurrent;
using System.Text;
using Microsoft.ML.Tokenizers;
using Transformers.Tokenizers.Formats;

namespace Transformers.Tokenizers.Bpe;

/// <summary>A byte-level BPE tokenizer: any bytes can be encoded and come back exactly (Radford et al. 2019, section 2.2).</summary>
public sealed class ByteLevelBpeTokenizer : TextTokenizer
{
    readonly BpeDefinition definition;
    readonly PieceScanner scanner;
    readonly PairTable pairs;
    readonly int[] idOfByte = new int[256];
    readonly Dictionary<ReadOnlyMemory<byte>, int>? wholePieces;
    readonly TextMatcher? alwaysMatched;
    readonly Lazy<string> hash;
    // One encoder a thread that is at work; handed back after each text.
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
        if (definition.AlwaysMatched.Count > 0) alwaysMatched = new TextMatcher(definition.AlwaysMatched);
        hash = new(definition.Hash);
    }

    /// <inheritdoc/>
    public override int VocabularySize => definition.Tokens.Length;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, int> SpecialTokens => definition.Special;

    /// <summary>How text is cut into pieces, for programs that use Microsoft.ML.Tokenizers; null where it is not cut.</summary>
    public override Microsoft.ML.Tokenizers.PreTokenizer? PreTokenizer => definition.Pattern == SplitPattern.None ? null : new ScannerPreTokenizer(scanner);

    /// <summary>How text is cut into pieces.</summary>
    public SplitPattern Pattern => definition.Pattern;

    /// <summary>Number of merges.</summary>
    public int MergeCount => definition.Merges.Count;

    /// <inheritdoc/>
    public override string Hash => hash.Value;

    internal BpeDefinition Definition => definition;

    /// <summary>The merges in the order of their ranks, as pairs of ids and the id they become.</summary>
    public IEnumerable<(int Left, int Right, int Result)> Merges => definition.Merges.Select(merge => (merge.Left, merge.Right, merge.Result));

    /// <inheritdoc/>
    public override void EncodeToIds(ReadOnlySpan<byte> utf8, List<int> ids) => EncodeUntil(utf8, utf8.Length, ids);

    internal override void EncodeUntil(ReadOnlySpan<byte> text, int end, List<int> ids)
    {
        if (alwaysMatched is null) EncodePieces(text, end, ids);
        else alwaysMatched.Split(text, end, ids, EncodePieces);
    }

    internal override void EncodeUnsplit(ReadOnlySpan<byte> utf8, List<int> ids)
    {
        var encoder = new PieceEncoder(PieceScanner.For(SplitPattern.None), pairs, idOfByte, wholePieces);
        if (alwaysMatched is null) encoder.Encode(utf8, utf8.Length, ids);
        else alwaysMatched.Split(utf8, utf8.Length, ids, encoder.Encode);
    }

    // A cut could fall into an added token, which may hold spaces and newlines.
    internal override int LastCut(ReadOnlySpan<byte> text) => alwaysMatched is null ? scanner.LastCut(text) : 0;

    void EncodePieces(ReadOnlySpan<byte> text, int end, List<int> ids)
    {
        if (!encoders.TryTake(out var encoder)) encoder = new PieceEncoder(scanner, pairs, idOfByte, wholePieces);
        encoder.Encode(text, end, ids);
        encoders.Add(encoder);
    }

    /// <inheritdoc/>
    public override ReadOnlyMemory<byte> BytesOf(int id) =>
        (uint)id < (uint)definition.Tokens.Length ? definition.Tokens[id] : throw NotAnId(id);

    /// <inheritdoc/>
    public override void Save(Stream target) => HuggingFaceWriter.Write(definition, target);
}

/// <summary>A <see cref="PieceScanner"/> as a pre-tokenizer of Microsoft.ML.Tokenizers: pieces as offsets and lengths in UTF-16 units.</summary>
sealed class ScannerPreTokenizer(PieceScanner scanner) : PreTokenizer
{
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var utf8 = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, utf8);
        var pieces = new List<(int, int)>();
        for (int start = 0, next, offset = 0; start < utf8.Length; start = next)
        {
            next = scanner.Next(utf8, start);
            var length = Encoding.UTF8.GetCharCount(utf8, start, next - start);
            pieces.Add((offset, length));
            offset += length;
        }
        return pieces;
    }
}
