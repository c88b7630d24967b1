using Transformers.Layers;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Reports.Plots;

/// <summary>Figures of the kinds of positions.</summary>
public static class PositionsPlot
{
    const int MostDimensions = 256, MostPositions = 1024;

    /// <summary>The figure of a kind.</summary>
    /// <param name="config">The kind.</param>
    /// <param name="positions">The number of positions to show.</param>
    /// <param name="width">The model's width D.</param>
    /// <param name="heads">The number of heads H.</param>
    /// <param name="learned">Learned vectors [T, D] or biases [buckets, H]; null for a kind without any, or before training.</param>
    /// <param name="bidirectional">Whether tokens attend to later ones.</param>
    /// <exception cref="UserException">A learned kind without learned numbers, or too many positions.</exception>
    public static Picture Draw(PositionsConfig config, int positions, int width, int heads, Matrix? learned = null, bool bidirectional = false)
    {
        if (positions is < 2 or > MostPositions) throw new UserException($"the number of positions ({positions}) must be from 2 to {MostPositions}");
        using var scope = NewDisposeScope();
        return config switch
        {
            SinusoidalPositionsConfig sinusoidal => Vectors("Sinusoidal positions", Matrix.Of(SinusoidalPositionEncoding.Table(0, positions, width, sinusoidal.Base))),
            LearnedPositionsConfig => Vectors("Learned positions", First(learned ?? throw NotLearned("learned"), positions)),
            RotaryPositionsConfig rotary => Rotary(positions, width / heads, rotary.Base),
            AlibiPositionsConfig => Alibi(positions, heads, bidirectional),
            RelativePositionsConfig relative => Relative(relative, positions, heads, learned, bidirectional),
            NoPositionsConfig => new HeatMap("No positions: only the causal mask gives the order", "position attended to", "position",
                [new("equal weights under the mask", Matrix.Of(positions, positions, (t, s) => s <= t ? 1.0 / (t + 1) : 0))]).Draw(),
            _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a kind of positions without a figure"),
        };
    }

    /// <summary>The cosine similarity of the vectors of positions.</summary>
    /// <param name="vectors">[T, D].</param>
    /// <returns>Cosines, [T, T].</returns>
    public static HeatMap Similarity(Matrix vectors) =>
        new("Similarity of position vectors", "position", "position", [new("cosine", vectors.DotProducts(cosine: true))]) { High = 1 };

    static Picture Vectors(string title, Matrix vectors)
    {
        var shown = vectors.Columns <= MostDimensions ? vectors : Matrix.Of(vectors.Rows, MostDimensions, (row, column) => vectors[row, column]);
        var encodings = new HeatMap($"{title}: {shown.Rows} positions, {shown.Columns}{(shown == vectors ? "" : $" of {vectors.Columns}")} dimensions",
            "dimension", "position", [new("", shown)], PanelSize: 640);
        var products = new HeatMap("Dot products between positions", "position", "position", [new("", vectors.DotProducts(cosine: false))], PanelSize: 400);
        return Picture.Stack(title, encodings.Draw(), products.Draw());
    }

    static Picture Rotary(int positions, int headWidth, double @base)
    {
        var angles = Matrix.Of(SinusoidalPositionEncoding.Angles(0, positions, headWidth, @base));
        var cosines = new HeatMap($"Rotary positions: cosines of the angles, head width {headWidth}", "pair of dimensions", "position",
            [new("", Matrix.Of(positions, angles.Columns, (t, i) => Math.Cos(angles[t, i])))], PanelSize: 480);
        // Query and key are the same vector of equal numbers, so that only the rotation changes their product.
        double Product(int distance) => Enumerable.Range(0, angles.Columns).Average(i => Math.Cos(angles[distance, i]));
        var decay = new LineChart("Score of equal vectors by distance", "distance", "score relative to distance 0",
            [new("", [.. Enumerable.Range(0, positions).Select(d => ((double)d, Product(d)))])]);
        var products = new HeatMap("Dot products between positions", "position", "position",
            [new("", Matrix.Of(positions, positions, (t, s) => Product(Math.Abs(t - s))))], PanelSize: 400);
        return Picture.Stack("Rotary positions", cosines.Draw(), decay.Draw(), products.Draw());
    }

    static Picture Alibi(int positions, int heads, bool bidirectional)
    {
        var slopes = AlibiPositionBias.Slopes(heads);
        return Biases("ALiBi: bias added to the scores", positions, heads, bidirectional, (head, distance) => -slopes[head] * Math.Abs(distance));
    }

    static Picture Relative(RelativePositionsConfig config, int positions, int heads, Matrix? learned, bool bidirectional)
    {
        using var buckets = new RelativePositionBias(1, config.Buckets, config.MaxDistance);
        if (learned is not null)
            return Biases("Relative positions: bias added to the scores", positions, heads, bidirectional, (head, distance) => learned[buckets.BucketOf(distance, bidirectional), head]);
        return new HeatMap("Relative positions, before training: the bucket of each distance", "position attended to", "position",
            [new("", Matrix.Of(positions, positions, (t, s) => bidirectional || s <= t ? buckets.BucketOf(s - t, bidirectional) : double.NaN))]).Draw();
    }

    static Picture Biases(string title, int positions, int heads, bool bidirectional, Func<int, int, double> bias)
    {
        var panels = Enumerable.Range(0, heads).Select(head => new Panel($"head {head + 1}",
            Matrix.Of(positions, positions, (t, s) => bidirectional || s <= t ? bias(head, s - t) : double.NaN)));
        return new HeatMap(title, "position attended to", "position", [.. panels], PanelsAcross: Math.Min(4, heads), PanelSize: 200).Draw();
    }

    static Matrix First(Matrix vectors, int positions) =>
        vectors.Rows <= positions ? vectors : Matrix.Of(positions, vectors.Columns, (row, column) => vectors[row, column]);

    static UserException NotLearned(string kind) => new($"positions of kind {kind} cannot be drawn before training", "give the folder of a trained run");
}

/// <summary>Figures of the positions of patches in an image.</summary>
public static class GridPositionsPlot
{
    const int MostSide = 16;

    /// <summary>The cosine similarity of each position of the grid to all others.</summary>
    /// <remarks>Dosovitskiy et al. 2021, figure 7 in the middle.</remarks>
    /// <param name="title">The name of the vectors.</param>
    /// <param name="table">[Y, X, D].</param>
    public static HeatMap Similarity(string title, Tensor table)
    {
        using var scope = NewDisposeScope();
        // A finer grid is thinned, so that its panels stay readable.
        var step = (int)Math.Max(1, (Math.Max(table.size(0), table.size(1)) + MostSide - 1) / MostSide);
        var shown = arange(0, table.size(0), step, dtype: ScalarType.Int64);
        var columns = arange(0, table.size(1), step, dtype: ScalarType.Int64);
        var thinned = table.detach().cpu().index_select(0, shown).index_select(1, columns);
        var (Y, X) = ((int)thinned.size(0), (int)thinned.size(1));
        var cosines = Matrix.Of(thinned.flatten(0, 1)).DotProducts(cosine: true);
        var panels = Enumerable.Range(0, Y * X).Select(position => new Panel("", Matrix.Of(Y, X, (row, column) => cosines[position, row * X + column])));
        return new HeatMap($"{title}: similarity of each of {table.size(0)} × {table.size(1)} positions to all", "column", "row", [.. panels], X, Math.Clamp(640.0 / X, 36, 110))
        {
            High = 1, Bare = true,
        };
    }

    /// <summary>Sines and cosines of column and row.</summary>
    public static HeatMap Sinusoidal(int side, int width, double @base)
    {
        using var scope = NewDisposeScope();
        return Similarity("Sines and cosines of two dimensions", SinusoidalGrid.Table(side, side, width, @base));
    }

    /// <summary>The bias of each offset between two positions of a window, for each head.</summary>
    /// <param name="table">[(2W - 1)², H].</param>
    /// <param name="layer">The block, for the title.</param>
    public static HeatMap WindowBias(Tensor table, int layer)
    {
        var learned = Matrix.Of(table);
        var side = (int)Math.Sqrt(learned.Rows);
        var panels = Enumerable.Range(0, learned.Columns).Select(head => new Panel($"head {head + 1}", Matrix.Of(side, side, (row, column) => learned[row * side + column, head])));
        return new HeatMap($"Block {layer}: bias added to the scores, by the offset from query to key", "columns apart", "rows apart", [.. panels], Math.Min(4, learned.Columns), 190)
        {
            Origin = -(side / 2),
        };
    }
}

/// <summary>The similarity of token embeddings.</summary>
public static class EmbeddingsPlot
{
    const int MostTokens = 256;

    /// <summary>Cosines between the embeddings of a text's tokens.</summary>
    /// <param name="table">The embeddings, [V, D].</param>
    /// <param name="text">The text; each of its tokens is shown once.</param>
    /// <exception cref="UserException">The text has fewer than two different tokens, or too many.</exception>
    public static HeatMap Tokens(Tensor table, TextTokenizer tokenizer, string text)
    {
        long[] ids = [.. tokenizer.EncodeToIds(text).Distinct().Select(id => (long)id)];
        if (ids.Length is < 2 or > MostTokens) throw new UserException($"the text has {ids.Length} different tokens, but the figure can show 2 to {MostTokens}");
        using var scope = NewDisposeScope();
        var vectors = Matrix.Of(table.index_select(0, tensor(ids, device: table.device)));
        string[] words = [.. ids.Select(id => AttentionPlot.Shown(tokenizer, (int)id))];
        return new HeatMap("Similarity of token embeddings", "token", "token", [new("cosine", vectors.DotProducts(cosine: true), words, words)], PanelSize: 520) { High = 1 };
    }
}
