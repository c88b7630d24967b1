using static TorchSharp.torch;

namespace Transformers.Tests.Models;

/// <summary>Laws that hold for any weights.</summary>
[Collection("engine")]
public class GptLawTests : TensorTest
{
    public static TheoryData<string> Positions => new("learned", "sinusoidal", "rotary", "alibi", "relative", "none");

    static PositionsConfig PositionsOf(string name) => name switch
    {
        "learned" => new LearnedPositionsConfig(),
        "sinusoidal" => new SinusoidalPositionsConfig(),
        "rotary" => new RotaryPositionsConfig(),
        "alibi" => new AlibiPositionsConfig(),
        "relative" => new RelativePositionsConfig(),
        _ => new NoPositionsConfig(),
    };

    static Gpt Model(string positions, int? groups = null, double std = 0.3)
    {
        var config = new GptConfig
        {
            Layers = 2, Heads = 4, Width = 32, Context = 24, KeyValueHeads = groups, Positions = PositionsOf(positions), Init = new Gpt2InitConfig { Std = std },
        };
        using var generator = new Generator(5);
        var model = new Gpt(config, 17, generator);
        model.eval();
        return model;
    }

    static Tensor Ids(int rows, int length, ulong seed = 3)
    {
        using var generator = new Generator(seed);
        return randint(0, 17, [rows, length], dtype: ScalarType.Int64, generator: generator);
    }

    [Theory]
    [MemberData(nameof(Positions))]
    public void Changing_a_later_token_leaves_earlier_logits_alone(string positions)
    {
        using var plain = no_grad();
        using var model = Model(positions);
        var ids = Ids(2, 20);
        var before = model.forward(ids);
        var changed = ids.clone();
        changed[.., 13] = (changed[.., 13] + 1).remainder(17);
        var after = model.forward(changed);
        Assert.True(before[.., ..13].allclose(after[.., ..13], 0, 0));
        Assert.False(before[.., 13..].allclose(after[.., 13..]));
    }

    [Theory]
    [MemberData(nameof(Positions))]
    public void Decoding_with_a_cache_equals_the_full_pass(string positions)
    {
        using var plain = no_grad();
        using var model = Model(positions, groups: 2);
        var ids = Ids(3, 20);
        var full = model.forward(ids);
        using var cache = model.NewCache();
        var parts = new List<Tensor>();
        foreach (var (from, to) in new[] { (0, 7), (7, 8), (8, 9), (9, 14), (14, 20) })
            parts.Add(model.Logits(model.Hidden(ids[.., from..to], cache)));
        GoldenFile.AssertClose(full, cat(parts.ToArray(), 1), 1e-5, "logits");
        Assert.Equal(20, cache.Length);
    }

    [Fact]
    public void Grouped_heads_equal_repeated_heads()
    {
        using var plain = no_grad();
        using var grouped = new Attention(32, 4, kvHeads: 2, bias: false);
        using var repeated = new Attention(32, 4, bias: false);
        var from = grouped.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        var rows = from["qkv.weight"];                                           // [(4 + 2·2)·8, 32]
        var heads = rows.split(8L, 0);
        Tensor[] order = [heads[0], heads[1], heads[2], heads[3], heads[4], heads[4], heads[5], heads[5], heads[6], heads[6], heads[7], heads[7]];
        foreach (var (name, parameter) in repeated.named_parameters())
            parameter.copy_(name == "qkv.weight" ? cat(order, 0) : from[name]);
        var x = randn(2, 9, 32);
        var input = new AttentionInput(Causal: true);
        GoldenFile.AssertClose(repeated.forward(x, input), grouped.forward(x, input), 1e-5, "attention");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_fused_kernel_equals_the_plain_formula_which_a_recorder_selects(bool causal)
    {
        using var attention = new Attention(32, 4, kvHeads: 2);
        var x = randn(2, 11, 32, requires_grad: true);
        var mask = zeros(2, 1, 1, 11).masked_fill(arange(11).ge(7).unsqueeze(0).expand(2, 11).view(2, 1, 1, 11), -1e9);
        var fused = attention.forward(x, new AttentionInput(Causal: causal, Mask: mask));
        Gradients.Backward(fused.square().sum());
        var fusedGradient = x.grad!.clone();
        x.grad = null;
        var recorder = new AttentionRecorder();
        var plain = attention.forward(x, new AttentionInput(Causal: causal, Mask: mask, Recorder: recorder));
        Gradients.Backward(plain.square().sum());
        GoldenFile.AssertClose(plain.detach(), fused.detach(), 1e-5, "output");
        GoldenFile.AssertClose(x.grad!, fusedGradient, 1e-5, "gradient");
        var weights = Assert.Single(recorder.Weights);
        Assert.Equal([2L, 4L, 11L, 11L], weights.shape);
        Assert.True(weights.sum(-1).allclose(ones(2, 4, 11)));
    }

    [Fact]
    public void Rotary_scores_depend_on_distance_alone()
    {
        using var rotary = new RotaryPositionEmbedding(8, 10_000);
        var (q, k) = (randn(1, 1, 1, 8), randn(1, 1, 1, 8));
        Tensor Score(long at, long distance) => (rotary.Rotate(q, at) * rotary.Rotate(k, at + distance)).sum();
        Assert.Equal(Score(0, 5).item<float>(), Score(90, 5).item<float>(), 1e-4f);
        Assert.NotEqual(Score(0, 5).item<float>(), Score(0, 6).item<float>(), 1e-4f);
    }

    [Fact]
    public void Sines_and_cosines_are_the_papers()
    {
        var table = SinusoidalPositionEncoding.Table(3, 2, 6, 10_000).to(ScalarType.Float64).data<double>();
        for (var row = 0; row < 2; row++)
            for (var i = 0; i < 6; i++)
            {
                var angle = (3 + row) / Math.Pow(10_000, i / 2 * 2 / 6.0);
                Assert.Equal(i % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle), table[row, i], 1e-12);
            }
    }

    [Fact]
    public void Alibi_slopes_are_the_papers_for_eight_heads_and_the_authors_for_six()
    {
        Assert.Equal([1 / 2f, 1 / 4f, 1 / 8f, 1 / 16f, 1 / 32f, 1 / 64f, 1 / 128f, 1 / 256f], AlibiPositionBias.Slopes(8));
        Assert.Equal([1 / 4f, 1 / 16f, 1 / 64f, 1 / 256f, 1 / 2f, 1 / 8f], AlibiPositionBias.Slopes(6));
    }

    [Fact]
    public void The_same_seed_gives_the_same_weights_and_residual_outputs_start_smaller()
    {
        using var first = Model("learned", std: 0.02);
        using var second = Model("learned", std: 0.02);
        foreach (var (a, b) in first.parameters().Zip(second.parameters())) Assert.True(a.allclose(b, 0, 0));
        var spread = first.named_parameters().ToDictionary(p => p.name, p => p.parameter.numel() > 1 ? p.parameter.std().item<float>() : 0);
        Assert.InRange(spread["blocks.0.mlp.up.weight"], 0.018, 0.022);
        Assert.InRange(spread["blocks.0.mlp.down.weight"], 0.009, 0.011);
    }

    [Fact]
    public void More_tokens_than_the_context_are_refused()
    {
        using var model = Model("rotary");
        Assert.Contains("context of 24", Assert.Throws<ArgumentException>(() => model.forward(Ids(1, 25))).Message);
    }
}
