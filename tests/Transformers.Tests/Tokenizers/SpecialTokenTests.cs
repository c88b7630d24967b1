namespace Transformers.Tests.Tokenizers;

public class SpecialTokenTests
{
    static readonly ByteTokenizer Tokenizer = new(["<|endoftext|>", "<|end|>", "<|end|>>"]);

    [Fact]
    public void Text_that_looks_like_a_special_token_is_ordinary_text_unless_allowed()
    {
        Assert.DoesNotContain(Tokenizer.EncodeToIds("a<|end|>b"), id => id > 255);
        Assert.Equal(['a', 257, 'b'], Tokenizer.EncodeToIds("a<|end|>b", ["<|end|>"]));
        Assert.DoesNotContain(Tokenizer.EncodeToIds("a<|end|>b", ["<|endoftext|>"]), id => id > 255);
        Assert.DoesNotContain(Tokenizer.EncodeToIds("a<|end|>b", []), id => id > 255);
    }

    [Fact]
    public void The_longest_of_several_special_tokens_is_taken()
    {
        Assert.Equal([258, '>', 257, 256], Tokenizer.EncodeToIds("<|end|>>><|end|><|endoftext|>", Tokenizer.SpecialTokens.Keys));
        Assert.Equal([257, '>'], Tokenizer.EncodeToIds("<|end|>>", ["<|end|>"]));
    }

    [Fact]
    public void Decoding_leaves_special_tokens_out_unless_they_are_wanted()
    {
        Assert.Equal("ab", Tokenizer.Decode(['a', 256, 'b']));
        Assert.Equal("a<|endoftext|>b", Tokenizer.Decode(['a', 256, 'b'], withSpecialTokens: true));
        Assert.Equal("<|end|>", Tokenizer.CreateDecoder(withSpecialTokens: true).Append(257));
        Assert.Equal("", Tokenizer.CreateDecoder().Append(257));
    }

    [Fact]
    public void A_name_that_is_no_special_token_is_refused() =>
        Assert.Contains("<|pad|>", Assert.Throws<UserException>(() => Tokenizer.EncodeToIds("x", ["<|pad|>"])).Message);
}
