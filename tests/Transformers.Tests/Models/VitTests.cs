using static TorchSharp.torch;

namespace Transformers.Tests.Models;

[Collection("engine")]
public sealed class VitTests : TensorTest
{
    static readonly VitConfig Small = new() { Patch = 4, Layers = 2, Heads = 2, Width = 16 };
    static readonly ImageShape Shape = new(16, 3, 5);

    static Vit New(VitConfig config, ImageShape? shape = null)
    {
        using var generator = new Generator(1);
        return new Vit(config, shape ?? Shape, generator);
    }

    [Theory]
    [InlineData(1, 5, 6)]
    [InlineData(3, 21, 9)]
    [InlineData(4, 8, 8)]
    public void Patches_as_a_convolution_and_as_a_product_are_the_same(int patch, int height, int width)
    {
        (height, width) = (height / patch * patch, width / patch * patch);
        var (x, weight, bias) = (randn(2, 3, height, width), randn(8, 3, patch, patch), randn(8));
        var product = nn.functional.linear(PatchEmbedding.Flatten(x, patch), weight.flatten(1), bias);
        Assert.Equal([2, height / patch, width / patch, 8], product.shape);
        GoldenFile.Close(nn.functional.conv2d(x, weight, bias, strides: [weight.size(2), weight.size(3)]).permute(0, 2, 3, 1), product, 1e-5, "projection");
    }

    [Theory]
    // Parameters with 1000 classes at 224 pixels (ViT-H/14 too), as published.
    [InlineData(12, 12, 768, 16, 86_567_656)]
    [InlineData(12, 3, 192, 16, 5_717_416)]
    [InlineData(12, 6, 384, 16, 22_050_664)]
    public void Presets_have_as_many_parameters_as_published(int layers, int heads, int width, int patch, long parameters)
    {
        using var model = New(new VitConfig { Layers = layers, Heads = heads, Width = width, Patch = patch }, new ImageShape(224, 3, 1000));
        Assert.Equal(parameters, model.parameters().Sum(parameter => parameter.numel()));
    }

    [Fact]
    public void A_patch_that_does_not_divide_the_image_is_the_users_mistake() =>
        Assert.Contains("(18) must be divisible by model.patch (4)", Assert.Throws<UserException>(() => New(Small, new ImageShape(18, 3, 5))).Message);

    [Fact]
    public void Without_positions_the_order_of_patches_does_not_matter_and_with_them_it_does()
    {
        var image = randn(1, 3, 16, 16);
        // Exchange the left and the right half: whole patches change places.
        var exchanged = image.roll(8, 3);
        foreach (var (positions, same) in new (ImagePositionsConfig, bool)[] { (new NoImagePositionsConfig(), true), (new SinusoidalImagePositionsConfig(), false), (new LearnedImagePositionsConfig(), false) })
        {
            var model = New(Small with { Positions = positions, Pool = ImagePooling.Mean });
            model.eval();
            var difference = (model.call(image) - model.call(exchanged)).abs().max().item<float>();
            Assert.Equal(same, difference < 1e-6);
        }
    }

    [Fact]
    public void The_tables_rows_are_the_images_rows()
    {
        var table = SinusoidalGrid.Table(3, 5, 8, 10_000);
        // The first half of the dimensions encodes the column, the second half the row.
        Assert.True(table.select(0, 0).narrow(-1, 0, 4).allclose(table.select(0, 2).narrow(-1, 0, 4)));
        Assert.True(table.select(1, 0).narrow(-1, 4, 4).allclose(table.select(1, 4).narrow(-1, 4, 4)));
        Assert.Equal(Math.Sin(4), table[0, 4, 0].item<double>(), 12);
        Assert.Equal(Math.Cos(2), table[2, 0, 6].item<double>(), 12);
        using var grid = ImagePositions.Create(new SinusoidalImagePositionsConfig { Scale = 20 }, 3, 5, 8, classToken: false);
        Assert.True(grid.Embed(zeros(1, 15, 8), 3, 5)[0].to(ScalarType.Float64).allclose(table.flatten(0, 1) * 20, atol: 1e-5));
    }

    [Fact]
    public void Interpolated_positions_keep_what_is_constant_and_what_has_the_same_size()
    {
        var table = randn(5, 5, 8);
        Assert.Same(table, LearnedGrid.Interpolate(table, 5, 5));
        var constant = ones(5, 5, 1) * randn(8);
        GoldenFile.Close(ones(7, 3, 1) * constant[0, 0], LearnedGrid.Interpolate(constant, 7, 3), 1e-5, "constant table");
    }

    [Fact]
    public void Weights_of_another_resolution_are_adapted_and_those_of_another_width_are_refused()
    {
        var small = New(Small);
        var large = New(Small, new ImageShape(24, 3, 7));
        var table = small.state_dict()["pos_emb.weight"];
        Assert.Equal([6, 6, 16], large.Adapt("pos_emb.weight", table, [6, 6, 16])!.shape);
        Assert.Null(large.Adapt("head.weight", small.state_dict()["head.weight"], [7, 16]));
        Assert.Throws<UserException>(() => large.Adapt("norm.weight", ones(8), [16]));
    }

    [Fact]
    public void Stochastic_depth_drops_whole_examples_and_keeps_the_mean()
    {
        var part = new DropPath(0.25);
        var x = ones(4000, 3, 2);
        var y = part.forward(x, new RandomPosition(3, 1, 0)).view(4000, 6);
        var share = y.select(1, 0).eq(0).to(ScalarType.Float32).mean().item<float>();
        Assert.InRange(share, 0.21, 0.29);
        Assert.True(y.eq(y.narrow(1, 0, 1)).all().item<bool>());
        Assert.Equal(1 / 0.75, y.max().item<float>(), 5);
        part.eval();
        Assert.Same(x, part.forward(x, default));
    }

    [Fact]
    public void The_chance_to_skip_rises_from_the_first_block_to_the_last()
    {
        var drop = new ImageDropConfig { Path = 0.2 };
        Assert.Equal([0, 0.1, 0.2], Enumerable.Range(0, 3).Select(block => drop.PathAt(block, 3)));
        Assert.Equal(0.2, drop.PathAt(0, 1));
    }

    [Fact]
    public void Depths_run_from_the_embedding_to_the_head()
    {
        using var model = New(Small with { LayerScale = 1e-4 });
        var depths = model.named_parameters().ToDictionary(named => named.name, named => model.DepthOf(named.name));
        Assert.Equal(3, model.Depth);
        Assert.Equal(0, depths["patch_emb.weight"]);
        Assert.Equal(0, depths["cls_token"]);
        Assert.Equal(0, depths["pos_emb.weight"]);
        Assert.Equal(1, depths["blocks.0.attn.qkv.weight"]);
        Assert.Equal(2, depths["blocks.1.scale2.weight"]);
        Assert.Equal(3, depths["norm.weight"]);
        Assert.Equal(3, depths["head.bias"]);
    }

    [Fact]
    public void The_recorder_gets_the_weights_of_every_layer_without_changing_the_result()
    {
        var model = New(Small);
        model.eval();
        var image = randn(2, 3, 16, 16);
        using var recorder = new AttentionRecorder();
        GoldenFile.Close(model.call(image), model.Logits(image, recorder), 1e-5, "logits");
        Assert.Equal(2, recorder.Weights.Count);
        Assert.Equal([2, 2, 17, 17], recorder.Weights[1].shape);
    }

    [Fact]
    public void The_same_seed_gives_the_same_weights()
    {
        var (a, b) = (New(Small), New(Small));
        foreach (var (name, tensor) in a.state_dict()) Assert.True(tensor.eq(b.state_dict()[name]).all().item<bool>(), name);
    }
}
