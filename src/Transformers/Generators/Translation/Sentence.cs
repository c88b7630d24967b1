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

/// <summary>The English words of the translation task. No form is in two lists, so a sentence has only one reading.</summary>
/// <remarks>All inflect regularly; none doubles its last consonant.</remarks>
static class Words
{
    static string[] Split(string list) => list.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);

    public static readonly string[] Nouns = Split("""
        dog cat horse cow goat rabbit monkey tiger lion elephant bear eagle owl crow duck swan turtle frog snake spider ant bee beetle
        camel donkey dolphin whale shark kitten puppy lamb parrot pigeon rat hen squirrel hedgehog badger otter
        king queen doctor teacher farmer baker soldier sailor singer painter writer lawyer pilot nurse student neighbor friend brother
        sister uncle aunt cousin boy girl baby prince captain hunter miner tailor barber waiter dancer actor poet priest merchant
        gardener builder driver engineer scientist tourist guest stranger traveler beggar giant wizard pirate robot
        house castle tower bridge church school library hospital market garden forest river mountain island valley village city town
        road street station harbor airport museum theater kitchen bedroom cellar attic window door wall roof tunnel cave beach desert
        field meadow lake ocean canal farm factory office hotel bakery prison temple palace
        table chair bed lamp mirror carpet curtain clock bottle cup plate bowl spoon kettle basket box bag bucket barrel ladder hammer
        nail rope chain needle button shirt coat jacket hat shoe boot sock glove belt ring necklace crown sword shield helmet arrow
        spear cannon book letter newspaper map ticket pencil crayon canvas statue violin guitar piano drum flute trumpet bell
        apple pear lemon banana cherry grape melon carrot onion cabbage pumpkin mushroom egg cake cookie sandwich pie soup salad
        pancake sausage car bus truck bicycle boat plane rocket wagon tractor balloon kite tree flower branch root rock stone cloud
        star moon planet storm candle lantern torch key coin jewel diamond treasure engine wheel camera telephone computer puzzle
        toy doll ball
        """);

    public static readonly string[] Transitive = Split("""
        admire watch follow help carry push pull touch clean wash repair destroy open cover notice ignore remember visit love like
        hate want need protect attack chase surprise frighten thank greet praise blame punish reward trust obey avoid miss collect
        count measure examine inspect discover explore describe mention enjoy borrow receive accept reject demand purchase move lift
        turn roll kick kiss tickle invite join replace remove prepare taste devour polish decorate photograph sketch copy print
        check guard rescue capture release arrest imitate interrupt question
        """);

    public static readonly string[] Intransitive = Split("""
        walk jump dance laugh smile cry wait work rest shout whisper cough sneeze yawn arrive stumble climb crawl wander travel hurry
        march tremble blush frown giggle groan snore stare listen talk argue pray disappear vanish escape float sail drift explode
        burn melt glow sparkle wither bounce stretch relax suffer improve
        """);

    public static readonly string[] Dative = Split(
        "offer hand deliver explain promise mail pass show serve reveal donate assign introduce dedicate transfer award");

    public static readonly string[] Adjectives = Split("""
        small large tall short young old ancient modern happy sad angry calm brave shy clever foolish wise cruel gentle rude polite
        honest lazy busy tired hungry thirsty sick healthy strong weak fast slow quiet loud noisy silent bright dark heavy warm cold
        hot wet dry dirty empty full rich poor cheap expensive famous unknown strange ordinary beautiful ugly elegant simple
        complicated dangerous safe sharp smooth rough soft hard round square flat narrow wide deep shallow thick thin red blue green
        yellow white black brown gray pink purple golden wooden rusty dusty muddy hollow crooked curious nervous jealous proud humble
        lonely cheerful gloomy playful sleepy greedy generous lucky magical secret royal local foreign northern southern tiny huge
        """);

    public static readonly string[] Adverbs = Split("""
        quickly slowly quietly loudly happily sadly angrily calmly bravely carefully carelessly gently suddenly secretly openly
        proudly politely rudely patiently eagerly gladly nervously clumsily gracefully silently warmly lazily cheerfully honestly
        wisely foolishly strangely alone
        """);

    public static readonly string[] Times = Split("today yesterday tomorrow tonight now soon then sometimes usually finally later again");

    public static readonly string[] Prepositions = Split("in near behind under above beside inside outside around opposite");

    public static readonly string[] Names = Split("""
        Anna Boris Clara David Emma Felix Greta Hugo Irene Jonas Karin Lukas Maria Nils Olga Peter Ruth Simon Tessa Viktor Wanda Xaver
        Yvonne Zeno Alma Bruno Celia Dario Edith Frank
        """);

    public static readonly string[] Numbers = Split("two three four five six seven eight nine ten");

    /// <summary>Linking words: the first two keep the order of clauses, the others put their own clause first in the target.</summary>
    public static readonly string[] Conjunctions = Split("and but because when although");

    public static string Plural(string noun) =>
        EndsInConsonantY(noun) ? noun[..^1] + "ies" : Hisses(noun) ? noun + "es" : noun + "s";

    public static string Past(string verb) =>
        EndsInConsonantY(verb) ? verb[..^1] + "ied" : verb.EndsWith('e') ? verb + "d" : verb + "ed";

    static bool Hisses(string word) =>
        word[^1] is 's' or 'x' or 'z' || word.EndsWith("ch", StringComparison.Ordinal) || word.EndsWith("sh", StringComparison.Ordinal);

    static bool EndsInConsonantY(string word) => word[^1] == 'y' && !"aeiou".Contains(word[^2]);
}
