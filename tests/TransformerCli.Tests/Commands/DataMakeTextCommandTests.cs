namespace TransformerCli.Tests.Commands;

public sealed class DataMakeTextCommandTests : FolderTest
{
    [Theory]
    [InlineData("translation", "train.qta")]
    [InlineData("copy", "train.trg")]
    [InlineData("reverse", "train.trg")]
    [InlineData("sentiment", "train.tsv")]
    public void Each_task_is_written_in_the_size_that_was_asked_for(string kind, string file)
    {
        var made = CommandLine.Done("data", "make", kind, "--size", "70", "--seed", "3", "--output", Folder, "--json").Json;
        Assert.Equal(70, File.ReadLines(At(file)).Count());
        Assert.Equal("transformer.data.make/1", made.GetProperty("schema").GetString());
        Assert.Equal(70, made.GetProperty("train").GetInt64());
        Assert.Equal(50, made.GetProperty("test").GetInt64());
    }

    [Fact]
    public void Without_json_one_line_says_what_was_written()
    {
        var (_, output, error) = CommandLine.Done("data", "make", "copy", "--size", "60", "--output", Folder);
        Assert.Contains("60 training examples", output);
        Assert.Empty(error);
    }

    [Fact]
    public void A_size_out_of_range_is_the_users_error() =>
        Assert.Contains("(0)", CommandLine.Run("data", "make", "copy", "--size", "0", "--output", Folder).Exits(ExitCodes.UserError).Error);
}
