using FsCheck;
using FsCheck.Fluent;
using Transformers.Native;

namespace Kernels.Tests;

/// <summary>Decoding in steps, with packed weights and a cache in blocks, against whole sequences in 64 bits.</summary>
[Collection("kernels")]
public class DecoderTests
{
    const int Vocabulary = 37, Positions = 50;

    sealed record Shape(int Layers, int KeyValueHeads, int Each, int HeadWidth, int Hidden, int Activation, bool Gated, bool Rms, bool Post, bool Biases, int PositionKind)
    {
        internal DecoderForm Form(bool cross = false) => new()
        {
            Layers = Layers, Width = (KeyValueHeads * Each * HeadWidth) + 3, Heads = KeyValueHeads * Each, KeyValueHeads = KeyValueHeads, HeadWidth = HeadWidth, Hidden = Hidden,
            Vocabulary = Vocabulary, Activation = Activation, Gated = Gated ? 1 : 0, Rms = Rms ? 1 : 0, PostNorm = Post ? 1 : 0, Cross = cross ? 1 : 0,
        };

        internal ReferenceDecoder Model(DecoderForm form, int seed) =>
            new(form, new Random(seed), Biases, Positions, added: PositionKind == 1, rotary: PositionKind == 2, scoreBias: PositionKind == 3) { EmbeddingScale = PositionKind == 1 ? 1.5f : 1 };
    }

    /// <summary>Every form of decoder, sizes being odd where they may be: rotary positions turn pairs of dimensions.</summary>
    static readonly Gen<Shape> Shapes =
        from layers in Gen.Choose(1, 2)
        from kvHeads in Gen.Choose(1, 3)
        from each in Gen.Choose(1, 3)
        from half in Gen.Choose(1, 12)
        from odd in Gen.Choose(0, 1)
        from hidden in Gen.Choose(1, 70)
        from activation in Gen.Choose(0, 3)
        from gated in Gen.Elements(true, false)
        from rms in Gen.Elements(true, false)
        from post in Gen.Elements(true, false)
        from biases in Gen.Elements(true, false)
        from positions in Gen.Choose(0, 3)
        select new Shape(layers, kvHeads, each, 2 * half - (positions == 2 ? 0 : odd), hidden, activation, gated, rms, post, biases, positions);

    static int[][] Tokens(int rows, int length, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows).Select(_ => Enumerable.Range(0, length).Select(_ => random.Next(Vocabulary)).ToArray())];
    }

    static double[] Flat(IEnumerable<float[]> rows) => [.. rows.SelectMany(row => row).Select(x => (double)x)];

    static void CheckAgainstReference(PackedType type, double tolerance, int count) => TestLibrary.ForEachSet(set =>
    {
        var cases = from shape in Shapes from rows in Gen.Choose(1, 15) from length in Gen.Choose(1, 35) from a in Gen.Choose(1, 35) from b in Gen.Choose(1, 35) select (shape, rows, length, a, b);
        Prop.ForAll(cases.ToArbitrary(), one =>
        {
            var form = one.shape.Form();
            var model = one.shape.Model(form, seed: one.a);
            using var packed = new PackedModel(form, model, type);
            var tokens = Tokens(one.rows, one.length, seed: one.b);
            var logits = packed.Read(tokens, packed.NewCache(one.rows, one.length, seed: 1), one.a, one.b);
            if (type == PackedType.Int8) model.RoundToEightBits();
            Memory.AssertNear([.. tokens.SelectMany(ids => model.Logits(ids)[^1])], Flat(logits), tolerance, $"{set}, {one}");
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(3, 1));
    });

    [Fact]
    public void Reading_in_any_pieces_equals_the_whole_sequence_for_every_form() => CheckAgainstReference(PackedType.Float32, 1e-5, 20);

    [Fact]
    public void In_bfloat16_it_stays_near() => CheckAgainstReference(PackedType.BFloat16, 0.05, 12);

    [Fact]
    public void Eight_bits_are_matrices_rounded_to_127_steps_a_row() => CheckAgainstReference(PackedType.Int8, 2e-3, 12);

    [Fact]
    public void Rows_attend_to_sources_of_any_lengths() => TestLibrary.ForEachSet(set => Prop.ForAll(Shapes.ToArbitrary(), shape =>
    {
        var form = shape.Form(cross: true);
        var model = shape.Model(form, seed: 5);
        using var packed = new PackedModel(form, model, PackedType.Float32);
        long[] lengths = [1, 20, 7];
        const int longest = 21;
        var memory = Memory.Normal(new Random(6), lengths.Length * longest * form.Width);
        var sources = packed.NewCache(lengths.Length, longest, seed: 2);
        packed.ReadSources(sources, memory, longest, lengths);
        var tokens = Tokens(lengths.Length, 5, seed: 7);
        var cache = packed.NewCache(lengths.Length, 5, seed: 3);
        for (var position = 0; position < 5; position++)
        {
            var logits = packed.Step(cache, [.. tokens.Select((ids, row) => (ids[position], position, row))], [0, 1, 2], sources, lengths);
            for (var row = 0; row < lengths.Length; row++)
            {
                double[][] own = [.. Enumerable.Range(0, (int)lengths[row]).Select(s => memory.AsSpan((int)((row * longest + s) * form.Width), (int)form.Width).ToArray().Select(x => (double)x).ToArray())];
                Memory.AssertNear(model.Logits(tokens[row][..(position + 1)], own)[^1], Flat([logits[row]]), 1e-5, $"{set}, {shape}, row {row}, position {position}");
            }
        }
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(10).WithReplay(3, 1)));

    static readonly Shape Large = new(2, 4, 2, 32, 700, 2, Gated: true, Rms: false, Post: false, Biases: true, PositionKind: 2);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Threads_batches_and_pieces_change_no_bit_of_a_row(int type)
    {
        var form = Large.Form();
        var model = Large.Model(form, seed: 1);
        using var packed = new PackedModel(form, model, (PackedType)type);
        var tokens = Tokens(9, 33, seed: 2);
        float[][] Read(int[][] rows, params int[] cuts) => packed.Read(rows, packed.NewCache(rows.Length, 33, seed: 3), cuts);
        var expected = Read(tokens);
        for (var row = 0; row < tokens.Length; row += 4) Assert.Equal(expected[row], Read([tokens[row]], 16, 17, 18)[0]);
        foreach (var threads in new[] { 2, 3, 5 })
            TestLibrary.WithThreads(threads, () => Assert.Equal(expected, Read(tokens, 7, 30, 31, 32)));
        // A pool whose threads come one after the other, after the first has finished everything.
        TestLibrary.WithPretendedThreads(4, () => Assert.Equal(expected, Read(tokens, 20)));
    }

    [Fact]
    public void Tokens_of_one_row_wait_for_the_keys_before_them()
    {
        var form = Large.Form();
        using var packed = new PackedModel(form, Large.Model(form, seed: 1), PackedType.Float32);
        var tokens = Tokens(1, 48, seed: 2);
        var expected = packed.Read(tokens, packed.NewCache(1, 48, seed: 3));
        // A cache starts as what is not a number: one key that is read before it is written spoils everything after it.
        TestLibrary.WithThreads(3, () =>
        {
            for (var i = 0; i < 60; i++) Assert.Equal(expected, packed.Read(tokens, packed.NewCache(1, 48, seed: i)));
        });
    }

    [Fact]
    public void Blocks_are_copied_whole()
    {
        const int elements = 40;
        var cache = Memory.Pinned(Enumerable.Range(0, 5 * elements).Select(i => (float)i));
        unsafe
        {
            DecoderKernels.Copy(Memory.At(cache), 5, elements * sizeof(float), [1, 4, 2], [3, 0, 2]);
            Assert.Throws<ArgumentException>(() => DecoderKernels.Copy(Memory.At(cache), 5, elements * sizeof(float), [1], [5]));
        }
        int[] origins = [4, 1, 2, 1, 4];
        Assert.Equal(origins.SelectMany(block => Enumerable.Range(block * elements, elements)).Select(i => (float)i), cache);
    }

    [Fact]
    public void Steps_that_would_leave_their_memory_are_refused()
    {
        var form = (Large with { PositionKind = 1 }).Form();
        using var packed = new PackedModel(form, (Large with { PositionKind = 1 }).Model(form, seed: 1), PackedType.Float32);
        var cache = packed.NewCache(2, 64, seed: 1);
        string Refusal(PackedModel.Cache cache, (int, int, int) token, long wanted = 0) => Assert.Throws<ArgumentException>(() => packed.Step(cache, [token], [wanted])).Message;
        Assert.Contains("embedding", Refusal(cache, (Vocabulary, 0, 0)));
        Assert.Contains("embedding", Refusal(cache, (-1, 0, 0)));
        Assert.Contains("tables of positions", Refusal(cache, (0, Positions, 0)));
        Assert.Contains("tables of positions", Refusal(cache, (0, -1, 0)));
        Assert.Contains("room in the cache", Refusal(cache, (0, 0, 2)));
        Assert.Contains("room in the cache", Refusal(packed.NewCache(1, 16, seed: 1), (0, 16, 0)));
        Assert.Contains("logits", Refusal(cache, (0, 0, 0), wanted: 1));
        cache.Damage(row: 1);
        Assert.Contains("room in the cache", Refusal(cache, (0, 0, 1)));
        unsafe
        {
            var noise = Memory.Zeros<float>(4096);
            Assert.Contains("tk_decoder_pack", Assert.Throws<ArgumentException>(() => DecoderKernels.Step(new DecoderStep { Weights = Memory.At(noise) })).Message);
            nint[] parts = new nint[2 * (2 * 6 + 2)];
            Assert.Contains("matrix", Assert.Throws<ArgumentException>(() => DecoderKernels.Size(form, parts, PackedType.Float32, 1e-5)).Message);
            Assert.Contains("28 weights", Assert.Throws<ArgumentException>(() => DecoderKernels.Size(form, parts[1..], PackedType.Float32, 1e-5)).Message);
        }
    }
}
