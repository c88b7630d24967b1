namespace Transformers.Tests.Metrics;

public class BleuTests
{
    [Fact]
    public void Empty_translations_count_and_score_nothing() =>
        Assert.Equal(0, Bleu.Corpus(["", "", ""], ["The dog bit the man.", "It was not unexpected.", "The man bit him first."]).Score);

    [Fact]
    public void A_corpus_translated_perfectly_scores_100() =>
        Assert.Equal(100, Bleu.Corpus(["one two three four five"], ["one two three four five"]).Score, 1e-9);

    [Fact]
    public void Case_counts() => Assert.True(Bleu.Corpus(["THE DOG BIT THE MAN"], ["the dog bit the man"]).Score < 1);

    [Fact]
    public void Lengths_and_precisions_are_printed_as_sacreBLEU_prints_them()
    {
        var score = Bleu.Corpus(["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."],
            ["The dog bit the man.", "It was not unexpected.", "The man bit him first."]);
        Assert.Equal("BLEU = 45.07 70.6/42.9/36.4/37.5 (BP = 1.000 ratio = 1.000 hyp_len = 17 ref_len = 17)", score.ToString());
        Assert.StartsWith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:", score.Signature);
    }

    [Fact]
    public void Unequal_numbers_of_segments_are_the_users_error()
    {
        var error = Assert.Throws<UserException>(() => Bleu.Corpus(["a", "b"], ["a"]));
        Assert.Contains("(2)", error.Message);
        Assert.Contains("(1)", error.Message);
    }
}
