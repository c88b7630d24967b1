namespace Transformers.Tests.Data.Labelled;

public sealed class LabelledFilesTests : TempFolderTest
{
    [Fact]
    public void Tsv_csv_and_json_lines_give_the_same_examples()
    {
        (string, string)[] expected = [("it is , well , good", "1"), ("a \"bad\" one", "0")];
        var tsv = folder.Write("a.tsv", "it is , well , good\t1\na \"bad\" one\t0\n");
        var csv = folder.Write("a.csv.gz", "id,label,text\r\n7,1,\"it is , well , good\"\r\n8,0,\"a \"\"bad\"\" one\"\r\n");
        var json = folder.Write("a.jsonl", "{\"text\": \"it is , well , good\", \"label\": 1}\n{\"text\": \"a \\\"bad\\\" one\", \"label\": \"0\"}\n");
        Assert.Equal(expected, Read(tsv, "0", "1"));
        Assert.Equal(expected, Read(csv, "text", "label"));
        Assert.Equal(expected, Read(json, "text", "label"));

        static IEnumerable<(string, string)> Read(string path, string text, string label) =>
            LabelledFiles.Read(path, text, label).Select(e => (e.Text, e.Label));
    }

    [Fact]
    public void A_quoted_field_may_hold_line_ends_and_the_next_record_knows_its_line()
    {
        var csv = folder.Write("a.csv", "\"two\nlines\",x\nnext,y\n\"\",z\n");
        Assert.Equal([new("two\nlines", "x", 1), new("next", "y", 3), new("", "z", 4)], LabelledFiles.Read(csv, "0", "1"));
    }

    [Theory]
    [InlineData("a.tsv", "a\tx\n\nb\ty\n  \n\r\n")]
    [InlineData("a.csv", "a,x\n\nb,y\n\n")]
    [InlineData("a.jsonl", "{\"0\":\"a\",\"1\":\"x\"}\n\n{\"0\":\"b\",\"1\":\"y\"}\n\n")]
    public void Blank_lines_are_skipped_and_counted_in_the_numbers_of_lines(string name, string text) =>
        Assert.Equal([new("a", "x", 1), new("b", "y", 3)], LabelledFiles.Read(folder.Write(name, text), "0", "1"));

    [Fact]
    public void Only_the_extension_of_the_file_says_what_separates_its_columns()
    {
        Directory.CreateDirectory(Path.Combine(folder.FullPath, "old.csv"));
        var path = folder.Write("old.csv/train.tsv", "text\tlabel\n\"a\tx\n");
        Assert.Equal("text, label", LabelledFiles.HeaderOf(path, "0", "1"));
        Assert.Equal([new("\"a", "x", 2)], LabelledFiles.Read(path, "0", "1"));
    }

    [Theory]
    [InlineData("a.tsv", "sentence\tlabel\na\tx\n", "sentence, label")]
    [InlineData("a.csv", "Text,Category\na,x\n", "Text, Category")]
    [InlineData("a.tsv", "a\tx\n", null)]
    [InlineData("a.tsv", "text\tx\na\tx\n", null)]
    public void A_first_line_of_names_of_columns_is_no_example(string name, string text, string? header)
    {
        var path = folder.Write(name, text);
        Assert.Equal(header, LabelledFiles.HeaderOf(path, "0", "1"));
        Assert.Equal("a", LabelledFiles.Read(path, "0", "1").Last().Text);
        Assert.Equal(header is null ? text.Count(c => c == '\n') : 1, LabelledFiles.Read(path, "0", "1").Count());
    }

    [Fact]
    public void A_line_with_more_columns_than_the_first_is_an_error_with_its_line()
    {
        foreach (var (name, text) in new[] { ("a.tsv", "a\tx\nb\tand\ty\n"), ("a.csv", "a,x\nb,and,y\n") })
        {
            var problem = Assert.Throws<UserException>(() => LabelledFiles.Read(folder.Write(name, text), "0", "1").ToList()).Problems[0];
            Assert.Equal((2, "the line has 3 columns, but the first line has 2"), (problem.Line, problem.Message));
        }
    }

    [Theory]
    [InlineData("a.csv", "a,x\n\"never closed,y\nz,z\n", 2)]
    [InlineData("a.csv", "a,x\n\"closed\" too early,y\n", 2)]
    [InlineData("a.csv", "a,x\nalone\n", 2)]
    [InlineData("a.tsv", "a\tx\nalone\n", 2)]
    [InlineData("a.jsonl", "{\"0\":\"a\",\"1\":\"b\"}\n{\"0\":\"a\"}\n", 2)]
    public void A_broken_record_is_reported_with_its_line(string name, string text, int line)
    {
        var path = folder.Write(name, text);
        Assert.Equal(line, Assert.Throws<UserException>(() => LabelledFiles.Read(path, "0", "1").ToList()).Problems[0].Line);
    }

    [Fact]
    public void The_error_for_an_unknown_column_lists_those_that_exist()
    {
        var path = folder.Write("a.tsv", "sentence\tlabel\na\t1\n");
        Assert.Contains("sentence, label", Assert.Throws<UserException>(() => LabelledFiles.Read(path, "text", "label").ToList()).Problems[0].Hint);
    }

    [Fact]
    public void Another_ending_is_the_users_error() =>
        Assert.Throws<UserException>(() => LabelledFiles.Read(folder.Write("a.xml", ""), "0", "1").ToList());

    [Fact]
    public void Classes_are_ordered_by_value_where_they_are_numbers_and_by_name_where_not()
    {
        Assert.Equal(["-1", "2", "10"], ClassNames.Of(["10", "2", "-1", "2"]));
        Assert.Equal(["10", "2", "b"], ClassNames.Of(["b", "2", "10"]));
    }

    [SharedDataFact("sst2")]
    public void Sst2_is_read_as_it_is_published()
    {
        var sizes = new[] { "train", "dev", "test" }.Select(s =>
            LabelledFiles.Read(Repository.SharedData("sst2", s + ".tsv"), "0", "1").Count(e => e.Label is "0" or "1"));
        Assert.Equal([6920, 872, 1821], sizes);
    }
}
