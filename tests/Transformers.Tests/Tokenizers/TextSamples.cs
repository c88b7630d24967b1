namespace Transformers.Tests.Tokenizers;

/// <summary>Text that is hard to cut, made from a seed: few kinds of characters, so that every neighbourhood occurs.</summary>
static class TextSamples
{
    static readonly string[] Alphabet =
    [
        " ", " ", " ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2028", "\u0085", "\u001c", "a", "b", "s", "t", "re", "ll", "A", "B", "S", "LL", "é", "É", "ß",
        "ǅ", "ʰ", "あ", "中", "\u0301", "\u0903", "1", "2", "٣", "Ⅷ", "²", "'", "'", "'s", "'S", "'ſ", "'Re", "’", ".", "/", "!", "-", "€", "\u200b", "\ufeff", "\0", "_",
    ];
    static readonly string[] Astral = ["𝐀", "𝐚", "𠀀", "𝟗", "👍🏽", "👩‍👩‍👧", "🇩🇪", "\U000E0100"];

    /// <summary>A text of so many elements, of the basic plane alone or not.</summary>
    internal static string Make(int seed, int length, bool astral)
    {
        var random = new Random(seed);
        var text = new StringBuilder();
        for (var i = 0; i < length; i++)
            text.Append(astral && random.Next(8) == 0 ? Astral[random.Next(Astral.Length)] : Alphabet[random.Next(Alphabet.Length)]);
        return text.ToString();
    }

    /// <summary>Words drawn with very unequal frequencies, as in natural text.</summary>
    internal static string Words(int seed, int count)
    {
        var random = new Random(seed);
        var text = new StringBuilder();
        for (var i = 0; i < count; i++)
        {
            var word = (int)(Math.Pow(random.NextDouble(), 3) * 500);
            var letters = new Random(word);
            for (var n = 2 + letters.Next(7); n > 0; n--) text.Append((char)('a' + letters.Next(12)));
            text.Append(random.Next(12) == 0 ? ".\n" : " ");
        }
        return text.ToString();
    }
}
