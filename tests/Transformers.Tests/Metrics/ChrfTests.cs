namespace Transformers.Tests.Metrics;

public class ChrfTests
{
    [Theory]
    [InlineData("a", "a", 100.0)]
    [InlineData("", "reference", 0.0)]
    [InlineData("a b c", "abc", 100.0)]
    [InlineData("aa", "ab", 25.0)]
    public void Short_texts_score_as_published(string hypothesis, string reference, double expected) =>
        Assert.Equal(expected, Chrf.Corpus([hypothesis], [reference]).Score, 1e-4);

    [Fact]
    public void Two_short_segments_score_as_published() => Assert.Equal(50, Chrf.Corpus(["a", "b"], ["a", "c"]).Score, 1e-4);

    [Fact]
    public void The_signature_is_in_sacreBLEUs_form()
    {
        var score = Chrf.Corpus(["abc"], ["abc"]);
        Assert.Equal("chrF2 = 100.00", score.ToString());
        Assert.StartsWith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:", score.Signature);
    }
}
