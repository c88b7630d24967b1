namespace Transformers.Tests.Tokenizers;

/// <summary>Ids of the published vocabularies, as the projects that published them state them in their tests and documents.</summary>
public class PublishedVocabularyTests
{
    static readonly Lazy<TextTokenizer> Gpt2 = new(() => TokenizerFile.Load(Repository.SharedData("gpt2-bpe")));
    static readonly Lazy<TextTokenizer> Cl100k = new(() => TokenizerFile.Load(Repository.SharedData("gpt2-bpe", "cl100k_base.tiktoken")));

    static void Expect(TextTokenizer tokenizer, string text, params int[] ids)
    {
        Assert.Equal(ids, tokenizer.EncodeToIds(text));
        Assert.Equal(text, tokenizer.Decode(ids));
    }

    [SharedDataFact("gpt2-bpe")]
    public void Gpt2_gives_the_published_ids()
    {
        Expect(Gpt2.Value, "hello world", 31373, 995);
        Expect(Gpt2.Value, "Hello, world!", 15496, 11, 995, 0);
        Expect(Gpt2.Value, "<|endoftext|>", 27, 91, 437, 1659, 5239, 91, 29);
        Assert.Equal([31373, 50256, 995], Gpt2.Value.EncodeToIds("hello<|endoftext|> world", ["<|endoftext|>"]));
        Assert.Equal(50257, Gpt2.Value.VocabularySize);
        Assert.Equal(50256, Gpt2.Value.EndOfTextId);
    }

    [SharedDataFact("gpt2-bpe")]
    public void Gpt2_merges_runs_of_zeros_as_published()
    {
        int[][] expected =
        [
            [15], [405], [830], [2388], [20483], [10535], [24598], [8269], [10535, 830], [8269, 405], [8269, 830], [8269, 2388],
            [8269, 20483], [8269, 10535], [8269, 24598], [25645], [8269, 10535, 830],
        ];
        for (var i = 0; i < expected.Length; i++) Expect(Gpt2.Value, new string('0', i + 1), expected[i]);
    }

    [SharedDataFact("gpt2-bpe")]
    public void Cl100k_gives_the_published_ids()
    {
        Expect(Cl100k.Value, "hello world", 15339, 1917);
        Expect(Cl100k.Value, "tiktoken is great!", 83, 1609, 5963, 374, 2294, 0);
        Expect(Cl100k.Value, "rer", 38149);
        Expect(Cl100k.Value, "'rer", 2351, 81);
        Expect(Cl100k.Value, "today\n ", 31213, 198, 220);
        Expect(Cl100k.Value, "today\n \n", 31213, 27907);
        Expect(Cl100k.Value, "today\n  \n", 31213, 14211);
        Expect(Cl100k.Value, "👍", 9468, 239, 235);
        Assert.Equal([15339, 100257], Cl100k.Value.EncodeToIds("hello<|endoftext|>", ["<|endoftext|>"]));
        Assert.Equal(100277, Cl100k.Value.VocabularySize);
    }

    [SharedDataFact("gpt2-bpe")]
    public void Tiny_Shakespeare_has_as_many_tokens_as_nanoGPT_counts()
    {
        var text = File.ReadAllText(Repository.SharedData("tinyshakespeare", "input.txt"));
        var split = text.Length * 9 / 10;
        Assert.Equal(301_966, Gpt2.Value.CountTokens(text[..split]));
        Assert.Equal(36_059, Gpt2.Value.CountTokens(text[split..]));
    }
}
