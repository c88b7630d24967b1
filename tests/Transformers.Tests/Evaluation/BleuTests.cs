using Transformers.IO;
using Transformers.Metrics;

namespace Transformers.Tests.Evaluation;

/// <summary>Values that sacreBLEU publishes in its README and its own tests.</summary>
public class BleuTests
{
    static readonly string[] Hypotheses = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."];

    static readonly IReadOnlyList<IReadOnlyList<string>> TwoReferences =
    [
        ["The dog bit the man.", "The dog had bit the man."],
        ["It was not unexpected.", "No one was surprised."],
        ["The man bit him first.", "The man had bitten the dog."],
    ];

    const string Romanian = "producţia de zahăr brut se exprimă în zahăr alb;";
    const string RomanianHypothesis = "Producția de zahăr primă va fi exprimată în ceea ce privește zahărul alb;";

    [Fact]
    public void The_readme_example_scores_as_published()
    {
        var score = new Bleu().Corpus(Hypotheses, TwoReferences);
        Assert.Equal(48.530827, score.Score, 1e-6);
        Assert.Equal("BLEU = 48.53 82.4/50.0/45.5/37.5 (BP = 0.943 ratio = 0.944 hyp_len = 17 ref_len = 18)", score.ToString());
        Assert.StartsWith("nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:", score.Signature);
    }

    [Fact]
    public void A_missing_reference_makes_their_number_variable()
    {
        var score = new Bleu().Corpus(Hypotheses, [[TwoReferences[0][1]], TwoReferences[1], TwoReferences[2]]);
        Assert.Equal("BLEU = 29.44 82.4/42.9/27.3/12.5 (BP = 0.889 ratio = 0.895 hyp_len = 17 ref_len = 19)", score.ToString());
        Assert.StartsWith("nrefs:var|", score.Signature);
    }

    [Theory]
    [InlineData(1, 77.65)]
    [InlineData(2, 60.50)]
    [InlineData(3, 53.93)]
    [InlineData(4, 48.53)]
    [InlineData(5, 46.14)]
    [InlineData(6, 43.28)]
    public void Longer_and_shorter_n_grams_score_as_published(int order, double expected) =>
        Assert.Equal(expected, new Bleu { MaximumOrder = order }.Corpus(Hypotheses, TwoReferences).Score, 0.005);

    [Fact]
    public void Without_tokenization_the_score_is_as_published() =>
        Assert.Equal(49.1919566, new Bleu { Tokenize = false }.Corpus(Hypotheses, TwoReferences).Score, 1e-6);

    [Theory]
    [InlineData(BleuSmoothing.Exp, true, 8.493)]
    [InlineData(BleuSmoothing.None, true, 0.0)]
    [InlineData(BleuSmoothing.Floor, true, 4.51688)]
    [InlineData(BleuSmoothing.Exp, false, 7.347)]
    public void Sentence_scores_under_each_smoothing_are_as_published(BleuSmoothing smoothing, bool tokenize, double expected) =>
        Assert.Equal(expected, new Bleu { Smoothing = smoothing, Tokenize = tokenize, EffectiveOrder = true }
            .Sentence(RomanianHypothesis, Romanian).Score, 1e-3);

    [Theory]
    [InlineData("test", "a test", 36.78794411714425)]
    [InlineData("a test", "a test", 100.0)]
    [InlineData("a little test", "a test", 3.218297948685433)]
    [InlineData("this is a cat", "okay thanks", 0.0)]
    public void Short_sentences_score_as_published_by_effective_order(string hypothesis, string reference, double expected)
    {
        // Published with a floor of 0.01 of a match for two orders of three; ours is 0.1.
        var score = new Bleu { Smoothing = BleuSmoothing.Floor, EffectiveOrder = true }.Sentence(hypothesis, reference).Score;
        Assert.Equal(expected, hypothesis == "a little test" ? score / Math.Pow(10, 2.0 / 3) : score, 1e-6);
    }

    [Fact]
    public void Matches_and_totals_are_clipped_as_published()
    {
        var score = new Bleu { Tokenize = false }.Sentence("am I am a character sequence", "I am a symbol string sequence a a");
        Assert.Equal([4, 2, 1, 0], score.Matches);
        Assert.Equal([6, 5, 4, 3], score.Totals);
    }

    [Fact]
    public void Empty_translations_count_and_score_nothing() =>
        Assert.Equal(0, new Bleu().Corpus(["", "", ""], TwoReferences).Score);

    [Fact]
    public void A_corpus_translated_perfectly_scores_100() =>
        Assert.Equal(100, new Bleu().Corpus(["one two three four five"], ["one two three four five"]).Score, 1e-9);

    [Fact]
    public void Case_counts_unless_folded()
    {
        Assert.True(new Bleu().Sentence("THE DOG BIT THE MAN", "the dog bit the man").Score < 1);
        var folded = new Bleu { Lowercase = true }.Sentence("THE DOG BIT THE MAN", "the dog bit the man");
        Assert.Equal(100, folded.Score, 1e-9);
        Assert.Contains("case:lc", folded.Signature);
    }

    [Fact]
    public void Unequal_numbers_of_segments_are_the_users_error()
    {
        var error = Assert.Throws<UserException>(() => new Bleu().Corpus(["a", "b"], ["a"]));
        Assert.Contains("(2)", error.Message);
        Assert.Contains("(1)", error.Message);
    }
}
