using Transformers.IO;

namespace Transformers.Generators.Translation;

/// <summary>The meaning of a sentence, from which both languages are written. Words are indices into the lists of <see cref="Words"/>.</summary>
/// <param name="Main">The main clause.</param>
/// <param name="Link">The conjunction of a second clause, if there is one.</param>
/// <param name="Second">The second clause.</param>
/// <param name="Question">Whether the main clause is a question; a question is the whole sentence, with no time and no negation.</param>
sealed record Sentence(Clause Main, int? Link, Clause? Second, bool Question);

sealed record Clause(
    NounPhrase Subject, Verb Verb, NounPhrase? Object, NounPhrase? Recipient, int? Manner, (int Preposition, NounPhrase Where)? Place, int? Time);

sealed record Verb(VerbClass Class, int Word, Tense Tense, bool Negated);

enum VerbClass { Intransitive, Transitive, Dative }

enum Tense { Present, Past, Future }

/// <summary>A pronoun, a name, or a noun with its modifiers; exactly one of the three.</summary>
sealed record NounPhrase
{
    public Person? Pronoun { get; init; }
    public int? Name { get; init; }
    public int? Noun { get; init; }
    public bool Plural { get; init; }
    public Determiner Determiner { get; init; }
    public int? Number { get; init; }
    public IReadOnlyList<Adjective> Adjectives { get; init; } = [];
    public NounPhrase? Of { get; init; }
    public Relative? Relative { get; init; }
}

readonly record struct Adjective(int Word, bool Very);

/// <summary>A relative clause: <c>which chases the cat</c> (the head is its subject) or <c>which the cat chases</c> (its object).</summary>
sealed record Relative(bool HeadIsSubject, Verb Verb, NounPhrase Other);

enum Person { I, You, He, She, It, We, They }

enum Determiner { None, The, A, This, That, Every, Some, Many, My, Your, His, Our, Their }

/// <summary>The genders of the invented language.</summary>
enum Gender { Masculine, Feminine, Neuter }

enum Case { Nominative, Accusative, Genitive, Dative, Locative }

/// <summary>Draws meanings of sentences at random.</summary>
static class SentenceSampler
{
    static readonly Determiner[] Singular =
        [Determiner.The, Determiner.The, Determiner.The, Determiner.A, Determiner.A, Determiner.This, Determiner.That, Determiner.Every,
         Determiner.My, Determiner.Your, Determiner.His, Determiner.Our, Determiner.Their];

    static readonly Determiner[] Plural =
        [Determiner.The, Determiner.The, Determiner.The, Determiner.None, Determiner.None, Determiner.This, Determiner.That,
         Determiner.Some, Determiner.Many, Determiner.My, Determiner.Your, Determiner.His, Determiner.Our, Determiner.Their];

    public static Sentence Draw(ref CounterRandom random)
    {
        if (Chance(ref random, 0.12)) return new Sentence(Clause(ref random, question: true), null, null, true);
        var main = Clause(ref random, question: false);
        return Chance(ref random, 0.25)
            ? new Sentence(main, random.Next(Words.Conjunctions.Length), Clause(ref random, question: false), false)
            : new Sentence(main, null, null, false);
    }

    static Clause Clause(ref CounterRandom random, bool question)
    {
        var draw = random.Next(20);
        var kind = draw < 5 ? VerbClass.Intransitive : draw < 17 ? VerbClass.Transitive : VerbClass.Dative;
        var subject = NounPhrase(ref random, 2);
        var verb = Verb(ref random, kind, !question && Chance(ref random, 0.15));
        var direct = kind == VerbClass.Intransitive ? null : NounPhrase(ref random, 2);
        var recipient = kind == VerbClass.Dative ? NounPhrase(ref random, 1) : null;
        int? manner = Chance(ref random, 0.25) ? random.Next(Words.Adverbs.Length) : null;
        (int, NounPhrase)? place = Chance(ref random, 0.3) ? (random.Next(Words.Prepositions.Length), Noun(ref random, 1)) : null;
        int? time = !question && Chance(ref random, 0.2) ? random.Next(Words.Times.Length) : null;
        return new Clause(subject, verb, direct, recipient, manner, place, time);
    }

    static Verb Verb(ref CounterRandom random, VerbClass kind, bool negated)
    {
        var words = kind switch { VerbClass.Intransitive => Words.Intransitive, VerbClass.Transitive => Words.Transitive, _ => Words.Dative };
        return new Verb(kind, random.Next(words.Length), (Tense)random.Next(3), negated);
    }

    static NounPhrase NounPhrase(ref CounterRandom random, int depth)
    {
        var draw = random.Next(20);
        if (draw < 4) return new NounPhrase { Pronoun = (Person)random.Next(7) };
        return draw < 6 ? new NounPhrase { Name = random.Next(Words.Names.Length) } : Noun(ref random, depth);
    }

    static NounPhrase Noun(ref CounterRandom random, int depth)
    {
        var plural = Chance(ref random, 0.35);
        var determiner = plural ? Plural[random.Next(Plural.Length)] : Singular[random.Next(Singular.Length)];
        var counted = plural && determiner is not (Determiner.Some or Determiner.Many);
        int? number = counted && Chance(ref random, 0.25) ? random.Next(Words.Numbers.Length) : null;
        var adjectives = new Adjective[Chance(ref random, 0.4) ? 1 + random.Next(2) : 0];
        for (var i = 0; i < adjectives.Length; i++)
            adjectives[i] = new Adjective(random.Next(Words.Adjectives.Length), Chance(ref random, 0.2));
        var follows = random.NextDouble();
        return new NounPhrase
        {
            Noun = random.Next(Words.Nouns.Length), Plural = plural, Determiner = determiner, Number = number, Adjectives = adjectives,
            Of = depth > 0 && follows < 0.12 ? Noun(ref random, 0) : null,
            // Not both: after "of" a relative clause could belong to either noun.
            Relative = depth == 2 && follows > 0.86
                ? new Relative(Chance(ref random, 0.6), Verb(ref random, VerbClass.Transitive, false), Noun(ref random, 0)) : null,
        };
    }

    static bool Chance(ref CounterRandom random, double probability) => random.NextDouble() < probability;
}
