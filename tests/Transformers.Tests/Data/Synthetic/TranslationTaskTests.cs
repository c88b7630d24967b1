using Transformers.Generators.Translation;

namespace Transformers.Tests.Data.Synthetic;

public class TranslationTaskTests
{
    static readonly TranslationGenerator Task = new();
    static readonly List<SentencePair> Train = [.. Task.Take(SyntheticSplit.Train, 1, 8000)];
    static readonly List<SentencePair> Test = [.. Task.Take(SyntheticSplit.Test, 1, 1000)];

    [Fact]
    public void Both_sides_use_at_least_a_thousand_words()
    {
        Assert.True(Vocabulary(p => p.Source) >= 1000, $"{Vocabulary(p => p.Source)}");
        Assert.True(Vocabulary(p => p.Target) >= 1000, $"{Vocabulary(p => p.Target)}");

        static int Vocabulary(Func<SentencePair, string> side) =>
            Train.SelectMany(p => side(p).Split(' ')).Select(w => w.Trim('.', '?', ',')).Distinct().Count();
    }

    [Fact]
    public void Sentences_have_5_to_30_words_on_both_sides_and_reach_both_ends()
    {
        var lengths = Train.SelectMany(p => new[] { p.Source, p.Target }).Select(t => t.Split(' ').Length).ToList();
        Assert.Equal((5, 30), (lengths.Min(), lengths.Max()));
    }

    [Fact]
    public void The_target_is_a_function_of_the_source_so_that_the_best_bleu_is_100()
    {
        // A sentence read back from the English alone, and translated, must be the target.
        var translated = Test.Select(p => string.Join(' ', Talen.Write(EnglishReader.Read(p.Source)))).ToList();
        Assert.Equal(Test.Select(p => p.Target), translated);
        Assert.Equal(100, Bleu.Corpus(translated, [.. Test.Select(p => p.Target)]).Score, 1e-9);
        Assert.All(Train.Take(4000), p => Assert.Equal(p.Target, string.Join(' ', Talen.Write(EnglishReader.Read(p.Source)))));
    }

    [Fact]
    [Trait("Category", "slow")]
    public void Word_for_word_translation_stays_under_20_bleu()
    {
        var dictionary = WordAligner.Learn(Train.Take(3000).Select(p => (Cut(p.Source), Cut(p.Target))), rounds: 5);
        var gloss = Test.Select(p => string.Join(' ', Cut(p.Source).Select(w => dictionary.GetValueOrDefault(w, w)))).ToList();
        var score = Bleu.Corpus(gloss, [.. Test.Select(p => string.Join(' ', Cut(p.Target)))]);
        // It does know words: a third of them right, or the test would show nothing.
        Assert.True(score.Precisions[0] > 33, $"{score}");
        Assert.True(score.Score < 20, $"{score}");

        static string[] Cut(string text) => text.Replace(".", " .").Replace("?", " ?").Replace(",", " ,").Split(' ');
    }

    [Fact]
    public void No_template_is_in_two_splits()
    {
        var templates = Enum.GetValues<SyntheticSplit>()
            .Select(s => Enumerable.Range(0, 1000).Select(i => TranslationGenerator.Draw(s, 1, i).Template).ToHashSet()).ToList();
        Assert.All(templates, t => Assert.True(t.Count > 300, $"{t.Count} templates"));
        Assert.Empty(templates[0].Intersect(templates[1]));
        Assert.Empty(templates[0].Intersect(templates[2]));
        Assert.Empty(templates[1].Intersect(templates[2]));
    }

    [Fact]
    public void Words_of_test_sentences_are_known_from_training()
    {
        var known = Train.SelectMany(p => Bare(p.Source)).ToHashSet();
        Assert.DoesNotContain(Test.SelectMany(p => Bare(p.Source)), w => !known.Contains(w));

        static IEnumerable<string> Bare(string text) => text.Trim('.', '?').Split(' ');
    }

    [Fact]
    public void No_english_form_has_two_readings()
    {
        string[] closed = ["the", "a", "an", "this", "these", "that", "those", "every", "some", "many", "my", "your", "his", "our", "their", "very", "of",
            "which", "to", "not", "will", "does", "do", "did", "I", "me", "you", "he", "him", "she", "her", "it", "we", "us", "they", "them"];
        var verbs = Words.Transitive.Concat(Words.Intransitive).Concat(Words.Dative).ToList();
        var forms = closed.Concat(Words.Nouns).Concat(Words.Nouns.Select(Words.Plural)).Concat(verbs).Concat(verbs.Select(Words.Plural))
            .Concat(verbs.Select(Words.Past)).Concat(Words.Adjectives).Concat(Words.Adverbs).Concat(Words.Times).Concat(Words.Prepositions)
            .Concat(Words.Names).Concat(Words.Numbers).Concat(Words.Conjunctions);
        Assert.Equal([], forms.GroupBy(f => f).Where(g => g.Count() > 1).Select(g => g.Key));
    }

    [Fact]
    public void A_sentence_outside_the_grammar_is_not_read() =>
        Assert.Throws<FormatException>(() => EnglishReader.Read("the dog sees the cat."));

    [Fact]
    public void Other_seeds_give_other_sentences_and_the_same_seed_the_same()
    {
        Assert.Equal(Test.Take(50), Task.Take(SyntheticSplit.Test, 1, 50));
        Assert.NotEqual(Test.Take(50), Task.Take(SyntheticSplit.Test, 2, 50));
    }
}
