using System.Text.Json.Nodes;

namespace Transformers.Tests.Tokenizers;

public class WordTokenizerTests : TempFolderTest
{
    // Hugging Face's implementation in JavaScript refuses a file that does not name all of them.
    [Fact]
    public void A_file_names_every_part_of_the_format()
    {
        var document = JsonNode.Parse(WordTokenizer.Train(["one two"], ["<pad>", "<unk>"]).ToBytes())!.AsObject();
        Assert.Equal(["version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"], document.Select(part => part.Key));
    }

    [Fact]
    public void Special_tokens_come_first_and_words_in_order_after_them()
    {
        var tokenizer = WordTokenizer.Train(["10 9\t1", "9  1\n"], ["<pad>", "</s>"]);
        Assert.Equal(5, tokenizer.VocabularySize);
        Assert.Equal([2, 3, 4], tokenizer.EncodeToIds("1 10 9"));
        Assert.Equal("1 10 9", tokenizer.Decode([2, 3, 1, 4]));
        Assert.Equal(1, tokenizer.EndOfTextId);
        var ids = new List<int>();
        tokenizer.EncodeToIds("9 9"u8, ids);
        Assert.Equal([4, 4], ids);
    }

    [Fact]
    public void A_word_that_looks_like_a_special_token_is_no_special_token() =>
        Assert.Throws<UserException>(() => WordTokenizer.Train(["a"], ["<pad>"]).EncodeToIds("a <pad>"));

    [Fact]
    public void A_text_that_writes_a_special_token_as_a_word_gives_a_vocabulary_that_is_read_back()
    {
        var path = Path.Combine(folder.FullPath, "tokenizer.json");
        var tokenizer = WordTokenizer.Train(["the <unk> sat <pad>"], ["<pad>", "<unk>"]);
        Assert.Equal(4, tokenizer.VocabularySize);
        Assert.Equal([3, 1, 2, 1], tokenizer.EncodeToIds("the <unk> sat <pad>"));
        tokenizer.Save(path);
        Assert.Equal(tokenizer.Hash, TokenizerFile.Load(path).Hash);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    public void An_id_outside_the_vocabulary_is_refused(int id)
    {
        var tokenizer = WordTokenizer.Train(["a b"], ["<pad>"]);
        Assert.Contains("0 to 2", Assert.Throws<UserException>(() => tokenizer.Decode([1, id])).Message);
        Assert.Contains("0 to 2", Assert.Throws<UserException>(() => tokenizer.BytesOf(id)).Message);
    }

    [Fact]
    public void An_unknown_word_is_the_users_error_unless_there_is_a_token_for_it()
    {
        Assert.Contains("zebra", Assert.Throws<UserException>(() => WordTokenizer.Train(["a"], []).EncodeToIds("a zebra")).Message);
        Assert.Equal([1, 0], WordTokenizer.Train(["a"], ["<unk>"]).EncodeToIds("a zebra"));
    }

    [Fact]
    public void What_was_saved_is_read_back_the_same()
    {
        var path = Path.Combine(folder.FullPath, "tokenizer.json");
        var tokenizer = WordTokenizer.Train(["ä € \"quoted\" 1 2"], ["<pad>", "<s>"]);
        tokenizer.Save(path);
        var again = Assert.IsType<WordTokenizer>(TokenizerFile.Load(path));
        Assert.Equal(tokenizer.Hash, again.Hash);
        Assert.Equal(tokenizer.EncodeToIds("€ 2 ä"), again.EncodeToIds("€ 2 ä"));
        Assert.NotEqual(tokenizer.Hash, WordTokenizer.Train(["ä € \"quoted\" 1 2 3"], ["<pad>", "<s>"]).Hash);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(4)]
    public void An_id_that_no_word_has_is_the_users_error(int id)
    {
        var tokenizer = WordTokenizer.Train(["a b"], ["<pad>", "<s>"]);
        foreach (var decode in new Action[] { () => tokenizer.Decode([id]), () => tokenizer.BytesOf(id), () => tokenizer.Decode([id], withSpecialTokens: true) })
            Assert.Contains($"token id {id} is not in the vocabulary: ids run from 0 to 3", Assert.Throws<UserException>(decode).Message);
    }

    [Theory]
    [InlineData("{\"version\":\"1.0\",\"model\":{\"type\":\"WordLevel\"}}")]
    [InlineData("{\"version\":\"1.0\",\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"b\":2}}}")]
    [InlineData("{\"version\":\"1.0\",\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"b\":0}}}")]
    [InlineData("{\"version\":\"1.0\",\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":-1,\"b\":0}}}")]
    [InlineData("{\"version\":\"1.0\",\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"a\":1}}}")]
    [InlineData("{\"version\":\"1.0\",\"added_tokens\":[{\"content\":\"b\"}],\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"b\":1}}}")]
    [InlineData("{\"version\":\"1.0\",\"model\":\"WordLevel\"}")]
    [InlineData("{\"version\":\"1.0\",\"WordLevel\"")]
    public void A_damaged_vocabulary_is_the_users_error(string json) =>
        Assert.Throws<UserException>(() => TokenizerFile.Load(folder.Write("tokenizer.json", json)));
}
