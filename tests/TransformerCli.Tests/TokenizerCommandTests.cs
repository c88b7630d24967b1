using System.Text;
using System.Text.Json;
using TestSupport;
using Transformers.Tokenizers;

namespace TransformerCli.Tests;

public sealed class TokenizerCommandTests : IDisposable
{
    const string Text = "the cat sat on the mat, the cat sat on the hat <|endoftext|> héllo 👍\n";
    readonly string folder = Directory.CreateTempSubdirectory("tokenizer-command-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    string In(string name) => Path.Combine(folder, name);

    static (int Code, string Out, string Error) Run(string input, params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        var code = App.Run(arguments, new StringReader(input), output, error);
        return (code, output.ToString(), error.ToString());
    }

    string Trained(params string[] more)
    {
        File.WriteAllText(In("text.txt"), Text);
        var (code, _, error) = Run("", ["tokenizer", "train", "--quiet", "--input", In("text.txt"), "--output", In("tokenizer.json"), .. more]);
        Assert.Equal((ExitCodes.Done, ""), (code, error));
        return In("tokenizer.json");
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
        var bare = Run("the cat", "tokenizer", "encode", tokenizer, "--no-template").Out;
        Assert.Equal("256 " + bare, Run("the cat", "tokenizer", "encode", tokenizer).Out);
        Assert.Contains($"\"tokens\":{bare.Split(' ').Length + 1}", Run("the cat", "tokenizer", "encode", tokenizer, "--json").Out.Replace(": ", ":"));
        Run("the cat", "tokenizer", "encode", tokenizer, "--output", In("ids.bin"));
        Assert.Equal(4 * (bare.Split(' ').Length + 1), new FileInfo(In("ids.bin")).Length);
        Assert.Equal("the cat", Run(bare, "tokenizer", "decode", tokenizer, "--skip-special").Out);
    }

    static byte[] Compressed(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(stream, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(bytes);
        return stream.ToArray();
    }

    static (int Code, string Out, string Error) RunOnBytes(byte[] input, params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        using var reader = new StreamReader(new MemoryStream(input));
        var code = App.Run(arguments, reader, output, error);
        return (code, output.ToString(), error.ToString());
    }

    [Fact]
    public void Compressed_text_and_ids_are_decompressed_from_a_file_and_from_standard_input_but_numbers_are_not()
    {
        var tokenizer = Trained("--vocabulary", "262");
        var ids = Run(Text, "tokenizer", "encode", tokenizer).Out;
        var text = Compressed(Encoding.UTF8.GetBytes(Text));
        File.WriteAllBytes(In("text.gz"), text);
        Assert.Equal(ids, Run("", "tokenizer", "encode", tokenizer, "--input", In("text.gz")).Out);
        Assert.Equal(ids, RunOnBytes(text, "tokenizer", "encode", tokenizer).Out);
        File.WriteAllBytes(In("ids.txt.gz"), Compressed(Encoding.UTF8.GetBytes(ids)));
        Assert.Equal(Text, Run("", "tokenizer", "decode", tokenizer, "--input", In("ids.txt.gz")).Out);

        // These bytes of an id, 1F 8B 00 00, begin like gzip.
        File.WriteAllBytes(In("magic.bin"), [0x1F, 0x8B, 0, 0]);
        Assert.Contains("35615 is not in the vocabulary", Run("", "tokenizer", "decode", tokenizer, "--input", In("magic.bin")).Error);

        File.WriteAllBytes(In("cut.gz"), text[..^12]);
        foreach (var more in new string[][] { [], ["--allow-special"], ["--output", In("cut.bin")] })
        {
            var (code, _, error) = Run("", ["tokenizer", "encode", tokenizer, "--input", In("cut.gz"), .. more]);
            Assert.Equal(ExitCodes.UserError, code);
            Assert.Contains("cut.gz: cannot be read: its compressed content is damaged or cut short", error);
        }
        Assert.False(File.Exists(In("cut.bin")));
        Assert.Contains($"{In("txt.gz")}: --input: the file does not exist (did you mean {In("text.gz")}?)", Run("", "tokenizer", "encode", tokenizer, "--input", In("txt.gz")).Error);
    }

    [Fact]
    public void A_line_that_cannot_be_encoded_is_named_with_its_file()
    {
        File.WriteAllText(In("letters.txt"), "abc\n");
        Assert.Equal(ExitCodes.Done, Run("", "tokenizer", "train", "--input", In("letters.txt"), "--kind", "characters", "--output", In("letters.json")).Code);
        // Long enough to be encoded in several blocks.
        var good = string.Concat(Enumerable.Repeat("abc\n", 50_000));
        File.WriteAllText(In("long.txt"), good + "abx\n");
        Assert.Contains($"{In("long.txt")}:50001: character 'x' (U+0078) is not in the vocabulary", Run("", "tokenizer", "encode", In("letters.json"), "--input", In("long.txt")).Error);
        File.WriteAllBytes(In("ill.txt"), [.. "abc\nab"u8, 0xE4, .. "\n"u8]);
        foreach (var more in new string[][] { [], ["--allow-special"], ["--output", In("ids.bin")] })
            Assert.Contains($"{In("ill.txt")}:2: the ", Run("", ["tokenizer", "encode", In("letters.json"), "--input", In("ill.txt"), .. more]).Error);
        Assert.Contains("standard input:1: character 'x'", Run("x", "tokenizer", "encode", In("letters.json")).Error);
    }

    [Fact]
    public void A_trained_tokenizer_encodes_and_decodes_through_text_and_through_files()
    {
        var tokenizer = Trained("--vocabulary", "262", "--pattern", "cl100k");
        var (code, ids, _) = Run(Text, "tokenizer", "encode", tokenizer);
        Assert.Equal(ExitCodes.Done, code);
        Assert.InRange(ids.Split(' ').Length, 20, 80);
        Assert.Equal(Text, Run(ids, "tokenizer", "decode", tokenizer).Out);

        File.WriteAllBytes(In("raw"), [.. Encoding.UTF8.GetBytes(Text), 0xFF, 0x00, 0xEF, 0xBB, 0xBF, 0xC3]);
        Assert.Equal(ExitCodes.Done, Run("", "tokenizer", "encode", tokenizer, "--input", In("raw"), "--output", In("ids.bin")).Code);
        Assert.Equal(0, new FileInfo(In("ids.bin")).Length % 4);
        Assert.Equal(ExitCodes.Done, Run("", "tokenizer", "decode", folder, "--input", In("ids.bin"), "--output", In("back")).Code);
        Assert.Equal(File.ReadAllBytes(In("raw")), File.ReadAllBytes(In("back")));
    }

    [Theory]
    [InlineData("sentencepiece-bpe.model", "the  bees 中\n", "sentencepiece bpe")]
    [InlineData("sentencepiece-unigram.model", "the bees", "sentencepiece unigram")]
    [InlineData("wordpiece-cased.txt", "The bees crossed", "wordpiece")]
    public void Vocabularies_of_other_programs_are_used_in_the_same_way(string name, string text, string kind)
    {
        var tokenizer = Path.Combine(Repository.Root, "tests", "Golden", "data", name);
        var ids = Run(text, "tokenizer", "encode", tokenizer).Out;
        Assert.Equal(text, Run(ids, "tokenizer", "decode", tokenizer).Out);
        File.WriteAllText(In("ids.txt"), ids);
        Assert.Equal(ExitCodes.Done, Run("", "tokenizer", "decode", tokenizer, "--input", In("ids.txt"), "--output", In("back")).Code);
        Assert.Equal(text, File.ReadAllText(In("back")));
        Assert.Contains($"kind        {kind}\n", Run("", "tokenizer", "inspect", tokenizer).Out.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Kinds_that_cannot_be_trained_are_refused_by_name()
    {
        var (code, _, error) = Run("", "tokenizer", "train", "--input", "x", "--kind", "sentencepiece");
        Assert.Equal(ExitCodes.UserError, code);
        Assert.Contains("--kind sentencepiece cannot be trained", error);
    }

    [Fact]
    public void Special_tokens_are_recognised_where_they_are_allowed_and_shown_unless_skipped()
    {
        var tokenizer = Trained("--vocabulary", "257");
        Assert.DoesNotContain("256", Run("a<|endoftext|>b", "tokenizer", "encode", tokenizer).Out);
        Assert.Equal("97 256 98\n", Run("a<|endoftext|>b", "tokenizer", "encode", tokenizer, "--allow-special").Out.ReplaceLineEndings("\n"));
        Assert.Equal("a<|endoftext|>b", Run("[97, 256, 98]", "tokenizer", "decode", tokenizer).Out);
        Assert.Equal("ab", Run("97 256\n98", "tokenizer", "decode", tokenizer, "--skip-special").Out);
    }

    [Fact]
    public void Documents_of_json_hold_ids_text_and_the_tokenizers_parts()
    {
        var tokenizer = Trained("--vocabulary", "260");
        using var encoded = JsonDocument.Parse(Run("hat", "tokenizer", "encode", tokenizer, "--json").Out);
        Assert.Equal("transformer.tokenizer.encode/1", encoded.RootElement.GetProperty("schema").GetString());
        var ids = encoded.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToList();
        Assert.Equal(ids.Count, encoded.RootElement.GetProperty("tokens").GetInt32());
        using var decoded = JsonDocument.Parse(Run(string.Join(' ', ids), "tokenizer", "decode", tokenizer, "--json").Out);
        Assert.Equal("hat", decoded.RootElement.GetProperty("text").GetString());
        using var inspected = JsonDocument.Parse(Run("", "tokenizer", "inspect", tokenizer, "--json").Out);
        Assert.Equal(("bpe", 260, 3, "gpt2", 259), (inspected.RootElement.GetProperty("kind").GetString(), inspected.RootElement.GetProperty("vocabulary").GetInt32(),
            inspected.RootElement.GetProperty("merges").GetInt32(), inspected.RootElement.GetProperty("pattern").GetString(), inspected.RootElement.GetProperty("end_of_text").GetInt32()));
        Assert.Contains("vocabulary  260", Run("", "tokenizer", "inspect", tokenizer).Out);
    }

    [Fact]
    public void A_folder_that_is_missing_is_made_for_the_file_that_is_written()
    {
        var tokenizer = Trained("--kind", "bytes");
        Assert.Equal(0, Run(Text, "tokenizer", "encode", tokenizer, "--output", In("somewhere/ids.bin")).Code);
        Assert.True(File.Exists(In("somewhere/ids.bin")));
        // A file where the folder would be.
        var (code, _, error) = Run(Text, "tokenizer", "encode", tokenizer, "--output", In("somewhere/ids.bin/ids.bin"));
        Assert.Equal(ExitCodes.UserError, code);
        Assert.Contains(In("somewhere/ids.bin"), error);
        Assert.DoesNotContain("   at ", error);
    }

    [Fact]
    public void Character_and_byte_vocabularies_are_made_too()
    {
        Assert.Contains("kind        characters", Run("", "tokenizer", "inspect", Trained("--kind", "characters")).Out);
        Assert.Contains($"vocabulary  {Text.EnumerateRunes().Distinct().Count()}", Run("", "tokenizer", "inspect", In("tokenizer.json")).Out);
        WordTokenizer.Train([Text], []).Save(In("words.json"));
        Assert.Contains("kind        words", Run("", "tokenizer", "inspect", In("words.json")).Out);
        Assert.Contains("vocabulary  258", Run("", "tokenizer", "inspect", Trained("--kind", "bytes", "--special", "<s>", "</s>")).Out);
    }

    [Fact]
    public void Training_reads_folders_and_standard_input_and_says_when_the_text_runs_out()
    {
        Directory.CreateDirectory(In("corpus/part"));
        File.WriteAllText(In("corpus/part/a.txt"), Text);
        File.WriteAllText(In("corpus/ignored.bin"), "zzzzzzzz");
        var (code, _, error) = Run("", "tokenizer", "train", "--input", In("corpus"), "--vocabulary", "5000", "--output", In("a.json"));
        Assert.Equal(ExitCodes.Done, code);
        Assert.Contains("no more pairs to merge", error);
        Assert.Equal(ExitCodes.Done, Run(Text, "tokenizer", "train", "--input", "-", "--vocabulary", "5000", "--output", In("b.json")).Code);
        Assert.Equal(File.ReadAllText(In("a.json")), File.ReadAllText(In("b.json")));
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
        File.WriteAllBytes(In("cut.bin"), [1, 0, 0, 0, 2]);
        Assert.Contains("multiple of four", Run("", "tokenizer", "decode", tokenizer, "--input", In("cut.bin"), "--output", In("out")).Error);
        Assert.False(File.Exists(In("out")));
        Assert.Empty(Directory.GetFiles(folder, "*.tmp"));
    }

    [SharedDataFact("gpt2-bpe")]
    public void A_folder_of_GPT2s_files_is_a_tokenizer() =>
        Assert.Equal("31373 995", Run("hello world", "tokenizer", "encode", Repository.SharedData("gpt2-bpe")).Out.Trim());
}
