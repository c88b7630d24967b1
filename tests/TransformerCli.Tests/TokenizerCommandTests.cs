using Transformers.Tokenizers;

namespace TransformerCli.Tests;

public sealed class TokenizerCommandTests : FolderTest
{
    const string Text = "the cat sat on the mat, the cat sat on the hat <|endoftext|> héllo 👍\n";

    static Outcome Run(string input, params string[] arguments) => CommandLine.Run(new StringReader(input), arguments);

    string Trained(params string[] more)
    {
        Write("text.txt", Text);
        var (code, _, error) = Run("", ["tokenizer", "train", "--quiet", "--input", At("text.txt"), "--output", At("tokenizer.json"), .. more]);
        Assert.Equal((ExitCodes.Done, ""), (code, error));
        return At("tokenizer.json");
    }

    [Fact]
    public void The_template_of_a_file_is_put_around_the_text_unless_it_is_left_out()
    {
        var tokenizer = Trained("--vocabulary", "262");
        var json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(tokenizer))!;
        json["post_processor"] = System.Text.Json.Nodes.JsonNode.Parse("""
            {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|endoftext|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],
            "special_tokens":{"<|endoftext|>":{"id":"<|endoftext|>","ids":[256],"tokens":["<|endoftext|>"]}}}
            """);
        File.WriteAllText(tokenizer, json.ToJsonString());
        var bare = Run("the cat", "tokenizer", "encode", tokenizer, "--no-template").Output;
        Assert.Equal("256 " + bare, Run("the cat", "tokenizer", "encode", tokenizer).Output);
        Assert.Contains($"\"tokens\":{bare.Split(' ').Length + 1}", Run("the cat", "tokenizer", "encode", tokenizer, "--json").Output.Replace(": ", ":"));
        Run("the cat", "tokenizer", "encode", tokenizer, "--output", At("ids.bin"));
        Assert.Equal(4 * (bare.Split(' ').Length + 1), new FileInfo(At("ids.bin")).Length);
        Assert.Equal("the cat", Run(bare, "tokenizer", "decode", tokenizer, "--skip-special").Output);
    }

    static byte[] Compressed(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(stream, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(bytes);
        return stream.ToArray();
    }

    static Outcome RunOnBytes(byte[] input, params string[] arguments) => CommandLine.Run(new StreamReader(new MemoryStream(input)), arguments);

    [Fact]
    public void Compressed_text_and_ids_are_decompressed_from_a_file_and_from_standard_input_but_numbers_are_not()
    {
        var tokenizer = Trained("--vocabulary", "262");
        var ids = Run(Text, "tokenizer", "encode", tokenizer).Output;
        var text = Compressed(Encoding.UTF8.GetBytes(Text));
        Write("text.gz", text);
        Assert.Equal(ids, Run("", "tokenizer", "encode", tokenizer, "--input", At("text.gz")).Output);
        Assert.Equal(ids, RunOnBytes(text, "tokenizer", "encode", tokenizer).Output);
        Write("ids.txt.gz", Compressed(Encoding.UTF8.GetBytes(ids)));
        Assert.Equal(Text, Run("", "tokenizer", "decode", tokenizer, "--input", At("ids.txt.gz")).Output);

        // These bytes of an id, 1F 8B 00 00, begin like gzip.
        Write("magic.bin", [0x1F, 0x8B, 0, 0]);
        Assert.Contains("35615 is not in the vocabulary", Run("", "tokenizer", "decode", tokenizer, "--input", At("magic.bin")).Error);

        Write("cut.gz", text[..^12]);
        foreach (var more in new string[][] { [], ["--allow-special"], ["--output", At("cut.bin")] })
        {
            var error = Run("", ["tokenizer", "encode", tokenizer, "--input", At("cut.gz"), .. more]).Exits(ExitCodes.UserError).Error;
            Assert.Contains("cut.gz: cannot be read: its compressed content is damaged or cut short", error);
        }
        Assert.False(File.Exists(At("cut.bin")));
        Assert.Contains($"{At("txt.gz")}: --input: the file does not exist (did you mean {At("text.gz")}?)", Run("", "tokenizer", "encode", tokenizer, "--input", At("txt.gz")).Error);
    }

    [Fact]
    public void A_line_that_cannot_be_encoded_is_named_with_its_file()
    {
        Write("letters.txt", "abc\n");
        Run("", "tokenizer", "train", "--input", At("letters.txt"), "--kind", "characters", "--output", At("letters.json")).Done();
        // Long enough to be encoded in several blocks.
        var good = string.Concat(Enumerable.Repeat("abc\n", 50_000));
        Write("long.txt", good + "abx\n");
        Assert.Contains($"{At("long.txt")}:50001: character 'x' (U+0078) is not in the vocabulary", Run("", "tokenizer", "encode", At("letters.json"), "--input", At("long.txt")).Error);
        Write("ill.txt", [.. "abc\nab"u8, 0xE4, .. "\n"u8]);
        foreach (var more in new string[][] { [], ["--allow-special"], ["--output", At("ids.bin")] })
            Assert.Contains($"{At("ill.txt")}:2: the ", Run("", ["tokenizer", "encode", At("letters.json"), "--input", At("ill.txt"), .. more]).Error);
        Assert.Contains("standard input:1: character 'x'", Run("x", "tokenizer", "encode", At("letters.json")).Error);
    }

    [Fact]
    public void A_trained_tokenizer_encodes_and_decodes_through_text_and_through_files()
    {
        var tokenizer = Trained("--vocabulary", "262", "--pattern", "cl100k");
        var ids = Run(Text, "tokenizer", "encode", tokenizer).Done().Output;
        Assert.InRange(ids.Split(' ').Length, 20, 80);
        Assert.Equal(Text, Run(ids, "tokenizer", "decode", tokenizer).Output);

        Write("raw", [.. Encoding.UTF8.GetBytes(Text), 0xFF, 0x00, 0xEF, 0xBB, 0xBF, 0xC3]);
        Run("", "tokenizer", "encode", tokenizer, "--input", At("raw"), "--output", At("ids.bin")).Done();
        Assert.Equal(0, new FileInfo(At("ids.bin")).Length % 4);
        Run("", "tokenizer", "decode", Folder, "--input", At("ids.bin"), "--output", At("back")).Done();
        Assert.Equal(File.ReadAllBytes(At("raw")), File.ReadAllBytes(At("back")));
    }

    [Theory]
    [InlineData("sentencepiece-bpe.model", "the  bees 中\n", "sentencepiece bpe")]
    [InlineData("sentencepiece-unigram.model", "the bees", "sentencepiece unigram")]
    [InlineData("wordpiece-cased.txt", "The bees crossed", "wordpiece")]
    public void Vocabularies_of_other_programs_are_used_in_the_same_way(string name, string text, string kind)
    {
        var tokenizer = Repository.Golden("data", name);
        var ids = Run(text, "tokenizer", "encode", tokenizer).Output;
        Assert.Equal(text, Run(ids, "tokenizer", "decode", tokenizer).Output);
        Write("ids.txt", ids);
        Run("", "tokenizer", "decode", tokenizer, "--input", At("ids.txt"), "--output", At("back")).Done();
        Assert.Equal(text, File.ReadAllText(At("back")));
        Assert.Contains($"kind        {kind}\n", Run("", "tokenizer", "inspect", tokenizer).Output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Kinds_that_cannot_be_trained_are_refused_by_name()
    {
        var error = Run("", "tokenizer", "train", "--input", "x", "--kind", "sentencepiece").Exits(ExitCodes.UserError).Error;
        Assert.Contains("--kind sentencepiece cannot be trained", error);
    }

    [Fact]
    public void Special_tokens_are_recognised_where_they_are_allowed_and_shown_unless_skipped()
    {
        var tokenizer = Trained("--vocabulary", "257");
        Assert.DoesNotContain("256", Run("a<|endoftext|>b", "tokenizer", "encode", tokenizer).Output);
        Assert.Equal("97 256 98\n", Run("a<|endoftext|>b", "tokenizer", "encode", tokenizer, "--allow-special").Output.ReplaceLineEndings("\n"));
        Assert.Equal("a<|endoftext|>b", Run("[97, 256, 98]", "tokenizer", "decode", tokenizer).Output);
        Assert.Equal("ab", Run("97 256\n98", "tokenizer", "decode", tokenizer, "--skip-special").Output);
    }

    [Fact]
    public void Documents_of_json_hold_ids_text_and_the_tokenizers_parts()
    {
        var tokenizer = Trained("--vocabulary", "260");
        using var encoded = JsonDocument.Parse(Run("hat", "tokenizer", "encode", tokenizer, "--json").Output);
        Assert.Equal("transformer.tokenizer.encode/1", encoded.RootElement.GetProperty("schema").GetString());
        var ids = encoded.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToList();
        Assert.Equal(ids.Count, encoded.RootElement.GetProperty("tokens").GetInt32());
        using var decoded = JsonDocument.Parse(Run(string.Join(' ', ids), "tokenizer", "decode", tokenizer, "--json").Output);
        Assert.Equal("hat", decoded.RootElement.GetProperty("text").GetString());
        using var inspected = JsonDocument.Parse(Run("", "tokenizer", "inspect", tokenizer, "--json").Output);
        Assert.Equal(("bpe", 260, 3, "gpt2", 259), (inspected.RootElement.GetProperty("kind").GetString(), inspected.RootElement.GetProperty("vocabulary").GetInt32(),
            inspected.RootElement.GetProperty("merges").GetInt32(), inspected.RootElement.GetProperty("pattern").GetString(), inspected.RootElement.GetProperty("end_of_text").GetInt32()));
        Assert.Contains("vocabulary  260", Run("", "tokenizer", "inspect", tokenizer).Output);
    }

    [Fact]
    public void A_folder_that_is_missing_is_made_for_the_file_that_is_written()
    {
        var tokenizer = Trained("--kind", "bytes");
        Assert.Equal(0, Run(Text, "tokenizer", "encode", tokenizer, "--output", At("somewhere/ids.bin")).ExitCode);
        Assert.True(File.Exists(At("somewhere/ids.bin")));
        // A file where the folder would be.
        var error = Run(Text, "tokenizer", "encode", tokenizer, "--output", At("somewhere/ids.bin/ids.bin")).Exits(ExitCodes.UserError).Error;
        Assert.Contains(At("somewhere/ids.bin"), error);
        Assert.DoesNotContain("   at ", error);
    }

    [Fact]
    public void Character_and_byte_vocabularies_are_made_too()
    {
        Assert.Contains("kind        characters", Run("", "tokenizer", "inspect", Trained("--kind", "characters")).Output);
        Assert.Contains($"vocabulary  {Text.EnumerateRunes().Distinct().Count()}", Run("", "tokenizer", "inspect", At("tokenizer.json")).Output);
        WordTokenizer.Train([Text], []).Save(At("words.json"));
        Assert.Contains("kind        words", Run("", "tokenizer", "inspect", At("words.json")).Output);
        Assert.Contains("vocabulary  258", Run("", "tokenizer", "inspect", Trained("--kind", "bytes", "--special", "<s>", "</s>")).Output);
    }

    [Fact]
    public void Training_reads_folders_and_standard_input_and_says_when_the_text_runs_out()
    {
        Write("corpus/part/a.txt", Text);
        Write("corpus/ignored.bin", "zzzzzzzz");
        var (code, _, error) = Run("", "tokenizer", "train", "--input", At("corpus"), "--vocabulary", "5000", "--output", At("a.json"));
        Assert.Equal(ExitCodes.Done, code);
        Assert.Contains("no more pairs to merge", error);
        Run(Text, "tokenizer", "train", "--input", "-", "--vocabulary", "5000", "--output", At("b.json")).Done();
        Assert.Equal(File.ReadAllText(At("a.json")), File.ReadAllText(At("b.json")));
    }

    [Theory]
    [InlineData("--vocabulary", "tokenizer", "train", "--input", "-")]
    [InlineData("100", "tokenizer", "train", "--input", "-", "--vocabulary", "100")]
    [InlineData("absent.txt", "tokenizer", "train", "--input", "absent.txt", "--vocabulary", "300")]
    [InlineData("gpt9", "tokenizer", "train", "--input", "-", "--vocabulary", "300", "--pattern", "gpt9")]
    [InlineData("absent.json", "tokenizer", "encode", "absent.json")]
    public void Mistakes_are_named_and_end_with_the_users_exit_code(string named, params string[] arguments)
    {
        var (code, output, error) = Run("text", arguments);
        Assert.Equal((ExitCodes.UserError, ""), (code, output));
        Assert.Contains(named, error);
        Assert.DoesNotContain("   at ", error);
    }

    [Fact]
    public void Faulty_ids_are_refused_and_leave_no_file()
    {
        var tokenizer = Trained("--kind", "bytes");
        Assert.Contains("257", Run("97 257", "tokenizer", "decode", tokenizer).Error);
        Assert.Contains("'x'", Run("97 x", "tokenizer", "decode", tokenizer).Error);
        Assert.Contains("larger than 2147483647", Run("99999999999", "tokenizer", "decode", tokenizer).Error);
        Write("cut.bin", [1, 0, 0, 0, 2]);
        Assert.Contains("multiple of four", Run("", "tokenizer", "decode", tokenizer, "--input", At("cut.bin"), "--output", At("out")).Error);
        Assert.False(File.Exists(At("out")));
        Assert.Empty(Directory.GetFiles(Folder, "*.tmp"));
    }

    [SharedDataFact("gpt2-bpe")]
    public void A_folder_of_GPT2s_files_is_a_tokenizer() =>
        Assert.Equal("31373 995", Run("hello world", "tokenizer", "encode", Repository.SharedData("gpt2-bpe")).Output.Trim());
}
