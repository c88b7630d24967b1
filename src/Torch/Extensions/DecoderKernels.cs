using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp.Extensions;

/// <summary>Generation with a transformer's decoder: one call a step, over weights packed for a few rows at a time.</summary>
/// <remarks>On the CPU only; there are no gradients.</remarks>
public static class DecoderKernels
{
    static readonly Op decoder_pack = Op.Find("transformer::decoder_pack");
    static readonly Op decoder_step = Op.Find("transformer::decoder_step");
    static readonly Op decoder_source = Op.Find("transformer::decoder_source");
    static readonly Op decoder_copy = Op.Find("transformer::decoder_copy");
    static readonly Op decoder_top = Op.Find("transformer::decoder_top");

    /// <summary>Packs weights.</summary>
    /// <param name="parts">Weight and bias of each part, null where there is none: a layer's norm, projection to queries, keys and values, and output; with a source norm, query, keys and values, and output; norm, and the two layers of the feed-forward network; after the layers the last norm and the output matrix.</param>
    /// <param name="shape">Layers, width, heads, key/value heads, head width, feed-forward width, vocabulary, activation (0 GELU, 1 its tanh form, 2 SiLU, 3 ReLU), whether it is gated, whether norms are root-mean-square, whether they come last, whether there is a source.</param>
    /// <param name="epsilon">The norms'.</param>
    /// <param name="kind">0 for 32-bit floats, 1 for bfloat16, 2 for 8-bit whole numbers with a scale a row.</param>
    /// <returns>One tensor of bytes for the other calls.</returns>
    public static Tensor Pack(Tensor?[] parts, long[] shape, double epsilon, int kind) => decoder_pack.Call(parts, shape, epsilon, kind);

    /// <summary>Takes tokens through all layers and puts their keys and values into the cache.</summary>
    /// <param name="weights">What <see cref="Pack"/> made.</param>
    /// <param name="embedding">[V, D].</param>
    /// <param name="scale">What embeddings are multiplied by.</param>
    /// <param name="positions">Added to embeddings [P, D], cosines and sines [P, E], and biases of scores [H, P] for keys seen from the last of P places; null where the model has none.</param>
    /// <param name="cache">[blocks, numbers], a block being 16 tokens in all layers.</param>
    /// <param name="table">The blocks of each row, [rows, blocks], 32-bit whole numbers.</param>
    /// <param name="sourceCache">The same of the sources; null without.</param>
    /// <param name="sourceTable">Their blocks.</param>
    /// <param name="ids">The tokens.</param>
    /// <param name="places">The place of each in its sequence.</param>
    /// <param name="rows">The row of each in the table.</param>
    /// <param name="sourceLengths">The number of source tokens of each row.</param>
    /// <param name="wanted">The tokens whose logits are wanted.</param>
    /// <returns>[wanted, V].</returns>
    public static Tensor Step(Tensor weights, Tensor embedding, double scale, (Tensor? added, Tensor? cosines, Tensor? sines, Tensor? bias) positions,
        Tensor cache, Tensor table, Tensor? sourceCache, Tensor? sourceTable, long[] ids, long[] places, long[] rows, long[] sourceLengths, long[] wanted) =>
        decoder_step.Call(weights, embedding, scale, positions.added, positions.cosines, positions.sines, positions.bias, cache, table,
            sourceCache, sourceTable, ids, places, rows, sourceLengths, wanted);

    /// <summary>Puts the keys and values of sources into their cache.</summary>
    /// <param name="weights">What <see cref="Pack"/> made.</param>
    /// <param name="memory">What the encoder made of the sources, [rows, S, D].</param>
    /// <param name="cache">[blocks, numbers].</param>
    /// <param name="table">The blocks of each row, [rows, blocks].</param>
    /// <param name="lengths">The number of tokens of each row.</param>
    public static void Source(Tensor weights, Tensor memory, Tensor cache, Tensor table, long[] lengths) =>
        decoder_source.CallVoid(weights, memory, cache, table, lengths);

    /// <summary>Copies blocks within a cache.</summary>
    public static void Copy(Tensor cache, long[] from, long[] to) => decoder_copy.CallVoid(cache, from, to);

    /// <summary>The k most probable columns of each row and their log-probabilities, the greatest first; of equal ones the lower column is first.</summary>
    /// <param name="logits">[R, V]; overwritten.</param>
    /// <param name="columns">Columns from here on do not count at all.</param>
    /// <param name="k">How many.</param>
    /// <param name="banned">Columns that keep their probability and are not chosen.</param>
    /// <returns>[R, k] each.</returns>
    public static (Tensor logProbabilities, Tensor ids) Top(Tensor logits, int columns, int k, long[] banned)
    {
        var results = decoder_top.CallMany(logits, columns, k, banned);
        return (results[0], results[1]);
    }
}
