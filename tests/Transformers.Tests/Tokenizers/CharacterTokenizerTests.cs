namespace Transformers.Tests.Tokenizers;

public class CharacterTokenizerTests
{
    [Fact]
    public void Ids_follow_the_order_of_the_characters()
    {
        var tokenizer = CharacterTokenizer.FromText("héllo 𠀀\n");
        Assert.Equal(7, tokenizer.VocabularySize);
        Assert.Equal([2, 5, 3, 3, 4, 1, 6, 0], tokenizer.EncodeToIds("héllo 𠀀\n"));
        Assert.Null(tokenizer.EndOfTextId);
    }

    [Fact]
    public void Special_tokens_stand_behind_the_characters()
    {
        var tokenizer = CharacterTokenizer.FromText("ab", ["<|endoftext|>"]);
        Assert.Equal(2, tokenizer.EndOfTextId);
        Assert.Equal(3, tokenizer.VocabularySize);
        Assert.Equal("ab", tokenizer.Decode([0, 2, 1]));
        Assert.Throws<UserException>(() => CharacterTokenizer.FromText("ab", ["a"]));
    }

    [Fact]
    public void What_the_vocabulary_lacks_is_refused_by_name()
    {
        var tokenizer = CharacterTokenizer.FromText("abc");
        Assert.Contains("'z' (U+007A)", Assert.Throws<UserException>(() => tokenizer.EncodeToIds("az")).Message);
        Assert.Contains("U+0000", Assert.Throws<UserException>(() => tokenizer.EncodeToIds("\0")).Message);
        Assert.Contains("'𠀀'", Assert.Throws<UserException>(() => tokenizer.EncodeToIds("𠀀")).Message);
        Assert.Throws<UserException>(() => tokenizer.EncodeToIds([0x61, 0xFF], []));
    }

    [Fact]
    public void An_encoder_counts_the_lines_of_each_text_anew()
    {
        var (encoder, ids) = (CharacterTokenizer.FromText("a\n").CreateEncoder(), new List<int>());
        encoder.Append("a\na\n"u8, ids);
        encoder.Finish(ids);
        encoder.Append("a\nz"u8, ids);
        Assert.Equal(2, Assert.Throws<UserException>(() => encoder.Finish(ids)).Problems[0].Line);
    }

    [Fact]
    public void A_text_that_is_empty_or_cut_inside_a_character_is_refused_with_the_place()
    {
        Assert.Throws<UserException>(() => CharacterTokenizer.FromText(""));
        var cut = Encoding.UTF8.GetBytes(new string('a', 70_000) + "é")[..^1];
        Assert.Contains("byte 70000", Assert.Throws<UserException>(() => CharacterTokenizer.FromText([new MemoryStream(cut)])).Message);
    }

    [Fact]
    public void Characters_are_found_across_the_borders_of_blocks()
    {
        var text = string.Concat(Enumerable.Repeat("€𠀀", 30_000));
        Assert.Equal(2, CharacterTokenizer.FromText([new MemoryStream(Encoding.UTF8.GetBytes(text))]).VocabularySize);
    }

    [SharedDataFact("tinyshakespeare")]
    public void Tiny_Shakespeare_has_nanoGPTs_65_characters()
    {
        var text = File.ReadAllText(Repository.SharedData("tinyshakespeare", "input.txt"));
        var tokenizer = CharacterTokenizer.FromText(text);
        Assert.Equal(65, tokenizer.VocabularySize);
        // "hii there" in nanoGPT's vocabulary, as its author's lecture shows it.
        Assert.Equal([46, 47, 47, 1, 58, 46, 43, 56, 43], tokenizer.EncodeToIds("hii there"));
    }
}
