using TorchSharp;
using Transformers.IO;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Reports.Plots;

/// <summary>How alike token embeddings are.</summary>
public static class EmbeddingsPlot
{
    const int MostTokens = 256;

    /// <summary>Cosines between the embeddings of a text's tokens.</summary>
    /// <param name="table">The embeddings, [V, D].</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="text">The text; each of its tokens is shown once.</param>
    /// <exception cref="UserException">The text has fewer than two different tokens, or too many.</exception>
    public static HeatMap Tokens(Tensor table, TextTokenizer tokenizer, string text)
    {
        long[] ids = [.. tokenizer.EncodeToIds(text).Distinct().Select(id => (long)id)];
        if (ids.Length is < 2 or > MostTokens) throw new UserException($"the text has {ids.Length} different tokens, and the picture shows 2 to {MostTokens}");
        using var scope = NewDisposeScope();
        var vectors = Matrix.Of(table.index_select(0, tensor(ids, device: table.device)));
        string[] words = [.. ids.Select(id => AttentionPlot.Shown(tokenizer, (int)id))];
        return new HeatMap("Similarity of token embeddings", "token", "token", [new("cosine", vectors.DotProducts(cosine: true), words, words)], PanelSize: 520) { High = 1 };
    }
}
