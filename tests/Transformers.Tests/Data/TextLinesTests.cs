namespace Transformers.Tests.Data;

public sealed class TextLinesTests : TempFolderTest
{
    [Theory]
    [InlineData("", new string[0])]
    [InlineData("a", new[] { "a" })]
    [InlineData("a\n", new[] { "a" })]
    [InlineData("a\n\nb", new[] { "a", "", "b" })]
    [InlineData("\n", new[] { "" })]
    [InlineData("a\r\nb\r\n", new[] { "a", "b" })]
    [InlineData("\uFEFFa\nb", new[] { "a", "b" })]
    [InlineData("\uFEFF", new string[0])]
    [InlineData("a\u2028b\u0085c\fd\re\0f\n", new[] { "a\u2028b\u0085c\fd\re\0f" })]
    public void Only_a_line_feed_ends_a_line(string text, string[] lines)
    {
        Assert.Equal(lines, TextLines.Read(folder.Write("a.txt", text)));
        Assert.Equal(lines, TextLines.Read(folder.Write("a.txt.gz", text)));
    }

    [Fact]
    public void A_stream_gives_the_lines_of_the_file_and_all_of_it_is_one_text_without_the_mark()
    {
        var bytes = "\uFEFFa\rb\r\nc\n"u8.ToArray();
        Assert.Equal(["a\rb", "c"], TextLines.Read(new MemoryStream(bytes), "standard input"));
        Assert.Equal("a\rb\r\nc\n", TextLines.ReadAll(new MemoryStream(bytes), "standard input"));
        var wrong = Assert.Throws<UserException>(() => TextLines.ReadAll(new MemoryStream([(byte)'a', (byte)'\n', (byte)'b', 0xE4, (byte)'\n', 0xE4]), "standard input"));
        Assert.Equal(("standard input", 2), (wrong.Problems[0].File, wrong.Problems[0].Line));
    }

    [Fact]
    public void Lines_of_every_length_come_back_whole()
    {
        var random = new Random(1);
        var lines = Enumerable.Range(0, 60).Select(i => string.Concat(Enumerable.Repeat("ä€😀x"[(i % 3)..], random.Next(1 << (i % 17))))).ToList();
        lines = [.. lines.Select(l => l.Replace("\uD83D", "").Replace("\uDE00", "é"))];
        Assert.Equal(lines, TextLines.Read(folder.Write("a.txt", string.Join('\n', lines) + "\n")));
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_told_with_their_line()
    {
        var path = folder.Write("a.txt", [(byte)'a', (byte)'\n', 0xE4, (byte)'\n']);
        var error = Assert.Throws<UserException>(() => TextLines.Read(path).ToList());
        Assert.Equal((path, 2), (error.Problems[0].File, error.Problems[0].Line));
    }

    [Fact]
    public void A_file_truncated_inside_a_character_is_reported()
    {
        var path = folder.Write("a.txt", "gut\nä"u8.ToArray()[..^1]);
        Assert.Equal(2, Assert.Throws<UserException>(() => TextLines.Read(path).ToList()).Problems[0].Line);
    }

    [Fact]
    public void A_line_beyond_the_limit_is_refused_with_its_number()
    {
        var bytes = new byte[2 + TextLines.MaximumBytes + 1];
        Array.Fill(bytes, (byte)'x');
        bytes[1] = (byte)'\n';
        var path = folder.Write("a.txt.gz", bytes);
        var error = Assert.Throws<UserException>(() => TextLines.Read(path).Count());
        Assert.Equal(2, error.Problems[0].Line);
        Assert.Contains("16 MiB", error.Message);
    }

    [Fact]
    public void Lines_that_cannot_be_used_have_a_problem_and_the_others_are_read()
    {
        byte[] bytes = [.. "a\nb"u8, 0xE4, .. "c\n"u8, .. Enumerable.Repeat((byte)'x', TextLines.MaximumBytes + 1), .. "\nd\n\nz"u8, 0xC3];
        var lines = TextLines.ReadEach(new MemoryStream(bytes), "in").ToList();
        Assert.Equal([1, 2, 3, 4, 5, 6], lines.Select(line => line.Number));
        Assert.Equal([null, "the line is not UTF-8", "the line is longer than 16 MiB", null, null, "the line is not UTF-8"], lines.Select(line => line.Problem?.Message));
        Assert.All(lines.Where(line => line.Problem is not null), line => Assert.Equal(("in", line.Number), (line.Problem!.File, line.Problem.Line)));
        Assert.Equal(["a", "b\uFFFDc", "d", "", "z\uFFFD"], lines.Where(line => line.Number != 3).Select(line => line.Text));
    }

    [Fact]
    public void A_compressed_file_cut_short_or_damaged_is_not_read_as_if_it_were_whole()
    {
        var random = new Random(2);
        var path = folder.Write("a.txt.gz", string.Join('\n', Enumerable.Range(0, 20_000).Select(_ => random.Next())));
        var bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..(bytes.Length / 2)]);
        Assert.Throws<UserException>(() => TextLines.Read(path).Count());
        bytes[bytes.Length / 2] ^= 0x55;
        bytes[bytes.Length / 2 + 1] ^= 0x55;
        File.WriteAllBytes(path, bytes);
        Assert.Throws<UserException>(() => TextLines.Read(path).Count());
    }

    [Fact]
    public void A_file_that_is_only_named_compressed_and_one_that_is_damaged_say_so_in_words_of_our_own()
    {
        var path = folder.Write("b.txt", "one\ntwo\n");
        File.Move(path, folder["b.txt.gz"]);
        Assert.Contains("b.txt.gz: cannot be read: its name ends in .gz, and its content is not gzip (rename it without .gz", Assert.Throws<UserException>(() => TextLines.Read(folder["b.txt.gz"]).Count()).Message);
        var whole = File.ReadAllBytes(folder.Write("a.txt.gz", string.Concat(Enumerable.Range(0, 3000))));
        File.WriteAllBytes(folder["a.txt.gz"], whole[..^100]);
        Assert.Contains("cannot be read: its compressed content is damaged or cut short", Assert.Throws<UserException>(() => TextLines.Read(folder["a.txt.gz"]).Count()).Message);
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_the_users_error()
    {
        Assert.Contains("the file does not exist", Assert.Throws<UserException>(() => TextLines.Read(folder.FullPath + "/none").ToList()).Message);
        Assert.Throws<UserException>(() => TextLines.Read(folder.FullPath).ToList());
    }
}
