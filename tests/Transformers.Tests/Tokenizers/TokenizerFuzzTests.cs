namespace Transformers.Tests.Tokenizers;

/// <summary>Mutated tokenizer files are read, and then round-trip, or are refused, in bounded memory.</summary>
[Trait("Category", "slow")]
public class TokenizerFuzzTests : TempFolderTest
{
    const int MemoryOfOne = 16 << 20;

    static void Read(string name, string pattern, params byte[][] seeds)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["vocab.json"], $"{{{HuggingFaceJson.Bytes},\"ab\":256,\"abc\":257}}");
        var accepted = Mutants.Read(Mutants.Count / 10, seeds, bytes =>
        {
            File.WriteAllBytes(folder[name], bytes);
            var tokenizer = TokenizerFile.Load(name == "merges.txt" ? folder.FullPath : folder[name], pattern);
            // A vocabulary may lack a byte of this text: a user's mistake too.
            var ids = tokenizer.EncodeToIds("abc ba");
            Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
            Assert.Equal("abc ba", tokenizer.Decode(ids));
        }, MemoryOfOne);
        Assert.InRange(accepted, 1, Mutants.Count / 10 - 1);
    }

    [Fact]
    public void Mutated_hugging_face_files_are_read_or_refused() => Read("tokenizer.json", "gpt2",
        Encoding.UTF8.GetBytes(HuggingFaceJson.Make(added: """{"id":258,"content":"<s>","special":true}""", vocabulary: ",\"abc\":257", merges: "\"a b\",\"ab c\"")),
        Encoding.UTF8.GetBytes(HuggingFaceJson.Make()));

    [Fact]
    public void Mutated_tiktoken_files_are_read_or_refused() => Read("x.tiktoken", "gpt2",
        Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 256).Select(b => $"{Convert.ToBase64String([(byte)b])} {b}\n")) + "YWI= 256\nYWJj 257\n"));

    [Fact]
    public void Mutated_merges_are_read_or_refused() => Read("merges.txt", "gpt2", "#version: 0.2\na b\nab c\n"u8.ToArray());

    [Fact]
    public void Mutated_word_lists_are_read_or_refused()
    {
        var seed = WordTokenizer.Train(["abc ba"], [WordTokenizer.Unknown, "</s>"]).ToBytes();
        var accepted = Mutants.Read(Mutants.Count / 10, [seed], bytes =>
        {
            File.WriteAllBytes(folder["tokenizer.json"], bytes);
            var tokenizer = TokenizerFile.Load(folder["tokenizer.json"]);
            Assert.All(tokenizer.EncodeToIds("abc ba"), id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
        }, MemoryOfOne);
        Assert.InRange(accepted, 1, Mutants.Count / 10 - 1);
    }
}
