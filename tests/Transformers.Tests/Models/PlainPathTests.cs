using static TorchSharp.torch;

namespace Transformers.Tests.Models;

/// <summary>The kernels and libtorch's operators compute the same, and random numbers belong to examples.</summary>
[Collection("engine")]
public sealed class PlainPathTests : TensorTest
{
    static readonly RandomPosition Random = new(7, 3, 0);

    // A model of each family with dropout everywhere, and its loss over rows [first, first + count) of a batch of 4.
    sealed record Family(string Name, Func<Generator, nn.Module> Create, Func<nn.Module, int, int, RandomPosition, Tensor> Loss);

    static readonly Family[] families =
    [
        .. new PositionsConfig[] { new RotaryPositionsConfig(), new AlibiPositionsConfig(), new RelativePositionsConfig(), new LearnedPositionsConfig(), new SinusoidalPositionsConfig() }.Select(positions =>
            new Family($"gpt, {positions.GetType().Name}",
                generator => new Gpt(new GptConfig { Layers = 2, Heads = 4, KeyValueHeads = 2, Width = 32, Context = 24, Dropout = 0.2, Positions = positions, FeedForward = new SwiGluConfig(), Norm = new RmsNormConfig() }, 19, generator),
                (model, first, count, random) => Sum(((Gpt)model).Hidden(Ids(first, count, 17), random: random), ((Gpt)model).OutputWeight, first))),
        .. new[] { NormPlacement.Pre, NormPlacement.Post }.Select(placement =>
            new Family($"encoder-decoder, {placement}",
                generator => new Seq2Seq(new Seq2SeqConfig { Layers = 2, Heads = 2, Width = 24, Context = 24, Dropout = 0.2, Norm = new LayerNormConfig { Placement = placement } }, 19, 19, shared: true, generator),
                (model, first, count, random) =>
                {
                    var translator = (Seq2Seq)model;
                    var mask = PaddingMask.Of(((int[])[13, 9, 13, 4])[first..(first + count)], 13, CPU);
                    return Sum(translator.Decode(Ids(first, count, 17), translator.Encode(Ids(first, count, 13), mask, random: random), mask, random: random), translator.OutputWeight, first);
                })),
        new("encoder-decoder, silu and a bias of the output layer",
            generator =>
            {
                var model = new Seq2Seq(new Seq2SeqConfig { Layers = 1, Heads = 2, Width = 24, Context = 24, Dropout = 0.2, FeedForward = new SiluConfig(), Embeddings = new EmbeddingsConfig { OutputBias = true } }, 19, 19, shared: true, generator);
                using (no_grad()) model.OutputBias!.add_(randn(19, generator: generator));
                return model;
            },
            (model, first, count, random) =>
            {
                var translator = (Seq2Seq)model;
                var hidden = translator.Decode(Ids(first, count, 17), translator.Encode(Ids(first, count, 13), random: random), random: random);
                return LinearCrossEntropy.Sum(hidden.reshape(-1, 24), translator.OutputWeight, Ids(first, count, 17).flatten(), ScalarType.Float32, smoothing: 0.1, translator.OutputBias).Objective;
            }),
        new("text classifier",
            generator => EncoderModel.Create(new EncoderConfig { Layers = 2, Heads = 2, Width = 24, Context = 24, Dropout = 0.2, Head = new ClassifyHeadConfig() }, 19, 5, generator),
            (model, first, count, random) => Classes(((TextClassifier)model).forward(Ids(first, count, 13), ((int[])[13, 5, 9, 1])[first..(first + count)], random), first)),
        new("vit",
            generator => new Vit(new VitConfig { Patch = 4, Layers = 2, Heads = 2, Width = 24, LayerScale = 0.1, Drop = new ImageDropConfig { Attention = 0.1, Activations = 0.2, Path = 0.3 } }, new ImageShape(12, 3, 5), generator),
            (model, first, count, random) => Classes(((Vit)model).Logits(Images(first, count), random: random), first)),
        new("swin",
            generator => new Swin(new SwinConfig { Patch = 2, Width = 8, Layers = [2, 2], Heads = [2, 4], Window = 3, Drop = new ImageDropConfig { Attention = 0.1, Activations = 0.2, Path = 0.3 } }, new ImageShape(12, 3, 5), generator),
            (model, first, count, random) => Classes(((Swin)model).Logits(Images(first, count), random: random), first)),
        .. new[] { (NormPlacement.Pre, 24), (NormPlacement.Post, 16) }.Select(streams =>
            new Family($"two streams, {streams}",
                generator => new Vilbert(new VilbertConfig
                {
                    Text = new StreamConfig { Layers = 1, Heads = 2, Width = 24 }, Image = new StreamConfig { Layers = 1, Heads = 2, Width = streams.Item2 }, CoLayers = 2, Width = 32, Patch = 4, Context = 24,
                    Dropout = 0.2, Norm = new LayerNormConfig { Placement = streams.Item1 }, Init = new XavierInitConfig(),
                }, new PairShape(19, 5, 12, 3), generator),
                (model, first, count, random) =>
                {
                    var pairs = (Vilbert)model;
                    var hidden = zeros(4, 9);
                    hidden[2, 5] = 1;
                    var (text, image) = pairs.forward(Ids(first, count, 13), ((int[])[13, 5, 9, 2])[first..(first + count)], new ImageTensors(Images(first, count), Hidden: hidden.narrow(0, first, count)), random: random);
                    return Classes(pairs.AnswerLogits(pairs.Joint(text, image, random)), first) + Classes(pairs.TokenLogits(text.select(1, 1)), first) + Classes(pairs.RegionOutput(image.select(1, 6)), first);
                })),
        new("patchtst",
            generator => SeriesModel.Create(new PatchTstConfig { Patch = 8, Stride = 4, Layers = 2, Heads = 2, Width = 24, Dropout = 0.2, InnerDropout = 0.1, Init = new XavierInitConfig() }, new SeriesShape(32, 6, 1), generator),
            (model, first, count, random) => Forecasts((SeriesModel)model, first, count, random)),
        new("series decoder",
            generator => SeriesModel.Create(new SeriesDecoderConfig { Patch = 4, Layers = 2, Heads = 2, Width = 24, Dropout = 0.2, Positions = new RotaryPositionsConfig(), Init = new XavierInitConfig() }, new SeriesShape(32, 6, 1), generator),
            (model, first, count, random) => Forecasts((SeriesModel)model, first, count, random)),
        new("ast",
            generator => new Ast(new AstConfig { Patch = 6, Stride = 4, Layers = 2, Heads = 2, Width = 24, Drop = new ImageDropConfig { Attention = 0.1, Activations = 0.2, Path = 0.3 }, Init = new XavierInitConfig() }, new SoundShape(18, 24, 5), generator),
            (model, first, count, random) => Classes(((Ast)model).Logits(Images(first, count).view(count, 18, 24), random: random), first)),
    ];

    static Tensor Forecasts(SeriesModel model, int first, int count, RandomPosition random)
    {
        var all = Images(first, count).view(count, -1);
        var observed = all.narrow(1, 100, 32).gt(-0.9).to(ScalarType.Float32);
        return model.Loss(all.narrow(1, 0, 32), observed, all.narrow(1, 200, 6), ones(count, 6), random).Loss.Objective;
    }

    public static TheoryData<string> Families => [.. families.Select(family => family.Name)];

    static Tensor Ids(int first, int count, int length) => ((arange(4 * length) * 7 + arange(4 * length).square()).remainder(19)).view(4, length).narrow(0, first, count);
    static Tensor Images(int first, int count) => arange(4 * 3 * 12 * 12, dtype: ScalarType.Float32).mul(0.37).sin().view(4, 3, 12, 12).narrow(0, first, count);
    static Tensor Classes(Tensor logits, int first) => nn.functional.cross_entropy(logits.to(ScalarType.Float32), arange(4).narrow(0, first, logits.size(0)), reduction: nn.Reduction.Sum);
    static Tensor Sum(Tensor hidden, Tensor weight, int first) =>
        LinearCrossEntropy.Sum(hidden.reshape(-1, hidden.size(-1)), weight, Ids(first, (int)hidden.size(0), (int)hidden.size(1)).flatten(), ScalarType.Float32, smoothing: 0.1).Objective;

    static (float Loss, Dictionary<string, Tensor> Gradients) Run(Family family, bool kernels, Precision precision, params (int First, int Count)[] parts)
    {
        KernelLibrary.SwitchedOff = !kernels;
        try
        {
            using var generator = new Generator(5);
            using var model = family.Create(generator);
            Precisions.Apply(model, precision);
            model.train();
            float total = 0;
            foreach (var (first, count) in parts)
            {
                var loss = family.Loss(model, first, count, Random with { FirstExample = first });
                total += loss.item<float>();
                Gradients.Backward(loss);
            }
            return (total, model.named_parameters().Where(named => named.parameter.grad is not null).ToDictionary(named => named.name, named => named.parameter.grad!.clone()));
        }
        finally
        {
            KernelLibrary.SwitchedOff = false;
        }
    }

    static void AssertSame((float Loss, Dictionary<string, Tensor> Gradients) expected, (float Loss, Dictionary<string, Tensor> Gradients) actual, double tolerance)
    {
        Assert.Equal(expected.Loss, actual.Loss, tolerance * Math.Abs(expected.Loss));
        Assert.Equal(expected.Gradients.Keys.Order(), actual.Gradients.Keys.Order());
        foreach (var (name, gradient) in expected.Gradients)
        {
            var error = (gradient - actual.Gradients[name]).norm().item<float>();
            Assert.True(error <= tolerance * (gradient.norm().item<float>() + 1e-3), $"{name}: {error} of {gradient.norm().item<float>():E3}, {actual.Gradients[name].norm().item<float>():E3}");
        }
    }

    static Family Find(string name) => families.Single(family => family.Name == name);

    [Theory]
    [MemberData(nameof(Families))]
    public void The_kernels_equal_libtorchs_operators_forwards_and_backwards_with_dropout(string name)
    {
        Assert.SkipUnless(KernelLibrary.IsAvailable, "there are no kernels here");
        AssertSame(Run(Find(name), kernels: false, Precision.Fp32, (0, 4)), Run(Find(name), kernels: true, Precision.Fp32, (0, 4)), 2e-4);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void In_bfloat16_both_are_near_each_other(string name)
    {
        Assert.SkipUnless(KernelLibrary.MultipliesBFloat16, "the kernels here do not multiply in bfloat16");
        AssertSame(Run(Find(name), kernels: false, Precision.Bf16, (0, 4)), Run(Find(name), kernels: true, Precision.Bf16, (0, 4)), 0.08);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_batch_cut_in_two_ways_has_the_same_loss_and_gradients(string name)
    {
        foreach (var kernels in new[] { false, true })
        {
            var whole = Run(Find(name), kernels, Precision.Fp32, (0, 4));
            AssertSame(whole, Run(Find(name), kernels, Precision.Fp32, (0, 1), (1, 3)), 2e-4);
            AssertSame(whole, Run(Find(name), kernels, Precision.Fp32, (0, 2), (2, 2)), 2e-4);
        }
    }

    [Fact]
    public void Another_step_or_another_seed_drops_others()
    {
        using var dropout = new Dropout(0.5);
        var x = ones(3, 100);
        var first = dropout.forward(x, Random);
        Assert.True(first.eq(dropout.forward(x, Random)).all().item<bool>());
        Assert.False(first.eq(dropout.forward(x, Random with { Step = 4 })).all().item<bool>());
        Assert.False(first.eq(dropout.forward(x, Random with { Seed = 8 })).all().item<bool>());
        Assert.Equal(0.5, first.eq(0).to(ScalarType.Float32).mean().item<float>(), 1e-1);
    }

    [Theory]
    [Trait("Category", "slow")]
    [InlineData("causal")]
    [InlineData("lengths")]
    [InlineData("fixed mask")]
    [InlineData("grouped heads")]
    public void Long_sequences_never_have_all_their_scores_in_memory(string kind)
    {
        const int T = 4096, H = 8, E = 16;
        KernelLibrary.SwitchedOff = true;
        try
        {
            using var scope = NewDisposeScope();
            using var none = new Dropout(0);
            var heads = kind == "grouped heads" ? 2 : H;
            var (q, k, v) = (randn(1, H, T, E).requires_grad_(), randn(1, heads, T, E).requires_grad_(), randn(1, heads, T, E).requires_grad_());
            var input = kind switch
            {
                "lengths" => new AttentionInput(Padding: PaddingMask.Of([T - 5], T, CPU)),
                "fixed mask" => new AttentionInput(Mask: zeros(1, 1, T, T)),
                _ => new AttentionInput(Causal: true),
            };
            DeviceMemory.TrimMemory();
            ProcessMemory.StartPeak();
            var before = ProcessMemory.Resident;
            AttentionFormulas.Attend(q, k, v, input, none).sum().backward();
            // H·T·T floats would be 512 MiB.
            Assert.InRange(ProcessMemory.PeakSinceStart - before, 0, 160 << 20);
        }
        finally
        {
            KernelLibrary.SwitchedOff = false;
        }
    }
}
