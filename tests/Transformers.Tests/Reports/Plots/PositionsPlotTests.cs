using Transformers.Reports.Plots;
using static TorchSharp.torch;

namespace Transformers.Tests.Reports.Plots;

[Collection("engine")]
public class PositionsPlotTests
{
    // The figure of Vaswani et al. 2017, section 3.5, by the formula itself.
    static double Encoding(int position, int dimension, int width) =>
        dimension % 2 == 0 ? Math.Sin(position / Math.Pow(10_000, (double)dimension / width)) : Math.Cos(position / Math.Pow(10_000, (double)(dimension - 1) / width));

    [Fact]
    public void The_figure_of_the_paper_has_50_positions_and_128_dimensions_and_their_dot_products()
    {
        var rasters = SvgReader.Rasters(PositionsPlot.Draw(new SinusoidalPositionsConfig(), 50, 128, 8).ToSvg());
        var encodings = rasters[0];
        Assert.Equal((50, 128), (encodings.GetLength(0), encodings.GetLength(1)));
        foreach (var (t, i) in new[] { (0, 0), (0, 1), (1, 0), (7, 12), (49, 3), (49, 127) })
            Assert.InRange(encodings[t, i], (Encoding(t, i, 128) + 1) / 2 * 255 - 1.5, (Encoding(t, i, 128) + 1) / 2 * 255 + 1.5);
        // rasters[1] is the bar of colours
        var products = rasters[2];
        Assert.Equal((50, 50), (products.GetLength(0), products.GetLength(1)));
        for (var t = 0; t < 50; t++) Assert.Equal(255, products[t, t]);
        Assert.Equal(products[3, 20], products[20, 3]);
        Assert.Equal(products[0, 5], products[30, 35]);
    }

    [Fact]
    public void Every_kind_of_position_has_a_picture()
    {
        var vectors = Matrix.Of(16, 8, (t, i) => Math.Sin(t * i));
        PositionsConfig[] kinds = [new SinusoidalPositionsConfig(), new LearnedPositionsConfig(), new RotaryPositionsConfig(), new AlibiPositionsConfig(), new RelativePositionsConfig(), new NoPositionsConfig()];
        foreach (var kind in kinds)
            Assert.NotEmpty(SvgReader.Rasters(PositionsPlot.Draw(kind, 16, 8, 2, kind is LearnedPositionsConfig ? vectors : null).ToSvg()));
        var all = typeof(PositionsConfig).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(PositionsConfig)));
        Assert.Equal(all.OrderBy(type => type.Name), kinds.Select(kind => kind.GetType()).OrderBy(type => type.Name));
        Assert.Contains("trained run", Assert.Throws<UserException>(() => PositionsPlot.Draw(new LearnedPositionsConfig(), 16, 8, 2)).Message);
    }

    [Fact]
    public void Learnt_biases_are_drawn_by_the_bucket_of_each_distance()
    {
        // 4 buckets: distances 0, 1, then ever more.
        var table = Matrix.Of(4, 2, (bucket, head) => head == 0 ? bucket : 3 - bucket);
        var rasters = SvgReader.Rasters(PositionsPlot.Draw(new RelativePositionsConfig { Buckets = 4, MaxDistance = 8 }, 4, 8, 2, table).ToSvg());
        Assert.Equal(0, rasters[0][2, 2]);
        Assert.Equal(85, rasters[0][2, 1]);
        Assert.Equal(255, rasters[1][2, 2]);
    }

    [Fact]
    public void Attention_maps_have_a_panel_a_head_and_rows_that_see_nothing_after_themselves()
    {
        var tokenizer = new ByteTokenizer();
        using var model = new Gpt(new GptConfig { Layers = 2, Heads = 3, Width = 12, Context = 16, Positions = new RotaryPositionsConfig() }, tokenizer.VocabularySize);
        model.eval();
        var map = AttentionPlot.Of(model, tokenizer, "a cat", CPU);
        Assert.Equal(6, map.Panels.Count);
        Assert.Equal("layer 2, head 1", map.Panels[3].Title);
        Assert.Equal(["a", "·", "c", "a", "t"], map.Panels[0].RowLabels);
        foreach (var panel in map.Panels)
            for (var t = 0; t < 5; t++)
            {
                Assert.Equal(1, Enumerable.Range(0, 5).Sum(s => panel.Cells[t, s]), 1e-5);
                for (var s = t + 1; s < 5; s++) Assert.Equal(0, panel.Cells[t, s]);
            }
        var one = AttentionPlot.Of(model, tokenizer, "a cat", CPU, new AttentionChoice(Layer: 2, Head: 1));
        Assert.Equal(map.Panels[3].Cells.Values, Assert.Single(one.Panels).Cells.Values);
        Assert.Contains("·", SvgReader.Texts(one.ToSvg()));
        Assert.Contains("--head (4)", Assert.Throws<UserException>(() => AttentionPlot.Of(model, tokenizer, "a", CPU, new AttentionChoice(Head: 4))).Message);
        Assert.Contains("0 tokens", Assert.Throws<UserException>(() => AttentionPlot.Of(model, tokenizer, "", CPU)).Message);
    }

    [Fact]
    public void Similarities_are_cosines()
    {
        var map = PositionsPlot.Similarity(new Matrix([1, 0, 3, 0, 0, 2], 2));
        Assert.Equal([1.0, 1, 0, 1, 1, 0, 0, 0, 1], map.Panels[0].Cells.Values);
    }
}
