namespace Transformers.Tests.Tokenizers;

public class TokenizerFileTests : TempFolderTest
{
    static ByteLevelBpeTokenizer Train(SplitPattern pattern) => BpeTrainer.Train(
        [new MemoryStream(Encoding.UTF8.GetBytes(TextSamples.Words(1, 2000) + TextSamples.Make(1, 3000, astral: true)))],
        new() { VocabularySize = 450, Pattern = pattern, SpecialTokens = ["<|endoftext|>", "<|pad|>"] });

    public static TheoryData<string, TextTokenizer> Kinds => new()
    {
        { "bpe none", Train(SplitPattern.None) }, { "bpe gpt2", Train(SplitPattern.Gpt2) }, { "bpe cl100k", Train(SplitPattern.Cl100k) }, { "bpe o200k", Train(SplitPattern.O200k) },
        { "byte", new ByteTokenizer() }, { "byte without special", new ByteTokenizer([]) },
        { "character", CharacterTokenizer.FromText("héllo \n\t\"\\𠀀") }, { "character with special", CharacterTokenizer.FromText("ab", ["<|endoftext|>"]) },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_is_saved_is_read_back_as_the_same_tokenizer(string kind, TextTokenizer tokenizer)
    {
        tokenizer.Save(folder["tokenizer.json"]);
        var back = TokenizerFile.Load(folder["."]); // a run's folder
        Assert.Equal((kind, tokenizer.GetType(), tokenizer.Hash), (kind, back.GetType(), back.Hash));
        Assert.Equal(tokenizer.VocabularySize, back.VocabularySize);
        Assert.Equal(tokenizer.SpecialTokens, back.SpecialTokens);
        back.Save(folder["again.json"]);
        Assert.Equal(File.ReadAllText(folder["tokenizer.json"]), File.ReadAllText(folder["again.json"]));
        Assert.Single(Directory.GetFiles(folder["."], "tokenizer*"));
    }

    [Fact]
    public void Hashes_differ_where_ids_would()
    {
        var hashes = Kinds.Select(row => row.Data.Item2.Hash).ToList();
        Assert.Equal(hashes.Count, hashes.Distinct().Count());
        Assert.All(hashes, hash => Assert.Equal(64, hash.Length));
    }

    [SharedDataFact("gpt2-bpe")]
    public void Published_vocabularies_give_the_same_ids_after_a_round_trip_through_tokenizer_json()
    {
        foreach (var name in (string[])["encoder.json", "cl100k_base.tiktoken"])
        {
            var tokenizer = TokenizerFile.Load(Repository.SharedData("gpt2-bpe", name));
            tokenizer.Save(folder["tokenizer.json"]);
            var back = TokenizerFile.Load(folder["tokenizer.json"]);
            Assert.Equal(tokenizer.Hash, back.Hash);
            var text = TextSamples.Make(3, 3000, astral: true) + TextSamples.Words(3, 1000);
            Assert.Equal(tokenizer.EncodeToIds(text), back.EncodeToIds(text));
        }
    }

    [Fact]
    public void A_pair_of_files_is_read_with_either_name_and_a_hash_sign_in_a_merge()
    {
        WriteBytes(folder["vocab.json"], ", \"##\": 256, \"Ġ##\": 257, \"<|endoftext|>\": 258");
        File.WriteAllText(folder["merges.txt"], "#version: 0.2\n# #\nĠ ##\n");
        foreach (var path in (string[])[".", "vocab.json", "merges.txt"])
        {
            var tokenizer = TokenizerFile.Load(folder[path]);
            Assert.Equal(['a', 257, '#'], tokenizer.EncodeToIds("a ###"));
            Assert.Equal(258, tokenizer.EndOfTextId);
        }
        Assert.Equal(SplitPattern.Cl100k, ((ByteLevelBpeTokenizer)TokenizerFile.Load(folder["."], "llama3")).Pattern);
        File.Delete(folder["merges.txt"]);
        Assert.Contains("merges.txt", Assert.Throws<UserException>(() => TokenizerFile.Load(folder["vocab.json"])).Message);
    }

    [Fact]
    public void A_tiktoken_file_merges_by_rank_and_its_pattern_must_be_given()
    {
        // Ranks out of the order of the bytes, as in cl100k: byte b has rank 255 - b.
        var lines = Enumerable.Range(0, 256).Select(rank => (byte[])[(byte)(255 - rank)]).Concat([[.. "ab"u8], [.. "bc"u8], [.. "abc"u8]]);
        File.WriteAllLines(folder["own.tiktoken"], lines.Select((token, rank) => $"{Convert.ToBase64String(token)} {rank}"));
        Assert.Contains("pattern", Assert.Throws<UserException>(() => TokenizerFile.Load(folder["own.tiktoken"])).Message);
        var tokenizer = TokenizerFile.Load(folder["own.tiktoken"], "gpt2");
        Assert.Equal([258, 255 - ' ', 255 - 'b', 256, 257], tokenizer.EncodeToIds("abc").Concat(tokenizer.EncodeToIds(" bab")).Concat(tokenizer.EncodeToIds("bc")));
        Assert.Equal("abc bab", tokenizer.Decode(tokenizer.EncodeToIds("abc bab")));
        File.Move(folder["own.tiktoken"], folder["tokenizer.model"]);
        Assert.Equal(tokenizer.Hash, TokenizerFile.Load(folder["tokenizer.model"], "gpt2").Hash);
    }

    [Fact]
    public void Merges_as_pairs_and_the_published_forms_of_splitting_are_read()
    {
        var byteLevel = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}""";
        string Split(string regex, string rest) =>
            $$"""{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":{{System.Text.Json.JsonSerializer.Serialize(regex)}}},{{rest}}},{{byteLevel}}]}""";
        SplitPattern Read(string preTokenizer)
        {
            File.WriteAllText(folder["t.json"], HuggingFaceJson.Make(merges: """["a","b"]""", preTokenizer: preTokenizer));
            var tokenizer = (ByteLevelBpeTokenizer)TokenizerFile.Load(folder["t.json"]);
            Assert.Equal([256], tokenizer.EncodeToIds("ab"));
            return tokenizer.Pattern;
        }
        Assert.Equal(SplitPattern.None, Read(byteLevel));
        Assert.Equal(SplitPattern.Gpt2, Read(byteLevel.Replace(",\"use_regex\":false", "")));
        Assert.Equal(SplitPattern.Cl100k, Read(Split(SplitPatterns.RegexOf(SplitPattern.Cl100k), "\"behavior\":\"Isolated\",\"invert\":false")));
        Assert.Equal(SplitPattern.O200k, Read(Split(SplitPatterns.RegexOf(SplitPattern.O200k), "\"behavior\":\"Removed\",\"invert\":true")));
    }

    [Fact]
    public void Added_tokens_that_are_not_special_are_always_matched()
    {
        File.WriteAllText(folder["t.json"], HuggingFaceJson.Make(added: """{"id":257,"content":"é b","special":false},{"id":258,"content":"<s>","special":true}"""));
        var tokenizer = TokenizerFile.Load(folder["t.json"]);
        Assert.Equal(['x', 257, 'y', '<', 's', '>'], tokenizer.EncodeToIds("xé by<s>"));
        Assert.Equal("xé by", tokenizer.Decode([.. "x".Select(c => (int)c), 257, 'y', 258]));
        tokenizer.Save(folder["again.json"]);
        Assert.Equal(tokenizer.Hash, TokenizerFile.Load(folder["again.json"]).Hash);
    }

    [Fact]
    public void A_post_processor_that_adds_special_tokens_is_kept_for_the_next_file()
    {
        var processor = """{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{}}""";
        File.WriteAllText(folder["t.json"], HuggingFaceJson.Make(postProcessor: processor));
        TokenizerFile.Load(folder["t.json"]).Save(folder["again.json"]);
        Assert.Contains("TemplateProcessing", File.ReadAllText(folder["again.json"]));
    }

    static TextTokenizer Read(string content)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["t.json"], content);
        var tokenizer = TokenizerFile.Load(folder["t.json"]);
        tokenizer.Save(folder["again.json"]);
        Assert.Equal(tokenizer.Hash, TokenizerFile.Load(folder["again.json"]).Hash);
        return tokenizer;
    }

    [Fact]
    public void A_template_says_which_tokens_surround_a_text()
    {
        const string Template = """
            {"type":"Sequence","processors":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true},
            {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<bos>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],
            "special_tokens":{"<bos>":{"id":"<bos>","ids":[257],"tokens":["<bos>"]}}}]}
            """;
        var tokenizer = Read(HuggingFaceJson.Make(added: """{"id":257,"content":"<bos>","special":true}""", postProcessor: Template));
        Assert.Equal([257], tokenizer.Frame.Before);
        Assert.Empty(tokenizer.Frame.After);
        Assert.Equal([256], tokenizer.EncodeToIds("ab"));
    }

    [Fact]
    public void An_added_token_may_be_a_whole_word_only_or_take_the_white_space_around_it()
    {
        var tokenizer = Read(HuggingFaceJson.Make(added: """
            {"id":257,"content":"yes","single_word":true,"special":false},{"id":258,"content":"<l>","lstrip":true,"special":false},
            {"id":259,"content":"<r>","rstrip":true,"special":false},{"id":260,"content":"<m>","lstrip":true,"special":true}
            """));
        Assert.Equal([257, '!', ..Bytes(" eyes"), ' ', 257], tokenizer.EncodeToIds("yes! eyes yes"));
        Assert.Equal([..Bytes("éyes")], tokenizer.EncodeToIds("éyes"));
        Assert.Equal(['x', 258, ' ', 'y'], tokenizer.EncodeToIds("x \n<l> y"));
        Assert.Equal(['x', ' ', 259, 'y'], tokenizer.EncodeToIds("x <r> \ty"));
        Assert.Equal(['x', 260], tokenizer.EncodeToIds("x <m>", ["<m>"]));
        Assert.Equal([..Bytes("x <m>")], tokenizer.EncodeToIds("x <m>"));

        static IEnumerable<int> Bytes(string text) => Encoding.UTF8.GetBytes(text).Select(b => (int)b);
    }

    [Fact]
    public void A_text_is_composed_where_the_file_says_so_and_normalized_tokens_are_found_after_it()
    {
        var tokenizer = Read(HuggingFaceJson.Make(normalizer: """{"type":"NFC"}""", added: """
            {"id":257,"content":"e\u0301","normalized":true,"special":false},{"id":258,"content":"o\u0301","normalized":false,"special":false}
            """));
        Assert.Equal([257, 257], tokenizer.EncodeToIds("\u00e9e\u0301"));
        Assert.Equal([258, 0xC3, 0xB3], tokenizer.EncodeToIds("o\u0301\u00f3"));
        Assert.Equal(Encoding.UTF8.GetBytes("\u1e69 \ud55c \u00c5 \u0915\u093c").Select(b => (int)b), tokenizer.EncodeToIds("s\u0307\u0323 \u1112\u1161\u11ab \u212b \u0958"));
        var ids = new List<int>();
        tokenizer.EncodeToIds([(byte)'a', 0xCC, 0xFF, (byte)'b'], ids);
        Assert.Equal(['a', 0xCC, 0xFF, 'b'], ids);
    }

    [Fact]
    public void A_space_in_front_is_added_where_the_file_says_so_and_decoding_takes_it_away()
    {
        var tokenizer = Read(HuggingFaceJson.Make(preTokenizer: HuggingFaceJson.ByteLevel.Replace("\"add_prefix_space\":false", "\"add_prefix_space\":true")));
        Assert.Equal([' ', 256], tokenizer.EncodeToIds("ab"));
        Assert.Equal([' ', 256], tokenizer.EncodeToIds(" ab"));
        Assert.Empty(tokenizer.EncodeToIds(""));
        Assert.Equal("ab", tokenizer.Decode([' ', 256]));
        Assert.Equal(2, ((Microsoft.ML.Tokenizers.Tokenizer)tokenizer).EncodeToTokens("ab", out var normalized).Count);
        Assert.Equal(" ab", normalized);
    }

    [Fact]
    public void A_text_that_comes_in_parts_has_the_ids_of_the_whole_whatever_cuts_it()
    {
        foreach (var (stage, normalizer) in ((string, string)[])[("{\"type\":\"Digits\",\"individual_digits\":true},", "null"), ("", "{\"type\":\"NFC\"}")])
        {
            var tokenizer = Read(HuggingFaceJson.Make(normalizer: normalizer, preTokenizer: $$"""{"type":"Sequence","pretokenizers":[{{stage}}{{HuggingFaceJson.ByteLevel}}]}"""));
            var text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 9000).Select(seed => TextSamples.Make(seed, 20, astral: true))));
            List<int> whole = [], parts = [];
            tokenizer.EncodeToIds(text, whole);
            var encoder = tokenizer.CreateEncoder();
            for (var at = 0; at < text.Length; at += 997) encoder.Append(text.AsSpan(at, Math.Min(997, text.Length - at)), parts);
            encoder.Finish(parts);
            Assert.Equal(whole, parts);
        }
    }

    static void WriteBytes(string path, string more) => File.WriteAllText(path, $"{{{HuggingFaceJson.Bytes}{more}}}");
}
