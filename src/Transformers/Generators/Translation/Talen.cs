namespace Transformers.Generators.Translation;

/// <summary>Writes a meaning in Talen, the invented language of the translation task.</summary>
/// <remarks>
/// The verb comes last; the order is subject, time, place, recipient, object, manner, verb. Adjectives, numbers, demonstratives and
/// possessives follow their noun and agree with it in gender, number and case; "the" and "very" are parts of words; a
/// genitive precedes its noun; postpositions take the locative. A verb agrees with its subject in person and number, and in
/// gender in the third person singular; subject pronouns are left out; a negation is the verb's first syllable. Questions start
/// with a particle. A clause of reason, time or concession comes first and ends with its conjunction.
/// </remarks>
sealed class Talen
{
    readonly List<string> words = [];

    Talen() { }

    /// <summary>The words; the last one has the final punctuation mark.</summary>
    public static List<string> Write(Sentence sentence)
    {
        var talen = new Talen();
        if (sentence.Question) talen.words.Add("ku");
        if (sentence.Second is not { } second) talen.Clause(sentence.Main);
        else
        {
            var link = TalenLexicon.Conjunctions[sentence.Link!.Value];
            var subordinate = sentence.Link > 1;
            talen.Clause(subordinate ? second : sentence.Main);
            talen.words.Add(subordinate ? link + "," : link);
            talen.Clause(subordinate ? sentence.Main : second);
        }
        talen.words[^1] += sentence.Question ? "?" : ".";
        return talen.words;
    }

    void Clause(Clause clause)
    {
        if (clause.Subject.Pronoun is null) NounPhrase(clause.Subject, Case.Nominative);
        if (clause.Time is { } time) words.Add(TalenLexicon.Times[time]);
        if (clause.Place is { } place)
        {
            NounPhrase(place.Where, Case.Locative);
            words.Add(TalenLexicon.Postpositions[place.Preposition]);
        }
        if (clause.Recipient is { } recipient) NounPhrase(recipient, Case.Dative);
        if (clause.Object is { } direct) NounPhrase(direct, Case.Accusative);
        if (clause.Manner is { } manner) words.Add(TalenLexicon.Adverbs[manner]);
        words.Add(Verb(clause.Verb, clause.Subject));
    }

    void NounPhrase(NounPhrase phrase, Case @case)
    {
        if (phrase.Pronoun is { } person)
        {
            words.Add(Pronoun(person) + Ending(PronounGender(person), person is Person.We or Person.They, @case));
            return;
        }
        var ending = Ending(GenderOf(phrase), phrase.Plural, @case);
        if (phrase.Name is { } name)
        {
            words.Add(TalenLexicon.Names[name] + ending);
            return;
        }
        if (phrase.Of is { } of) NounPhrase(of, Case.Genitive);
        words.Add(TalenLexicon.Nouns[phrase.Noun!.Value] + ending + (phrase.Determiner == Determiner.The ? "te" : ""));
        foreach (var adjective in phrase.Adjectives)
            words.Add((adjective.Very ? "za" : "") + TalenLexicon.Adjectives[adjective.Word] + ending);
        if (phrase.Number is { } number) words.Add(TalenLexicon.Numbers[number]);
        if (Pointer(phrase.Determiner) is { } pointer) words.Add(pointer + ending);
        if (phrase.Relative is not { } relative) return;
        // The pronoun has its head's gender and number, but the case of its own clause.
        words.Add("ky" + Ending(GenderOf(phrase), phrase.Plural, relative.HeadIsSubject ? Case.Nominative : Case.Accusative));
        NounPhrase(relative.Other, relative.HeadIsSubject ? Case.Accusative : Case.Nominative);
        words.Add(Verb(relative.Verb, relative.HeadIsSubject ? phrase : relative.Other));
    }

    static string? Pointer(Determiner determiner) => determiner switch
    {
        Determiner.This => "hel",
        Determiner.That => "dol",
        Determiner.Every => "omn",
        Determiner.Some => "nek",
        Determiner.Many => "mult",
        Determiner.My => "mij",
        Determiner.Your => "tuj",
        Determiner.His => "suj",
        Determiner.Our => "noj",
        Determiner.Their => "luj",
        _ => null,
    };

    static string Pronoun(Person person) => person switch
    {
        Person.I or Person.We => "ej",
        Person.You => "uj",
        _ => "ij",
    };

    // "I" and "you" inflect as masculines, as does "we"; only the third person shows its gender.
    static Gender PronounGender(Person person) => person switch
    {
        Person.She => Gender.Feminine,
        Person.It => Gender.Neuter,
        _ => Gender.Masculine,
    };

    static Gender GenderOf(NounPhrase phrase) =>
        phrase.Name is { } name ? TalenLexicon.NameGenders[name] : TalenLexicon.NounGenders[phrase.Noun!.Value];

    /// <summary>The vowel shows gender and number, the consonant the case; neuters have the same nominative and accusative.</summary>
    static string Ending(Gender gender, bool plural, Case @case)
    {
        var vowel = (gender, plural) switch
        {
            (Gender.Masculine, false) => "o",
            (Gender.Masculine, true) => "oi",
            (Gender.Feminine, false) => "a",
            (Gender.Feminine, true) => "u",
            (_, false) => "e",
            (_, true) => "ei",
        };
        return vowel + @case switch
        {
            Case.Accusative => gender == Gender.Neuter ? "" : "n",
            Case.Genitive => "r",
            Case.Dative => "m",
            Case.Locative => "k",
            _ => "",
        };
    }

    static string Verb(Verb verb, NounPhrase subject)
    {
        var tense = verb.Tense switch { Tense.Past => "il", Tense.Future => "esk", _ => "" };
        return (verb.Negated ? "ne" : "") + TalenLexicon.Verb(verb) + tense + Agreement(subject);
    }

    static string Agreement(NounPhrase subject) => subject.Pronoun switch
    {
        Person.I => "um",
        Person.You => "as",
        Person.We => "imu",
        Person.They => "ent",
        { } third => Third(PronounGender(third)),
        null => subject.Plural ? "ent" : Third(GenderOf(subject)),
    };

    static string Third(Gender gender) => gender switch { Gender.Masculine => "ot", Gender.Feminine => "at", _ => "et" };
}

/// <summary>The words of the invented language: a stem for each English word, and a gender for each noun and name.</summary>
/// <remarks>Stems are drawn from a fixed seed, so the language does not depend on the seed of the data.</remarks>
static class TalenLexicon
{
    const ulong Seed = 0x7A1E;

    static readonly string[] Onsets = ["b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "gl", "kr", "pl", "st", "tr", "sk", "vl"];
    static readonly string[] Vowels = ["a", "e", "i", "o", "u"];
    static readonly string[] Codas = ["b", "d", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "lk", "nd", "rt", "st", "mp"];

    static readonly HashSet<string> Taken = new(StringComparer.Ordinal);

    // Initialised from top to bottom: a new list must be added at the end, or the language changes.
    public static readonly string[] Nouns = Stems(Words.Nouns.Length, 1);
    public static readonly string[] Transitive = Stems(Words.Transitive.Length, 2);
    public static readonly string[] Intransitive = Stems(Words.Intransitive.Length, 3);
    public static readonly string[] Dative = Stems(Words.Dative.Length, 4);
    public static readonly string[] Adjectives = Stems(Words.Adjectives.Length, 5);
    public static readonly string[] Adverbs = [.. Stems(Words.Adverbs.Length, 6).Select(s => s + "ig")];
    public static readonly string[] Times = [.. Stems(Words.Times.Length, 7).Select(s => s + "ai")];
    public static readonly string[] Postpositions = [.. Stems(Words.Prepositions.Length, 8).Select(s => s + "u")];
    public static readonly string[] Names = [.. Stems(Words.Names.Length, 9).Select(s => char.ToUpperInvariant(s[0]) + s[1..])];
    public static readonly string[] Numbers = [.. Stems(Words.Numbers.Length, 10).Select(s => s + "eo")];
    public static readonly Gender[] NounGenders = Genders(Words.Nouns.Length, 11);
    public static readonly Gender[] NameGenders = Genders(Words.Names.Length, 12);

    public static readonly string[] Conjunctions = ["ed", "mas", "kvar", "tum", "lok"];

    public static string Verb(Verb verb) => verb.Class switch
    {
        VerbClass.Intransitive => Intransitive[verb.Word],
        VerbClass.Transitive => Transitive[verb.Word],
        _ => Dative[verb.Word],
    };

    static string[] Stems(int count, ulong list)
    {
        var random = new CounterRandom(Seed, list);
        var stems = new string[count];
        for (var i = 0; i < count; i++)
        {
            string stem;
            do
            {
                stem = Onsets[random.Next(Onsets.Length)] + Vowels[random.Next(Vowels.Length)] + Codas[random.Next(Codas.Length)];
                if (random.Next(2) == 0) stem += Vowels[random.Next(Vowels.Length)] + Codas[random.Next(Codas.Length)];
            }
            while (!Taken.Add(stem));
            stems[i] = stem;
        }
        return stems;
    }

    static Gender[] Genders(int count, ulong list)
    {
        var random = new CounterRandom(Seed, list);
        var genders = new Gender[count];
        for (var i = 0; i < count; i++) genders[i] = (Gender)random.Next(3);
        return genders;
    }
}
