namespace Transformers.Tests.Data.ParallelText;

public class ParallelBatchesTests
{
    static readonly List<SentencePair> Pairs = [.. new ReverseGenerator().Take(SyntheticSplit.Train, 1, 1500)];
    static readonly WordTokenizer Tokenizer = WordTokenizer.Train(Pairs.Select(p => p.Source), SpecialIds.ForTranslation);
    static readonly SpecialIds Special = SpecialIds.Of(Tokenizer);
    static readonly ParallelCorpus Corpus = ParallelCorpus.Encode(Pairs, Tokenizer, Tokenizer, new ParallelFilter(), keepTexts: true);

    static ParallelBatches Batches(BucketOptions options) => new(Corpus, Special, Special, options);

    [Fact]
    public void A_batch_frames_shifts_and_pads_as_documented()
    {
        var tokenizer = WordTokenizer.Train(["a b c d"], SpecialIds.ForTranslation); // <pad> 0, <s> 1, </s> 2, a 3, b 4, c 5, d 6
        var corpus = ParallelCorpus.Encode([new("a b", "c"), new("d", "d c b")], tokenizer, tokenizer, new ParallelFilter());
        var batch = new ParallelBatches(corpus, SpecialIds.Of(tokenizer), SpecialIds.Of(tokenizer), new BucketOptions { Sequences = 2 }).Make([0, 1]);
        Assert.Equal((2, 3, 4), (batch.Rows, batch.SourceWidth, batch.TargetWidth));
        Assert.Equal([3, 4, 2, 6, 2, 0], batch.Source);
        Assert.Equal([3, 2], batch.SourceLengths);
        Assert.Equal([1, 5, 0, 0, 1, 6, 5, 4], batch.TargetInput);
        Assert.Equal([5, 2, -100, -100, 6, 5, 4, 2], batch.TargetOutput);
        Assert.Equal([2, 4], batch.TargetLengths);
        Assert.Equal(6, batch.TargetTokens);
    }

    [Fact]
    public void A_text_that_cannot_be_encoded_is_the_users_error()
    {
        var letters = CharacterTokenizer.FromText("abc");
        Assert.Contains("U+0020", Assert.Throws<UserException>(() => ParallelCorpus.Encode([new("a b", "c")], letters, letters, new ParallelFilter())).Message);
    }

    [Fact]
    public void An_epoch_holds_every_pair_once_in_an_order_of_its_own()
    {
        var batches = Batches(new BucketOptions { Tokens = 600, Seed = 3 });
        var epochs = Enumerable.Range(0, 3).Select(e => Enumerable.Range(0, batches.BatchesPerEpoch)
            .SelectMany(b => batches.At(new DataPosition(e, b)).Examples).ToList()).ToList();
        Assert.All(epochs, e => Assert.Equal(Enumerable.Range(0, Corpus.Count), e.Order()));
        Assert.NotEqual(epochs[0], epochs[1]);
        Assert.NotEqual(epochs[1], epochs[2]);
    }

    [Fact]
    public void No_batch_exceeds_its_tokens_and_few_of_them_are_padding()
    {
        var batches = Batches(new BucketOptions { Tokens = 600 });
        long size = 0, used = 0;
        for (var b = 0; b < batches.BatchesPerEpoch; b++)
        {
            var batch = batches.At(new DataPosition(0, b));
            Assert.True(batch.Rows * Math.Max(batch.SourceWidth, batch.TargetWidth) <= 600);
            size += batch.TargetOutput.Length;
            used += batch.TargetTokens;
        }
        Assert.True(used > 0.95 * size, $"{used} of {size}");
    }

    [Fact]
    public void A_number_of_sequences_gives_batches_of_that_many_and_one_rest()
    {
        var batches = Batches(new BucketOptions { Sequences = 64 });
        Assert.Equal((Corpus.Count + 63) / 64, batches.BatchesPerEpoch);
        var rows = Enumerable.Range(0, batches.BatchesPerEpoch).Select(b => batches.At(new DataPosition(0, b)).Rows).Order().ToList();
        Assert.Equal(Corpus.Count % 64, rows[0]);
        Assert.All(rows.Skip(1), r => Assert.Equal(64, r));
    }

    [Fact]
    public void A_run_resumed_from_two_integers_continues_with_the_exact_next_batch()
    {
        var options = new BucketOptions { Tokens = 2000, Seed = 5 };
        var (first, position, seen) = (Batches(options), default(DataPosition), new List<int[]>());
        var steps = first.BatchesPerEpoch * 2 + 3;
        for (var step = 0; step < steps; step++, position = position.Following(first.BatchesPerEpoch)) seen.Add(first.At(position).Examples);
        var (second, again) = (Batches(options), default(DataPosition));
        for (var step = 0; step < first.BatchesPerEpoch + 7; step++) again = again.Following(second.BatchesPerEpoch);
        var third = Batches(options);
        for (var step = first.BatchesPerEpoch + 7; step < steps; step++, again = again.Following(third.BatchesPerEpoch))
            Assert.Equal(seen[step], third.At(again).Examples);
    }

    [Fact]
    public void Another_seed_gives_another_order()
    {
        var (a, b) = (Batches(new BucketOptions { Tokens = 900, Seed = 1 }), Batches(new BucketOptions { Tokens = 900, Seed = 2 }));
        Assert.NotEqual(a.At(default).Examples, b.At(default).Examples);
    }

    [Fact]
    public void Threads_that_ask_for_batches_of_different_epochs_get_the_same_as_one_that_asks_in_order()
    {
        var batches = Batches(new BucketOptions { Tokens = 3000 });
        var positions = Enumerable.Range(0, 60).Select(i => new DataPosition(i % 3, i / 3 % batches.BatchesPerEpoch)).ToList();
        var expected = positions.Select(p => batches.At(p).Source).ToList();
        Assert.Equal(expected, positions.AsParallel().AsOrdered().WithDegreeOfParallelism(4).Select(p => batches.At(p).Source).ToList());
    }

    [Fact]
    public void Unshuffled_batches_run_from_the_shortest_to_the_longest()
    {
        var batches = Batches(new BucketOptions { Sequences = 100, Shuffle = false });
        var widths = Enumerable.Range(0, batches.BatchesPerEpoch).Select(b => batches.At(new DataPosition(0, b)).SourceWidth).ToList();
        Assert.Equal(widths.Order(), widths);
    }

    [Fact]
    public void Filters_count_what_they_drop_under_one_reason_each()
    {
        var tokenizer = WordTokenizer.Train(["a"], SpecialIds.ForTranslation);
        string A(int n) => string.Join(' ', Enumerable.Repeat("a", n));
        SentencePair[] pairs = [new(A(3), A(3)), new("", A(2)), new(A(2), " "), new(A(9), A(9)), new(A(5), A(9)), new(A(2), A(5)), new(A(2), A(4))];
        var filter = new ParallelFilter { MaximumTokens = 8, MaximumRatio = 2 };
        var corpus = ParallelCorpus.Encode(pairs, tokenizer, tokenizer, filter, keepTexts: true);
        Assert.Equal(new FilterReport(7, 2, 2, 1, 1, 1), corpus.Report);
        Assert.Equal([pairs[0], pairs[6]], corpus.Texts);
        Assert.Equal(7, ParallelCorpus.Encode(pairs, tokenizer, tokenizer, ParallelFilter.None).Count);
    }

    [Fact]
    public void A_batch_too_small_for_the_longest_pair_is_the_users_error() =>
        Assert.Contains("(20)", Assert.Throws<UserException>(() => Batches(new BucketOptions { Tokens = 20 })).Message);

    [Fact]
    public void Nothing_to_learn_from_is_the_users_error() =>
        Assert.Throws<UserException>(() => new ParallelBatches(
            ParallelCorpus.Encode([], Tokenizer, Tokenizer, new ParallelFilter()), Special, Special, new BucketOptions { Tokens = 20 }));

    [SharedDataFact("multi30k")]
    public void Batches_of_multi30k_are_at_least_90_percent_tokens()
    {
        var pairs = ParallelFolder.Find(Repository.SharedData("multi30k"), "de", "en").Validation!.Read().ToList();
        var words = WordTokenizer.Train(pairs.SelectMany(p => new[] { p.Source, p.Target }), SpecialIds.ForTranslation);
        var corpus = ParallelCorpus.Encode(pairs, words, words, new ParallelFilter());
        var batches = new ParallelBatches(corpus, SpecialIds.Of(words), SpecialIds.Of(words), new BucketOptions { Tokens = 1024 });
        var all = Enumerable.Range(0, batches.BatchesPerEpoch).Select(b => batches.At(new DataPosition(0, b))).ToList();
        var share = (double)all.Sum(b => b.SourceLengths.Sum() + b.TargetTokens) / all.Sum(b => b.Source.Length + b.TargetInput.Length);
        Assert.True(share > 0.9, $"{share}");
    }
}
