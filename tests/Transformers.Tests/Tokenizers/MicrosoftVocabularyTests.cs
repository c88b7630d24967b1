using System.Reflection;
using Microsoft.ML.Tokenizers;

namespace Transformers.Tests.Tokenizers;

/// <summary>Ids of the published vocabularies against Microsoft.ML.Tokenizers, whose packages bring them.</summary>
[Trait("Category", "slow")]
public sealed class MicrosoftVocabularyTests : TempFolderTest
{
    (ByteLevelBpeTokenizer Own, TiktokenTokenizer Theirs) Load(string encoding)
    {
        var (package, resource) = encoding switch
        {
            "gpt2" => ("Gpt2", "gpt2.tiktoken"), "cl100k_base" => ("Cl100kBase", "cl100k_base.tiktoken"), _ => ("O200kBase", "o200k_base.tiktoken"),
        };
        var assembly = Assembly.Load($"Microsoft.ML.Tokenizers.Data.{package}");
        using (var packed = assembly.GetManifestResourceStream(assembly.GetManifestResourceNames().Single(name => name.Contains(resource)))!)
        using (var unpacked = new DeflateStream(packed, CompressionMode.Decompress))
        using (var lines = new StreamReader(unpacked))
        {
            Assert.StartsWith("Capacity: ", lines.ReadLine()); // What tiktoken's own file does not have; nor its ranks.
            var rank = 0;
            File.WriteAllLines(folder[resource], lines.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(token => $"{token} {rank++}"));
        }
        var theirs = encoding == "gpt2" ? TiktokenTokenizer.CreateForModel("gpt2") : TiktokenTokenizer.CreateForEncoding(encoding);
        return ((ByteLevelBpeTokenizer)TokenizerFile.Load(folder[resource]), theirs);
    }

    // Their expressions do not fold the long s.
    static IEnumerable<string> BasicPlane()
    {
        for (var seed = 0; seed < 400; seed++) yield return TextSamples.Make(seed, 1 + seed % 60, astral: false).Replace("ſ", "");
        yield return TextSamples.Words(7, 4000);
        yield return "Der Zürcher Fußgängerübergang, ça va? Ελληνικά, русский язык, 日本語のテキスト。한국어 문장입니다. हिन्दी पाठ العربية";
        yield return "if (x >= 10) { return foo_bar(\"a\\n\"); }\n\n\t// don't   panic: 1234567.89e-10\r\n" + new string(' ', 300) + new string('a', 500) + new string('=', 129);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("cl100k_base")]
    [InlineData("o200k_base")]
    public void Ids_and_offsets_in_the_basic_plane_are_those_of_the_library(string encoding)
    {
        var (own, theirs) = Load(encoding);
        foreach (var text in BasicPlane())
        {
            Assert.Equal(theirs.EncodeToIds(text), own.EncodeToIds(text));
            Assert.Equal(theirs.CountTokens(text), own.CountTokens(text));
            Assert.Equal(text, own.Decode(theirs.EncodeToIds(text)));
        }
        var ascii = TextSamples.Words(9, 500);
        Assert.Equal(theirs.EncodeToTokens(ascii, out _), own.EncodeToTokens(ascii, out _));
        Assert.Equal(theirs.EncodeToIds(ascii, 100, out _, out var consumed), own.EncodeToIds(ascii, 100, out _, out var ownConsumed));
        Assert.Equal(consumed, ownConsumed);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("cl100k_base")]
    [InlineData("o200k_base")]
    public void Ids_beyond_the_basic_plane_are_those_of_the_published_pattern(string encoding)
    {
        var (own, theirs) = Load(encoding);
        var pattern = new Regex(SplitPatterns.RegexOf(own.Pattern));
        var different = 0;
        for (var seed = 0; seed < 300; seed++)
        {
            var text = TextSamples.Make(seed, 40, astral: true).Replace("ſ", "");
            // Each piece is one text to the library: only how it cuts is left out.
            var expected = PiecesOf(pattern, text).SelectMany(piece => theirs.EncodeToIds(piece, considerPreTokenization: false)).ToList();
            Assert.Equal(expected, own.EncodeToIds(text));
            if (!expected.SequenceEqual(theirs.EncodeToIds(text))) different++;
        }
        // Otherwise this test would say no more than the one above.
        Assert.InRange(different, 1, 300);
    }

    // The pattern over a text in which each character beyond the basic plane is replaced by one of its category in it.
    static IEnumerable<string> PiecesOf(Regex pattern, string text)
    {
        var runes = text.EnumerateRunes().ToList();
        var plain = string.Concat(runes.Select(rune => rune.IsBmp ? rune.ToString() : StandInOf(Rune.GetUnicodeCategory(rune))));
        Assert.Equal(runes.Count, plain.Length);
        foreach (Match match in pattern.Matches(plain))
            yield return string.Concat(runes.Skip(match.Index).Take(match.Length));
    }

    static string StandInOf(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => "Ж",
        UnicodeCategory.LowercaseLetter => "ж",
        UnicodeCategory.OtherLetter => "中",
        UnicodeCategory.DecimalDigitNumber => "٣",
        UnicodeCategory.NonSpacingMark => "\u0300",
        UnicodeCategory.OtherSymbol => "☃",
        UnicodeCategory.ModifierSymbol => "˅",
        _ => throw new InvalidOperationException($"a sample of category {category} needs a stand-in"),
    };
}
