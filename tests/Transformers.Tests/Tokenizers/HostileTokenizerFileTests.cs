namespace Transformers.Tests.Tokenizers;

public class HostileTokenizerFileTests : TempFolderTest
{
    static string Refused(string content, string name = "tokenizer.json", string? pattern = null) => Refused(Encoding.UTF8.GetBytes(content), name, pattern);

    static string Refused(byte[] content, string name = "tokenizer.json", string? pattern = null)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder[name], content);
        var exception = Assert.Throws<UserException>(() => TokenizerFile.Load(folder[name], pattern));
        Assert.Contains(name, exception.Message);
        return exception.Message;
    }

    [Fact]
    public void The_file_that_the_others_vary_is_read()
    {
        File.WriteAllText(folder["t.json"], HuggingFaceJson.Make());
        Assert.Equal([256, 'c'], TokenizerFile.Load(folder["t.json"]).EncodeToIds("abc"));
    }

    [Fact]
    public void What_is_not_supported_is_named()
    {
        Assert.Contains("version", Refused(HuggingFaceJson.Make(version: "\"2.0\"")));
        Assert.Contains("version", Refused("{}"));
        Assert.Contains("'NFKC'", Refused(HuggingFaceJson.Make(normalizer: """{"type":"NFKC"}""")));
        Assert.Contains("'Lowercase'", Refused(HuggingFaceJson.Make(normalizer: """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]}""")));
        Assert.Contains("'Whitespace'", Refused(HuggingFaceJson.Make(preTokenizer: """{"type":"Whitespace"}""")));
        Assert.Contains("'Punctuation'", Refused(HuggingFaceJson.Make(preTokenizer: $$"""{"type":"Sequence","pretokenizers":[{"type":"Punctuation"},{{HuggingFaceJson.ByteLevel}}]}""")));
        Assert.Contains("post_processor.single", Refused(HuggingFaceJson.Make(postProcessor: """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"special_tokens":{"x":{"ids":[1]}}}""")));
        Assert.Contains("not in the vocabulary", Refused(HuggingFaceJson.Make(postProcessor: """{"type":"RobertaProcessing","sep":["</s>",999],"cls":["<s>",1]}""")));
        Assert.Contains("'Metaspace'", Refused(HuggingFaceJson.Make(decoder: """{"type":"Metaspace"}""")));
        Assert.Contains("'Exotic'", Refused(HuggingFaceJson.Make(postProcessor: """{"type":"Exotic"}""")));
        Assert.Contains("'Unigram'", Refused(HuggingFaceJson.Make(model: "\"type\":\"Unigram\"")));
        Assert.Contains("dropout", Refused(HuggingFaceJson.Make(model: "\"dropout\":0.1")));
        Assert.Contains("byte_fallback", Refused(HuggingFaceJson.Make(model: "\"byte_fallback\":true")));
        Assert.Contains("end_of_word_suffix", Refused(HuggingFaceJson.Make(model: "\"end_of_word_suffix\":\"</w>\"")));
        Assert.Contains("'novelty'", Refused(HuggingFaceJson.Make(top: ",\"novelty\":1")));
        Assert.Contains("truncation", Refused(HuggingFaceJson.Make().Replace("\"truncation\":null", "\"truncation\":{\"max_length\":8}")));
        Assert.Contains("lstrip", Refused(HuggingFaceJson.Make(added: """{"id":257,"content":"<m>","lstrip":"yes","special":true}""")));
        Assert.Contains("pattern", Refused(HuggingFaceJson.Make(
            preTokenizer: $$"""{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\w+"},"behavior":"Isolated","invert":false},{{HuggingFaceJson.ByteLevel.Replace("true}", "false}")}}]}""")));
    }

    [Fact]
    public void Contradictory_vocabularies_are_refused_with_the_place()
    {
        Assert.Contains("negative", Refused(HuggingFaceJson.Make(vocabulary: ",\"zz\":-1")));
        Assert.Contains("same id 256", Refused(HuggingFaceJson.Make(vocabulary: ",\"zz\":256")));
        Assert.Contains("appears twice", Refused(HuggingFaceJson.Make(vocabulary: ",\"ab\":257")));
        Assert.Contains("below", Refused(HuggingFaceJson.Make(vocabulary: ",\"zz\":2000000000")));
        Assert.Contains("whole number", Refused(HuggingFaceJson.Make(vocabulary: ",\"zz\":1.5")));
        Assert.Contains("whole number", Refused(HuggingFaceJson.Make(vocabulary: ",\"zz\":99999999999999999999")));
        Assert.Contains("empty", Refused(HuggingFaceJson.Make(vocabulary: ",\"\":257")));
        Assert.Contains("alphabet", Refused(HuggingFaceJson.Make(vocabulary: ",\"中\":257")));
        Assert.Contains("model.merges[0]", Refused(HuggingFaceJson.Make(merges: "\"a unknown\"")));
        Assert.Contains("'ba'", Refused(HuggingFaceJson.Make(merges: "\"b a\"")));
        Assert.Contains("model.merges[1]", Refused(HuggingFaceJson.Make(merges: "\"a b\",\"a b\"")));
        Assert.Contains("model.merges[0]", Refused(HuggingFaceJson.Make(merges: "\"a\"")));
        Assert.Contains("model.merges[0]", Refused(HuggingFaceJson.Make(merges: "[\"a\"]")));
        Assert.Contains("model.merges[0]", Refused(HuggingFaceJson.Make(merges: "[\"a\",\"b\",\"c\"]")));
        Assert.Contains("has id 300 here and 256", Refused(HuggingFaceJson.Make(added: """{"id":300,"content":"ab","special":true}""")));
        Assert.Contains("added_tokens[0].id", Refused(HuggingFaceJson.Make(added: """{"id":-5,"content":"<s>","special":true}""")));
    }

    [Fact]
    public void Malformed_documents_are_refused_with_their_line()
    {
        Assert.Contains("tokenizer.json:2:", Refused("{\n  \"version\": 1.0.0 }"));
        Assert.Contains("not valid JSON", Refused(HuggingFaceJson.Make()[..^3]));
        Assert.Contains("not valid JSON", Refused(HuggingFaceJson.Make() + "x"));
        Assert.Contains("not well-formed", Refused(HuggingFaceJson.Make(vocabulary: ",\"\\ud800\":257")));
        Assert.Contains("not well-formed", Refused(HuggingFaceJson.Make(preTokenizer: """{"type":"\ud800"}""")));
        Assert.Contains("not well-formed", Refused([.. Encoding.UTF8.GetBytes(HuggingFaceJson.Make()).Select(b => b == (byte)'L' ? (byte)0xFF : b)]));
        Assert.Contains("not a tokenizer", Refused(""));
        Assert.Contains("not a tokenizer", Refused("[1]"));
        Assert.Contains("not a complete SentencePiece model", Refused([0x0A, 0x0E, 0x0A, 0x05, (byte)'<', (byte)'u', (byte)'n', (byte)'k', (byte)'>'], "tokenizer.model"));
    }

    [Fact]
    public void Every_cut_of_a_file_is_refused_as_a_users_mistake()
    {
        var content = Encoding.UTF8.GetBytes(HuggingFaceJson.Make(added: """{"id":257,"content":"<s>","special":true}"""));
        for (var length = 0; length < content.Length; length += 37) Refused(content[..length]);
    }

    [Fact]
    public void Changed_bytes_never_end_in_anything_but_a_users_mistake()
    {
        var content = Encoding.UTF8.GetBytes(HuggingFaceJson.Make(added: """{"id":257,"content":"<s>","special":true}"""));
        var random = new Random(1);
        var refused = 0;
        for (var round = 0; round < 400; round++)
        {
            var changed = (byte[])content.Clone();
            for (var i = 0; i < 3; i++) changed[random.Next(changed.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(folder["t.json"], changed);
            try { TokenizerFile.Load(folder["t.json"]); }
            catch (UserException) { refused++; }
        }
        Assert.InRange(refused, 200, 400);
    }

    [Fact]
    public void Deep_nesting_is_refused()
    {
        foreach (var place in (string[])["top", "normalizer", "vocabulary", "merges"])
        {
            var deep = new string('[', 1_000_000);
            var content = place switch
            {
                "top" => deep,
                "normalizer" => HuggingFaceJson.Make(normalizer: deep),
                "vocabulary" => HuggingFaceJson.Make(vocabulary: ",\"zz\":" + deep),
                _ => HuggingFaceJson.Make(merges: deep),
            };
            Refused(content);
        }
    }

    [Fact]
    public void A_file_of_a_hundred_megabytes_is_refused_before_it_is_read()
    {
        foreach (var name in (string[])["tokenizer.json", "huge.tiktoken", "vocab.json"])
        {
            using (var file = File.Create(folder[name])) file.SetLength(100_000_000);
            File.WriteAllText(folder["merges.txt"], "");
            var before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Contains("at most 67108864 are read", Assert.Throws<UserException>(() => TokenizerFile.Load(folder[name])).Message);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        }
    }

    [Fact]
    public void Millions_of_tokens_are_refused_in_bounded_memory()
    {
        var vocabulary = new StringBuilder();
        for (var i = 0; i < 1_500_000; i++) vocabulary.Append(",\"").Append(i.ToString("x")).Append("zz\":").Append(i + 300);
        File.WriteAllText(folder["t.json"], HuggingFaceJson.Make(vocabulary: vocabulary.ToString()));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<UserException>(() => TokenizerFile.Load(folder["t.json"]));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 400_000_000);
    }

    [Fact]
    public void Faults_of_tiktoken_files_are_named_with_their_line()
    {
        Assert.Contains("x.tiktoken:2:", Refused("YQ== 0\nYg==", "x.tiktoken", "gpt2"));
        Assert.Contains("base64", Refused("Y?== 0\n", "x.tiktoken", "gpt2"));
        Assert.Contains("whole number", Refused("YQ== 0x\n", "x.tiktoken", "gpt2"));
        Assert.Contains("rank -1", Refused("YQ== -1\n", "x.tiktoken", "gpt2"));
        Assert.Contains("rank 0 appears twice", Refused("YQ== 0\nYg== 0\n", "x.tiktoken", "gpt2"));
        Assert.Contains("token appears twice", Refused("YQ== 0\nYQ== 1\n", "x.tiktoken", "gpt2"));
        Assert.Contains("no tokens", Refused("\n\n", "x.tiktoken", "gpt2"));
        var length = 40_000;
        Assert.Contains("so long", Refused(string.Join('\n', Enumerable.Range(0, 2).Select(i => $"{Convert.ToBase64String(new byte[length + i])} {i}")), "x.tiktoken", "gpt2"));
    }

    [Fact]
    public void Faults_of_merges_are_named_with_their_line()
    {
        File.WriteAllText(folder["vocab.json"], $"{{{HuggingFaceJson.Bytes},\"ab\":256}}");
        foreach (var (merges, fault) in ((string, string)[])[("a b\nab c\n", "merges.txt:2"), ("a b\na b\n", "twice"), ("a b c\n", "one space"), ("ab\n", "one space"), ("a zz\n", "'zz'")])
        {
            File.WriteAllText(folder["merges.txt"], merges);
            Assert.Contains(fault, Assert.Throws<UserException>(() => TokenizerFile.Load(folder["."])).Message);
        }
    }

    [Fact]
    public void A_byte_that_the_vocabulary_lacks_is_named()
    {
        File.WriteAllText(folder["t.json"], HuggingFaceJson.Make().Replace("\"z\":122,", ""));
        var tokenizer = TokenizerFile.Load(folder["t.json"]);
        Assert.Equal(['y'], tokenizer.EncodeToIds("y"));
        Assert.Contains("0x7A", Assert.Throws<UserException>(() => tokenizer.EncodeToIds("xyz")).Message);
        Assert.Equal(['y'], tokenizer.EncodeToIds("y"));
    }

    [Fact]
    public void A_missing_path_and_an_empty_folder_are_named()
    {
        Assert.Contains("does not exist", Assert.Throws<UserException>(() => TokenizerFile.Load(folder["absent.json"])).Message);
        Assert.Contains("contains no tokenizer", Assert.Throws<UserException>(() => TokenizerFile.Load(folder["."])).Message);
    }
}
