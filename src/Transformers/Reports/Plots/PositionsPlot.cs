using TorchSharp;
using Transformers.IO;
using Transformers.Layers;
using static TorchSharp.torch;

namespace Transformers.Reports.Plots;

/// <summary>What each kind of position looks like.</summary>
public static class PositionsPlot
{
    const int MostDimensions = 256, MostPlaces = 1024;

    /// <summary>The figure of a kind.</summary>
    /// <param name="config">The kind.</param>
    /// <param name="places">How many places to show.</param>
    /// <param name="width">The model's width D.</param>
    /// <param name="heads">The number of heads H.</param>
    /// <param name="learnt">What was learnt: vectors [T, D] of places, or biases [buckets, H]; null for a kind without any, or before training.</param>
    /// <param name="bidirectional">Whether tokens see what comes after them.</param>
    /// <exception cref="UserException">The kind is learnt, and nothing was; or too many places.</exception>
    public static Picture Draw(PositionsConfig config, int places, int width, int heads, Matrix? learnt = null, bool bidirectional = false)
    {
        if (places is < 2 or > MostPlaces) throw new UserException($"the places to show ({places}) must be from 2 to {MostPlaces}");
        using var scope = NewDisposeScope();
        return config switch
        {
            SinusoidalPositionsConfig sinusoidal => Vectors("Sinusoidal positions", Matrix.Of(SinusoidalPositionEncoding.Table(0, places, width, sinusoidal.Base))),
            LearnedPositionsConfig => Vectors("Learned positions", First(learnt ?? throw Unlearnt("learned"), places)),
            RotaryPositionsConfig rotary => Rotary(places, width / heads, rotary.Base),
            AlibiPositionsConfig => Alibi(places, heads, bidirectional),
            RelativePositionsConfig relative => Relative(relative, places, heads, learnt, bidirectional),
            NoPositionsConfig => new HeatMap("No positions: only the causal mask tells order", "place attended to", "place of the token",
                [new("equal weights under the mask", Matrix.Of(places, places, (t, s) => s <= t ? 1.0 / (t + 1) : 0))]).Draw(),
            _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a kind of positions without a picture"),
        };
    }

    /// <summary>How alike the vectors of places are.</summary>
    /// <param name="vectors">[T, D].</param>
    /// <returns>Cosines, [T, T].</returns>
    public static HeatMap Similarity(Matrix vectors) =>
        new("Similarity of position vectors", "place", "place", [new("cosine", vectors.DotProducts(cosine: true))]) { High = 1 };

    static Picture Vectors(string title, Matrix vectors)
    {
        var shown = vectors.Columns <= MostDimensions ? vectors : Matrix.Of(vectors.Rows, MostDimensions, (row, column) => vectors[row, column]);
        var encodings = new HeatMap($"{title}: {shown.Rows} places, {shown.Columns}{(shown == vectors ? "" : $" of {vectors.Columns}")} dimensions",
            "dimension", "place", [new("", shown)], PanelSize: 640);
        var products = new HeatMap("Dot products between places", "place", "place", [new("", vectors.DotProducts(cosine: false))], PanelSize: 400);
        return Picture.Stack(title, encodings.Draw(), products.Draw());
    }

    static Picture Rotary(int places, int headWidth, double @base)
    {
        var angles = Matrix.Of(SinusoidalPositionEncoding.Angles(0, places, headWidth, @base));
        var cosines = new HeatMap($"Rotary positions: cosines of the angles, head width {headWidth}", "pair of dimensions", "place",
            [new("", Matrix.Of(places, angles.Columns, (t, i) => Math.Cos(angles[t, i])))], PanelSize: 480);
        // Of a query and a key that are the same vector of equal numbers: what rotation alone does to their product.
        double Product(int distance) => Enumerable.Range(0, angles.Columns).Average(i => Math.Cos(angles[distance, i]));
        var fall = new LineChart("Score of equal vectors by distance", "distance", "score, as a share of that at distance 0",
            [new("", [.. Enumerable.Range(0, places).Select(d => ((double)d, Product(d)))])]);
        var products = new HeatMap("Dot products between places", "place", "place",
            [new("", Matrix.Of(places, places, (t, s) => Product(Math.Abs(t - s))))], PanelSize: 400);
        return Picture.Stack("Rotary positions", cosines.Draw(), fall.Draw(), products.Draw());
    }

    static Picture Alibi(int places, int heads, bool bidirectional)
    {
        var slopes = AlibiPositionBias.Slopes(heads);
        return Biases("ALiBi: what is added to scores", places, heads, bidirectional, (head, distance) => -slopes[head] * Math.Abs(distance));
    }

    static Picture Relative(RelativePositionsConfig config, int places, int heads, Matrix? learnt, bool bidirectional)
    {
        using var buckets = new RelativePositionBias(1, config.Buckets, config.MaxDistance);
        if (learnt is not null)
            return Biases("Relative positions: what is added to scores", places, heads, bidirectional, (head, distance) => learnt[buckets.BucketOf(distance, bidirectional), head]);
        return new HeatMap("Relative positions, before training: the bucket of each distance", "place attended to", "place of the token",
            [new("", Matrix.Of(places, places, (t, s) => bidirectional || s <= t ? buckets.BucketOf(s - t, bidirectional) : double.NaN))]).Draw();
    }

    static Picture Biases(string title, int places, int heads, bool bidirectional, Func<int, int, double> bias)
    {
        var panels = Enumerable.Range(0, heads).Select(head => new Panel($"head {head + 1}",
            Matrix.Of(places, places, (t, s) => bidirectional || s <= t ? bias(head, s - t) : double.NaN)));
        return new HeatMap(title, "place attended to", "place of the token", [.. panels], PanelsAcross: Math.Min(4, heads), PanelSize: 200).Draw();
    }

    static Matrix First(Matrix vectors, int places) =>
        vectors.Rows <= places ? vectors : Matrix.Of(places, vectors.Columns, (row, column) => vectors[row, column]);

    static UserException Unlearnt(string kind) => new($"positions of kind {kind} have no picture before training", "give the folder of a trained run");
}
