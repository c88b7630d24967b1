namespace Transformers.Tests.Metrics;

/// <summary>Cases of tests/Golden/translation_metrics.json, worked out by the script beside it by a route of its own.</summary>
public class TranslationMetricsGoldenTests
{
    sealed record Case(string[] Hypotheses, string[] References, double Bleu, double Chrf);

    static readonly Case[] Cases = JsonSerializer.Deserialize<Case[]>(
        File.ReadAllText(Repository.Golden("translation_metrics.json")),
        new JsonSerializerOptions(JsonSerializerDefaults.Web))!;

    [Fact]
    public void Bleu_equals_the_independent_computation()
    {
        Assert.True(Cases.Length >= 20);
        Assert.All(Cases, c => Assert.Equal(c.Bleu, Bleu.Corpus(c.Hypotheses, c.References).Score, 1e-4));
    }

    [Fact]
    public void Chrf_equals_the_independent_computation() =>
        Assert.All(Cases, c => Assert.Equal(c.Chrf, Chrf.Corpus(c.Hypotheses, c.References).Score, 1e-4));

    [Fact]
    public void The_cases_spread_over_the_whole_scale()
    {
        Assert.Contains(Cases, c => c.Bleu == 0);
        Assert.Contains(Cases, c => c.Bleu is > 1 and < 20);
        Assert.Contains(Cases, c => c.Bleu is > 40 and < 80);
    }
}
