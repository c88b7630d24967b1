namespace Transformers.Tests.Configs;

/// <summary>The same data set, read from elsewhere.</summary>
public sealed class DataOverrideTests : IDisposable
{
    readonly string file = Path.GetTempFileName();

    public void Dispose() => File.Delete(file);

    [Fact]
    public void Files_that_take_a_generators_place_are_cut_into_documents_where_its_text_was()
    {
        var generated = TinyRuns.Config();
        var separator = TextSources.WithFiles(((TextDataConfig)generated.Data).Source, []).Separator;
        Assert.NotNull(separator);
        var files = Assert.IsType<TextFilesConfig>(((TextDataConfig)DataOverride.Apply(generated, file).Data).Source);
        Assert.Equal([file], files.Files);
        Assert.Equal(separator, files.Separator);
    }

    [Fact]
    public void Files_that_take_other_files_place_are_read_as_those_were()
    {
        var config = TinyRuns.Config("data.source={ files: [a.jsonl], text_field: story, separator: --- }");
        var files = Assert.IsType<TextFilesConfig>(((TextDataConfig)DataOverride.Apply(config, file).Data).Source);
        Assert.Equal([file], files.Files);
        Assert.Equal(("story", "---"), (files.TextField, files.Separator));
    }
}
