using Microsoft.ML.Tokenizers;

namespace Transformers.Tokenizers.Formats;

/// <summary>A vocabulary of SentencePiece, BPE or unigram (Kudo and Richardson 2018): T5's, Llama 2's, Mistral's. It can be used but not trained.</summary>
/// <remarks>The ids are SentencePiece's own; where Microsoft.ML.Tokenizers gives different ones, the work is done here: see <see cref="PieceNormalizer"/> and <see cref="BpePieces"/>.</remarks>
public sealed class SentencePieceVocabulary : TextTokenizer
{
    /// <summary>The usual name of the file.</summary>
    public const string DefaultFileName = "tokenizer.model";

    // SentencePiece sums a text's scores in 32 bits, which decides near ties. Texts up to this length are not split, so that their ids are the same.
    const int UnigramStretch = 4096;

    readonly byte[] content;
    readonly SentencePieceModel model;
    readonly BpePieces? merges;
    readonly UnigramPieces? unigram;
    readonly PieceNormalizer normalizer;
    readonly byte[][] bytesOfId;
    readonly int[] idOfByte = new int[256];
    readonly Dictionary<string, int> special = new(StringComparer.Ordinal);
    readonly (string Text, int Id)[] symbols = [];
    readonly int shortestCut;
    readonly Lazy<string> hash;
    // One per working thread, returned after each text.
    readonly ConcurrentBag<Worker> workers = [];

    SentencePieceVocabulary(SentencePieceModel model, byte[] content)
    {
        (this.model, this.content) = (model, content);
        if (model.IsBpe) merges = new BpePieces(model);
        else unigram = new UnigramPieces(model);
        normalizer = new PieceNormalizer(model);
        bytesOfId = new byte[model.Pieces.Count][];
        for (var id = 0; id < bytesOfId.Length; id++)
        {
            var (text, _, type) = model.Pieces[id];
            if (type is PieceType.Unknown or PieceType.Control) special.Add(text, id);
            bytesOfId[id] = type switch
            {
                PieceType.Unknown or PieceType.Control => [],
                PieceType.Byte when SentencePieceModel.ByteOf(text) is { } value => [value],
                _ => Encoding.UTF8.GetBytes(text.Replace(PieceNormalizer.Space, ' ')),
            };
            if (type == PieceType.Byte && bytesOfId[id] is [var b]) idOfByte[b] = id;
        }
        // In BPE, such symbols are never parts of others; a unigram vocabulary weighs them by their scores.
        if (model.IsBpe)
            symbols = [.. model.Pieces.Select((piece, id) => (piece.Text, id, piece.Type)).Where(piece => piece.Type == PieceType.UserDefined)
                .Select(piece => (piece.Text, piece.id)).OrderByDescending(piece => piece.Text.Length)];
        var cutsAtSpaces = !model.Pieces.Exists(piece => piece.Type is not (PieceType.Control or PieceType.Unknown) && HasInnerSpace(piece.Text));
        shortestCut = !cutsAtSpaces ? int.MaxValue : model.IsBpe ? 1 : UnigramStretch;
        hash = new(() =>
        {
            var sum = new CanonicalHash("sentencepiece");
            sum.Add(content);
            return sum.Finish();
        });
    }

    internal static SentencePieceVocabulary Read(string path, byte[] content) => new(SentencePieceModel.Read(path, content), content);

    /// <inheritdoc/>
    public override int VocabularySize => bytesOfId.Length;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, int> SpecialTokens => special;

    /// <summary>How the vocabulary was made: <c>bpe</c> or <c>unigram</c>.</summary>
    public string Kind => model.Kind;

    /// <summary>The normalizer that is applied before a text is cut into pieces; offsets refer to its result.</summary>
    public override Normalizer Normalizer => normalizer;

    /// <inheritdoc/>
    public override string FileName => DefaultFileName;

    /// <inheritdoc/>
    public override string Hash => hash.Value;

    /// <inheritdoc/>
    public override ReadOnlyMemory<byte> BytesOf(int id) => (uint)id < (uint)bytesOfId.Length ? bytesOfId[id] : throw NotAnId(id);

    /// <summary>Writes the <c>.model</c> file as it was read.</summary>
    public override void Save(Stream target) => target.Write(content);

    internal override bool StartsWithSpace => model.AddsDummyPrefix || model.RemovesExtraSpaces;

    internal override bool DropsLeadingSpaces => model.RemovesExtraSpaces;

    /// <inheritdoc/>
    public override void EncodeToIds(ReadOnlySpan<byte> utf8, List<int> ids) => EncodeNormalized(normalizer.Normalize(utf8), ids);

    void EncodeNormalized(string text, List<int> ids)
    {
        var worker = Take();
        var start = ids.Count;
        foreach (var (word, symbol) in Words(text))
            if (symbol is { } id) ids.Add(id);
            else if (worker.Cache.Find(word.Span) is { } known) ids.AddRange(known);
            else
            {
                var before = ids.Count;
                foreach (var token in Tokens(worker, word)) ids.Add(token.Id);
                worker.Cache.Add(word.Span, ids, before);
            }
        workers.Add(worker);
        if (!model.ByteFallback) MergeUnknown(ids, start);
    }

    /// <summary>The tokens of a text, with offsets in the normalized text.</summary>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(settings.MaxTokenCount);
        var normalized = Normalized(text ?? textSpan, settings);
        var tokens = new List<EncodedToken>();
        var offset = 0;
        var worker = Take();
        foreach (var (word, symbol) in Words(normalized))
        {
            if (symbol is { } id) tokens.Add(new(id, word.ToString(), new Range(offset, offset + word.Length)));
            else
                foreach (var (found, start, length) in Tokens(worker, word))
                    tokens.Add(new(found, found == model.UnknownId ? word.Slice(start, length).ToString() : model.Pieces[found].Text,
                        new Range(offset + start, offset + start + length)));
            offset += word.Length;
        }
        workers.Add(worker);
        if (!model.ByteFallback) MergeUnknown(tokens);
        return Limited([.. tokens], normalized.Length, settings) with { NormalizedText = normalized };
    }

    /// <summary>The ids of a text.</summary>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (settings.MaxTokenCount == int.MaxValue)
        {
            var (normalized, ids) = (Normalized(text ?? textSpan, settings), new List<int>());
            EncodeNormalized(normalized, ids);
            return new() { Tokens = ids, CharsConsumed = normalized.Length, NormalizedText = normalized };
        }
        var tokens = EncodeToTokens(text, textSpan, settings);
        return new() { Tokens = [.. tokens.Tokens.Select(token => token.Id)], CharsConsumed = tokens.CharsConsumed, NormalizedText = tokens.NormalizedText };
    }

    string Normalized(ReadOnlySpan<char> text, EncodeSettings settings)
    {
        var utf8 = Utf8(text);
        return settings.ConsiderNormalization ? normalizer.Normalize(utf8) : Encoding.UTF8.GetString(utf8);
    }

    // Stretches of a normalized text that no piece crosses, and user-defined symbols with their ids.
    IEnumerable<(ReadOnlyMemory<char> Word, int? Symbol)> Words(string text)
    {
        var start = 0;
        for (var at = 0; at < text.Length; at++)
        {
            if (symbols.Length > 0 && Array.Find(symbols, symbol => string.CompareOrdinal(text, at, symbol.Text, 0, symbol.Text.Length) == 0) is { Text: { } name } found)
            {
                if (at > start) yield return (text.AsMemory(start, at - start), null);
                yield return (text.AsMemory(at, name.Length), found.Id);
                start = at + name.Length;
                at = start - 1;
            }
            else if (at - start >= shortestCut && text[at] == PieceNormalizer.Space && text[at - 1] != PieceNormalizer.Space)
            {
                yield return (text.AsMemory(start, at - start), null);
                start = at;
            }
        }
        if (start < text.Length) yield return (text.AsMemory(start), null);
    }

    // The tokens of a stretch; with the fallback, an unknown character's bytes, which all have its offset.
    IEnumerable<(int Id, int Start, int Length)> Tokens(Worker worker, ReadOnlyMemory<char> word)
    {
        worker.Found.Clear();
        worker.Finder.Find(word.Span, worker.Found);
        var start = 0;
        foreach (var (id, length) in worker.Found)
        {
            if (id != model.UnknownId || !model.ByteFallback) yield return (id, start, length);
            else
                foreach (var b in Encoding.UTF8.GetBytes(word.Slice(start, length).ToArray())) yield return (idOfByte[b], start, length);
            start += length;
        }
    }

    // Neighbouring unknown characters are one unknown token.
    void MergeUnknown(List<int> ids, int start)
    {
        var kept = start;
        for (var i = start; i < ids.Count; i++)
            if (i == start || ids[i] != model.UnknownId || ids[i - 1] != model.UnknownId) ids[kept++] = ids[i];
        ids.RemoveRange(kept, ids.Count - kept);
    }

    void MergeUnknown(List<EncodedToken> tokens)
    {
        for (var i = tokens.Count - 1; i > 0; i--)
        {
            if (tokens[i].Id != model.UnknownId || tokens[i - 1].Id != model.UnknownId) continue;
            tokens[i - 1] = new(model.UnknownId, tokens[i].Value, tokens[i - 1].Offset.Start..tokens[i].Offset.End);
            tokens.RemoveAt(i);
        }
    }

    static bool HasInnerSpace(string piece) => piece.AsSpan().TrimStart(PieceNormalizer.Space).ContainsAny(PieceNormalizer.Space, ' ');

    Worker Take() => workers.TryTake(out var worker) ? worker : new Worker(merges?.CreateFinder() ?? unigram!);

    sealed record Worker(PieceFinder Finder)
    {
        internal WordCache Cache { get; } = new();
        internal List<(int Id, int Length)> Found { get; } = [];
    }
}
