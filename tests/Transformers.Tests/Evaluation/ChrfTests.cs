using Transformers.Metrics;

namespace Transformers.Tests.Evaluation;

/// <summary>Values that sacreBLEU publishes in its README and its own tests.</summary>
public class ChrfTests
{
    [Fact]
    public void The_readme_example_scores_as_published()
    {
        var score = new Chrf().Corpus(
            ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."],
            [["The dog bit the man.", "The dog had bit the man."], ["It was not unexpected.", "No one was surprised."],
             ["The man bit him first.", "The man had bitten the dog."]]);
        Assert.Equal("chrF2 = 59.73", score.ToString());
        Assert.StartsWith("nrefs:2|case:mixed|eff:yes|nc:6|nw:0|space:no|version:", score.Signature);
    }

    [Theory]
    [InlineData("a", "a", 100.0)]
    [InlineData("", "reference", 0.0)]
    [InlineData("a b c", "abc", 100.0)]
    [InlineData("aa", "ab", 25.0)]
    public void Short_texts_score_as_published_by_effective_order(string hypothesis, string reference, double expected) =>
        Assert.Equal(expected, new Chrf { Beta = 3 }.Sentence(hypothesis, reference).Score, 1e-4);

    [Fact]
    public void Two_short_segments_score_as_published() =>
        Assert.Equal(50, new Chrf { Beta = 3 }.Corpus(["a", "b"], ["a", "c"]).Score, 1e-4);

    [Theory]
    [InlineData("abcdefg", "hijklmnop", 0.0)]
    [InlineData("aa", "ab", 8.3333)]
    [InlineData("a", "a", 16.6667)]
    [InlineData("a b c", "abc", 50.0)]
    [InlineData(" risk assessment must be made of those who are qualified and expertise in the sector - these are the scientists .",
        "risk assessment has to be undertaken by those who are qualified and expert in that area - that is the scientists .", 63.361730)]
    [InlineData(" Die    Beziehung zwischen  Obama und Netanjahu ist nicht gerade  freundlich. ",
        "Das Verhältnis zwischen Obama und Netanyahu ist nicht gerade freundschaftlich.", 64.1302698)]
    public void Smoothing_by_epsilon_scores_as_published(string hypothesis, string reference, double expected) =>
        Assert.Equal(expected, new Chrf { Beta = 3, EpsilonSmoothing = true }.Sentence(hypothesis, reference).Score, 1e-4);

    [Theory]
    [InlineData("Die Beziehung zwischen Obama und Netanjahu ist nicht gerade freundlich.",
        "Das Verhältnis zwischen Obama und Netanyahu ist nicht gerade freundschaftlich.", 67.3481606)]
    [InlineData("risk assessment must be made of those who are qualified and expertise in the sector - these are the scientists .",
        "risk assessment has to be undertaken by those who are qualified and expert in that area - that is the scientists .", 65.2414427)]
    public void Kept_white_space_scores_as_published(string hypothesis, string reference, double expected) =>
        Assert.Equal(expected, new Chrf { Beta = 3, KeepWhitespace = true }.Sentence(hypothesis, reference).Score, 1e-4);

    [Theory]
    [InlineData("Co nás nejvíc trápí, protože lékaři si vybírají, kdo bude žít a kdo zemře.",
        "Nejvíce smutní jsme z toho, že musíme rozhodovat o tom, kdo bude žít a kdo zemře.", 39.14078509)]
    [InlineData("Nebo prostě nemají vybavení, které by jim pomohlo, uvedli lékaři.",
        "A někdy nemáme ani potřebný materiál, abychom jim pomohli, popsali lékaři.", 31.22557079)]
    [InlineData("Lapali po dechu, jejich životy skončily dřív, než skutečně začaly.",
        "Lapali po dechu a pak jejich život skončil - dřív, než skutečně mohl začít, připomněli.", 57.15704367)]
    public void Czech_sentences_score_as_published(string hypothesis, string reference, double expected) =>
        Assert.Equal(expected, new Chrf { EpsilonSmoothing = true }.Sentence(hypothesis, reference).Score, 1e-4);

    [Fact]
    public void Of_several_references_the_best_counts()
    {
        var score = new Chrf().Sentence("the dog", "something else", "the dog");
        Assert.Equal(100, score.Score, 1e-9);
    }

    [Fact]
    public void Word_n_grams_separate_punctuation_and_show_in_the_name()
    {
        var score = new Chrf { WordOrder = 2 }.Sentence("well, yes", "well , yes");
        Assert.Equal("chrF2++", score.Name);
        Assert.Equal(100, score.Score, 1e-9);
    }
}
