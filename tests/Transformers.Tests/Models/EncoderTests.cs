using static TorchSharp.torch;
using static Transformers.Tests.Models.Seq2SeqSamples;

namespace Transformers.Tests.Models;

[Collection("engine")]
public class EncoderTests : TensorTest
{
    public static TheoryData<string> Kinds => [.. PositionKinds.Keys];

    static EncoderConfig Config(HeadConfig head, PositionsConfig? positions = null) => new()
    {
        Layers = 2, Heads = 2, Width = 16, Context = 20, Dropout = 0, FeedForward = new GeluConfig { Width = 24 },
        Positions = positions ?? new LearnedPositionsConfig(), Head = head, Init = new Gpt2InitConfig { Std = 0.3 },
    };

    static EncoderModel Model(EncoderConfig config)
    {
        using var generator = new Generator(4);
        var model = EncoderModel.Create(config, Vocabulary, classes: 3, generator);
        model.eval();
        return model;
    }

    [Theory]
    [InlineData("post", NormPlacement.Post)]
    [InlineData("pre", NormPlacement.Pre)]
    public void Vectors_logits_and_gradients_equal_PyTorchs(string name, NormPlacement placement)
    {
        using var golden = new GoldenFile("encoder-" + name);
        var config = new EncoderConfig
        {
            Layers = 2, Heads = 3, Width = 12, Context = 9, Dropout = 0, FeedForward = new GeluConfig { Width = 20 },
            Norm = new LayerNormConfig { Placement = placement }, Head = new MaskedHeadConfig(),
        };
        var model = (MaskedTokenModel)EncoderModel.Create(config, 13, 0);
        golden.FillWeights(model);
        var (ids, mask) = (golden["in.ids"], PaddingMask.Of([5, 3, 4], 5, CPU));
        var read = ids.ne(0).unsqueeze(-1);
        GoldenFile.AssertClose(golden["out.hidden"] * read, model.Encoder.forward(ids, mask) * read, 1e-5, "hidden");
        var logits = model.forward(ids, mask);
        GoldenFile.AssertClose(golden["out.logits"] * read, logits * read, 1e-5, "logits");
        Gradients.Backward(nn.functional.cross_entropy(logits.view(-1, 13), golden["in.labels"].view(-1), ignore_index: -100, reduction: nn.Reduction.Sum));
        golden.AssertGradients(model, 1e-5);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Padding_never_changes_a_vector_nor_a_class(string positions)
    {
        using var plain = no_grad();
        foreach (var pool in Enum.GetValues<Pooling>())
        {
            var model = (TextClassifier)Model(Config(new ClassifyHeadConfig { Pool = pool }, PositionKinds[positions]));
            var padded = Ids([1, 4, 5, 2, 9, 9, 9], [1, 8, 7, 6, 5, 4, 2]);
            var alone = model.forward(Ids([1, 4, 5, 2]), [4]);
            Assert.True(Difference(alone[0], model.forward(padded, [4, 7])[0]) < 1e-5, $"{pool}");
            Assert.True(Difference(alone[0], model.forward(padded, [7, 7])[0]) > 1e-4, $"{pool}: the padding must differ enough to show");
            var vectors = model.Encoder.forward(padded, PaddingMask.Of([4, 7], 7, CPU));
            Assert.True(Difference(model.Encoder.forward(Ids([1, 4, 5, 2]))[0], vectors[0, ..4]) < 1e-5);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_token_sees_every_other(string positions)
    {
        using var plain = no_grad();
        var encoder = Model(Config(new MaskedHeadConfig(), PositionKinds[positions])).Encoder;
        var before = encoder.forward(Ids([1, 4, 5, 6, 2]));
        foreach (var changed in new[] { Ids([1, 4, 5, 9, 2]), Ids([1, 9, 5, 6, 2]) })
        {
            var after = encoder.forward(changed);
            for (var t = 0; t < 5; t++) Assert.True(Difference(before[0, t], after[0, t]) > 1e-4, $"token {t}");
        }
    }

    [Fact]
    public void Alibi_is_symmetric_in_an_encoder()
    {
        using var plain = no_grad();
        // Nothing else distinguishes left from right: a reversed text gives the same vectors in reverse order.
        var encoder = Model(Config(new MaskedHeadConfig(), new AlibiPositionsConfig())).Encoder;
        var there = encoder.forward(Ids([1, 4, 5, 6, 2]));
        var back = encoder.forward(Ids([2, 6, 5, 4, 1])).flip(1);
        Assert.True(Difference(there, back) < 1e-5);
    }

    [Fact]
    public void Pooling_takes_the_first_the_last_or_the_mean_of_the_tokens_there_are()
    {
        var hidden = tensor(new float[] { 1, 10, 2, 20, 99, 99, 4, 40, 5, 50, 9, 90 }, [2, 3, 2]);
        Assert.Equal([1, 10, 4, 40], TextPooling.Pool(hidden, [2, 3], Pooling.Cls).contiguous().data<float>().ToArray());
        Assert.Equal([2, 20, 9, 90], TextPooling.Pool(hidden, [2, 3], Pooling.Last).contiguous().data<float>().ToArray());
        Assert.Equal([1.5f, 15, 6, 60], TextPooling.Pool(hidden, [2, 3], Pooling.Mean).contiguous().data<float>().ToArray());
    }
}
