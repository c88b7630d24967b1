namespace Transformers.Tests.Data;

public sealed class SentenceDataConfigTests : TempFolderTest
{
    static DataConfig Parse(string data) => ConfigFile.Parse<RunConfig>($$"""
        data: {{data}}
        model: { kind: gpt, layers: 1, heads: 1, width: 8, context: 8 }
        training: { steps: 1, batch: { sequences: 1 }, optimizer: { kind: adamw, lr: 1.0e-3 } }
        """).Data;

    [Fact]
    public void A_generated_task_is_named_by_its_generator()
    {
        var data = Assert.IsType<ParallelDataConfig>(Parse("{ kind: parallel, source: { generator: reverse, size: 70 }, tokenizer: { kind: words } }"));
        Assert.IsType<WordTokenizerConfig>(data.Tokenizer);
        var splits = data.Source.Open();
        Assert.Equal(new ReverseGenerator().Take(SyntheticSplit.Train, 1, 70), splits.Train.Read());
        Assert.Equal(50, splits.Validation!.Read().Count());
        Assert.Equal(50, splits.Test!.Read().Count());
        Assert.Equal(int.MaxValue, new ParallelFilter().MaximumTokens);
        Assert.Equal((256, double.PositiveInfinity), (data.Filter().MaximumTokens, data.Filter().MaximumRatio));
    }

    [Fact]
    public void A_folder_of_another_place_replaces_the_source_and_keeps_its_languages()
    {
        folder.Write("train.de", "ein\n");
        folder.Write("train.en", "one\n");
        var data = (ParallelDataConfig)Parse("{ kind: parallel, source: { folder: data/multi30k, from: de, to: en }, tokenizer: { kind: bpe, vocabulary: 8000 }, max_length: 100, max_ratio: 3 }");
        Assert.Throws<UserException>(() => data.Source.At(folder.FullPath + "/none").Open());
        Assert.Equal([new SentencePair("ein", "one")], data.Source.At(folder.FullPath).Open().Train.Read());
        Assert.Equal((100, 3.0), (data.Filter().MaximumTokens, data.Filter().MaximumRatio));
    }

    [Fact]
    public void Named_files_are_read_by_their_endings()
    {
        var (de, en) = (folder.Write("a.de", "ein\n"), folder.Write("b.en", "one\n"));
        var (tsv, json) = (folder.Write("v.tsv", "zwei\ttwo\n"), folder.Write("t.jsonl", "{\"translation\": {\"de\": \"drei\", \"en\": \"three\"}}\n"));
        var data = (ParallelDataConfig)Parse($"{{ kind: parallel, tokenizer: {{ kind: bytes }}, source: {{ train: [{de}, {en}], validation: [{tsv}], test: [{json}], from: translation.de, to: translation.en }} }}");
        var splits = data.Source.Open();
        Assert.Equal([new SentencePair("ein", "one")], splits.Train.Read());
        Assert.Equal([new SentencePair("zwei", "two")], splits.Validation!.Read());
        Assert.Equal([new SentencePair("drei", "three")], splits.Test!.Read());
    }

    [Theory]
    [InlineData("{ train: [a.de, a.en, a.fr] }", "data.source.train")]
    [InlineData("{ train: [a.txt] }", "data.source.train")]
    [InlineData("{ train: [a.tsv], test: [b.txt] }", "data.source.test")]
    [InlineData("{ generator: reverses }", "reverse")]
    [InlineData("{ generator: reverse, size: 0 }", "data.source.size")]
    [InlineData("{ folder: x, from: de }", "to")]
    public void A_source_that_does_not_fit_is_refused_with_its_place(string source, string said) =>
        Assert.Contains(said, Assert.Throws<UserException>(() => Parse($"{{ kind: parallel, tokenizer: {{ kind: bytes }}, source: {source} }}")).Message);

    [Fact]
    public void Labelled_text_comes_from_a_generator_or_a_folder()
    {
        var data = (LabelledDataConfig)Parse("{ kind: labelled, source: { generator: sentiment, size: 60 }, tokenizer: { kind: words } }");
        Assert.Equal(60, data.Source.Open().Train.Read().Count());
        folder.Write("train.csv", "label,sentence\nx,\"a, b\"\n");
        folder.Write("dev.tsv.gz", "label\tsentence\ny\tc\n");
        var other = (LabelledDataConfig)Parse("{ kind: labelled, source: { folder: data/mine, text: sentence, label: label }, tokenizer: { kind: bytes } }");
        var splits = other.Source.At(folder.FullPath).Open();
        Assert.Equal([new LabelledExample("a, b", "x", 2)], splits.Train.Read());
        Assert.Equal([new LabelledExample("c", "y", 2)], splits.Validation!.Read());
        Assert.Null(splits.Test);
        folder.Write("train.tsv", "");
        Assert.Contains("several files", Assert.Throws<UserException>(() => other.Source.At(folder.FullPath).Open()).Message);
    }
}
