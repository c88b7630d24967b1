using FsCheck;
using FsCheck.Fluent;

namespace Transformers.Tests.Tokenizers;

public class RoundTripTests
{
    static readonly TextTokenizer[] ByteTokenizers =
    [
        new ByteTokenizer(), .. Enum.GetValues<SplitPattern>().Select(pattern => BpeTrainer.Train(
            [new MemoryStream(Encoding.UTF8.GetBytes(TextSamples.Words(1, 2000) + TextSamples.Make(1, 5000, astral: true)))],
            new() { VocabularySize = 500, Pattern = pattern })),
    ];

    static readonly Arbitrary<string> Strings = ArbMap.Default.GeneratorFor<int>()
        .Select(seed => TextSamples.Make(seed, (int)((uint)seed % 300), astral: true)).ToArbitrary();

    static readonly Arbitrary<byte[]> Bytes = ArbMap.Default.GeneratorFor<int>().Select(seed =>
    {
        // Well-formed text with some bytes overwritten, so that characters are cut and joined.
        var bytes = Encoding.UTF8.GetBytes(TextSamples.Make(seed, (int)((uint)seed % 200), astral: true));
        var random = new Random(seed);
        for (var i = 0; i < bytes.Length / 10; i++) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        return bytes;
    }).ToArbitrary();

    static List<int> Encode(TextTokenizer tokenizer, ReadOnlySpan<byte> bytes)
    {
        var ids = new List<int>();
        tokenizer.EncodeToIds(bytes, ids);
        return ids;
    }

    [Fact]
    public void Decoding_what_was_encoded_gives_the_text_back() => Prop.ForAll(Strings, text =>
    {
        foreach (var tokenizer in ByteTokenizers)
        {
            var ids = tokenizer.EncodeToIds(text);
            Assert.Equal(text, tokenizer.Decode(ids));
            Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
            Assert.Equal(ids.Count, tokenizer.CountTokens(text));
        }
        if (text.Length == 0) return;
        var characters = CharacterTokenizer.FromText(text);
        Assert.Equal(text, characters.Decode(characters.EncodeToIds(text)));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Decoding_gives_any_bytes_back() => Prop.ForAll(Bytes, bytes =>
    {
        foreach (var tokenizer in ByteTokenizers) Assert.Equal(bytes, tokenizer.DecodeToBytes(Encode(tokenizer, bytes)));
    }).QuickCheckThrowOnFailure();

    [Trait("Category", "slow")]
    [Fact]
    public void A_streamed_text_has_the_ids_of_the_whole()
    {
        foreach (var tokenizer in ByteTokenizers)
            for (var seed = 0; seed < 4; seed++)
            {
                var bytes = Encoding.UTF8.GetBytes(TextSamples.Make(seed, 60_000, astral: true) + new string(' ', seed * 100_000));
                var (random, streamed, encoder) = (new Random(seed), new List<int>(), tokenizer.CreateEncoder());
                for (int at = 0, part; at < bytes.Length; at += part)
                {
                    part = Math.Min(bytes.Length - at, random.Next(3) == 0 ? random.Next(1, 5) : random.Next(1, 50_000));
                    encoder.Append(bytes.AsSpan(at, part), streamed);
                }
                encoder.Finish(streamed);
                Assert.Equal(Encode(tokenizer, bytes), streamed);
            }
    }

    [Fact]
    public void Streamed_decoding_gives_out_whole_characters_and_the_same_text() => Prop.ForAll(Bytes, bytes =>
    {
        foreach (var tokenizer in ByteTokenizers)
        {
            var ids = Encode(tokenizer, bytes);
            var (decoder, text) = (tokenizer.CreateDecoder(), new StringBuilder());
            foreach (var id in ids)
            {
                var part = decoder.Append(id);
                Assert.False(part.Length > 0 && (char.IsLowSurrogate(part[0]) || char.IsHighSurrogate(part[^1])), "half a character was given out");
                text.Append(part);
            }
            text.Append(decoder.Finish());
            Assert.Equal(tokenizer.Decode(ids), text.ToString());
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void An_emoji_of_several_tokens_appears_with_its_last_byte()
    {
        var decoder = new ByteTokenizer().CreateDecoder();
        Assert.Equal(["", "", "", "👍"], Encoding.UTF8.GetBytes("👍").Select(b => decoder.Append(b)));
        Assert.Equal("", decoder.Append(0xF0));
        Assert.Equal("\uFFFD", decoder.Finish());
    }

    [Fact]
    public void Any_sequence_of_ids_is_decoded_and_a_foreign_id_is_refused()
    {
        var random = new Random(1);
        foreach (var tokenizer in ByteTokenizers)
        {
            var ids = Enumerable.Range(0, 2000).Select(_ => random.Next(tokenizer.VocabularySize)).ToArray();
            Assert.NotEmpty(tokenizer.Decode(ids));
            Assert.Throws<UserException>(() => tokenizer.Decode([tokenizer.VocabularySize]));
            Assert.Throws<UserException>(() => tokenizer.Decode([-1]));
        }
    }

    [Fact]
    public void A_lone_surrogate_is_refused_with_its_place()
    {
        foreach (var tokenizer in ByteTokenizers)
        {
            Assert.Contains("U+D83D at index 2", Assert.Throws<UserException>(() => tokenizer.EncodeToIds("ab\ud83d c")).Message);
            Assert.Throws<UserException>(() => tokenizer.EncodeToIds("\udc4d"));
        }
    }

    [Fact]
    public void Long_pieces_are_merged_as_short_ones_are()
    {
        var tokenizer = (ByteLevelBpeTokenizer)ByteTokenizers[1];
        Assert.Equal(SplitPattern.None, tokenizer.Pattern);
        var merges = tokenizer.Merges.Select(merge => (merge.Left, merge.Right)).ToList();
        foreach (var text in (string[])[TextSamples.Words(4, 300), TextSamples.Make(9, 500, astral: true), new string('a', 999), "short", new string('b', 96), new string('b', 97)])
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            Assert.Equal(ReferenceBpe.Encode(bytes, merges), Encode(tokenizer, bytes));
        }
    }

    [Fact]
    [Trait("Category", "slow")]
    public void Encoding_on_several_threads_at_once_gives_the_same_ids()
    {
        var text = Encoding.UTF8.GetBytes(TextSamples.Words(11, 20_000));
        foreach (var tokenizer in ByteTokenizers)
        {
            var expected = Encode(tokenizer, text);
            Parallel.For(0, 8, _ => Assert.Equal(expected, Encode(tokenizer, text)));
        }
    }
}
