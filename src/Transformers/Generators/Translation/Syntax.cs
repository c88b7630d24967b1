namespace Transformers.Generators.Translation;

/// <summary>Meaning of a sentence of the task: what both languages are written from. Words are numbers in the lists of <see cref="Words"/>.</summary>
/// <param name="Main">The main clause.</param>
/// <param name="Link">The conjunction of a second clause, if there is one.</param>
/// <param name="Second">The second clause.</param>
/// <param name="Question">Whether the main clause is a question; then it stands alone, with no time and no negation.</param>
sealed record Sentence(Clause Main, int? Link, Clause? Second, bool Question);

sealed record Clause(
    NounPhrase Subject, Verb Verb, NounPhrase? Object, NounPhrase? Recipient, int? Manner, (int Preposition, NounPhrase Where)? Place, int? Time);

sealed record Verb(VerbClass Class, int Word, Tense Tense, bool Negated);

enum VerbClass { Intransitive, Transitive, Dative }

enum Tense { Present, Past, Future }

/// <summary>A pronoun, a name, or a noun with all that belongs to it; exactly one of the three.</summary>
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
