using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>A text as vectors.</summary>
/// <param name="Text">The text.</param>
/// <param name="Ids">The tokens that the model read, including framing ones.</param>
/// <param name="Vectors">One vector of the model's width, or one per token [tokens, D].</param>
public sealed record TextEmbedding(string Text, IReadOnlyList<int> Ids, float[][] Vectors);

/// <summary>Turns texts into vectors: the last layer's, of each token or pooled.</summary>
public sealed class Embedder : IDisposable
{
    readonly nn.Module model;
    readonly Func<string[], Tensor, PaddingMask?, Tensor> hidden;
    readonly Func<string, int[]> encode;
    readonly Action<string>? check;
    readonly int padding;
    readonly Device device;

    /// <summary>Creates an embedder for a model.</summary>
    /// <param name="hidden">Token ids [B, S] and their padding to vectors [B, S, D].</param>
    internal Embedder(nn.Module model, Func<Tensor, PaddingMask?, Tensor> hidden, int width, int padding, Device device, Func<string, int[]> encode)
        : this(model, (_, ids, mask) => hidden(ids, mask), width, padding, device, encode) { }

    /// <summary>Creates an embedder for a model that reads more of a line than its tokens.</summary>
    /// <param name="hidden">The lines, their token ids [B, S] and their padding to vectors [B, S, D].</param>
    /// <param name="check">Refuses a line whose other input cannot be read.</param>
    internal Embedder(nn.Module model, Func<string[], Tensor, PaddingMask?, Tensor> hidden, int width, int padding, Device device, Func<string, int[]> encode, Action<string>? check = null) =>
        (this.model, this.hidden, Width, this.padding, this.device, this.encode, this.check) = (model, hidden, width, padding, device, encode, check);

    /// <summary>The width D of a vector.</summary>
    public int Width { get; }

    /// <summary>Why a text cannot be embedded, such as a character that is not in the vocabulary; null if it can.</summary>
    public Problem? ProblemOf(string text) => UserException.ProblemOf(() =>
    {
        encode(text);
        check?.Invoke(text);
    });

    /// <summary>A placeholder for a text that cannot be embedded: without tokens or, pooled, with a vector of NaN.</summary>
    public TextEmbedding Unread(string text, Pooling? pooling) => new(text, [], pooling is null ? [] : [[.. Enumerable.Repeat(float.NaN, Width)]]);

    /// <summary>Embeds texts.</summary>
    /// <param name="texts">The texts, read as a stream; texts longer than the context are truncated.</param>
    /// <param name="pooling">How a text's vectors are pooled into one; null for one per token.</param>
    /// <param name="batchSize">The maximum number of texts at once.</param>
    /// <returns>One embedding per text, in the order of the texts.</returns>
    public IEnumerable<TextEmbedding> Embed(IEnumerable<string> texts, Pooling? pooling, int batchSize = 32)
    {
        foreach (var chunk in texts.Chunk(batchSize))
            foreach (var embedding in Batch(chunk, pooling)) yield return embedding;
    }

    List<TextEmbedding> Batch(string[] texts, Pooling? pooling)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var store = new TokenStore();
        foreach (var text in texts) store.Add(encode(text));
        var batch = PaddedTexts.Make(store, [.. Enumerable.Range(0, texts.Length)], padding);
        var x = hidden(texts, tensor(batch.Ids, [batch.Rows, batch.Width], device: device), PaddingMask.Of(batch.Lengths, batch.Width, device)); // [B, S, D]
        if (pooling is { } how) x = TextPooling.Pool(x, batch.Lengths, how).unsqueeze(1);                                                 // [B, 1, D]
        var positions = (int)x.size(1);
        var numbers = MemoryMarshal.Cast<byte, float>(x.to(ScalarType.Float32).cpu().contiguous().bytes).ToArray();
        return [.. texts.Select((text, row) => new TextEmbedding(text, store.ToArray(row),
            [.. Enumerable.Range(0, pooling is null ? batch.Lengths[row] : 1).Select(i => numbers[((row * positions + i) * Width)..((row * positions + i + 1) * Width)])]))];
    }

    /// <inheritdoc/>
    public void Dispose() => model.Dispose();
}
