using Transformers.Decoding;
using Transformers.Generators;
using Transformers.Metrics;

namespace Transformers.Evaluation;

/// <summary>How good translations are.</summary>
/// <param name="Bleu">BLEU of the corpus.</param>
/// <param name="Chrf">chrF of the corpus.</param>
/// <param name="Exact">The share of translations that equal the reference, from 0 to 1.</param>
/// <param name="MeanScore">The mean of the translations' scores, as <see cref="Hypothesis.Score"/> defines them.</param>
/// <param name="Translations">The translations themselves, in the order of the pairs.</param>
public sealed record TranslationScores(BleuScore Bleu, ChrfScore Chrf, double Exact, double MeanScore, IReadOnlyList<Translation> Translations)
{
    /// <summary>The numbers by name, BLEU and chrF from 0 to 100.</summary>
    public IReadOnlyDictionary<string, double> Metrics =>
        new Dictionary<string, double> { ["bleu"] = Bleu.Score, ["chrf"] = Chrf.Score, ["exact"] = Exact };

    /// <summary>Translates sources and compares with their targets, on detokenized text.</summary>
    /// <param name="translator">The translator, its model in evaluation mode.</param>
    /// <param name="pairs">Sources and references, at least one.</param>
    /// <param name="options">How to translate.</param>
    /// <param name="cancel">Ends it between two batches.</param>
    public static TranslationScores Of(Translator translator, IReadOnlyList<SentencePair> pairs, TranslationOptions options, CancellationToken cancel = default)
    {
        List<Translation> translations = [.. translator.Translate(pairs.Select(pair => pair.Source), options, cancel)];
        List<string> texts = [.. translations.Select(translation => translation.Text)];
        List<string> references = [.. pairs.Select(pair => pair.Target)];
        return new TranslationScores(new Bleu().Corpus(texts, references), new Chrf().Corpus(texts, references),
            texts.Zip(references).Count(both => both.First == both.Second) / (double)pairs.Count,
            translations.Average(translation => translation.Best.Score), translations);
    }
}
