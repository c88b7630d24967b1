namespace TransformerCli.Tests.Commands;

public sealed class DataCommandTests : FolderTest
{
    string Config(string source)
    {
        Write("c.yaml", $$"""
            data:
              kind: text
              source: {{source}}
              tokenizer: { kind: bpe, vocabulary: 300 }
            model: { kind: gpt, layers: 1, heads: 1, width: 8, context: 16 }
            training: { steps: 1, batch: { tokens: 64 }, optimizer: { kind: adamw, lr: 1.0e-3 } }
            """);
        return At("c.yaml");
    }

    [Fact]
    public void Tables_and_aligned_files_are_inspected_as_tables()
    {
        Directory.CreateDirectory(At("pairs"));
        File.WriteAllText(At("pairs", "train.de"), "eins\nzwei\n");
        File.WriteAllText(At("pairs", "train.en"), "one\ntwo\n");
        var pairs = CommandLine.Done("data", "inspect", At("pairs"), "--json").Json.GetProperty("splits")[0];
        Assert.Equal(2, pairs.GetProperty("rows").GetInt64());
        Assert.Equal(["de", "en"], pairs.GetProperty("columns").EnumerateArray().Select(column => column.GetProperty("name").GetString()));

        Directory.CreateDirectory(At("labels"));
        File.WriteAllText(At("labels", "train.tsv"), string.Concat(Enumerable.Range(0, 20).Select(i => $"text {i}\t{(i % 4 == 0 ? "good" : "bad")}\n")) + "no label\n");
        var shown = CommandLine.Run("data", "inspect", At("labels")).Output;
        Assert.Contains("21 lines of 2 columns", shown);
        Assert.Contains("2 different: bad 15, good 5", shown);
        Assert.Contains("1 line has a different number of columns from the first line; it is line 21", shown);
        Assert.Contains("21 lines of 2 columns", CommandLine.Run("data", "inspect", At("labels", "train.tsv")).Output);
    }

    [Fact]
    public void Stories_are_written_prepared_and_inspected()
    {
        var made = CommandLine.Done("data", "make", "stories", "--size", "200kB", "--seed", "4", "--output", At("s"), "--json").Json;
        Assert.Equal("transformer.data.make/1", made.GetProperty("schema").GetString());
        var documents = made.GetProperty("documents").GetInt64();
        Assert.InRange(documents, 150, 250);
        Assert.Equal([At("s", "stories.txt")], Directory.GetFileSystemEntries(At("s")));

        var text = CommandLine.Done("data", "inspect", At("s"), "--separator", "<|endoftext|>", "--json").Json;
        Assert.Equal("transformer.data.inspect/1", text.GetProperty("schema").GetString());
        Assert.Equal(documents, text.GetProperty("counts").GetProperty("documents").GetInt64());
        Assert.Equal(0, text.GetProperty("duplicates").GetInt64());
        Assert.Equal(documents, text.GetProperty("lengths").EnumerateArray().Sum(l => l.GetProperty("documents").GetInt64()));

        var config = Config($"{{ files: [\"{At("s")}\"], separator: \"<|endoftext|>\" }}");
        var prepared = CommandLine.Done("data", "prepare", config, "--cache", At("cache"), "--json").Json;
        var split = prepared.GetProperty("dataset");
        Assert.Equal(documents, split.GetProperty("train").GetProperty("documents").GetInt64() + split.GetProperty("validation").GetProperty("documents").GetInt64());
        Assert.Equal("documents", split.GetProperty("hold_out").GetString());

        var shown = CommandLine.Done("data", "inspect", prepared.GetProperty("folder").GetString()!, "--json").Json;
        Assert.True(shown.GetProperty("verified").GetBoolean());
        Assert.Equal(split.GetProperty("train").ToString(), shown.GetProperty("dataset").GetProperty("train").ToString());
    }

    [Fact]
    public void What_is_already_prepared_or_cannot_be_is_said_so()
    {
        var config = Config("{ generator: stories, size: 20kB }");
        var prepared = CommandLine.Done("data", "prepare", config, "--cache", At("cache"), "--json").Json.GetProperty("folder").GetString()!;
        var again = CommandLine.Run("data", "prepare", config, "--cache", At("cache"), "--data", prepared);
        Assert.Equal((2, true), (again.ExitCode, again.Error.Contains("already prepared")));
        Assert.Equal(2, CommandLine.Run("data", "make", "stories", "--size", "many", "--output", At("x")).ExitCode);
        Assert.Equal(2, CommandLine.Run("data", "inspect", At("nothing")).ExitCode);
        Assert.False(Directory.Exists(At("x")));
    }

    [Fact]
    public void A_damaged_shard_is_found_by_inspecting()
    {
        var prepared = CommandLine.Done("data", "prepare", Config("{ generator: stories, size: 20kB }"), "--cache", At("cache"), "--json").Json.GetProperty("folder").GetString()!;
        var shard = Directory.GetFiles(prepared, "train-*.shard").Single();
        var bytes = File.ReadAllBytes(shard);
        bytes[200] ^= 1;
        File.WriteAllBytes(shard, bytes);
        Assert.Contains("checksum", CommandLine.Run("data", "inspect", prepared).Exits(2).Error);
    }

    [Fact]
    public void One_of_a_kind_is_reported_in_the_singular()
    {
        Write("one.txt", "a\n");
        Assert.Contains("documents   1, of", CommandLine.Run("data", "inspect", At("one.txt")).Output);
        Write("one.tsv", "a\n");
        Assert.Contains("1 line of 1 column:", CommandLine.Run("data", "inspect", At("one.tsv")).Output);
        Write("one.csv", "x\n5\n\n");
        Assert.Contains("1 of 1 step,", CommandLine.Run("data", "inspect", At("one.csv")).Output);
        Assert.Contains("1 training example,", CommandLine.Run("data", "make", "copy", "--size", "1", "--output", At("copy")).Output);
        Assert.Contains("1 series of 2 steps", CommandLine.Run("data", "make", "series", "--size", "1", "--length", "2", "--output", At("series")).Output);
    }

    [Fact]
    public void Everything_unusual_in_a_text_is_noted()
    {
        Write("a.txt", [0xEF, 0xBB, 0xBF, .. "one\r\ntwo\0"u8, 0xFF, .. "three"u8, 0xE2, 0x82]);
        Write("b.txt", []);
        Write("c.bin", [1]);
        var output = CommandLine.Run("data", "inspect", Folder).Output;
        foreach (var note in new[] { "1 empty file", "1 file skipped because it is not text", "2 ill-formed UTF-8 sequences", "1 file that ends in the middle", "1 byte-order mark dropped", "1 NUL character kept", "1 CR LF line end kept" })
            Assert.Contains(note, output);
    }
}
