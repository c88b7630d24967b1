using System.Runtime.InteropServices;
using TorchSharp;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>A text as vectors.</summary>
/// <param name="Text">The text.</param>
/// <param name="Ids">The tokens that the model read, framing ones included.</param>
/// <param name="Vectors">One vector of the model's width, or one a token [tokens, D].</param>
public sealed record TextEmbedding(string Text, IReadOnlyList<int> Ids, float[][] Vectors);

/// <summary>Turns texts into vectors: the last layer's, of each token or pooled.</summary>
public sealed class Embedder : IDisposable
{
    readonly nn.Module model;
    readonly Func<Tensor, PaddingMask?, Tensor> hidden;
    readonly Func<string, int[]> encode;
    readonly int padding;
    readonly Device device;

    /// <summary>With the model of a run: an encoder, the encoder of an encoder-decoder, or a language model.</summary>
    /// <exception cref="UserException">The run is of another kind.</exception>
    public Embedder(TrainedRun run, Device device)
    {
        this.device = device;
        if (run.Config.Model is not (EncoderConfig or Seq2SeqConfig or GptConfig))
            throw new UserException($"the run is of kind {Configs.KindAttribute.Of(run.Config.Model)}, which does not read text");
        var tokenizer = run.LoadTokenizer();
        switch (run.Config.Model)
        {
            case EncoderConfig shape:
                var encoder = run.LoadEncoder(tokenizer, device);
                var special = SpecialIds.Of(tokenizer);
                (model, hidden, padding, Width) = (encoder, (ids, mask) => encoder.Encoder.forward(ids, mask), special.Padding, shape.Width);
                encode = text => [special.Begin, .. tokenizer.EncodeToIds(text).Take(shape.Context - 2), special.End];
                break;
            case Seq2SeqConfig shape:
                var translator = run.LoadSeq2Seq(run.LoadTokenizers(), device);
                var framing = SpecialIds.Of(tokenizer);
                (model, hidden, padding, Width) = (translator, (ids, mask) => translator.Encode(ids, mask), framing.Padding, shape.Width);
                encode = text => [.. tokenizer.EncodeToIds(text).Take(shape.Context - 1), framing.End];
                break;
            case GptConfig shape:
                // Padding stands at the end, where no token before it looks.
                var gpt = run.LoadLanguageModel(tokenizer, device);
                (model, hidden, padding, Width) = (gpt, (ids, _) => gpt.Hidden(ids), 0, shape.Width);
                encode = text => tokenizer.EncodeToIds(text).Take(shape.Context).ToArray() is { Length: > 0 } ids ? ids
                    : throw new UserException("a text without a token has no embedding");
                break;
            default: throw new System.Diagnostics.UnreachableException();
        }
    }

    /// <summary>The width D of a vector.</summary>
    public int Width { get; }

    /// <summary>Embeds texts.</summary>
    /// <param name="texts">The texts, read as a stream; longer ones than the context lose their end.</param>
    /// <param name="pooling">What stands for a text; null for every token.</param>
    /// <param name="batchSize">The most texts at once.</param>
    /// <returns>One a text, in the order of the texts.</returns>
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
        var x = hidden(tensor(batch.Ids, [batch.Rows, batch.Width], device: device), PaddingMask.Of(batch.Lengths, batch.Width, device)); // [B, S, D]
        if (pooling is { } how) x = TextPooling.Pool(x, batch.Lengths, how).unsqueeze(1);                                                 // [B, 1, D]
        var places = (int)x.size(1);
        var numbers = MemoryMarshal.Cast<byte, float>(x.to(ScalarType.Float32).cpu().contiguous().bytes).ToArray();
        return [.. texts.Select((text, row) => new TextEmbedding(text, store.ToArray(row),
            [.. Enumerable.Range(0, pooling is null ? batch.Lengths[row] : 1).Select(i => numbers[((row * places + i) * Width)..((row * places + i + 1) * Width)])]))];
    }

    /// <inheritdoc/>
    public void Dispose() => model.Dispose();
}
