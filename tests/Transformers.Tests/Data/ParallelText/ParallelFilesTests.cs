namespace Transformers.Tests.Data.ParallelText;

public sealed class ParallelFilesTests : TempFolderTest
{
    static readonly SentencePair[] Pairs = [new("ein Hund", "a dog"), new("", "empty on one side"), new("zwei\u2028Zeilen", "two lines")];

    [Fact]
    public void Two_files_a_tsv_and_json_lines_give_the_same_pairs()
    {
        var source = folder.Write("train.de.gz", string.Join('\n', Pairs.Select(p => p.Source)) + "\n");
        var target = folder.Write("train.en", string.Join("\r\n", Pairs.Select(p => p.Target)));
        var tsv = folder.Write("x.tsv", string.Join('\n', Pairs.Select(p => $"{p.Source}\t{p.Target}\tmore")));
        var json = folder.Write("x.jsonl", string.Join('\n', Pairs.Select(p =>
            $$$"""{"translation": {"en": "{{{p.Target}}}", "de": "{{{p.Source}}}"}}""")));
        var flat = folder.Write("y.jsonl", string.Join('\n', Pairs.Select(p => $$"""{"a.b": "{{p.Source}}", "c": "{{p.Target}}"}""")));
        Assert.Equal(Pairs, ParallelFiles.ReadPair(source, target));
        Assert.Equal(Pairs, ParallelFiles.ReadTable(tsv));
        Assert.Equal(Pairs, ParallelFiles.ReadJsonLines(json, "translation.de", "translation.en"));
        Assert.Equal(Pairs, ParallelFiles.ReadJsonLines(flat, "a.b", "c"));
    }

    [Fact]
    public void Blank_lines_and_a_line_of_names_of_columns_are_no_pairs()
    {
        var tsv = folder.Write("x.tsv", "source\ttarget\na\tb\n\nc\td\n\n");
        Assert.Equal([new("a", "b"), new("c", "d")], ParallelFiles.ReadTable(tsv));
        Assert.Equal("source, target", ParallelFiles.HeaderOf(tsv));
        var languages = folder.Write("y.tsv", "de\tEN\na\tb\n");
        Assert.Equal([new("a", "b")], ParallelFiles.ReadTable(languages, "de", "en"));
        Assert.Equal(2, ParallelFiles.ReadTable(languages).Count());
        Assert.Equal([new("a", "b")], ParallelFiles.ReadJsonLines(folder.Write("z.jsonl", "{\"s\":\"a\",\"t\":\"b\"}\n\n"), "s", "t"));
        Assert.Equal(2, Assert.Throws<UserException>(() => ParallelFiles.ReadTable(folder.Write("w.tsv", "a\tb\nc\td\te\n")).ToList()).Problems[0].Line);
    }

    [Theory]
    [InlineData("x.csv", ',')]
    [InlineData("x.TSV", '\t')]
    public void Ill_formed_text_in_a_table_of_either_kind_is_replaced(string name, char separator)
    {
        var path = folder.Write(name, "");
        File.WriteAllBytes(path, [(byte)'a', 0xff, (byte)separator, (byte)'b']);
        Assert.Equal([new("a\uFFFD", "b")], ParallelFolder.Find(path, "de", "en").Train.Read());
    }

    [Fact]
    public void A_csv_gives_the_pairs_of_its_first_two_columns()
    {
        const string table = "de,en,note\n\"ein Haus, rot\",\"a \"\"red\"\" house\",x\n\nzwei,two,\n";
        SentencePair[] pairs = [new("ein Haus, rot", "a \"red\" house"), new("zwei", "two")];
        var file = folder.Write("train.csv", table);
        Assert.Equal(pairs, ParallelFiles.ReadTable(file, "de", "en"));
        Assert.Equal("de, en, note", ParallelFiles.HeaderOf(file, "de", "en"));
        Assert.Equal(pairs, ParallelFolder.Find(file, "de", "en").Train.Read());
        Assert.Equal(pairs, ParallelFolder.Find(folder.FullPath, "de", "en").Train.Read());
        Assert.Equal(pairs, new ParallelFilesConfig { Train = [file], From = "de", To = "en" }.Open().Train.Read());
        Assert.Contains("the line has 1 column, but 2 are needed (columns are separated by commas)", Assert.Throws<UserException>(() => ParallelFiles.ReadTable(folder.Write("x.csv.gz", "a;b\n")).ToList()).Message);
        // The line of names is recognised in a single table, too.
        Assert.Equal([new("a", "b")], ParallelFolder.Find(folder.Write("y.tsv", "de\ten\na\tb\n"), "de", "en").Train.Read());
    }

    [Theory]
    [InlineData("a\nb\nc\n", "a\n", "1 has 3 lines, 2 has 1")]
    [InlineData("a\n", "a\nb\nc\nd\n", "2 has 4 lines, 1 has 1")]
    [InlineData("", "a\n", "2 has 1 line, 1 has 0")]
    public void Misaligned_files_are_an_error_that_gives_both_counts(string first, string second, string message)
    {
        var (source, target) = (folder.Write("1", first), folder.Write("2", second));
        Assert.Contains(message, Assert.Throws<UserException>(() => ParallelFiles.ReadPair(source, target).ToList()).Message.Replace(folder.FullPath + "/", ""));
    }

    [Fact]
    public void A_broken_line_is_reported_with_its_number()
    {
        var tsv = folder.Write("x.tsv", "a\tb\nc\n");
        Assert.Equal(2, Assert.Throws<UserException>(() => ParallelFiles.ReadTable(tsv).ToList()).Problems[0].Line);
        foreach (var line in new[] { "{", "[]", "{\"a\": 1}", "{\"a\": \"x\", \"b\": []}", "{\"a\": \"x\", \"b\": \"\\ud800\"}", new string('[', 1000) })
        {
            var json = folder.Write("x.jsonl", "{\"a\": \"x\", \"b\": \"y\"}\n" + line + "\n");
            Assert.Equal(2, Assert.Throws<UserException>(() => ParallelFiles.ReadJsonLines(json, "a", "b").ToList()).Problems[0].Line);
        }
    }

    [Fact]
    public void A_folder_gives_its_splits_whatever_their_form()
    {
        folder.Write("train.de.gz", "ein\n");
        folder.Write("train.en", "one\n");
        folder.Write("dev.tsv", "zwei\ttwo\n");
        folder.Write("test_b.jsonl", "{\"de\": \"drei\", \"en\": \"three\"}\n");
        folder.Write("test_a.de", "vier\n");
        folder.Write("test_a.en.gz", "four\n");
        folder.Write("README.md", "not data");
        folder.Write("train.fr", "un\n");
        var found = ParallelFolder.Find(folder.FullPath, "de", "en");
        Assert.Equal([new SentencePair("ein", "one")], found.Train.Read());
        Assert.Equal([new SentencePair("zwei", "two")], found.Validation!.Read());
        Assert.Equal(["test_a", "test_b"], found.Tests.Select(t => t.Name));
        Assert.Equal([new SentencePair("vier", "four")], found.Test!.Read());
        Assert.Equal([new SentencePair("drei", "three")], found.Tests[1].Read());
    }

    [Fact]
    public void A_folder_without_training_text_or_with_half_a_split_is_the_users_error()
    {
        Assert.Contains("no training text", Assert.Throws<UserException>(() => ParallelFolder.Find(folder.FullPath, "de", "en")).Message);
        folder.Write("train.de", "ein\n");
        Assert.Contains("train.en is missing", Assert.Throws<UserException>(() => ParallelFolder.Find(folder.FullPath, "de", "en")).Message);
        folder.Write("train.en", "one\n");
        folder.Write("train.tsv", "one\tein\n");
        Assert.Contains("several files", Assert.Throws<UserException>(() => ParallelFolder.Find(folder.FullPath, "de", "en")).Message);
        Assert.Contains("the file or folder does not exist", Assert.Throws<UserException>(() => ParallelFolder.Find(folder.FullPath + "/none", "de", "en")).Message);
    }

    [SharedDataFact("multi30k")]
    public void Multi30k_is_read_as_it_is_published()
    {
        var found = ParallelFolder.Find(Repository.SharedData("multi30k"), "de", "en");
        Assert.Equal(29_000, found.Train.Read().Count());
        Assert.Equal(1_014, found.Validation!.Read().Count());
        Assert.Equal(["test_2016_flickr", "test_2017_mscoco"], found.Tests.Select(t => t.Name));
        Assert.Equal(1_000, found.Test!.Read().Count());
        Assert.Equal(461, found.Tests[1].Read().Count());
        Assert.Equal("A little girl climbing into a wooden playhouse.", found.Train.Read().ElementAt(2).Target);
    }
}
