using System.Reflection;
using System.Text;

namespace Transformers.Tokenizers.Formats;

/// <summary>Characters without their marks: é as e. The program runs without the system's Unicode library, so .NET itself does not decompose.</summary>
static class Decompositions
{
    const int FirstSyllable = 0xAC00, LastSyllable = 0xD7A3;
    const int FirstLead = 0x1100, FirstVowel = 0x1161, BeforeTails = 0x11A7, Vowels = 21, Tails = 28;
    static readonly Lazy<Dictionary<int, string>> Table = new(Read);

    /// <summary>The canonical decomposition of a character without non-spacing marks, or null where it has none.</summary>
    internal static string? WithoutMarks(Rune rune) =>
        rune.Value < 0xC0 ? null : rune.Value is >= FirstSyllable and <= LastSyllable ? Syllable(rune.Value - FirstSyllable) : Table.Value.GetValueOrDefault(rune.Value);

    // Unicode Standard, section 3.12: a Korean syllable is a lead, a vowel and perhaps a tail.
    static string Syllable(int index)
    {
        var parts = $"{(char)(FirstLead + index / (Vowels * Tails))}{(char)(FirstVowel + index / Tails % Vowels)}";
        return index % Tails == 0 ? parts : parts + (char)(BeforeTails + index % Tails);
    }

    static Dictionary<int, string> Read()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Transformers.Tokenizers.decompositions.txt")!;
        using var lines = new StreamReader(stream);
        var table = new Dictionary<int, string>();
        while (lines.ReadLine() is { } line)
        {
            var (bare, characters) = (line[..line.IndexOf('\t')], line[(line.IndexOf('\t') + 1)..]);
            foreach (var character in characters.EnumerateRunes()) table.Add(character.Value, bare);
        }
        return table;
    }
}
