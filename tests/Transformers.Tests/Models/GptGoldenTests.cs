using static TorchSharp.torch;

namespace Transformers.Tests.Models;

[Collection("engine")]
public class GptGoldenTests
{
    public static TheoryData<string> Cases => new(Directory
        .EnumerateFiles(Repository.Golden("data"), "gpt-*.safetensors")
        .Select(path => Path.GetFileNameWithoutExtension(path)).Order());

    [Fact]
    public void There_is_a_case_for_every_kind_of_position_norm_and_feed_forward() => Assert.Equal(12, Cases.Count);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Logits_loss_and_gradients_equal_an_independent_implementations(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenFile(name);
        using var model = new Gpt(ConfigOf(golden), 13);
        golden.FillWeights(model);
        var (ids, targets) = (golden["ids"], golden["targets"]);

        var logits = model.forward(ids);
        GoldenFile.AssertClose(golden["logits"], logits.detach(), 1e-5, "logits");

        var hidden = model.Hidden(ids);
        var loss = LinearCrossEntropy.Sum(hidden.reshape(-1, 16), model.OutputWeight, targets.flatten(), ScalarType.Float32).Objective / targets.numel();
        Assert.Equal(golden["loss"].item<float>(), loss.item<float>(), 1e-5f);
        Gradients.Backward(loss);
        golden.AssertGradients(model, 1e-5);
    }

    internal static GptConfig ConfigOf(GoldenFile golden)
    {
        var placement = golden.Setting("placement") == "pre" ? NormPlacement.Pre : NormPlacement.Post;
        return new GptConfig
        {
            Layers = 2, Heads = 4, Width = 16, Context = 12,
            KeyValueHeads = int.Parse(golden.Setting("groups")),
            Bias = golden.Setting("bias") == "True",
            TieEmbeddings = golden.Setting("tied") == "True",
            Norm = golden.Setting("norm") == "rms" ? new RmsNormConfig { Placement = placement } : new LayerNormConfig { Placement = placement },
            FeedForward = golden.Setting("feed_forward") switch
            {
                "relu" => new ReluConfig(),
                "gelu" => new GeluConfig(),
                "gelu_tanh" => new GeluConfig { Tanh = true },
                _ => new SwiGluConfig(),
            },
            Positions = golden.Setting("positions") switch
            {
                "learned" => new LearnedPositionsConfig(),
                "sinusoidal" => new SinusoidalPositionsConfig(),
                "rotary" => new RotaryPositionsConfig(),
                "alibi" => new AlibiPositionsConfig(),
                "relative" => new RelativePositionsConfig { Buckets = 8, MaxDistance = 16 },
                _ => new NoPositionsConfig(),
            },
        };
    }
}
