namespace TransformerCli.Tests.Commands;

public sealed class DataMakeImagesTests : FolderTest
{
    (int Code, string Out, string Error) Run(string kind, params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        return (App.Run(["data", "make", kind, .. arguments], TextReader.Null, output, error), output.ToString(), error.ToString());
    }

    [Fact]
    public void Images_are_made_where_they_are_asked_for()
    {
        var target = At("set");
        var (code, output, _) = Run("shapes", "--output", target, "--size", "48", "--side", "16", "--seed", "3", "--json");
        Assert.Equal(0, code);
        Assert.Equal(48, Directory.GetFiles(target, "*.png", SearchOption.AllDirectories).Length);
        using var document = JsonDocument.Parse(output);
        Assert.Equal(("transformer.data.make/1", 48), (document.RootElement.GetProperty("schema").GetString(), document.RootElement.GetProperty("images").GetInt32()));
    }

    [Fact]
    public void Too_few_images_are_the_users_mistake()
    {
        var (code, _, error) = Run("digits", "--output", At("set"), "--size", "10");
        Assert.Equal(2, code);
        Assert.Contains("must be from 60", error);
    }
}
