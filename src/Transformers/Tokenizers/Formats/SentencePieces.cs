using System.Buffers;
using Google.Protobuf;
using Microsoft.ML.Tokenizers;
using Transformers.Tokenizers.Bpe;

namespace Transformers.Tokenizers.Formats;

/// <summary>Finds the pieces of normalized text; belongs to one thread at a time.</summary>
abstract class PieceFinder
{
    /// <summary>Appends the pieces of a text: their ids, that of the unknown piece for characters that have none, and their lengths in UTF-16 units.</summary>
    internal abstract void Find(ReadOnlySpan<char> text, List<(int Id, int Length)> found);
}

/// <summary>The merges of a SentencePiece BPE vocabulary: any two neighbours that join to a piece, the highest score first, then the leftmost.</summary>
/// <remarks>Microsoft.ML.Tokenizers takes the rightmost of equal scores, which cuts runs of spaces differently from SentencePiece.</remarks>
sealed class BpePieces
{
    // The time to find a piece's merges grows with the square of its length; published vocabularies need a fortieth of this.
    const long SplitBudget = 1 << 29;
    readonly SentencePieceModel model;
    readonly PairTable pairs;
    // Characters that are pieces have their ids; those that only occur in pieces have the ids after them.
    readonly Dictionary<Rune, int> characters = [];

    internal BpePieces(SentencePieceModel model)
    {
        this.model = model;
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < model.Pieces.Count; id++)
            if (model.Pieces[id].Type is PieceType.Normal) ids.Add(model.Pieces[id].Text, id);
        var next = model.Pieces.Count;
        foreach (var character in ids.Keys.SelectMany(text => text.EnumerateRunes()).Distinct().ToList())
        {
            if (!ids.TryGetValue(character.ToString(), out var id)) ids.Add(character.ToString(), id = next++);
            characters.Add(character, id);
        }
        var merges = new List<Merge>();
        var ranks = new List<int>();
        long work = 0;
        var rank = 0;
        float? score = null;
        foreach (var (text, id) in ids.Where(piece => piece.Value < model.Pieces.Count).OrderByDescending(piece => model.Pieces[piece.Value].Score))
        {
            work += (long)text.Length * text.Length;
            if (work > SplitBudget || merges.Count > TokenizerLimits.Merges) throw model.Error("has pieces so long that their merges cannot be found");
            if (score is { } before && before == model.Pieces[id].Score && text.EnumerateRunes().Count() > 1)
                throw model.Error($"{MessageText.Quote(text)} has the same score as another piece, but scores decide the order of merges", $"pieces[{id}]");
            for (var split = 1; split < text.Length; split++)
                if (!char.IsLowSurrogate(text[split]) && ids.TryGetValue(text[..split], out var left) && ids.TryGetValue(text[split..], out var right))
                {
                    merges.Add(new(left, right, id));
                    ranks.Add(rank);
                    score = model.Pieces[id].Score;
                }
            rank++;
        }
        pairs = new PairTable(merges, ranks);
    }

    internal PieceFinder CreateFinder() => new Finder(this);

    sealed class Finder(BpePieces pieces) : PieceFinder
    {
        // Merges with nothing.
        const int NoPiece = -1;
        readonly PieceMerger merger = new(pieces.pairs);

        internal override void Find(ReadOnlySpan<char> text, List<(int Id, int Length)> found)
        {
            var symbols = merger.Symbols(text.Length);
            var count = 0;
            foreach (var character in text.EnumerateRunes()) symbols[count++] = pieces.characters.GetValueOrDefault(character, NoPiece);
            count = merger.Merge(symbols[..count]);
            var at = 0;
            foreach (var symbol in symbols[..count])
            {
                var isPiece = (uint)symbol < (uint)pieces.model.Pieces.Count;
                var length = isPiece ? pieces.model.Pieces[symbol].Text.Length : char.IsHighSurrogate(text[at]) ? 2 : 1;
                found.Add((isPiece ? symbol : pieces.model.UnknownId, length));
                at += length;
            }
        }
    }
}

/// <summary>The most probable pieces under a unigram vocabulary, found by Microsoft.ML.Tokenizers.</summary>
sealed class UnigramPieces(SentencePieceModel model) : PieceFinder
{
    readonly SentencePieceTokenizer library = CreateLibrary(model);

    internal override void Find(ReadOnlySpan<char> text, List<(int Id, int Length)> found)
    {
        foreach (var token in library.EncodeToTokens(text, out _, addBeginningOfSentence: false, addEndOfSentence: false, considerNormalization: false))
            found.Add((token.Id, token.Offset.End.Value - token.Offset.Start.Value));
    }

    // The library gets only pieces and scores. Pieces that text must not match have names that cannot occur in it, and two control pieces
    // after the others are the begin and end of sentence that it requires.
    static SentencePieceTokenizer CreateLibrary(SentencePieceModel model)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
        {
            for (var id = 0; id < model.Pieces.Count + 2; id++)
            {
                var piece = id < model.Pieces.Count ? model.Pieces[id] : new Piece("", 0, PieceType.Control);
                var type = piece.Type == PieceType.Byte ? PieceType.Control : piece.Type;
                var text = type is PieceType.Control or PieceType.Unknown ? $"\0{id}\0" : piece.Text;
                WriteMessage(output, 1, part =>
                {
                    part.WriteTag(1, WireFormat.WireType.LengthDelimited);
                    part.WriteString(text);
                    part.WriteTag(2, WireFormat.WireType.Fixed32);
                    part.WriteFloat(piece.Score);
                    part.WriteTag(3, WireFormat.WireType.Varint);
                    part.WriteEnum((int)type);
                });
            }
            WriteMessage(output, 2, part =>
            {
                foreach (var (field, value) in ((int, int)[])[(3, 1), (40, model.UnknownId), (41, model.Pieces.Count), (42, model.Pieces.Count + 1)])
                {
                    part.WriteTag(field, WireFormat.WireType.Varint);
                    part.WriteInt32(value);
                }
            });
            WriteMessage(output, 3, _ => { });
        }
        bytes.Position = 0;
        return SentencePieceTokenizer.Create(bytes, addBeginningOfSentence: false, addEndOfSentence: false);
    }

    static void WriteMessage(CodedOutputStream output, int field, Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using (var part = new CodedOutputStream(bytes, leaveOpen: true)) write(part);
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(bytes.ToArray()));
    }
}

/// <summary>SentencePiece's normalization of a text before it is cut: replacements, extra spaces removed, a space in front, spaces written as U+2581.</summary>
/// <remarks>The library's own normalizer drops texts of one character and, before BPE, leaves the replacements out.</remarks>
sealed class PieceNormalizer : Normalizer
{
    internal const char Space = '\u2581';

    static readonly byte[] SpaceBytes = Encoding.UTF8.GetBytes("\u2581");
    static readonly byte[] Replacement = Encoding.UTF8.GetBytes("\uFFFD");
    readonly PrecompiledMap map;
    readonly bool dummyPrefix, removeExtraSpaces;
    readonly byte[][] keptWhole;

    internal PieceNormalizer(SentencePieceModel model)
    {
        map = new PrecompiledMap(model.CharacterMap.Span);
        (dummyPrefix, removeExtraSpaces) = (model.AddsDummyPrefix, model.RemovesExtraSpaces);
        keptWhole = [.. model.Pieces.Where(piece => piece.Type == PieceType.UserDefined)
            .Select(piece => Encoding.UTF8.GetBytes(piece.Text)).OrderByDescending(text => text.Length)];
    }

    public override string Normalize(ReadOnlySpan<char> original)
    {
        var utf8 = new byte[Encoding.UTF8.GetByteCount(original)];
        Encoding.UTF8.GetBytes(original, utf8);
        return Normalize(utf8);
    }

    public override string Normalize(string original) => Normalize(original.AsSpan());

    internal string Normalize(ReadOnlySpan<byte> utf8)
    {
        var output = new byte[SpaceBytes.Length * (utf8.Length + 1)];
        var count = 0;
        var afterSpace = removeExtraSpaces;
        var isStart = true;
        while (!utf8.IsEmpty)
        {
            var length = Next(utf8, out var part);
            utf8 = utf8[length..];
            while (afterSpace && part.StartsWith((byte)' ')) part = part[1..];
            if (part.IsEmpty) continue;
            if (output.Length - count < SpaceBytes.Length * (part.Length + utf8.Length + 1)) Array.Resize(ref output, 2 * output.Length + SpaceBytes.Length * part.Length);
            if (isStart && dummyPrefix) AppendSpace(output, ref count);
            isStart = false;
            foreach (var b in part)
                if (b == (byte)' ') AppendSpace(output, ref count);
                else output[count++] = b;
            afterSpace = removeExtraSpaces && part.EndsWith((byte)' ');
        }
        while (removeExtraSpaces && output.AsSpan(0, count).EndsWith(SpaceBytes)) count -= SpaceBytes.Length;
        return Encoding.UTF8.GetString(output, 0, count);
    }

    static void AppendSpace(byte[] output, ref int count)
    {
        SpaceBytes.CopyTo(output, count);
        count += SpaceBytes.Length;
    }

    // The replacement of the text's next characters, and their length in bytes.
    int Next(ReadOnlySpan<byte> utf8, out ReadOnlySpan<byte> part)
    {
        foreach (var whole in keptWhole)
            if (utf8.StartsWith(whole))
            {
                part = whole;
                return whole.Length;
            }
        var found = map.Find(utf8, out part);
        if (found > 0) return found;
        if (Rune.DecodeFromUtf8(utf8, out _, out var length) == OperationStatus.Done)
        {
            part = utf8[..length];
            return length;
        }
        part = Replacement;
        return 1;
    }
}

/// <summary>A cache of the ids of words, for one thread.</summary>
sealed class WordCache
{
    const int MostWords = 1 << 16, LongestWord = 64;
    readonly Dictionary<string, int[]> words = new(StringComparer.Ordinal);

    internal int[]? Find(ReadOnlySpan<char> word) => words.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(word, out var ids) ? ids : null;

    /// <summary>Remembers a word's ids, which are those of a list from a position on.</summary>
    internal void Add(ReadOnlySpan<char> word, List<int> ids, int start)
    {
        if (word.Length > LongestWord) return;
        if (words.Count >= MostWords) words.Clear();
        words[word.ToString()] = [.. ids[start..]];
    }
}
