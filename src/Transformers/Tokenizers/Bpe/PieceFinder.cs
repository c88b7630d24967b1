using System.Text;
using Google.Protobuf;
using Microsoft.ML.Tokenizers;
using Transformers.Tokenizers.Formats;

namespace Transformers.Tokenizers.Bpe;

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
    // Finding a piece's merges takes time with the square of its length; published vocabularies need a fortieth of this.
    const long SplitBudget = 1 << 29;
    readonly SentencePieceModel model;
    readonly PairTable pairs;
    // Characters that are pieces by their ids; those that only occur in pieces have ids behind them.
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
                throw model.Error($"{TokenizerParts.Show(text)} has the score of another piece, and scores decide the order of merges", $"pieces[{id}]");
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

    // The library gets pieces and scores alone. Pieces that text must not reach have names that it cannot have, and two control pieces
    // behind the others are the begin and end of sentence that it insists on.
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
