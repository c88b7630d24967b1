namespace Transformers.Tests.Data.Text;

public class JsonLinesTests : FolderTest
{
    List<string> Read(string text, string field = "text", TextCounts? counts = null)
    {
        var path = Write("a.jsonl", text);
        var documents = new List<string>();
        var current = new StringBuilder();
        foreach (var piece in new FileTextSource(new TextFilesConfig { Files = [path], TextField = field }).Read(counts ?? new()))
        {
            current.Append(Encoding.UTF8.GetString(piece.Utf8.Span));
            if (!piece.EndsDocument) continue;
            documents.Add(current.ToString());
            current.Clear();
        }
        return documents;
    }

    [Fact]
    public void The_named_field_is_the_document_with_all_escapes_undone()
    {
        string[] texts = ["plain", "a\"b\\c/d\n\t\r\b\f\0é€𝄞\u2028", "", "<|endoftext|>"];
        var lines = string.Join("\n", texts.Select(t => JsonSerializer.Serialize(new { id = 1, body = t, text = 5 })));
        var counts = new TextCounts();
        Assert.Equal(texts.Where(t => t != ""), Read(lines, "body", counts));
        Assert.Equal(1, counts.EmptyDocuments);
        Assert.Equal(["/é𝄞"], Read("""{"text":"\/\u00e9\uD834\uDD1E"}"""));
    }

    [Fact]
    public void Blank_lines_and_CR_LF_between_lines_are_passed_over() =>
        Assert.Equal(["a", "b"], Read("{\"text\":\"a\"}\r\n\r\n  \n{\"text\":\"b\"}\r\n"));

    [Fact]
    public void Halves_of_surrogate_pairs_are_replaced_and_counted()
    {
        var counts = new TextCounts();
        Assert.Equal(["a\uFFFDb\uFFFD\uFFFDé"], Read("""{"text":"a\ud834b\udd1e\ud834\u00e9"}""", counts: counts));
        Assert.Equal(3, counts.InvalidSequences);
    }

    [Theory]
    [InlineData("{\"text\":\"a\"}\n{\"text\":\"b\"", "is not JSON")]
    [InlineData("{\"text\":\"a\"}\n{\"text\":\"b\"} x", "is not JSON")]
    [InlineData("{\"text\":\"a\"}\n[\"text\"]", "must be a JSON object")]
    [InlineData("{\"text\":\"a\"}\n{\"body\":\"b\"}", "has no field")]
    [InlineData("{\"text\":\"a\"}\n{\"text\":7}", "must be a string")]
    [InlineData("{\"text\":\"a\"}\n{\"text\":\"b\",\"text\":\"c\"}", "appears twice")]
    [InlineData("{\"text\":\"a\"}\n{\"\\ud800\":1,\"text\":\"b\"}", "lone surrogate")]
    public void A_bad_line_is_named_by_file_and_number(string text, string message)
    {
        var problem = Assert.Single(Assert.Throws<UserException>(() => Read(text)).Problems);
        Assert.Contains(message, problem.Message);
        Assert.Equal((At("a.jsonl"), 2), (problem.File, problem.Line));
    }

    [Fact]
    public void Deep_nesting_is_refused_not_followed() =>
        Assert.Contains("is not JSON", Assert.Throws<UserException>(() => Read("{\"x\":" + new string('[', 100_000))).Message);

    [Fact]
    public void A_document_longer_than_a_piece_is_cut_and_comes_together_again()
    {
        var text = string.Concat(Enumerable.Range(0, 30_000).Select(i => $"word{i}\n"));
        Assert.Equal([text, "next"], Read(JsonSerializer.Serialize(new { text }) + "\n{\"text\":\"next\"}"));
    }

    [Fact]
    public void A_line_beyond_the_bound_is_refused()
    {
        var path = At("huge.jsonl");
        using (var file = File.Create(path))
        {
            file.Write("{\"text\":\"a\"}\n{\"text\":\""u8);
            var block = Enumerable.Repeat((byte)'x', 1 << 20).ToArray();
            for (var i = 0; i < 129; i++) file.Write(block);
        }
        var problem = Assert.Single(Assert.Throws<UserException>(() => new FileTextSource(new TextFilesConfig { Files = [path] }).Read(new()).Count()).Problems);
        Assert.Contains("longer than 128 MiB", problem.Message);
        Assert.Equal(2, problem.Line);
    }

    [Fact]
    public void Standard_input_is_kept_in_a_file_so_that_it_can_be_read_twice()
    {
        using (var source = new StandardInputSource(new MemoryStream("{\"text\":\"a\"}\n{\"text\":\"b\"}"u8.ToArray()), Folder, jsonLines: true))
        {
            Assert.Equal(["a", "b"], source.ReadDocuments());
            Assert.Equal(["a", "b"], source.ReadDocuments());
            using var same = new StandardInputSource(new MemoryStream("{\"text\":\"a\"}\n{\"text\":\"b\"}"u8.ToArray()), Folder, jsonLines: true);
            using var other = new StandardInputSource(new MemoryStream("{\"text\":\"a\"}"u8.ToArray()), Folder, jsonLines: true);
            Assert.Equal(source.Fingerprint, same.Fingerprint);
            Assert.NotEqual(source.Fingerprint, other.Fingerprint);
        }
        Assert.Empty(Directory.EnumerateFiles(Folder));
    }
}
