namespace Transformers.Generators.Translation;

/// <summary>Writes a meaning in English, and as a template: the same sentence with every open-class word replaced by its class.</summary>
sealed class English
{
    readonly List<string> words = [];
    readonly List<string> template = [];

    English() { }

    /// <summary>The words without the final punctuation mark, and the template.</summary>
    public static (List<string> Words, List<string> Template) Write(Sentence sentence)
    {
        var english = new English();
        english.Clause(sentence.Main, sentence.Question);
        if (sentence.Second is { } second)
        {
            english.Add(Words.Conjunctions[sentence.Link!.Value]);
            english.Clause(second, question: false);
        }
        english.words[^1] += sentence.Question ? "?" : ".";
        return (english.words, english.template);
    }

    void Add(string word, string? kind = null)
    {
        words.Add(word);
        template.Add(kind ?? word);
    }

    void Clause(Clause clause, bool question)
    {
        if (clause.Time is { } time) Add(Words.Times[time], "TIME");
        var (singular, verb) = (IsThirdSingular(clause.Subject), clause.Verb);
        if (question)
        {
            Add(Auxiliary(verb.Tense, singular));
            NounPhrase(clause.Subject, false);
            Base(verb);
        }
        else
        {
            NounPhrase(clause.Subject, false);
            Verb(verb, singular);
        }
        if (clause.Object is { } direct) NounPhrase(direct, true);
        if (clause.Recipient is { } recipient)
        {
            Add("to");
            NounPhrase(recipient, true);
        }
        if (clause.Manner is { } manner) Add(Words.Adverbs[manner], "MANNER");
        if (clause.Place is not { } place) return;
        Add(Words.Prepositions[place.Preposition], "PLACE");
        NounPhrase(place.Where, true);
    }

    void Verb(Verb verb, bool singular)
    {
        var (stem, kind) = (Stem(verb), verb.Class.ToString());
        if (verb.Negated)
        {
            Add(Auxiliary(verb.Tense, singular));
            Add("not");
            Base(verb);
        }
        else if (verb.Tense == Tense.Future)
        {
            Add("will");
            Base(verb);
        }
        else if (verb.Tense == Tense.Past) Add(Words.Past(stem), kind + ".PAST");
        // English forms the third person in the same way as the plural of nouns.
        else if (singular) Add(Words.Plural(stem), kind + ".S");
        else Base(verb);
    }

    void Base(Verb verb) => Add(Stem(verb), verb.Class.ToString());

    static string Stem(Verb verb) => verb.Class switch
    {
        VerbClass.Intransitive => Words.Intransitive[verb.Word],
        VerbClass.Transitive => Words.Transitive[verb.Word],
        _ => Words.Dative[verb.Word],
    };

    static string Auxiliary(Tense tense, bool singular) =>
        tense switch { Tense.Future => "will", Tense.Past => "did", _ => singular ? "does" : "do" };

    static bool IsThirdSingular(NounPhrase phrase) =>
        phrase.Pronoun is { } person ? person is Person.He or Person.She or Person.It : !phrase.Plural;

    void NounPhrase(NounPhrase phrase, bool isObject)
    {
        if (phrase.Pronoun is { } person)
        {
            Add(Pronoun(person, isObject));
            return;
        }
        if (phrase.Name is { } name)
        {
            Add(Words.Names[name], "NAME");
            return;
        }
        var rest = new List<(string Word, string Kind)>();
        if (phrase.Number is { } number) rest.Add((Words.Numbers[number], "NUMBER"));
        foreach (var adjective in phrase.Adjectives)
        {
            if (adjective.Very) rest.Add(("very", "very"));
            rest.Add((Words.Adjectives[adjective.Word], "ADJECTIVE"));
        }
        var noun = Words.Nouns[phrase.Noun!.Value];
        rest.Add(phrase.Plural ? (Words.Plural(noun), "NOUNS") : (noun, "NOUN"));
        if (Article(phrase, rest[0].Word) is { } article) Add(article, article is "a" or "an" ? "a" : article);
        foreach (var (word, kind) in rest) Add(word, kind);
        if (phrase.Of is { } of)
        {
            Add("of");
            NounPhrase(of, true);
        }
        if (phrase.Relative is not { } relative) return;
        Add("which");
        if (relative.HeadIsSubject)
        {
            Verb(relative.Verb, !phrase.Plural);
            NounPhrase(relative.Other, true);
        }
        else
        {
            NounPhrase(relative.Other, false);
            Verb(relative.Verb, IsThirdSingular(relative.Other));
        }
    }

    static string? Article(NounPhrase phrase, string next) => phrase.Determiner switch
    {
        Determiner.None => null,
        Determiner.A => "aeiou".Contains(next[0]) ? "an" : "a",
        Determiner.This => phrase.Plural ? "these" : "this",
        Determiner.That => phrase.Plural ? "those" : "that",
        var other => other.ToString().ToLowerInvariant(),
    };

    static string Pronoun(Person person, bool isObject) => person switch
    {
        Person.I => isObject ? "me" : "I",
        Person.He => isObject ? "him" : "he",
        Person.She => isObject ? "her" : "she",
        Person.We => isObject ? "us" : "we",
        Person.They => isObject ? "them" : "they",
        var same => same.ToString().ToLowerInvariant(),
    };
}
