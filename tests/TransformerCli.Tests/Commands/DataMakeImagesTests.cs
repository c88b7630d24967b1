namespace TransformerCli.Tests.Commands;

public sealed class DataMakeImagesTests : FolderTest
{
    [Fact]
    public void Images_are_made_where_they_are_asked_for()
    {
        var target = At("set");
        var made = CommandLine.Done("data", "make", "shapes", "--output", target, "--size", "48", "--side", "16", "--seed", "3", "--json").Json;
        Assert.Equal(48, Directory.GetFiles(target, "*.png", SearchOption.AllDirectories).Length);
        Assert.Equal(("transformer.data.make/1", 48), (made.GetProperty("schema").GetString(), made.GetProperty("images").GetInt32()));
    }

    [Fact]
    public void Too_few_images_are_the_users_mistake() =>
        Assert.Contains("must be from 60", CommandLine.Run("data", "make", "digits", "--output", At("set"), "--size", "10").Exits(2).Error);
}
