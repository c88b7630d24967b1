using static TorchSharp.torch;

namespace Transformers.Tests.Models;

[Collection("engine")]
public sealed class VilbertTests : TensorTest
{
    static StreamConfig Stream(int layers, int heads, int width, int hidden) =>
        new() { Layers = layers, Heads = heads, Width = width, FeedForward = new GeluConfig { Width = hidden } };

    static VilbertConfig OverPatches => new()
    {
        Text = Stream(1, 2, 6, 9), Image = Stream(2, 4, 8, 11), CoLayers = 2, Width = 10, Patch = 3, Context = 7, Dropout = 0,
    };

    static VilbertConfig OverRegions => OverPatches with
    {
        Text = Stream(1, 2, 8, 9), Image = Stream(0, 2, 8, 11), Patch = null, Norm = new LayerNormConfig(),
    };

    static readonly PairShape Patches = new(11, 4, 6, 3), Regions = new(11, 4, 1, 5, 3);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Outputs_losses_and_gradients_equal_PyTorchs(bool regions)
    {
        using var golden = new GoldenFile(regions ? "vilbert-regions" : "vilbert-patches");
        var model = regions ? new Vilbert(OverRegions, Regions) : new Vilbert(OverPatches, Patches);
        golden.FillWeights(model);
        var images = regions ? new ImageTensors(golden["in.values"], golden["in.boxes"], [3, 1, 2], golden["in.hidden"]) : new ImageTensors(golden["in.values"], Hidden: golden["in.hidden"]);
        var (text, image) = model.forward(golden["in.ids"], [5, 3, 4], images);
        var joint = model.Joint(text, image);
        var (answers, match) = (model.AnswerLogits(joint), model.MatchLogits(joint));
        var tokens = model.TokenLogits(text.flatten(0, 1).index_select(0, tensor([2L, 6L])));
        // The numbers of the masked regions in [B·R], and behind the whole image's token in [B·(1 + R)].
        var R = (int)image.size(1) - 1;
        var masked = golden["in.hidden"].flatten().nonzero().flatten();
        var guesses = model.RegionOutput(image.flatten(0, 1).index_select(0, masked + masked.div(R, RoundingMode.floor) + 1));
        var losses = model.RegionLosses(guesses, images, regions ? golden["in.classes"].flatten(0, 1) : null, masked);
        Close("out.answers", answers);
        Close("out.match", match);
        Close("out.tokens", tokens);
        Close("out.regions", guesses);
        Close("out.region_losses", losses);
        if (!regions) Close("out.image", image);
        Gradients.Backward(Sum(answers, 3, 0, 1) + Sum(match, 1, 0, 1) + Sum(tokens, 3, 8) + losses.sum());
        golden.AssertGradients(model, 2e-5);

        void Close(string name, Tensor actual) => GoldenFile.AssertClose(golden[name], actual, 1e-5, name);
        static Tensor Sum(Tensor logits, params long[] labels) => nn.functional.cross_entropy(logits, tensor(labels), reduction: nn.Reduction.Sum);
    }

    static Tensor Ids => tensor(new long[] { 1, 5, 3, 2, 1, 8, 2, 0 }, [2, 4]);

    static double Difference(Tensor a, Tensor b) => (a - b).abs().max().item<float>();

    static Vilbert Drawn(VilbertConfig config, PairShape shape)
    {
        using var generator = new Generator(3);
        var model = new Vilbert(config with { Init = new XavierInitConfig() }, shape, generator);
        model.eval();
        return model;
    }

    [Fact]
    public void Padding_of_texts_and_of_regions_changes_nothing()
    {
        using var plain = no_grad();
        var model = Drawn(OverRegions, Regions);
        var (values, boxes) = (randn(1, 2, 5), rand(1, 2, 5));
        var (text, image) = model.forward(Ids[.., ..3][1..], [3], new ImageTensors(values, boxes, [2]));
        // Beside a longer text and more regions, with anything in the padding.
        var (both, images) = model.forward(Ids, [4, 3], new ImageTensors(cat([randn(1, 4, 5), cat([values, randn(1, 2, 5)], 1)]), cat([rand(1, 4, 5), cat([boxes, rand(1, 2, 5)], 1)]), [4, 2]));
        Assert.True(Difference(text[0], both[1, ..3]) < 1e-5);
        Assert.True(Difference(image[0], images[1, ..3]) < 1e-5);
        var (changed, _) = model.forward(Ids, [4, 4], new ImageTensors(cat([values, values]), cat([boxes, boxes]), [2, 2]));
        Assert.True(Difference(text[0], changed[1, ..3]) > 1e-4, "the padding must differ enough to show");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_changed_image_changes_its_own_row_and_of_that_what_is_not_hidden(bool regions)
    {
        using var plain = no_grad();
        var model = regions ? Drawn(OverRegions, Regions) : Drawn(OverPatches, Patches);
        var first = regions ? randn(2, 4, 5) : randn(2, 3, 6, 6);
        var second = first.clone();
        // The second image's first region: three features, or the upper left patch.
        if (regions) second[1, 0].fill_(2);
        else second[1, TensorIndex.Ellipsis, ..3, ..3].fill_(2);
        var boxes = regions ? rand(2, 4, 5) : null;
        Tensor Logits(Tensor values, Tensor? hidden)
        {
            var (text, image) = model.forward(Ids, [4, 3], new ImageTensors(values, boxes, Hidden: hidden));
            return cat([text.flatten(1), image.flatten(1), model.AnswerLogits(model.Joint(text, image))], 1);
        }
        var (before, after) = (Logits(first, null), Logits(second, null));
        Assert.Equal(0, Difference(before[0], after[0]));
        Assert.True(Difference(before[1], after[1]) > 1e-4);
        var hidden = zeros(2, 4);
        hidden[1, 0] = 1;
        Assert.Equal(0, Difference(Logits(first, hidden), Logits(second, hidden)));
    }

    [Fact]
    public void The_weights_of_both_directions_are_recorded_for_every_layer_in_which_the_streams_meet()
    {
        using var plain = no_grad();
        var model = Drawn(OverPatches, Patches);
        using var recorder = new CoAttentionRecorder();
        model.forward(Ids, [4, 3], new ImageTensors(randn(2, 3, 6, 6)), recorder);
        Assert.Equal([2, 2, 4, 5], recorder.TextToImage.Weights[1].shape);
        Assert.Equal([2, 4, 5, 4], recorder.ImageToText.Weights[1].shape);
        Assert.Equal((2, 2), (recorder.TextToImage.Weights.Count, recorder.ImageToText.Weights.Count));
        // No patch reads the second text's padding.
        Assert.Equal(0, recorder.ImageToText.Weights[0][1, TensorIndex.Ellipsis, 3].abs().max().item<float>());
    }

    [Theory]
    [InlineData("model: { kind: vilbert, width: 8, co_layers: 1, patch: 16, text: { layers: 1, heads: 3, width: 8 }, image: { layers: 1, heads: 2, width: 8 } }", "model.text.width (8) must be divisible by model.text.heads (3)")]
    [InlineData("model: { kind: vilbert, width: 8, co_layers: 1, text: { layers: 1, heads: 2, width: 8 }, image: { layers: 1, heads: 2, width: 8 }, objectives: { answer: 0, masked: 0, match: 0 } }", "must be above 0")]
    public void What_does_not_fit_together_is_reported_where_it_is(string config, string message) =>
        Assert.Contains(message, Assert.Throws<Transformers.IO.UserException>(() => ConfigFile.Parse<Transformers.Training.ModelFragment>(config)).Message);
}
