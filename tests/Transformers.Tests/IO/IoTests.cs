namespace Transformers.Tests.IO;

public class IoTests : TempFolderTest
{
    [Fact]
    public void The_checksum_is_crc32c()
    {
        Assert.Equal(0xE3069283u, Crc32C.Of("123456789"u8)); // The check value of the CRC catalogue.
        Assert.Equal(0x8A9136AAu, Crc32C.Of(new byte[32])); // RFC 3720, appendix B.4.
    }

    [Fact]
    public void A_checksum_in_parts_is_that_of_the_whole()
    {
        var bytes = new byte[1000];
        new Random(1).NextBytes(bytes);
        for (var cut = 0; cut <= bytes.Length; cut++)
            Assert.Equal(Crc32C.Of(bytes), Crc32C.Append(Crc32C.Of(bytes.AsSpan(0, cut)), bytes.AsSpan(cut)));
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("samples/step 10/é.txt")]
    [InlineData("a..b")]
    [InlineData(".hidden")]
    public void A_plain_name_is_joined(string name) => Assert.Equal(Path.Combine(folder.FullPath, name), SafePath.Resolve(folder.FullPath, name));

    [Theory]
    [InlineData("")]
    [InlineData("/etc/passwd")]
    [InlineData("..")]
    [InlineData("../x")]
    [InlineData("a/../../x")]
    [InlineData("./x")]
    [InlineData("a//b")]
    [InlineData("a/")]
    [InlineData("a\\..\\b")]
    [InlineData("C:/x")]
    [InlineData("C:x")]
    [InlineData("\\\\host\\share")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    [InlineData("con")]
    [InlineData("NUL.txt")]
    [InlineData("a. ")]
    [InlineData("a.")]
    public void A_name_that_could_leave_the_folder_is_refused(string name) =>
        Assert.DoesNotContain('\0', Assert.Throws<UserException>(() => SafePath.Resolve(folder.FullPath, name)).Message);

    [Fact]
    public void A_name_of_four_thousand_characters_is_refused_in_a_short_message()
    {
        Assert.True(Assert.Throws<UserException>(() => SafePath.Resolve("/run", new string('x', 4096))).Message.Length < 500);
        Assert.Throws<UserException>(() => SafePath.Resolve("/run", new string('é', 200)));
    }

    [Fact]
    public void A_name_that_passes_through_a_symbolic_link_is_refused_even_where_it_leads_nowhere()
    {
        Directory.CreateSymbolicLink(folder["link"], "/");
        File.CreateSymbolicLink(folder["dangling"], folder["nowhere"]);
        Assert.Throws<UserException>(() => SafePath.Resolve(folder.FullPath, "link/etc/passwd"));
        Assert.Throws<UserException>(() => SafePath.Resolve(folder.FullPath, "dangling"));
    }

    [Fact]
    public void A_durable_write_replaces_the_content_and_leaves_nothing_beside_it()
    {
        DurableFile.WriteText(folder["a"], "one");
        var written = DurableFile.WriteText(folder["a"], "two");
        Assert.Equal(("a", 3L, Crc32C.Of("two"u8)), (written.Name, written.Bytes, written.Checksum));
        Assert.Equal("two", File.ReadAllText(folder["a"]));
        Assert.Single(Directory.GetFileSystemEntries(folder.FullPath));
    }

    [Fact]
    public void A_durable_write_that_fails_leaves_the_old_content()
    {
        DurableFile.WriteText(folder["a"], "one");
        Assert.Throws<IOException>(() => DurableFile.Write(folder["a"], stream =>
        {
            stream.Write("part"u8);
            throw new IOException();
        }));
        Assert.Equal("one", File.ReadAllText(folder["a"]));
        Assert.Single(Directory.GetFileSystemEntries(folder.FullPath));
    }

    [Fact]
    public void A_requested_file_that_cannot_be_written_is_reported_by_its_own_name()
    {
        var path = folder["page.html"];
        Directory.CreateDirectory(path + DurableFile.TemporarySuffix); // In the way of the temporary file.
        var refused = Assert.Throws<UserException>(() => DurableFile.WriteAsked(path, "text"));
        Assert.Equal(path, refused.Problems[0].File);
        Assert.Contains("cannot be written", refused.Message);
        Assert.DoesNotContain(DurableFile.TemporarySuffix, refused.Message);
    }

    [Fact]
    public void A_link_planted_under_the_temporary_name_is_not_followed()
    {
        File.WriteAllText(folder["victim"], "precious");
        File.CreateSymbolicLink(folder["a.tmp"], folder["victim"]);
        DurableFile.WriteText(folder["a"], "new");
        Assert.Equal("precious", File.ReadAllText(folder["victim"]));
        Assert.Null(new FileInfo(folder["a"]).LinkTarget);
    }

    [Fact]
    public void Half_a_surrogate_pair_is_not_written_as_something_else() =>
        Assert.Throws<EncoderFallbackException>(() => DurableFile.WriteText("/nonexistent/a", "\ud83d"));

    [Fact]
    public void A_folder_is_seen_only_once_it_is_whole()
    {
        using (var building = new DurableFolder(folder["a/b/c"]))
        {
            building.Write("x/y.txt", stream => stream.Write("1"u8));
            Assert.False(Directory.Exists(folder["a/b/c"]));
            building.Commit();
        }
        Assert.Equal("1", File.ReadAllText(folder["a/b/c/x/y.txt"]));
        using (var abandoned = new DurableFolder(folder["d"])) abandoned.Write("x", stream => stream.Write("1"u8));
        Assert.Equal([folder["a"]], Directory.GetFileSystemEntries(folder.FullPath));
    }

    [Fact]
    public void Tidying_does_not_follow_a_link_that_looks_like_a_leftover()
    {
        Directory.CreateDirectory(folder["run"]);
        Directory.CreateDirectory(folder["precious"]);
        File.WriteAllText(folder["precious/x"], "");
        Directory.CreateSymbolicLink(folder["run/step-00000001.tmp"], folder["precious"]);
        DurableFolder.Recover(folder["run"]);
        Assert.True(File.Exists(folder["precious/x"]));
        Assert.Empty(Directory.GetFileSystemEntries(folder["run"]));
    }

    [Fact]
    public void A_file_is_read_only_up_to_its_limit_and_only_as_utf8()
    {
        File.WriteAllBytes(folder["a"], [0xc3, 0xa9, 0xff]);
        Assert.Equal(3, BoundedFile.ReadBytes(folder["a"], 3).Length);
        Assert.Contains("at most 2", Assert.Throws<UserException>(() => BoundedFile.ReadBytes(folder["a"], 2)).Message);
        Assert.Contains("byte 2", Assert.Throws<UserException>(() => BoundedFile.ReadText(folder["a"], 3)).Message);
        Assert.Contains("the file does not exist", Assert.Throws<UserException>(() => BoundedFile.ReadText(folder["absent"], 3)).Message);
        Assert.Contains("folder", Assert.Throws<UserException>(() => BoundedFile.ReadText(folder.FullPath, 3)).Message);
        Assert.Contains("NUL character", Assert.Throws<UserException>(() => BoundedFile.ReadText(folder["a\0b"], 3)).Message);
    }
}
