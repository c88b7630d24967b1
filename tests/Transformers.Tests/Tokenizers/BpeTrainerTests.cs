namespace Transformers.Tests.Tokenizers;

public class BpeTrainerTests : TempFolderTest
{
    static Stream Document(string text) => new MemoryStream(Encoding.UTF8.GetBytes(text));

    static ByteLevelBpeTokenizer Train(string text, int vocabulary, SplitPattern pattern = SplitPattern.Gpt2, long minimum = 2, int threads = 1) =>
        BpeTrainer.Train([Document(text)], new() { VocabularySize = vocabulary, Pattern = pattern, MinimumFrequency = minimum, Threads = threads });

    static IEnumerable<(int, int)> MergesOf(ByteLevelBpeTokenizer tokenizer) => tokenizer.Merges.Select(merge => (merge.Left, merge.Right));

    [Theory]
    [InlineData(SplitPattern.Gpt2, 1)]
    [InlineData(SplitPattern.Cl100k, 2)]
    [InlineData(SplitPattern.O200k, 3)]
    public void Merges_are_those_of_counting_afresh_each_time(SplitPattern pattern, long minimum)
    {
        foreach (var text in (string[])[TextSamples.Words(1, 1500), TextSamples.Make(2, 3000, astral: true), string.Concat(Enumerable.Repeat("aaaa aaa aa aaaaaaa bababab ", 9))])
            Assert.Equal(ReferenceBpe.Train(ReferenceBpe.Pieces(text, pattern), 300, minimum), MergesOf(Train(text, 557, pattern, minimum)));
    }

    [Fact]
    public void Without_a_pattern_lines_are_the_pieces()
    {
        var text = TextSamples.Words(3, 800);
        var lines = text.Split('\n').Select((line, i) => Encoding.UTF8.GetBytes(line + "\n"));
        // The text ends in a newline or in the middle of a line: the pieces differ only behind the last newline.
        var pieces = lines.SkipLast(1).Append(Encoding.UTF8.GetBytes(text.Split('\n')[^1]));
        Assert.Equal(ReferenceBpe.Train(pieces, 150, 2), MergesOf(Train(text, 407, SplitPattern.None)));
    }

    [Fact]
    public void Ids_are_bytes_then_merges_then_special_tokens()
    {
        var tokenizer = BpeTrainer.Train([Document("aaabdaaabac")], new() { VocabularySize = 261, SpecialTokens = ["<s>", "</s>"], MinimumFrequency = 1 });
        Assert.Equal(261, tokenizer.VocabularySize);
        for (var b = 0; b < 256; b++) Assert.Equal([(byte)b], tokenizer.BytesOf(b).ToArray());
        // aa occurs four times; then ab and (aa)a occur twice each, and ab has the lower ids.
        Assert.Equal([('a', 'a', 256), ('a', 'b', 257), (256, 257, 258)], tokenizer.Merges);
        Assert.Equal(259, tokenizer.SpecialTokens["<s>"]);
        Assert.Equal(260, tokenizer.EndOfTextId);
        Assert.True(tokenizer.BytesOf(260).IsEmpty);
    }

    [Fact]
    public void The_number_of_threads_and_of_documents_does_not_change_the_file()
    {
        var text = TextSamples.Words(5, 400_000);
        Assert.InRange(text.Length, 2_200_000, 10_000_000); // several blocks
        var once = Train(text, 600, threads: 1);
        Assert.Equal(once.Hash, Train(text, 600, threads: 3).Hash);
        var (first, second) = (text[..(text.IndexOf('\n', 1_500_000) + 1)], text[(text.IndexOf('\n', 1_500_000) + 1)..]);
        Assert.Equal(once.Hash, BpeTrainer.Train([Document(first), Document(second)], new() { VocabularySize = 600, Threads = 2 }).Hash);
        once.Save(folder["one.json"]);
        Train(text, 600, threads: 2).Save(folder["two.json"]);
        Assert.Equal(File.ReadAllBytes(folder["one.json"]), File.ReadAllBytes(folder["two.json"]));
    }

    [Fact]
    public void Blocks_are_joined_without_a_seam()
    {
        // A piece of its own would come of each seam: here every piece is the same word.
        var tokenizer = Train(string.Concat(Enumerable.Repeat(" seamless", 300_000)), 700, minimum: 1);
        Assert.Equal(8, tokenizer.MergeCount);
        Assert.Equal(Encoding.UTF8.GetBytes(" seamless"), tokenizer.BytesOf(256 + 7).ToArray());
    }

    [Fact]
    public void A_text_without_any_cut_is_trained_on_in_bounded_pieces()
    {
        foreach (var pattern in Enum.GetValues<SplitPattern>())
        {
            var tokenizer = Train(new string('a', 3_000_000), 300, pattern);
            var longest = Enumerable.Range(0, tokenizer.VocabularySize).Max(id => tokenizer.BytesOf(id).Length);
            Assert.Equal(64 * 1024, longest);
        }
    }

    [Fact]
    public void Training_reads_packed_files_and_says_which_cannot_be_read()
    {
        var text = TextSamples.Words(7, 3000);
        File.WriteAllText(folder["a.txt"], text);
        using (var packed = new GZipStream(File.Create(folder["b.gz"]), CompressionLevel.Fastest)) packed.Write(Encoding.UTF8.GetBytes(text));
        var options = new BpeTrainerOptions { VocabularySize = 400 };
        Assert.Equal(BpeTrainer.Train([folder["a.txt"]], options).Hash, BpeTrainer.Train([folder["b.gz"]], options).Hash);
        Assert.Contains("absent.txt", Assert.Throws<UserException>(() => BpeTrainer.Train([folder["absent.txt"]], options)).Message);
        File.WriteAllText(folder["c.gz"], "not packed");
        Assert.Throws<UserException>(() => BpeTrainer.Train([folder["c.gz"]], options));
    }

    [Fact]
    public void A_special_token_is_never_learnt_as_a_merge()
    {
        var tokenizer = BpeTrainer.Train([Document(string.Concat(Enumerable.Repeat("<s>\n", 50)))],
            new() { VocabularySize = 300, Pattern = SplitPattern.None, SpecialTokens = ["<s>"], MinimumFrequency = 1 });
        var names = Enumerable.Range(0, tokenizer.VocabularySize).Select(id => Encoding.UTF8.GetString(tokenizer.BytesOf(id).Span)).ToList();
        Assert.Contains("<s", names);
        Assert.DoesNotContain("<s>", names);
    }

    [Fact]
    public void Contradictory_options_are_refused()
    {
        void Refused(BpeTrainerOptions options) => Assert.Throws<UserException>(() => BpeTrainer.Train([Document("text")], options));
        Refused(new() { VocabularySize = 256 });
        Refused(new() { VocabularySize = int.MaxValue });
        Refused(new() { VocabularySize = 300, MinimumFrequency = 0 });
        Refused(new() { VocabularySize = 300, SpecialTokens = ["a", "a"] });
        Refused(new() { VocabularySize = 300, SpecialTokens = [""] });
        Refused(new() { VocabularySize = 300, Threads = -1 });
        Refused(new() { VocabularySize = 300, Threads = int.MaxValue });
    }

    [Fact]
    public void An_empty_corpus_gives_the_bytes_alone()
    {
        var tokenizer = Train("", 1000);
        Assert.Equal(257, tokenizer.VocabularySize);
        Assert.Equal("any text", tokenizer.Decode(tokenizer.EncodeToIds("any text")));
    }

    [Fact]
    public void A_fault_of_the_input_comes_out_as_it_is()
    {
        IEnumerable<Stream> Documents()
        {
            yield return Document(TextSamples.Words(1, 100));
            throw new InvalidOperationException("the source broke");
        }
        Assert.Equal("the source broke", Assert.Throws<InvalidOperationException>(() => BpeTrainer.Train(Documents(), new() { VocabularySize = 300 })).Message);
    }
}
