using Transformers.IO;

namespace Transformers.Generators.Translation;

/// <summary>The words of the invented language: a stem for each English word, and a gender for each noun and name.</summary>
/// <remarks>Stems are drawn once from a fixed seed, so the language is the same whatever the seed of the data.</remarks>
static class TalenLexicon
{
    const ulong Seed = 0x7A1E;

    static readonly string[] Onsets = ["b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "gl", "kr", "pl", "st", "tr", "sk", "vl"];
    static readonly string[] Vowels = ["a", "e", "i", "o", "u"];
    static readonly string[] Codas = ["b", "d", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "lk", "nd", "rt", "st", "mp"];

    static readonly HashSet<string> Taken = new(StringComparer.Ordinal);

    // Initialized from top to bottom: a new list goes to the end, or the language changes.
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
