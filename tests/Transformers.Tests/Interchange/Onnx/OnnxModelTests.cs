using Transformers.Interchange.Onnx;
using static TorchSharp.torch;

namespace Transformers.Tests.Interchange.Onnx;

/// <summary>Graphs of every family with every kind of layer give, in ONNX Runtime, the numbers of the model.</summary>
[Collection("engine")]
public sealed class OnnxModelTests : TensorTest
{
    const int V = 19, D = 32;

    // An epsilon so large that a graph with another one would be noticed.
    static readonly NormConfig Post = new LayerNormConfig { Placement = NormPlacement.Post, Epsilon = 0.05 };
    static readonly GptConfig Gpt = new() { Layers = 2, Heads = 4, Width = D, Context = 24 };
    static readonly Seq2SeqConfig Seq2Seq = new() { Layers = 2, Heads = 4, Width = D, Context = 24 };
    static readonly EncoderConfig Encoder = new() { Layers = 2, Heads = 4, Width = D, Context = 24, Head = new ClassifyHeadConfig() };
    static readonly VitConfig Vit = new() { Patch = 4, Layers = 2, Heads = 2, Width = D };
    static readonly SwinConfig Swin = new() { Patch = 2, Width = 8, Layers = [2, 2], Heads = [2, 4], Window = 4 };

    static readonly Dictionary<string, GptConfig> gpts = new()
    {
        ["learned"] = Gpt,
        ["learned, biases, tanh GELU, an output matrix"] = Gpt with { Bias = true, FeedForward = new GeluConfig { Tanh = true }, TieEmbeddings = false },
        ["sinusoidal, norms after, ReLU"] = Gpt with { Positions = new SinusoidalPositionsConfig { Base = 500 }, Norm = Post, FeedForward = new ReluConfig { Width = 40 } },
        ["rotary, grouped heads, RMS norms, SwiGLU"] = Gpt with { Positions = new RotaryPositionsConfig(), KeyValueHeads = 2, Norm = new RmsNormConfig { Epsilon = 0.05 }, FeedForward = new SwiGluConfig() },
        ["rotary, one key/value head, RMS norms after"] = Gpt with { Positions = new RotaryPositionsConfig { Base = 100 }, KeyValueHeads = 1, Norm = new RmsNormConfig { Placement = NormPlacement.Post } },
        ["ALiBi with heads that are no power of two"] = Gpt with { Positions = new AlibiPositionsConfig(), Heads = 6, Width = 48 },
        ["relative, beyond the last bucket"] = Gpt with { Positions = new RelativePositionsConfig { Buckets = 8, MaxDistance = 10 } },
        ["relative, buckets beyond the context, grouped heads"] = Gpt with { Positions = new RelativePositionsConfig(), KeyValueHeads = 2 },
        ["without positions"] = Gpt with { Positions = new NoPositionsConfig() },
    };

    static readonly Dictionary<string, Seq2SeqConfig> seq2seqs = new()
    {
        ["as in the paper"] = Seq2Seq,
        ["norms before, rotary, SwiGLU, an output matrix"] = Seq2Seq with { Norm = new LayerNormConfig(), Positions = new RotaryPositionsConfig(), FeedForward = new SwiGluConfig(), Embeddings = new() { TieOutput = false } },
        ["RMS norms, relative, two matrices, more layers in the decoder"] = Seq2Seq with { DecoderLayers = 3, Norm = new RmsNormConfig(), Positions = new RelativePositionsConfig { Buckets = 8, MaxDistance = 9 }, Embeddings = new() { Shared = false, Scale = false } },
        ["learned, without biases"] = Seq2Seq with { Positions = new LearnedPositionsConfig(), Bias = false },
        ["ALiBi, SiLU, a bias of the output"] = Seq2Seq with { Positions = new AlibiPositionsConfig(), FeedForward = new SiluConfig(), Embeddings = new() { OutputBias = true } },
    };

    static readonly Dictionary<string, EncoderConfig> encoders = new()
    {
        ["class of the first token"] = Encoder,
        ["class of the mean, rotary, norms before"] = Encoder with { Head = new ClassifyHeadConfig { Pool = Pooling.Mean }, Positions = new RotaryPositionsConfig(), Norm = new LayerNormConfig() },
        ["class of the last token, relative, RMS norms"] = Encoder with { Head = new ClassifyHeadConfig { Pool = Pooling.Last }, Positions = new RelativePositionsConfig(), Norm = new RmsNormConfig() },
        ["masked tokens, a bias of the output"] = Encoder with { Head = new MaskedHeadConfig { Bias = true } },
        ["masked tokens, ALiBi, norms before, without biases"] = Encoder with { Head = new MaskedHeadConfig(), Positions = new AlibiPositionsConfig(), Norm = new LayerNormConfig(), Bias = false },
    };

    static readonly Dictionary<string, (IImageModelConfig Model, ImageShape Shape)> images = new()
    {
        ["ViT"] = (Vit, new(16, 3, 5)),
        ["ViT, mean, sinusoidal, layer scale"] = (Vit with { Pool = ImagePooling.Mean, Positions = new SinusoidalImagePositionsConfig { Scale = 3 }, LayerScale = 0.3 }, new(12, 1, 7)),
        ["ViT, norms after, no positions, SwiGLU"] = (Vit with { Norm = Post, Positions = new NoImagePositionsConfig(), FeedForward = new SwiGluConfig() }, new(16, 3, 5)),
        ["ViT, a class token with sinusoids"] = (Vit with { Positions = new SinusoidalImagePositionsConfig() }, new(8, 3, 5)),
        ["Swin, windows that divide the grid"] = (Swin, new(32, 3, 5)),
        ["Swin, one window"] = (Swin, new(8, 3, 5)),
        ["Swin, padded windows that are masked"] = (Swin with { Window = 3 }, new(27, 3, 5)),
        ["Swin, padded windows of zeros, RMS norms"] = (Swin with { Window = 5, Padding = WindowPadding.Zeros, Norm = new RmsNormConfig() }, new(27, 1, 5)),
    };

    public static TheoryData<string> Gpts => [.. gpts.Keys];
    public static TheoryData<string> Seq2Seqs => [.. seq2seqs.Keys];
    public static TheoryData<string> Encoders => [.. encoders.Keys];
    public static TheoryData<string> Images => [.. images.Keys];

    // All parameters are drawn again: one that starts at 0 or 1 would hide that a graph leaves it out.
    internal static T Drawn<T>(T model) where T : nn.Module
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(11);
        foreach (var parameter in model.parameters()) parameter.add_(randn(parameter.shape, generator: generator).mul_(0.2));
        model.eval();
        return model;
    }

    internal static Tensor Ids(long rows, long length, int seed)
    {
        using var generator = new Generator((ulong)seed);
        return randint(0, V, [rows, length], dtype: ScalarType.Int64, generator: generator);
    }

    internal static void Close(Tensor expected, Tensor actual, string what)
    {
        Assert.Equal(expected.shape, actual.shape);
        var worst = (expected - actual).abs().max().item<float>();
        Assert.True(worst <= 1e-4, $"{what}: {worst} apart");
    }

    // The mask as whole numbers: 1 for a token.
    internal static Tensor Mask(int[] lengths, long width) => (arange(width).unsqueeze(0) < tensor(lengths).unsqueeze(1)).to(ScalarType.Int64);

    [Theory, MemberData(nameof(Gpts))]
    public void A_decoder_gives_the_same_logits_in_one_pass_and_token_by_token_with_its_cache(string name)
    {
        using var plain = no_grad();
        using var model = Drawn(new Gpt(gpts[name], V));
        var weights = new OnnxWeights(model, quantized: false);
        using var session = new OnnxSession(OnnxGpt.Build(gpts[name], V, weights));
        Assert.Empty(weights.Unused);
        foreach (var (rows, length) in new[] { (1, 1), (2, 7), (3, 24) })
        {
            var ids = Ids(rows, length, seed: length);
            var expected = model.forward(ids);
            var cache = session.EmptyCache(rows);
            Close(expected, session.Run([("input_ids", ids), .. cache.Select(one => (one.Key, one.Value))])["logits"], $"{rows} × {length}");
            foreach (var (from, until) in new[] { (0, length / 3), (length / 3, length / 3 + 1), (length / 3 + 1, length) }.Where(part => part.Item2 > part.Item1 && part.Item2 <= length))
            {
                var outputs = session.Run([("input_ids", ids[.., from..until]), .. cache.Select(one => (one.Key, one.Value))]);
                Close(expected[.., from..until], outputs["logits"], $"{rows} × {length}, from {from} to {until}");
                OnnxSession.Keep(cache, outputs);
            }
        }
    }

    [Theory, MemberData(nameof(Seq2Seqs))]
    public void An_encoder_decoder_gives_the_same_logits_with_its_caches_for_sources_of_several_lengths(string name)
    {
        using var plain = no_grad();
        var config = seq2seqs[name];
        using var model = Drawn(new Seq2Seq(config, V, V, shared: true));
        var weights = new OnnxWeights(model, quantized: false);
        using var encoder = new OnnxSession(OnnxSeq2Seq.BuildEncoder(config, weights));
        using var decoder = new OnnxSession(OnnxSeq2Seq.BuildDecoder(config, V, weights));
        Assert.Empty(weights.Unused);
        int[] lengths = [9, 1, 5];
        var (source, target) = (Ids(3, 9, seed: 1), Ids(3, 24, seed: 2));
        var expected = model.forward(source, target, PaddingMask.Of(lengths, 9, CPU));
        var mask = Mask(lengths, 9);
        var cache = decoder.EmptyCache(3);
        OnnxSession.Keep(cache, encoder.Run(("input_ids", source), ("attention_mask", mask)));
        foreach (var (from, until) in new[] { (0, 1), (1, 2), (2, 24) })
        {
            var outputs = decoder.Run([("input_ids", target[.., from..until]), ("encoder_attention_mask", mask), .. cache.Select(one => (one.Key, one.Value))]);
            Close(expected[.., from..until], outputs["logits"], $"from {from} to {until}");
            OnnxSession.Keep(cache, outputs);
        }
    }

    [Theory, MemberData(nameof(Encoders))]
    public void An_encoder_gives_the_same_vectors_and_the_logits_of_its_head_for_texts_of_several_lengths(string name)
    {
        using var plain = no_grad();
        var config = encoders[name];
        using var model = Drawn(EncoderModel.Create(config, V, classes: 3));
        var weights = new OnnxWeights(model, quantized: false);
        using var session = new OnnxSession(OnnxEncoder.Build(config, V, 3, weights));
        Assert.Empty(weights.Unused);
        foreach (var lengths in new int[][] { [1], [24, 24], [11, 3, 7] })
        {
            var width = lengths.Max();
            var ids = Ids(lengths.Length, width, seed: width);
            var outputs = session.Run(("input_ids", ids), ("attention_mask", Mask(lengths, width)));
            var padding = PaddingMask.Of(lengths, width, CPU);
            var hidden = model.Encoder.forward(ids, padding);
            for (var row = 0; row < lengths.Length; row++)
            {
                Close(hidden[row, ..lengths[row]], outputs["last_hidden_state"][row, ..lengths[row]], $"vectors of row {row}");
                if (model is MaskedTokenModel masked) Close(masked.forward(ids, padding)[row, ..lengths[row]], outputs["logits"][row, ..lengths[row]], $"logits of row {row}");
            }
            if (model is TextClassifier classifier) Close(classifier.forward(ids, lengths), outputs["logits"], "classes");
        }
    }

    [Theory, MemberData(nameof(Images))]
    public void A_network_over_images_gives_the_same_logits(string name)
    {
        using var plain = no_grad();
        var (config, shape) = images[name];
        using var model = Drawn(ImageModel.Create(config, shape));
        var weights = new OnnxWeights(model, quantized: false);
        using var session = new OnnxSession(Build(config, shape, weights));
        Assert.Empty(weights.Unused);
        foreach (var rows in new[] { 1, 3 })
        {
            using var generator = new Generator(3);
            var pixels = randn([rows, shape.Channels, shape.Size, shape.Size], generator: generator);
            Close(model.forward(pixels), session.Run(("pixel_values", pixels))["logits"], $"{rows} images");
        }
    }

    static OnnxGraph Build(IImageModelConfig config, ImageShape shape, OnnxWeights weights) =>
        config is VitConfig vit ? OnnxVit.Build(vit, shape, weights) : OnnxSwin.Build((SwinConfig)config, shape, weights);

    [Fact]
    public void In_8_bits_a_file_has_at_most_30_percent_of_the_bytes_and_the_logits_hardly_change()
    {
        using var plain = no_grad();
        var config = new GptConfig { Layers = 4, Heads = 4, Width = 192, Context = 128, Positions = new RotaryPositionsConfig() };
        using var generator = new Generator(1);
        using var model = new Gpt(config, 500, generator);
        model.eval();
        var ids = Ids(4, 64, seed: 5);
        var expected = model.forward(ids);
        var bytes = new Dictionary<bool, int>();
        foreach (var quantized in new[] { false, true })
        {
            var graph = OnnxGpt.Build(config, 500, new OnnxWeights(model, quantized));
            using var session = new OnnxSession(graph);
            bytes[quantized] = graph.ToModel().CalculateSize();
            var actual = session.Run([("input_ids", ids), .. session.EmptyCache(4).Select(one => (one.Key, one.Value))])["logits"];
            var error = ((actual - expected).square().mean() / expected.square().mean()).sqrt().item<float>();
            Assert.InRange(error, quantized ? 1e-4 : 0, quantized ? 0.03 : 1e-4);
        }
        Assert.True(bytes[true] <= 0.3 * bytes[false], $"{bytes[true]} of {bytes[false]} bytes");
    }

    // Rows of very different magnitudes: with one scale for all of them, the small ones would be 0.
    [Fact]
    public void In_8_bits_each_row_of_a_matrix_has_its_own_scale_and_the_nearest_whole_numbers()
    {
        using var plain = no_grad();
        var (outputs, inputs) = (4, 24);
        var layer = nn.Linear(inputs, outputs);
        using var generator = new Generator(2);
        layer.weight.copy_(randn([outputs, inputs], generator: generator) * tensor(new[] { 1e-4f, 0.1f, 1, 1e3f }).unsqueeze(1));
        var weights = new OnnxWeights(layer, quantized: true);
        foreach (var transposed in new[] { true, false })
        {
            var (values, scales) = transposed ? weights.Matrix("weight") : weights.Table("weight");
            weights.Fill(values);
            weights.Fill(scales!);
            var (numbers, steps) = (values.RawData.ToByteArray(), System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(scales!.RawData.Span).ToArray());
            for (var row = 0; row < outputs; row++)
            {
                Assert.Equal(layer.weight[row].abs().max().item<float>() / 127, steps[row], 1e-5f * steps[row]);
                for (var i = 0; i < inputs; i++)
                    Assert.Equal(layer.weight[row, i].item<float>(), (numbers[transposed ? i * outputs + row : row * inputs + i] - OnnxWeights.Zero) * steps[row], 0.5001f * steps[row]);
            }
        }
        // A graph that looks rows up gives the numbers that they mean.
        var graph = new OnnxGraph("lookup", weights);
        graph.Output("rows", graph.Embedding("weight", graph.Input("ids", TensorProto.Types.DataType.Int64, "batch")), "batch", inputs);
        using var session = new OnnxSession(graph);
        var looked = session.Run(("ids", arange(outputs)))["rows"];
        for (var row = 0; row < outputs; row++)
            Assert.InRange((looked[row] - layer.weight[row]).abs().max().item<float>(), 0, layer.weight[row].abs().max().item<float>() / 127 * 0.5001f);
    }

    sealed record SpiralPositionsConfig : PositionsConfig;
    sealed record SineFeedForwardConfig : FeedForwardConfig;
    sealed record BatchNormConfig : NormConfig;

    [Fact]
    public void A_layer_that_graphs_have_no_form_for_is_refused_by_name()
    {
        using var model = new Gpt(Gpt, V);
        var weights = new OnnxWeights(model, quantized: false);
        foreach (var (setting, config) in new[]
        {
            ("positions", Gpt with { Positions = new SpiralPositionsConfig() }), ("feed_forward", Gpt with { FeedForward = new SineFeedForwardConfig() }), ("norm", Gpt with { Norm = new BatchNormConfig() }),
        })
        {
            Assert.Contains($"model.{setting}.kind", Assert.Throws<UserException>(() => OnnxGpt.Build(config, V, weights)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_weight_that_the_graph_leaves_out_is_noticed()
    {
        using var model = new Gpt(Gpt, V);
        var weights = new OnnxWeights(model, quantized: false);
        OnnxGpt.Build(Gpt with { Layers = 1 }, V, weights);
        Assert.All(weights.Unused, name => Assert.StartsWith("blocks.1.", name));
        Assert.Contains("blocks.1.attn.qkv.weight", weights.Unused);
    }
}
