using System.Text.Json;

namespace TransformerCli.Tests.Commands;

public sealed class DataMakeTextCommandTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("transformer-make-").FullName;
    readonly StringWriter output = new();
    readonly StringWriter error = new();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    int Run(params string[] arguments)
    {
        return App.Run(["data", "make", .. arguments], TextReader.Null, output, error);
    }

    [Theory]
    [InlineData("translation", "train.qta")]
    [InlineData("copy", "train.trg")]
    [InlineData("reverse", "train.trg")]
    [InlineData("sentiment", "train.tsv")]
    public void Each_task_is_written_in_the_size_that_was_asked_for(string kind, string file)
    {
        Assert.Equal(0, Run(kind, "--size", "70", "--seed", "3", "--output", folder, "--json"));
        Assert.Equal(70, File.ReadLines(Path.Combine(folder, file)).Count());
        using var document = JsonDocument.Parse(output.ToString());
        Assert.Equal("transformer.data.make/1", document.RootElement.GetProperty("schema").GetString());
        Assert.Equal(70, document.RootElement.GetProperty("train").GetInt64());
        Assert.Equal(50, document.RootElement.GetProperty("test").GetInt64());
    }

    [Fact]
    public void Without_json_one_line_says_what_was_written()
    {
        Assert.Equal(0, Run("copy", "--size", "60", "--output", folder));
        Assert.Contains("60 training examples", output.ToString());
        Assert.Empty(error.ToString());
    }

    [Fact]
    public void A_size_out_of_range_is_the_users_error()
    {
        Assert.Equal(ExitCodes.UserError, Run("copy", "--size", "0", "--output", folder));
        Assert.Contains("(0)", error.ToString());
    }
}
