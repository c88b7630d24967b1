namespace Transformers.Tests.Tokenizers;

public class WordPieceTests : TempFolderTest
{
    sealed record Golden(string[] Texts, int[][] Uncased, int[][] Cased);

    static readonly Golden Expected = JsonSerializer.Deserialize<Golden>(File.ReadAllText(Repository.Golden("data", "wordpiece.json")), new JsonSerializerOptions { PropertyNameCaseInsensitive = true })!;

    static WordPieceVocabulary Load(string name) => Assert.IsType<WordPieceVocabulary>(TokenizerFile.Load(Repository.Golden("data", $"wordpiece-{name}.txt")));

    [Theory]
    [InlineData("uncased")]
    [InlineData("cased")]
    public void Ids_are_those_of_Hugging_Face(string name)
    {
        var tokenizer = Load(name);
        Assert.Equal(name == "uncased", tokenizer.LowerCase);
        var ids = name == "uncased" ? Expected.Uncased : Expected.Cased;
        for (var i = 0; i < Expected.Texts.Length; i++)
        {
            Assert.Equal(ids[i], tokenizer.EncodeToIds(Expected.Texts[i]));
            var utf8 = new List<int>();
            tokenizer.EncodeToIds(Encoding.UTF8.GetBytes(Expected.Texts[i]), utf8);
            Assert.Equal(ids[i], utf8);
        }
    }

    [Fact]
    public void Pieces_join_to_words_with_single_spaces()
    {
        var tokenizer = Load("uncased");
        Assert.Equal("the bees bridged rivers", tokenizer.Decode(tokenizer.EncodeToIds("The BEES\n bridged  rivers")));
        var decoder = tokenizer.CreateDecoder();
        Assert.Equal("the bees", string.Concat(tokenizer.EncodeToIds("the bees").Select(decoder.Append)) + decoder.Finish());
        Assert.Equal(" the", tokenizer.TextOf(tokenizer.EncodeToIds("the")[0]));
    }

    [Fact]
    public void Offsets_are_those_of_the_normalized_text()
    {
        var tokens = Load("uncased").EncodeToTokens("The Rivers!", out var normalized);
        Assert.Equal("the rivers!", normalized);
        Assert.Equal([("the", 0, 3), ("river", 4, 9), ("##s", 9, 10), ("!", 10, 11)], tokens.Select(token => (token.Value, token.Offset.Start.Value, token.Offset.End.Value)));
    }

    [Fact]
    public void Bert_names_its_special_tokens_in_its_own_way()
    {
        var tokenizer = Load("uncased");
        Assert.Equal(new SpecialIds(0, 2, 3, 4), SpecialIds.Of(tokenizer));
        Assert.Equal(3, tokenizer.EndOfTextId);
        Assert.True(tokenizer.BytesOf(4).IsEmpty);
    }

    [Fact]
    public void What_is_saved_is_read_back_as_the_same_tokenizer()
    {
        foreach (var name in (string[])["uncased", "cased"])
        {
            var tokenizer = Load(name);
            tokenizer.Save(folder[tokenizer.FileName]);
            var back = Assert.IsType<WordPieceVocabulary>(TokenizerFile.Load(folder["tokenizer.json"]));
            Assert.Equal((tokenizer.Hash, tokenizer.LowerCase), (back.Hash, back.LowerCase));
            Assert.Equal(tokenizer.SpecialTokens, back.SpecialTokens);
            Assert.Equal(tokenizer.ToBytes(), back.ToBytes());
        }
        Assert.NotEqual(Load("uncased").Hash, Load("cased").Hash);
    }

    [Fact]
    public void The_description_beside_a_vocabulary_says_whether_it_is_cased()
    {
        File.Copy(Repository.Golden("data", "wordpiece-uncased.txt"), folder["vocab.txt"]);
        File.WriteAllText(folder["tokenizer_config.json"], """{"do_lower_case": false}""");
        Assert.False(Assert.IsType<WordPieceVocabulary>(TokenizerFile.Load(folder["."])).LowerCase);
        File.WriteAllText(folder["tokenizer_config.json"], """{"other": 1}""");
        Assert.True(Assert.IsType<WordPieceVocabulary>(TokenizerFile.Load(folder["."])).LowerCase);
        File.WriteAllText(folder["tokenizer_config.json"], "{");
        Assert.Contains("tokenizer_config.json", Assert.Throws<UserException>(() => TokenizerFile.Load(folder["."])).Message);
    }

    [Fact]
    public void Text_that_comes_in_parts_has_the_ids_of_the_whole()
    {
        var tokenizer = Load("cased");
        var text = string.Concat(Enumerable.Repeat(string.Join(' ', Expected.Texts), 300));
        var (streamed, encoder) = (new List<int>(), tokenizer.CreateEncoder());
        foreach (var part in Encoding.UTF8.GetBytes(text).Chunk(10_007)) encoder.Append(part, streamed);
        encoder.Finish(streamed);
        Assert.Equal(tokenizer.EncodeToIds(text), streamed);
    }

    [Theory]
    [InlineData("[PAD]\na\na\n[UNK]\n", "vocab.txt:3: token 'a' appears twice")]
    [InlineData("a\n\nb\n[UNK]\n", "vocab.txt:2: the token of id 1 is empty")]
    [InlineData("a\nb\n", "has no token '[UNK]'")]
    public void A_damaged_vocabulary_is_refused_with_its_line(string lines, string message) =>
        Assert.Contains(message, Assert.Throws<UserException>(() => TokenizerFile.Load(folder.Write("vocab.txt", lines))).Message);

    [Theory]
    [InlineData("\"BertNormalizer\"", "\"NFC\"", "'NFC' is not supported")]
    [InlineData("\"clean_text\": true", "\"clean_text\": false", "normalizer.clean_text")]
    [InlineData("\"BertPreTokenizer\"", "\"Whitespace\"", "'Whitespace' is not supported")]
    [InlineData("\"continuing_subword_prefix\": \"##\"", "\"continuing_subword_prefix\": \"@@\"", "'@@' is not supported")]
    [InlineData("\"max_input_chars_per_word\": 100", "\"max_input_chars_per_word\": 7", "max_input_chars_per_word")]
    [InlineData("\"truncation\": null", "\"truncation\": {}", "truncation")]
    [InlineData("\"special\": true", "\"special\": false", "not special")]
    [InlineData("\"[MASK]\": 4", "\"[MASK]\": 4000", "no token has id 4")]
    [InlineData("\"[MASK]\": 4", "\"[MASK]\": 3", "have the same id 3")]
    [InlineData("\"[MASK]\": 4", "\"[MASK]\": \"x\"", "must be a whole number")]
    [InlineData("\"version\": \"1.0\"", "\"version\": \"2.0\"", "version")]
    public void What_a_file_can_ask_for_and_the_program_cannot_do_is_named(string part, string changed, string named)
    {
        var json = Encoding.UTF8.GetString(Load("uncased").ToBytes());
        Assert.Contains(part, json);
        Assert.Contains(named, Assert.Throws<UserException>(() => TokenizerFile.Load(folder.Write("tokenizer.json", json.Replace(part, changed)))).Message);
    }
}
