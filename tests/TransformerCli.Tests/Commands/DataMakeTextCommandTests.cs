namespace TransformerCli.Tests.Commands;

public sealed class DataMakeTextCommandTests : FolderTest
{
    readonly StringWriter output = new();
    readonly StringWriter error = new();

    int Run(params string[] arguments) => App.Run(["data", "make", .. arguments], TextReader.Null, output, error);

    [Theory]
    [InlineData("translation", "train.qta")]
    [InlineData("copy", "train.trg")]
    [InlineData("reverse", "train.trg")]
    [InlineData("sentiment", "train.tsv")]
    public void Each_task_is_written_in_the_size_that_was_asked_for(string kind, string file)
    {
        Assert.Equal(0, Run(kind, "--size", "70", "--seed", "3", "--output", Folder, "--json"));
        Assert.Equal(70, File.ReadLines(At(file)).Count());
        using var document = JsonDocument.Parse(output.ToString());
        Assert.Equal("transformer.data.make/1", document.RootElement.GetProperty("schema").GetString());
        Assert.Equal(70, document.RootElement.GetProperty("train").GetInt64());
        Assert.Equal(50, document.RootElement.GetProperty("test").GetInt64());
    }

    [Fact]
    public void Without_json_one_line_says_what_was_written()
    {
        Assert.Equal(0, Run("copy", "--size", "60", "--output", Folder));
        Assert.Contains("60 training examples", output.ToString());
        Assert.Empty(error.ToString());
    }

    [Fact]
    public void A_size_out_of_range_is_the_users_error()
    {
        Assert.Equal(ExitCodes.UserError, Run("copy", "--size", "0", "--output", Folder));
        Assert.Contains("(0)", error.ToString());
    }
}
