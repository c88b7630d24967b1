namespace Transformers.Tests.Data.Labelled;

public class LabelledBatchesTests
{
    // <pad> 0, <s> 1, </s> 2, <mask> 3, a 4, b 5, c 6
    static readonly WordTokenizer Tokenizer = WordTokenizer.Train(["a b c"], SpecialIds.ForEncoder);
    static readonly SpecialIds Special = SpecialIds.Of(Tokenizer);

    [Fact]
    public void A_batch_frames_pads_and_labels_as_documented()
    {
        var corpus = LabelledCorpus.Encode([new("a b", "yes"), new("c", "no")], Tokenizer, Special);
        Assert.Equal(["no", "yes"], corpus.Classes);
        var batch = new LabelledBatches(corpus, Special, new BucketOptions { Sequences = 2, Shuffle = false }).At(default);
        Assert.Equal([1, 0], batch.Texts.Examples);
        Assert.Equal([1, 6, 2, 0, 1, 4, 5, 2], batch.Texts.Ids);
        Assert.Equal([3, 4], batch.Texts.Lengths);
        Assert.Equal([0L, 1L], batch.Labels);
    }

    [Fact]
    public void A_text_too_long_loses_its_end_but_keeps_its_frame_and_is_counted()
    {
        var corpus = LabelledCorpus.Encode([new("a b c a b c", "x"), new("a b", "x")], Tokenizer, Special, maximumTokens: 4);
        Assert.Equal([1, 4, 5, 2], corpus.Tokens.ToArray(0));
        Assert.Equal([1, 4, 5, 2], corpus.Tokens.ToArray(1));
        Assert.Equal(1, corpus.Shortened);
    }

    [Fact]
    public void A_label_unknown_to_training_is_reported_with_file_and_line()
    {
        var error = Assert.Throws<UserException>(() =>
            LabelledCorpus.Encode([new("a", "x", 1), new("b", "y", 2)], Tokenizer, Special, classes: ["x"], file: "dev.tsv"));
        Assert.Equal(("dev.tsv", 2), (error.Problems[0].File, error.Problems[0].Line));
    }

    [Fact]
    public void An_epoch_holds_every_text_with_its_own_label()
    {
        var examples = Enumerable.Range(0, 100).Select(i => new LabelledExample(string.Join(' ', Enumerable.Repeat("a", i % 7)), $"{i % 3}")).ToList();
        var batches = new LabelledBatches(LabelledCorpus.Encode(examples, Tokenizer, Special), Special, new BucketOptions { Tokens = 40, Seed = 9 });
        var seen = Enumerable.Range(0, batches.BatchesPerEpoch).Select(b => batches.At(new DataPosition(4, b)))
            .SelectMany(b => b.Texts.Examples.Zip(b.Labels)).ToList();
        Assert.Equal(Enumerable.Range(0, 100), seen.Select(s => s.First).Order());
        Assert.All(seen, s => Assert.Equal(s.First % 3, s.Second));
    }
}
