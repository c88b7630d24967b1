using static TorchSharp.torch;
using static Transformers.Tests.Models.Seq2SeqSamples;

namespace Transformers.Tests.Models;

[Collection("engine")]
public class Seq2SeqTests : TensorTest
{
    public static TheoryData<string> Kinds => [.. PositionKinds.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Padding_never_changes_a_result(string positions)
    {
        using var plain = no_grad();
        var model = Model(Config(PositionKinds[positions]));
        var alone = model.forward(Ids([3, 4, 2]), Ids([1, 5]));
        var mask = PaddingMask.Of([3, 6], 6, CPU);
        // The padding holds other tokens too: not even they may be seen.
        var together = model.forward(Ids([3, 4, 2, 9, 9, 9], [8, 7, 6, 5, 4, 2]), Ids([1, 5, 7, 7], [1, 9, 9, 10]), mask);
        Assert.True(Difference(alone[0], together[0, ..2]) < 1e-5);
        // And without the mask it would show.
        Assert.True(Difference(alone[0], model.forward(Ids([3, 4, 2, 9, 9, 9]), Ids([1, 5]))[0]) > 1e-3);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Decoding_token_by_token_equals_the_full_pass(string positions)
    {
        using var plain = no_grad();
        var model = Model(Config(PositionKinds[positions]));
        var mask = PaddingMask.Of([5, 3], 5, CPU);
        var memory = model.Encode(Ids([3, 4, 5, 6, 2], [7, 8, 2, 0, 0]), mask);
        var target = Ids([1, 5, 6, 7, 8, 9], [1, 3, 3, 10, 4, 4]);
        var whole = model.Decode(target, memory, mask);
        using var cache = model.NewCache();
        var parts = new List<Tensor> { model.Decode(target[.., ..2], memory, mask, cache) };
        // From here on the source is in the cache.
        for (var t = 2; t < 6; t++) parts.Add(model.Decode(target[.., t..(t + 1)], null, mask, cache));
        Assert.True(Difference(whole, cat(parts, 1)) < 1e-5);
        Assert.Equal(6, cache.Length);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_later_target_token_changes_nothing_before_it_but_any_source_token_does(string positions)
    {
        using var plain = no_grad();
        var model = Model(Config(PositionKinds[positions]));
        var before = model.forward(Ids([3, 4, 5, 2]), Ids([1, 5, 6, 7]));
        var after = model.forward(Ids([3, 4, 5, 2]), Ids([1, 5, 6, 9]));
        Assert.Equal(0, Difference(before[0, ..3], after[0, ..3]));
        Assert.True(Difference(before[0, 3], after[0, 3]) > 1e-3);
        Assert.True(Difference(before, model.forward(Ids([3, 4, 9, 2]), Ids([1, 5, 6, 7]))) > 1e-3);
        // The encoder sees what follows, too.
        Assert.True(Difference(model.Encode(Ids([3, 4, 5, 2]))[0, 0], model.Encode(Ids([3, 4, 9, 2]))[0, 0]) > 1e-3);
    }

    [Fact]
    public void Rows_of_the_cache_can_be_chosen_with_and_without_their_sources()
    {
        using var plain = no_grad();
        var model = Model(Config());
        var memory = model.Encode(Ids([3, 4, 2], [7, 8, 2]));
        using var cache = model.NewCache();
        model.Decode(Ids([1, 5], [1, 6]), memory, null, cache);
        cache.Select(tensor(new long[] { 1, 1, 0 }));
        var got = model.Decode(Ids([7], [8], [9]), null, null, cache);
        Assert.True(Difference(got[0, 0], model.Decode(Ids([1, 6, 7]), memory[1..2])[0, 2]) < 1e-5);
        Assert.True(Difference(got[2, 0], model.Decode(Ids([1, 5, 9]), memory[0..1])[0, 2]) < 1e-5);
        cache.Select(tensor(new long[] { 1, 0, 2 }), sameSources: true);
        got = model.Decode(Ids([3], [3], [3]), null, null, cache);
        Assert.True(Difference(got[0, 0], model.Decode(Ids([1, 6, 8, 3]), memory[1..2])[0, 3]) < 1e-5);
    }

    [Fact]
    public void Embeddings_are_one_matrix_two_or_three_as_the_config_says()
    {
        var config = Config();
        Assert.Single(Matrices(new Seq2Seq(config, 9, 9, shared: true)));
        Assert.Equal(2, Matrices(new Seq2Seq(config, 9, 7, shared: false)).Count());
        Assert.Equal(2, Matrices(new Seq2Seq(config with { Embeddings = new() { Shared = false } }, 9, 9, shared: true)).Count());
        Assert.Equal(3, Matrices(new Seq2Seq(config with { Embeddings = new() { TieOutput = false } }, 9, 7, shared: false)).Count());
        Assert.Contains("embeddings.shared", Assert.Throws<UserException>(() => new Seq2Seq(config with { Embeddings = new() { Shared = true } }, 9, 7, shared: false)).Message);

        static IEnumerable<string> Matrices(Seq2Seq model) => model.named_parameters().Select(named => named.name)
            .Where(name => name is "src_emb.weight" or "tgt_emb.weight" or "head.weight");
    }

    [Fact]
    public void More_tokens_than_the_context_are_refused()
    {
        var model = Model(Config());
        Assert.Contains("41", Assert.Throws<ArgumentException>(() => model.Encode(ones(1, 41, dtype: ScalarType.Int64))).Message);
        Assert.Throws<ArgumentException>(() => PaddingMask.Of([0, 2], 2, CPU));
    }
}
