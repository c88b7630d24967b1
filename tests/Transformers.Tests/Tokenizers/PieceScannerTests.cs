namespace Transformers.Tests.Tokenizers;

public class PieceScannerTests
{
    static List<string> Cut(SplitPattern pattern, string text)
    {
        var scanner = PieceScanner.For(pattern);
        var utf8 = Encoding.UTF8.GetBytes(text);
        var pieces = new List<string>();
        for (int start = 0, next; start < utf8.Length; start = next)
        {
            next = scanner.Next(utf8, start);
            Assert.InRange(next, start + 1, utf8.Length);
            pieces.Add(Encoding.UTF8.GetString(utf8, start, next - start));
        }
        return pieces;
    }

    [Theory]
    [InlineData(SplitPattern.Gpt2)]
    [InlineData(SplitPattern.Cl100k)]
    [InlineData(SplitPattern.O200k)]
    [InlineData(SplitPattern.Qwen2)]
    public void Pieces_are_those_of_the_published_expression_on_text_of_the_basic_plane(SplitPattern pattern)
    {
        // .NET's expressions see UTF-16 units and do not fold the long s: the first is kept out of the text, the second written out.
        var source = SplitPatterns.RegexOf(pattern);
        var expression = new Regex(pattern == SplitPattern.Gpt2 ? source : source.Replace("'s", "'[sS\u017f]"));
        for (var seed = 0; seed < 3000; seed++)
        {
            var text = TextSamples.Make(seed, 1 + seed % 40, astral: false);
            var expected = expression.Matches(text).Select(match => match.Value);
            Assert.Equal(expected, Cut(pattern, text));
        }
    }

    [Theory]
    [InlineData(SplitPattern.Gpt2, "x 𝐀𝐁c", "x| 𝐀𝐁c")]
    [InlineData(SplitPattern.Gpt2, "a𠀀b 𝟗𝟗", "a𠀀b| 𝟗𝟗")]
    [InlineData(SplitPattern.Gpt2, "it's IT'S  two\n\n three", "it|'s| IT|'|S| | two|\n\n| three")]
    [InlineData(SplitPattern.Gpt2, "end   ", "end|   ")]
    [InlineData(SplitPattern.Cl100k, "it'ſab", "it|'ſ|ab")]
    [InlineData(SplitPattern.Cl100k, "12345 $x ...\n\n  y", "123|45| $|x| ...\n\n| | y")]
    [InlineData(SplitPattern.Cl100k, "a \n \n  b", "a| \n \n| | b")]
    [InlineData(SplitPattern.Qwen2, "x 12 34\n", "x| |1|2| |3|4|\n")]
    [InlineData(SplitPattern.O200k, "HelloWorld's HTTPServer 中文ABC", "Hello|World's| HTTPServer| 中文|ABC")]
    [InlineData(SplitPattern.O200k, "see https://x.\n/y", "see| https|://|x|.\n/|y")]
    [InlineData(SplitPattern.None, "all of\n it", "all of\n it")]
    public void Pieces_are_those_worked_out_by_hand(SplitPattern pattern, string text, string pieces) =>
        Assert.Equal(pieces.Split('|'), Cut(pattern, text));

    [Theory]
    [InlineData(SplitPattern.Gpt2)]
    [InlineData(SplitPattern.Cl100k)]
    [InlineData(SplitPattern.O200k)]
    [InlineData(SplitPattern.Qwen2)]
    public void A_piece_begins_at_every_cut_whatever_precedes_it(SplitPattern pattern)
    {
        var scanner = PieceScanner.For(pattern);
        var cuts = 0;
        for (var seed = 0; seed < 3000; seed++)
        {
            var text = Encoding.UTF8.GetBytes(TextSamples.Make(seed, 30, astral: true));
            var visible = text.AsSpan(0, text.Length - seed % 5);
            var cut = scanner.LastCut(visible);
            if (cut == 0) continue;
            cuts++;
            var at = 0;
            while (at < cut) at = scanner.Next(text, at);
            Assert.Equal(cut, at);
        }
        Assert.InRange(cuts, 1000, 3000);
    }

    [Fact]
    public void Every_published_spelling_of_a_pattern_is_known()
    {
        foreach (var pattern in Enum.GetValues<SplitPattern>().Where(pattern => pattern != SplitPattern.None))
            Assert.Equal(pattern, SplitPatterns.FromRegex(SplitPatterns.RegexOf(pattern)));
        Assert.Null(SplitPatterns.FromRegex(@"\w+"));
        Assert.Equal(SplitPattern.Cl100k, SplitPatterns.Parse("llama3"));
        Assert.Throws<UserException>(() => SplitPatterns.Parse("gpt3"));
    }
}
