namespace Transformers.Tests.Data.Text;

public class FileTextSourceTests : FolderTest
{
    static readonly byte[] Mark = [0xEF, 0xBB, 0xBF];

    (List<string> Documents, TextCounts Counts) Read(string path, string? separator = null)
    {
        var counts = new TextCounts();
        var documents = new List<string> { "" };
        foreach (var piece in new FileTextSource(new TextFilesConfig { Files = [path], Separator = separator }).Read(counts))
        {
            documents[^1] += Encoding.UTF8.GetString(piece.Utf8.Span);
            if (piece.EndsDocument) documents.Add("");
        }
        Assert.Equal("", documents[^1]);
        documents.RemoveAt(documents.Count - 1);
        Assert.Equal(documents.Count, counts.Documents);
        Assert.Equal(documents.Sum(d => Encoding.UTF8.GetByteCount(d)), counts.Bytes);
        Assert.Equal(documents.Sum(d => d.EnumerateRunes().Count()), counts.Characters);
        return (documents, counts);
    }

    [Fact]
    public void A_plain_file_is_one_document_kept_character_for_character()
    {
        var text = "A b\r\nc\0d\n\n\u2028e 𝄞 ünï\n";
        var (documents, counts) = Read(Write("a.txt", text));
        Assert.Equal([text], documents);
        Assert.Equal((1, 1, 0), (counts.Nuls, counts.CarriageReturns, counts.InvalidSequences));
    }

    [Theory]
    [InlineData("names.txt"), InlineData("names.md"), InlineData("names")]
    public void Each_line_is_a_document_where_the_config_says_so(string name)
    {
        var lines = new TextFilesConfig { Files = [Write(name, [.. Mark, .. "Anna\r\n\n  \nBo Ann \nZoë"u8])], Document = DocumentUnit.Line };
        var counts = new TextCounts();
        var source = new FileTextSource(lines);
        foreach (var _ in source.Read(counts)) { }
        Assert.Equal(["Anna", "Bo Ann ", "Zoë"], source.ReadDocuments());
        Assert.Equal((3, 2, 1, 15), (counts.Documents, counts.EmptyDocuments, counts.ByteOrderMarks, counts.Bytes));
        Assert.NotEqual(source.Fingerprint, new FileTextSource(lines with { Document = DocumentUnit.File }).Fingerprint);
        Assert.Contains("must not both be given", Assert.Throws<UserException>(() => new FileTextSource(lines with { Separator = "--" })).Message);
        Assert.Contains("document: line", Assert.Throws<UserException>(() => new FileTextSource(lines with { Separator = "\n", Document = DocumentUnit.File })).Problems[0].Hint);
    }

    [Fact]
    public void A_line_of_any_length_is_one_document()
    {
        var line = string.Concat(Enumerable.Repeat("word after word ", 20_000));
        var source = new FileTextSource(new TextFilesConfig { Files = [Write("long.txt", $"{line}\nshort\n")], Document = DocumentUnit.Line });
        Assert.Equal([line, "short"], source.ReadDocuments());
        Assert.True(source.Read(new TextCounts()).Count() > 4);
    }

    [Fact]
    public void A_byte_order_mark_is_dropped_at_the_start_alone()
    {
        var (documents, counts) = Read(Write("a.txt", [.. Mark, .. "a\uFEFFb"u8]));
        Assert.Equal(["a\uFEFFb"], documents);
        Assert.Equal(1, counts.ByteOrderMarks);
    }

    [Fact]
    public void Empty_files_hold_no_document_and_are_counted()
    {
        Write("a.txt", "");
        Write("b.txt", Mark);
        Write("c.txt", "x");
        var (documents, counts) = Read(Folder);
        Assert.Equal(["x"], documents);
        Assert.Equal((3, 2), (counts.Files, counts.EmptyFiles));
    }

    [Theory]
    [InlineData(new byte[] { 0x61, 0xFF, 0x62 }, "a\uFFFDb", 1, 0)]
    [InlineData(new byte[] { 0xC0, 0x80 }, "\uFFFD\uFFFD", 2, 0)]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 }, "\uFFFD\uFFFD\uFFFD", 3, 0)]
    [InlineData(new byte[] { 0xF0, 0x9F, 0x61 }, "\uFFFDa", 1, 0)]
    [InlineData(new byte[] { 0x61, 0xF0, 0x9F, 0x98 }, "a\uFFFD", 1, 1)]
    [InlineData(new byte[] { 0xE2, 0x82 }, "\uFFFD", 1, 1)]
    public void Ill_formed_bytes_become_replacement_characters_and_are_counted(byte[] bytes, string expected, long invalid, int truncated)
    {
        var (documents, counts) = Read(Write("a.txt", bytes));
        Assert.Equal([expected], documents);
        Assert.Equal((invalid, truncated), (counts.InvalidSequences, counts.TruncatedFiles));
    }

    [Fact]
    public void Characters_are_never_split_between_blocks()
    {
        for (var shift = 0; shift < 4; shift++)
        {
            var text = new string('x', shift) + string.Concat(Enumerable.Repeat("𝄞", 60_000));
            var (documents, counts) = Read(Write("a.txt", text));
            Assert.Equal(0, counts.InvalidSequences);
            Assert.Equal([text], documents);
        }
    }

    [Fact]
    public void Ill_formed_bytes_at_the_ends_of_blocks_decode_as_they_do_in_dotnet()
    {
        var random = new Random(1);
        var bytes = new byte[200_000];
        random.NextBytes(bytes);
        (bytes[0], bytes[1]) = (65, 66);
        var source = new FileTextSource(new TextFilesConfig { Files = [Write("a.txt", bytes)] }, once: true);
        Assert.Equal([Encoding.UTF8.GetString(bytes)], source.ReadDocuments());
    }

    [Fact]
    public void Text_in_UTF_16_is_refused_with_the_remedy()
    {
        var error = Assert.Throws<UserException>(() => Read(Write("a.txt", [.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes("hello")])));
        Assert.Contains("UTF-16", error.Message);
        Assert.Contains("iconv", error.Message);
    }

    [Fact]
    public void Compressed_text_reads_as_the_text_with_several_members_too()
    {
        byte[] Pack(string text)
        {
            using var packed = new MemoryStream();
            using (var gzip = new GZipStream(packed, CompressionMode.Compress)) gzip.Write(Encoding.UTF8.GetBytes(text));
            return packed.ToArray();
        }
        Assert.Equal(["one two"], Read(Write("a.txt.gz", [.. Pack("one "), .. Pack("two")])).Documents);
        Assert.Equal(["x"], Read(Write("b.jsonl.gz", Pack("{\"text\":\"x\"}"))).Documents);
        var whole = Pack(string.Concat(Enumerable.Range(0, 9_999)));
        byte[][] damaged = [whole[..(whole.Length / 2)], whole[..^8], whole[..^3], whole[..5], [.. whole, .. whole[..500]], "not gzip"u8.ToArray(), "not gzip at all, no"u8.ToArray()];
        foreach (var bytes in damaged)
            Assert.Contains("cannot be read", Assert.Throws<UserException>(() => Read(Write("c.txt.gz", bytes))).Message);
        Assert.Equal(1, Read(Write("empty.txt.gz", Pack(""))).Counts.EmptyFiles);
    }

    [Theory]
    [InlineData("a\n---\nb", new[] { "a", "b" }, 0)]
    [InlineData("a\r\n---\r\nb\r\n", new[] { "a", "b\r\n" }, 0)]
    [InlineData("a\n---\n---\n\n---\nb\n---\n", new[] { "a", "b" }, 2)]
    [InlineData("a\n----\nb --- c\n ---\n--\n---x", new[] { "a\n----\nb --- c\n ---\n--\n---x" }, 0)]
    [InlineData("---\n\n\n---\n", new[] { "\n" }, 1)]
    public void A_separator_line_ends_a_document(string text, string[] expected, long empty)
    {
        var (documents, counts) = Read(Write("a.txt", text), "---");
        Assert.Equal(expected, documents);
        Assert.Equal(empty, counts.EmptyDocuments);
    }

    [Fact]
    public void Separators_are_found_between_documents_of_any_length()
    {
        var random = new Random(3);
        var documents = Enumerable.Range(0, 60).Select(i =>
            string.Concat(Enumerable.Range(0, random.Next(1, i % 9 == 0 ? 60_000 : 300)).Select(_ => random.Next(40) switch { 0 => "\n", 1 => "--", 2 => "€", < 9 => " ", _ => "ab" })) + "x").ToList();
        Assert.Equal(documents, Read(Write("a.txt", string.Join("\n---\n", documents)), "---").Documents);
    }

    [Fact]
    public void A_line_of_100_megabytes_is_read_in_small_pieces()
    {
        var path = At("long.txt");
        using (var file = File.Create(path))
        {
            var block = Enumerable.Repeat((byte)'^', 1_000_000).ToArray();
            for (var i = 0; i < 100; i++) file.Write(block);
        }
        var counts = new TextCounts();
        long bytes = 0;
        foreach (var piece in new FileTextSource(new TextFilesConfig { Files = [path] }).Read(counts))
        {
            Assert.True(piece.Utf8.Length <= PieceCutter.PieceBytes);
            bytes += piece.Utf8.Length;
        }
        Assert.Equal((100_000_000, 100_000_000, 1), (bytes, counts.LongestLine, counts.Documents));
    }

    [Fact]
    public void Long_text_is_cut_before_a_space_between_letters_so_no_word_is_torn()
    {
        var text = string.Concat(Enumerable.Range(0, 40_000).Select(i => i % 7 == 0 ? "Wort, " : "wörter und words "));
        var pieces = new FileTextSource(new TextFilesConfig { Files = [Write("a.txt", text)] }).Read(new()).Select(p => Encoding.UTF8.GetString(p.Utf8.Span)).Where(p => p.Length > 0).ToList();
        Assert.True(pieces.Count > 5);
        Assert.Equal(text, string.Concat(pieces));
        Assert.All(pieces.Skip(1), p => Assert.Matches("^ [a-zA-Z]", p));
        Assert.All(pieces.SkipLast(1), p => Assert.Matches("[a-z]$", p));
    }

    [Fact]
    public void A_folder_is_read_in_the_order_of_its_paths_and_counts_what_it_passes_over()
    {
        Write("b.txt", "3");
        Write("a/z.md", "1");
        Write("a.d/y.text", "2");
        Write("c.jsonl", "{\"text\":\"4\"}\n\n{\"text\":\"5\",\"id\":{\"a\":[1,2]}}");
        Write("picture.png", "x");
        var (documents, counts) = Read(Folder);
        Assert.Equal(["1", "2", "3", "4", "5"], documents);
        Assert.Equal((4, 1), (counts.Files, counts.SkippedFiles));
    }

    [Fact]
    public void Files_of_other_endings_are_read_where_their_content_is_text()
    {
        Write("a.cs", "class A {}\n");
        Write("Makefile", "all:\n\techo ü\n");
        Write("page.html", "<p>text</p>");
        Write("program.dat", "ELF\0\u0001\u0002");
        Write("latin.log", [0x63, 0xE9, 0x20, 0x63]);
        Write("picture.png", "text all the same");
        var (documents, counts) = Read(Folder);
        Assert.Equal(["all:\n\techo ü\n", "class A {}\n", "<p>text</p>"], documents);
        Assert.Equal(3, counts.SkippedFiles);
        Assert.Equal("read: 1 .cs, 1 .html, 1 without extension; skipped: 1 .dat, 1 .log, 1 .png", counts.Endings);
    }

    [Fact]
    public void Hidden_files_and_folders_are_passed_over_and_counted()
    {
        Write("a.txt", "1");
        Write("._a.txt", "2");
        Write(".ipynb_checkpoints/a.txt", "3");
        Assert.Equal((1, 0), (Read(Folder).Counts.HiddenFiles, Read(Folder).Counts.SkippedFiles));
        Assert.Equal(["1"], Read(Folder).Documents);
    }

    [Theory]
    [InlineData("**/*.cs", "a.cs b/c.cs b/d/e.cs")]
    [InlineData("*.cs", "a.cs b/c.cs b/d/e.cs")]
    [InlineData("b/*.cs", "b/c.cs")]
    [InlineData("b/**", "b/c.cs b/d/e.cs b/x.txt")]
    [InlineData("?.txt", "b/x.txt y.txt")]
    public void Patterns_say_which_files_of_a_folder_are_read(string pattern, string expected)
    {
        foreach (var file in new[] { "a.cs", "b/c.cs", "b/d/e.cs", "b/x.txt", "y.txt", ".hidden/z.cs" }) Write(file, file);
        var source = new FileTextSource(new TextFilesConfig { Files = [Folder], Include = [pattern] });
        Assert.Equal(expected, string.Join(' ', source.ReadDocuments()));
    }

    [Fact]
    public void A_pattern_that_no_file_matches_is_named()
    {
        Write("a.txt", "x");
        Assert.Contains("no file in the folder matches *.cs", Assert.Throws<UserException>(() => new FileTextSource(new TextFilesConfig { Files = [Folder], Include = ["*.cs"] })).Message);
    }

    [Fact]
    public void A_json_array_of_objects_is_read_as_lines_of_objects_are()
    {
        var array = Write("a.json", "[\n {\"id\": 1, \"text\": \"the \\u00e9 cat\"},\n {\"text\": \"\"}, {\"text\": \"dog\", \"tags\": [1, {}]}\n]\n");
        var (documents, counts) = Read(array);
        Assert.Equal(["the é cat", "dog"], documents);
        Assert.Equal((1L, 0), (counts.EmptyDocuments, counts.JsonFiles));
        Assert.Contains("item 2", Assert.Throws<UserException>(() => Read(Write("b.json", "[{\"text\": \"x\"}, {\"txt\": \"y\"}]"))).Message);
        Assert.Contains("\"text\" appears twice in item 1 of the array", Assert.Throws<UserException>(() => Read(Write("b.json", "[{\"text\": \"x\", \"text\": \"y\"}]"))).Message);
        Assert.Contains("is not JSON", Assert.Throws<UserException>(() => Read(Write("c.json", "[{\"text\": \"x\"}, {\"text\": \"y\""))).Message);
        Assert.Contains("item 1 of the array contains a lone surrogate", Assert.Throws<UserException>(() => Read(Write("b.json", "[{\"\\ud800\": 1, \"text\": \"x\"}]"))).Message);
        Assert.Contains("item 1 of the array contains a lone surrogate", Assert.Throws<UserException>(() => Read(Write("b.json", "[{\"text\": \"\\ud800\"}]"))).Message);
        Assert.Contains("ends in .json", Assert.Throws<UserException>(() => Read(Write("d.jsonl", "[{\"text\": \"x\"}]"))).Message);
    }

    [Fact]
    public void Other_json_is_plain_text_and_counted()
    {
        var (documents, counts) = Read(Write("a.json", "{\"a\": [1, 2]}"));
        Assert.Equal(["{\"a\": [1, 2]}"], documents);
        Assert.Equal(1, counts.JsonFiles);
        Assert.Contains("1 JSON file read as plain text, since it is neither", string.Join('\n', TextNotes.Of(counts)));
    }

    [Fact]
    public void A_text_in_latin_1_is_read_and_warned_about_with_its_rate()
    {
        var line = "caf\u00e9 \u00fcber na\u00efve stra\u00dfe\n";
        Write("a.txt", Encoding.Latin1.GetBytes(string.Concat(Enumerable.Repeat(line, 200))));
        var (_, counts) = Read(At("a.txt"));
        Assert.Equal(800, counts.InvalidSequences);
        Assert.Contains(("800 ill-formed UTF-8 sequences replaced with U+FFFD (17.39 % of the characters); if the text has another encoding, convert it with iconv", true), TextNotes.Of(counts));
    }

    [Theory]
    [InlineData("random")]
    [InlineData("utf-16")]
    [InlineData("koi8")]
    public void A_file_that_is_mostly_ill_formed_is_refused_but_for_a_report(string kind)
    {
        var bytes = new byte[5000];
        new Random(1).NextBytes(bytes);
        if (kind == "utf-16") bytes = Encoding.Unicode.GetBytes(string.Concat(Enumerable.Repeat("a line of text\n", 300)));
        if (kind == "koi8") bytes = [.. Enumerable.Range(0, 5000).Select(i => i % 7 == 0 ? (byte)' ' : (byte)(0xC0 + i * 5 % 32))];
        Write("bad.txt", bytes);
        var error = Assert.Throws<UserException>(() => Read(At("bad.txt")));
        Assert.EndsWith("bad.txt", error.Problems[0].File);
        Assert.Matches("^[0-9]+ % of the characters are ill-formed", error.Problems[0].Message);
        Assert.Contains("iconv", error.Problems[0].Hint);
        var counts = new TextCounts();
        foreach (var _ in new FileTextSource(new TextFilesConfig { Files = [At("bad.txt")] }, once: true).Read(counts)) { }
        Assert.True(counts.InvalidSequences + counts.Nuls > 1000);
    }

    [Fact]
    public void A_pipe_is_refused_since_text_is_read_more_than_once()
    {
        if (!OperatingSystem.IsLinux()) return;
        System.Diagnostics.Process.Start("mkfifo", [At("pipe")]).WaitForExit();
        Assert.Contains("is a pipe or a device, but this is read more than once", Assert.Throws<UserException>(() => new FileTextSource(new TextFilesConfig { Files = [At("pipe")] })).Message);
        Write("a.txt", "x");
        var (documents, counts) = Read(Folder);
        Assert.Equal(["x"], documents);
        Assert.Equal(1, counts.SkippedFiles);
        Assert.Contains("is a pipe or a device", Assert.Throws<UserException>(() => TextLines.Read(At("pipe")).ToList()).Message);
    }

    [Fact]
    public void Links_to_folders_are_not_followed_so_a_loop_ends()
    {
        Write("inner/a.txt", "x");
        Directory.CreateSymbolicLink(At("inner", "loop"), Folder);
        Assert.Equal(["x"], Read(Folder).Documents);
    }

    [Fact]
    public void All_missing_paths_are_named_at_once()
    {
        Directory.CreateDirectory(At("empty"));
        Assert.Equal(3, Assert.Throws<UserException>(() => new FileTextSource(new TextFilesConfig { Files = [At("no.txt"), At("empty"), At("neither")] })).Problems.Count);
    }

    [Fact]
    public void The_fingerprint_follows_content_and_options()
    {
        var path = Write("a.txt", "x");
        var before = new FileTextSource(new TextFilesConfig { Files = [path] }).Fingerprint;
        Assert.Equal(before, new FileTextSource(new TextFilesConfig { Files = [path] }).Fingerprint);
        Assert.NotEqual(before, new FileTextSource(new TextFilesConfig { Files = [path], Separator = "x" }).Fingerprint);
        File.WriteAllText(path, "xy");
        Assert.NotEqual(before, new FileTextSource(new TextFilesConfig { Files = [path] }).Fingerprint);
    }
}
