using static TorchSharp.torch;

namespace Transformers.Tests.Decoding;

[Collection("engine")]
public class TranslatorTests
{
    static readonly TextTokenizer Words = WordTokenizer.Train(["a b c d e f g h"], SpecialIds.ForTranslation);

    static Translator NewTranslator() => new(Seq2SeqSamples.Model(Seq2SeqSamples.Config(), seed: 3, Words.VocabularySize), Words, Words, CPU);

    static string[] Lines(int count) =>
        [.. Enumerable.Range(0, count).Select(i => string.Join(' ', Enumerable.Range(0, 1 + i * 7 % 5).Select(j => "abcdefgh"[(i + j * i) % 8])))];

    [Fact]
    public void Output_is_in_the_order_of_the_input_whatever_the_batches()
    {
        var lines = Lines(50);
        var translator = NewTranslator();
        var one = translator.Translate(lines, new TranslationOptions { BatchSize = 1 }).ToList();
        // Batches of 3 make windows of 192 lines, so windows of 50 lines are cut short; both give every line.
        foreach (var size in new[] { 3, 64 })
        {
            var many = translator.Translate(lines, new TranslationOptions { BatchSize = size }).ToList();
            Assert.Equal(lines, many.Select(translation => translation.Source));
            Assert.Equal(one.Select(translation => translation.Text), many.Select(translation => translation.Text));
        }
        Assert.True(one.Select(translation => translation.Text).Distinct().Count() > 5);
    }

    [Fact]
    public void A_file_is_read_window_by_window()
    {
        var taken = 0;
        IEnumerable<string> Endless()
        {
            while (true)
            {
                taken++;
                yield return "a b";
            }
        }
        Assert.Equal(130, NewTranslator().Translate(Endless(), new TranslationOptions { BatchSize = 1 }).Take(130).Count());
        Assert.InRange(taken, 130, 3 * 64);
    }

    [Fact]
    public void A_blank_line_stays_blank_and_a_long_one_loses_its_end()
    {
        var found = NewTranslator().Translate(["", "a b", "  ", string.Join(' ', Enumerable.Repeat("c", 90))], new TranslationOptions()).ToList();
        Assert.Equal(("", "eos"), (found[0].Text, found[0].Best.Finish));
        Assert.Equal("", found[2].Text);
        Assert.False(found[1].Shortened);
        Assert.True(found[3].Shortened);
    }

    [Fact]
    public void Options_out_of_range_are_all_named_at_once()
    {
        var options = new TranslationOptions { Beams = 2, NBest = 3, MaxNewTokens = 0, Alpha = double.NaN };
        Assert.Equal(3, Assert.Throws<UserException>(() => NewTranslator().Translate([], options)).Problems.Count);
    }
}
