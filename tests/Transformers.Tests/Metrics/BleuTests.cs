using Transformers.IO;
using Transformers.Metrics;

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
        // Published for the segments of sacreBLEU's README against the first of their references.
        var score = Bleu.Corpus(["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."],
            ["The dog bit the man.", "It was not unexpected.", "The man bit him first."]);
        Assert.Matches(@"^BLEU = \d+\.\d\d (\d+\.\d/?){4} \(BP = 0\.\d{3} ratio = 0\.\d{3} hyp_len = 17 ref_len = \d+\)$", score.ToString());
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
