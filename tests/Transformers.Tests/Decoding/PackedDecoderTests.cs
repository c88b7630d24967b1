using FsCheck;
using FsCheck.Fluent;
using static TorchSharp.torch;

namespace Transformers.Tests.Decoding;

/// <summary>The packed decoder against the model's own layers, which know nothing of packing, blocks and steps.</summary>
[Collection("engine")]
public class PackedDecoderTests : TensorTest
{
    const int Vocabulary = 37;
    static readonly DecoderFormat Fp32 = new(Precision.Fp32), Bf16 = new(Precision.Bf16), Int8 = new(Precision.Fp32, Quantized: true);

    /// <summary>A model of any form that a config can ask for, sizes being odd where they may be.</summary>
    static readonly Gen<GptConfig> Shapes =
        from groups in Gen.Choose(1, 3)
        from each in Gen.Choose(1, 3)
        from half in Gen.Choose(1, 19)
        from layers in Gen.Choose(1, 3)
        from hidden in Gen.Choose(1, 70)
        from positions in Gen.Elements(Seq2SeqSamples.PositionKinds.Values.ToArray())
        from feedForward in Gen.Elements<FeedForwardConfig>(new ReluConfig { Width = hidden }, new GeluConfig { Width = hidden }, new GeluConfig { Width = hidden, Tanh = true }, new SiluConfig { Width = hidden }, new SwiGluConfig { Width = hidden })
        from placement in Gen.Elements(NormPlacement.Pre, NormPlacement.Post)
        from norm in Gen.Elements<NormConfig>(new LayerNormConfig { Placement = placement }, new RmsNormConfig { Placement = placement, Epsilon = 1e-3 })
        from bias in Gen.Elements(true, false)
        from tied in Gen.Elements(true, false)
        from odd in Gen.Choose(0, 1)
        // Rotary positions turn pairs of dimensions, sinusoidal ones fill pairs: only without them may a head's width be odd.
        let width = positions is RotaryPositionsConfig or SinusoidalPositionsConfig ? 2 * half : 2 * half - odd
        select new GptConfig
        {
            Layers = layers, Heads = groups * each, KeyValueHeads = groups, Width = groups * each * width, Context = 70, Positions = positions,
            FeedForward = feedForward, Norm = norm, Bias = bias, TieEmbeddings = tied, Init = new Gpt2InitConfig { Std = 0.25 },
        };

    static Gpt Model(GptConfig config, ulong seed = 7)
    {
        using var generator = new Generator(seed);
        var model = new Gpt(config, Vocabulary, generator);
        // Fresh biases are 0 and fresh norms 1: a kernel that forgot them would not be seen.
        using (no_grad())
            foreach (var parameter in model.parameters())
                if (parameter.dim() == 1) parameter.add_(randn(parameter.shape, generator: generator) * 0.2);
        model.eval();
        return model;
    }

    static int[] Tokens(int count, int seed)
    {
        var random = new System.Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(Vocabulary))];
    }

    // The logits after the last token of each row, by one full pass of the layers.
    static Tensor Full(Gpt model, int[] ids, int rows) =>
        model.forward(tensor(ids, [rows, ids.Length / rows], ScalarType.Int64))[.., -1].to(ScalarType.Float32);

    static Tensor Packed(LanguageDecoder decoder, int[] ids, int rows, params int[] cuts)
    {
        var T = ids.Length / rows;
        using var decoding = decoder.Start(rows);
        Tensor? logits = null;
        var from = 0;
        foreach (var until in cuts.Where(cut => cut > 0 && cut < T).Order().Distinct().Append(T))
        {
            logits = decoding.Read([.. Enumerable.Range(0, rows).SelectMany(row => ids[(row * T + from)..(row * T + until)])], rows);
            from = until;
        }
        return logits!;
    }

    [Fact]
    public void Reading_in_any_pieces_equals_the_full_pass_of_the_layers_for_every_form_of_model()
    {
        var cases = from shape in Shapes from rows in Gen.Choose(1, 15) from length in Gen.Choose(1, 40) from a in Gen.Choose(1, 40) from b in Gen.Choose(1, 40) select (shape, rows, length, a, b);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(120).WithReplay(3, 1), Prop.ForAll(cases.ToArbitrary(), one =>
        {
            using var scope = NewDisposeScope();
            using var plain = no_grad();
            using var model = Model(one.shape);
            var ids = Tokens(one.rows * one.length, seed: one.a);
            using var decoder = new LanguageDecoder(model, CPU, Fp32);
            GoldenFile.AssertClose(Full(model, ids, one.rows), Packed(decoder, ids, one.rows, one.a, one.b), 1e-4, one.shape.ToString());
        }));
    }

    [Fact]
    public void In_bfloat16_it_stays_near_the_full_pass_in_32_bits()
    {
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(40).WithReplay(5, 1), Prop.ForAll(Shapes.ToArbitrary(), shape =>
        {
            using var scope = NewDisposeScope();
            using var plain = no_grad();
            using var model = Model(shape);
            var ids = Tokens(3 * 25, seed: 2);
            using var decoder = new LanguageDecoder(model, CPU, Bf16);
            // Weights as large as these sharpen attention: what rounding moves there, later layers magnify.
            GoldenFile.AssertClose(Full(model, ids, 3), Packed(decoder, ids, 3, 20), 0.1, shape.ToString());
        }));
    }

    [Fact]
    public void Eight_bits_are_the_layers_with_their_matrices_rounded_to_127_steps_a_row()
    {
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(40).WithReplay(7, 1), Prop.ForAll(Shapes.ToArbitrary(), shape =>
        {
            using var scope = NewDisposeScope();
            using var plain = no_grad();
            // Embeddings are not rounded, so the output layer needs a matrix of its own here.
            using var model = Model(shape with { TieEmbeddings = false });
            var ids = Tokens(3 * 25, seed: 2);
            using var decoder = new LanguageDecoder(model, CPU, Int8);
            var packed = Packed(decoder, ids, 3, 20);
            foreach (var (name, weight) in model.named_parameters())
            {
                if (weight.dim() < 2 || name.StartsWith("tok_emb", StringComparison.Ordinal) || name.StartsWith("pos_emb", StringComparison.Ordinal)) continue;
                var scale = weight.abs().amax([1L], keepdim: true) / 127;
                weight.copy_((weight / scale).round() * scale);
            }
            GoldenFile.AssertClose(Full(model, ids, 3), packed, 4e-3, shape.ToString());
        }));
    }

    [Fact]
    public void What_comes_of_a_row_is_the_same_to_the_last_bit_alone_and_in_any_batch_and_pieces()
    {
        var config = new GptConfig { Layers = 2, Heads = 4, KeyValueHeads = 2, Width = 72, Context = 64, Positions = new RotaryPositionsConfig(), FeedForward = new SwiGluConfig(), Init = new Gpt2InitConfig { Std = 0.3 } };
        foreach (var format in new[] { Fp32, Bf16, Int8 })
        {
            using var scope = NewDisposeScope();
            using var plain = no_grad();
            using var model = Model(config);
            using var decoder = new LanguageDecoder(model, CPU, format);
            const int length = 37;
            var ids = Tokens(30 * length, seed: 4);
            var together = Packed(decoder, ids, 30, 1, 17, 18, 33);
            for (var row = 0; row < 30; row += 7)
            {
                var own = ids[(row * length)..((row + 1) * length)];
                Assert.True(together[row].eq(Packed(decoder, own, 1)[0]).all().item<bool>(), $"{format}: row {row} in one piece");
                Assert.True(together[row].eq(Packed(decoder, [.. own, .. own], 2, 5, 6, 7)[1]).all().item<bool>(), $"{format}: row {row} twice");
            }
        }
    }

    [Fact]
    public void The_number_of_threads_changes_nothing()
    {
        var config = new GptConfig { Layers = 2, Heads = 8, Width = 512, Context = 64, Positions = new AlibiPositionsConfig(), Init = new Gpt2InitConfig { Std = 0.1 } };
        using var plain = no_grad();
        using var model = Model(config);
        using var decoder = new LanguageDecoder(model, CPU, Bf16);
        var ids = Tokens(5 * 33, seed: 4);
        var threads = get_num_threads();
        var results = new List<Tensor>();
        try
        {
            foreach (var count in new[] { 1, 2, 3 })
            {
                set_num_threads(count);
                results.Add(Packed(decoder, ids, 5, 20, 21));
            }
        }
        finally
        {
            set_num_threads(threads);
        }
        Assert.All(results, result => Assert.True(results[0].eq(result).all().item<bool>()));
    }

    [Fact]
    public void Rows_that_are_chosen_repeated_and_dropped_go_on_with_their_own_past()
    {
        var config = new GptConfig { Layers = 2, Heads = 2, Width = 32, Context = 64, Init = new Gpt2InitConfig { Std = 0.3 } };
        using var plain = no_grad();
        using var model = Model(config);
        using var decoder = new LanguageDecoder(model, CPU, Fp32);
        using var decoding = decoder.Start(3);
        var random = new System.Random(8);
        List<int[]> rows = [.. Enumerable.Range(0, 3).Select(row => Tokens(5, row))];
        decoding.Read([.. rows.SelectMany(row => row)], 3);
        for (var step = 0; step < 45; step++)
        {
            int[] chosen = [.. Enumerable.Range(0, random.Next(1, 7)).Select(_ => random.Next(rows.Count))];
            if (step % 3 != 0)
            {
                decoding.Select(chosen);
                rows = [.. chosen.Select(row => rows[row])];
            }
            rows = [.. rows.Select(row => row.Append(random.Next(Vocabulary)).ToArray())];
            var logits = decoding.Read([.. rows.Select(row => row[^1])], rows.Count);
            GoldenFile.AssertClose(Full(model, [.. rows.SelectMany(row => row)], rows.Count), logits, 1e-4, $"step {step}");
            Assert.Equal(rows[0].Length, decoding.Length);
        }
    }

    [Theory]
    [InlineData("sinusoidal")]
    [InlineData("learned")]
    [InlineData("rotary")]
    [InlineData("alibi")]
    [InlineData("relative")]
    [InlineData("none")]
    public void An_encoder_decoder_reads_sources_of_any_lengths(string positions)
    {
        foreach (var placement in new[] { NormPlacement.Pre, NormPlacement.Post })
        {
            using var scope = NewDisposeScope();
            using var plain = no_grad();
            // Marian's form on one side: silu, and a bias of the output layer.
            var config = Seq2SeqSamples.Config(Seq2SeqSamples.PositionKinds[positions]) with { Norm = new LayerNormConfig { Placement = placement } };
            if (placement == NormPlacement.Post) config = config with { FeedForward = new SiluConfig { Width = 24 }, Embeddings = new EmbeddingsConfig { OutputBias = true } };
            using var model = Seq2SeqSamples.Model(config, seed: 4);
            model.OutputBias?.add_(arange(model.Vocabulary, dtype: ScalarType.Float32).sin());
            int[][] sources = [[3, 4, 5, 2], [6, 2], [.. Enumerable.Range(0, 23).Select(i => 3 + i % 7), 2], [2]];
            using var decoder = new TargetDecoder(model, CPU, Fp32);
            using var decoding = decoder.Start(sources);
            int[] target = [1, 5, 3, 9, 9, 4, 7, 8, 3, 3, 5, 6, 7, 8, 9, 10, 4, 3];
            int[] order = [0, 1, 2, 3];
            for (var length = 1; length <= target.Length; length++)
            {
                if (length == 9) decoding.Select(order = [2, 2, 0, 3]);
                var logits = decoding.Read([.. order.Select(_ => target[length - 1])], 4);
                for (var row = 0; row < 4; row++)
                {
                    var full = model.forward(tensor(sources[order[row]], [1, sources[order[row]].Length], ScalarType.Int64), tensor(target[..length], [1, length], ScalarType.Int64))[0, -1];
                    GoldenFile.AssertClose(full, logits[row], 1e-4, $"{placement}, {length} tokens, row {row}");
                }
            }
        }
    }

    [Fact]
    public void The_loss_through_packed_weights_is_that_of_the_layers()
    {
        using var plain = no_grad();
        using var model = Model(new GptConfig { Layers = 2, Heads = 2, Width = 32, Context = 64, Init = new Gpt2InitConfig { Std = 0.3 } });
        using var decoder = new LanguageDecoder(model, CPU, Fp32);
        // 40 rows: more tokens than one step takes, so that the rows are read in pieces.
        var ids = Tokens(40 * 30, seed: 1);
        long[] targets = [.. Tokens(40 * 30, seed: 2).Select((id, i) => i % 5 == 0 ? -100 : (long)id)];
        var logits = model.forward(tensor(ids, [40, 30], ScalarType.Int64)).view(1200, -1);
        var expected = nn.functional.cross_entropy(logits, tensor(targets), ignore_index: -100, reduction: nn.Reduction.Sum).item<float>();
        Assert.Equal(expected, decoder.LossOf(ids, targets, 40), expected * 1e-5);
    }
}
