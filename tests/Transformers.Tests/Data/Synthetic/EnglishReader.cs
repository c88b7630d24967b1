using Transformers.Generators.Translation;

namespace Transformers.Tests.Data.Synthetic;

/// <summary>Reads the task's English back into its meaning, never looking back: that this works shows that a sentence has one meaning only.</summary>
sealed class EnglishReader
{
    readonly string[] words;
    int at;

    EnglishReader(string[] words) => this.words = words;

    public static Sentence Read(string text)
    {
        var reader = new EnglishReader(text[..^1].Split(' '));
        var sentence = text[^1] == '?'
            ? new Sentence(reader.Question(), null, null, true)
            : reader.Statement();
        Assert.Equal(reader.words.Length, reader.at);
        return sentence;
    }

    string? Next => at < words.Length ? words[at] : null;

    bool Take(string word)
    {
        if (Next != word) return false;
        at++;
        return true;
    }

    static readonly Dictionary<string[], Dictionary<string, int>> Lists = [];

    int? TakeFrom(string[] list)
    {
        if (!Lists.TryGetValue(list, out var places))
            Lists[list] = places = list.Select((word, place) => (word, place)).ToDictionary(x => x.word, x => x.place);
        if (Next is null || !places.TryGetValue(Next, out var index)) return null;
        at++;
        return index;
    }

    static readonly string[] Plurals = [.. Words.Nouns.Select(Words.Plural)];

    static readonly (VerbClass Class, string[] Stems, string[] Thirds, string[] Pasts)[] Verbs =
    [
        .. new[] { (VerbClass.Intransitive, Words.Intransitive), (VerbClass.Transitive, Words.Transitive), (VerbClass.Dative, Words.Dative) }
            .Select(v => (v.Item1, v.Item2, v.Item2.Select(Words.Plural).ToArray(), v.Item2.Select(Words.Past).ToArray())),
    ];

    Sentence Statement()
    {
        var main = Clause();
        return TakeFrom(Words.Conjunctions) is { } link ? new Sentence(main, link, Clause(), false) : new Sentence(main, null, null, false);
    }

    Clause Question()
    {
        var tense = Take("will") ? Tense.Future : Take("did") ? Tense.Past : Take("does") || Take("do") ? Tense.Present : throw new FormatException(Next);
        var subject = Phrase();
        return Rest(subject, Stem(tense, false), null);
    }

    Clause Clause()
    {
        var time = TakeFrom(Words.Times);
        var subject = Phrase();
        return Rest(subject, Verb(), time);
    }

    Clause Rest(NounPhrase subject, Verb verb, int? time)
    {
        var direct = verb.Class == VerbClass.Intransitive ? null : Phrase();
        var recipient = Take("to") ? Phrase() : null;
        var manner = TakeFrom(Words.Adverbs);
        (int, NounPhrase)? place = TakeFrom(Words.Prepositions) is { } preposition ? (preposition, Phrase()) : null;
        return new Clause(subject, verb, direct, recipient, manner, place, time);
    }

    Verb Verb()
    {
        if (Take("will")) return Stem(Tense.Future, Take("not"));
        if (Take("did")) return Take("not") ? Stem(Tense.Past, true) : throw new FormatException();
        if (Take("does") || Take("do")) return Take("not") ? Stem(Tense.Present, true) : throw new FormatException();
        return Find(v => v.Pasts) is { } past ? past with { Tense = Tense.Past } : Find(v => v.Thirds) ?? Stem(Tense.Present, false);
    }

    Verb Stem(Tense tense, bool negated) => (Find(v => v.Stems) ?? throw new FormatException($"no verb: {Next}")) with { Tense = tense, Negated = negated };

    Verb? Find(Func<(VerbClass Class, string[] Stems, string[] Thirds, string[] Pasts), string[]> form)
    {
        foreach (var verbs in Verbs)
            if (TakeFrom(form(verbs)) is { } word) return new Verb(verbs.Class, word, Tense.Present, false);
        return null;
    }

    NounPhrase Phrase()
    {
        var person = Array.FindIndex(["I/me", "you/you", "he/him", "she/her", "it/it", "we/us", "they/them"], p => p.Split('/').Contains(Next));
        if (person >= 0)
        {
            at++;
            return new NounPhrase { Pronoun = (Person)person };
        }
        if (TakeFrom(Words.Names) is { } name) return new NounPhrase { Name = name };
        var determiner = Take("an") ? Determiner.A : Take("these") ? Determiner.This : Take("those") ? Determiner.That
            : Enum.GetValues<Determiner>().FirstOrDefault(d => d != Determiner.None && Take(d.ToString().ToLowerInvariant()));
        var number = TakeFrom(Words.Numbers);
        var adjectives = new List<Adjective>();
        while (true)
        {
            var very = Take("very");
            if (TakeFrom(Words.Adjectives) is not { } adjective) break;
            adjectives.Add(new Adjective(adjective, very));
        }
        var plural = false;
        var noun = TakeFrom(Words.Nouns);
        if (noun is null)
        {
            plural = true;
            noun = TakeFrom(Plurals) ?? throw new FormatException($"no noun: {Next}");
        }
        var of = Take("of") ? Phrase() : null;
        Relative? relative = null;
        if (Take("which"))
            relative = Find(v => v.Pasts) is { } past ? new Relative(true, past with { Tense = Tense.Past }, Phrase())
                : Next == "will" || Find(v => v.Thirds) is not null || Find(v => v.Stems) is not null ? RelativeOfSubject() : RelativeOfObject();
        return new NounPhrase
        {
            Noun = noun, Plural = plural, Determiner = determiner, Number = number, Adjectives = adjectives, Of = of, Relative = relative,
        };
    }

    Relative RelativeOfSubject()
    {
        if (Next != "will") at--;
        var verb = Verb();
        return new Relative(true, verb, Phrase());
    }

    Relative RelativeOfObject()
    {
        var other = Phrase();
        return new Relative(false, Verb(), other);
    }
}
