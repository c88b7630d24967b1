using System.Buffers;
using Library = Microsoft.ML.Tokenizers.Tokenizer;

namespace Transformers.Tests.Tokenizers;

/// <summary>What a program sees that knows tokenizers as Microsoft.ML.Tokenizers' alone.</summary>
public class LibraryTokenizerTests
{
    static readonly TextTokenizer Bpe = BpeTrainer.Train([new MemoryStream(Encoding.UTF8.GetBytes(TextSamples.Words(1, 3000)))],
        new() { VocabularySize = 400, Pattern = SplitPattern.Cl100k });

    public static TheoryData<string> Kinds => ["bpe", "bytes", "characters", "words"];

    const string Text = "abc, it's 12345 é 中𠀀!  \n end";

    static Library Of(string kind) => kind switch
    {
        "bpe" => Bpe,
        "bytes" => new ByteTokenizer(),
        "characters" => CharacterTokenizer.FromText(Text),
        _ => WordTokenizer.Train([Text], ["</s>"]),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Ids_counts_and_tokens_agree_and_offsets_cover_their_text(string kind)
    {
        var tokenizer = Of(kind);
        var ids = tokenizer.EncodeToIds(Text);
        Assert.Equal(ids, tokenizer.EncodeToIds(Text.AsSpan()));
        Assert.Equal(ids.Count, tokenizer.CountTokens(Text));
        var tokens = tokenizer.EncodeToTokens(Text, out var normalized);
        Assert.Null(normalized);
        Assert.Equal(ids, tokens.Select(token => token.Id));
        foreach (var token in tokens)
            if (!token.Value.Contains('\uFFFD')) Assert.Equal(token.Value, Text[token.Offset]);
        Assert.Equal(kind == "words" ? string.Join(' ', Text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)) : Text, tokenizer.Decode(ids));
    }

    [Fact]
    public void A_token_of_a_part_of_a_character_has_the_whole_character_as_its_offset()
    {
        var tokens = new ByteTokenizer().EncodeToTokens("a𠀀é", out _);
        Assert.Equal([(0, 1), (1, 3), (1, 3), (1, 3), (1, 3), (3, 4), (3, 4)], tokens.Select(token => (token.Offset.Start.Value, token.Offset.End.Value)));
    }

    [Fact]
    public void A_limit_on_tokens_never_cuts_a_character()
    {
        Library tokenizer = new ByteTokenizer();
        for (var (limit, expected) = (1, new[] { 0, 1, 1, 1, 1, 3, 3, 4, 4 }); limit <= 8; limit++)
        {
            var ids = tokenizer.EncodeToIds("a𠀀é", limit, out _, out var consumed);
            Assert.Equal(expected[limit], consumed);
            Assert.Equal("a𠀀é"[..consumed], tokenizer.Decode(ids));
            Assert.Equal(consumed, tokenizer.GetIndexByTokenCount("a𠀀é", limit, out _, out var count));
            Assert.Equal(ids.Count, count);
        }
        int[] starts = [4, 4, 3, 3, 3, 3, 1, 0];
        for (var limit = 1; limit <= starts.Length - 1; limit++)
        {
            Assert.Equal(starts[limit], tokenizer.GetIndexByTokenCountFromEnd("a𠀀é", limit, out _, out var count));
            Assert.Equal(count, tokenizer.CountTokens("a𠀀é"[starts[limit]..]));
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.EncodeToIds("a", 0, out _, out _));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Decoding_into_a_buffer_stops_at_whole_characters_and_goes_on_from_there(string kind)
    {
        var tokenizer = Of(kind);
        var ids = tokenizer.EncodeToIds(Text);
        var whole = tokenizer.Decode(ids);
        for (var size = 0; size <= whole.Length; size++)
        {
            var buffer = new char[size];
            var status = tokenizer.Decode(ids, buffer, out var consumed, out var written);
            Assert.Equal(size == whole.Length ? OperationStatus.Done : OperationStatus.DestinationTooSmall, status);
            Assert.Equal(whole[..written], new string(buffer, 0, written));
            Assert.Equal(whole[..written], tokenizer.Decode(ids.Take(consumed)));
            Assert.Equal(size == whole.Length, consumed == ids.Count);
        }
        Assert.Equal(OperationStatus.InvalidData, tokenizer.Decode([1_000_000], new char[10], out _, out _));
    }

    [Fact]
    public void Bytes_that_are_no_text_decode_to_replacement_characters_in_either_way()
    {
        Library tokenizer = new ByteTokenizer();
        var buffer = new char[8];
        Assert.Equal(OperationStatus.Done, tokenizer.Decode([0xE4, 0xB8, 'x', 0xF0, 0x9F], buffer, out var consumed, out var written));
        Assert.Equal((5, tokenizer.Decode([0xE4, 0xB8, 'x', 0xF0, 0x9F])), (consumed, new string(buffer, 0, written)));
    }

    [Fact]
    public void Pieces_are_offered_as_a_pre_tokenizer_and_can_be_left_out()
    {
        Assert.Null(Bpe.Normalizer);
        Assert.Null(new ByteTokenizer().PreTokenizer);
        var pieces = Bpe.PreTokenizer!.PreTokenize(Text).Select(piece => Text.Substring(piece.Offset, piece.Length)).ToList();
        Assert.Equal(["abc", ",", " it", "'s", " ", "123", "45", " é", " 中𠀀", "!", "  \n", " end"], pieces);
        Assert.Equal(pieces.SelectMany(piece => Bpe.EncodeToIds(piece)), Bpe.EncodeToIds(Text));
        var joined = BpeTrainer.Train([new MemoryStream(Encoding.UTF8.GetBytes("a b a b a b"))], new() { VocabularySize = 258, Pattern = SplitPattern.None, SpecialTokens = [] });
        var split = new ByteLevelBpeTokenizer(new() { Tokens = [.. joined.Definition.Tokens], Merges = joined.Definition.Merges, Special = joined.SpecialTokens, Pattern = SplitPattern.Gpt2 });
        Assert.Equal(joined.EncodeToIds("a b"), split.EncodeToIds("a b", considerPreTokenization: false));
        Assert.NotEqual(joined.EncodeToIds("a b"), split.EncodeToIds("a b"));
    }

    [Fact]
    public void A_lone_surrogate_is_the_users_error() =>
        Assert.Contains("lone surrogate U+D800 at index 1", Assert.Throws<UserException>(() => new ByteTokenizer().CountTokens("a\ud800")).Message);
}
