namespace Transformers.Tests.Data.Labelled;

public class MaskedTokensTests
{
    static readonly string[] Vocabulary = [.. Enumerable.Range(0, 500).Select(i => $"w{i:000}")];
    static readonly WordTokenizer Words = WordTokenizer.Train(Vocabulary, SpecialIds.ForEncoder);
    static readonly SpecialIds Special = SpecialIds.Of(Words);

    static MaskedBatches Batches(int texts, int length, MaskingOptions options)
    {
        var tokens = new TokenStore();
        for (var i = 0; i < texts; i++)
            tokens.Add([Special.Begin, .. Enumerable.Range(0, length).Select(j => 4 + (i * 31 + j * 7) % 500), Special.End]);
        return new MaskedBatches(tokens, Special, new MaskedTokens(Words, options), new BucketOptions { Sequences = 50, Seed = 1 });
    }

    [Fact]
    public void Fifteen_percent_are_guessed_of_which_80_are_masked_and_10_replaced()
    {
        var batches = Batches(2000, 40, new MaskingOptions());
        int masked = 0, replaced = 0, kept = 0;
        for (var b = 0; b < batches.BatchesPerEpoch; b++)
        {
            var batch = batches.At(new DataPosition(0, b));
            Assert.Equal(6 * batch.Texts.Rows, batch.TargetCount);
            for (var i = 0; i < batch.Targets.Length; i++)
            {
                if (batch.Targets[i] == MaskedBatch.IgnoreIndex) continue;
                Assert.InRange(batch.Targets[i], 4, 503);
                var now = batch.Texts.Ids[i];
                if (now == Special.Mask) masked++;
                else if (now == batch.Targets[i]) kept++;
                else replaced++;
                Assert.True(now >= 3, "a framing token was drawn");
            }
        }
        Assert.Equal(12_000, masked + replaced + kept);
        // 4 standard deviations around 0.8, 0.1 and 0.1 of 12,000.
        Assert.InRange(masked, 9600 - 176, 9600 + 176);
        Assert.InRange(replaced, 1200 - 132, 1200 + 132);
    }

    [Fact]
    public void What_is_not_guessed_and_what_frames_stays_as_it_is()
    {
        var tokens = new TokenStore();
        tokens.Add([1, 10, 11, 12, 2]);
        tokens.Add([1, 13, 2]);
        var plain = PaddedTexts.Make(tokens, [0, 1], 0);
        var batch = new MaskedTokens(Words, new MaskingOptions { Fraction = 0.5 }).Hide(plain, 0);
        for (var i = 0; i < plain.Ids.Length; i++)
            if (batch.Targets[i] == MaskedBatch.IgnoreIndex) Assert.Equal(plain.Ids[i], batch.Texts.Ids[i]);
            else Assert.Equal(plain.Ids[i], batch.Targets[i]);
        Assert.Equal(3, batch.TargetCount); // round(1.5) of three words, and at least one of one
        Assert.Equal([1L, 2L, 1L, 2L], new[] { 0, 4, 5, 7 }.Select(i => batch.Texts.Ids[i]));
        Assert.Equal([1, 10, 11, 12, 2, 1, 13, 2, 0, 0], plain.Ids);
    }

    [Fact]
    public void Every_epoch_hides_others_and_the_same_epoch_the_same()
    {
        var (a, b) = (Batches(100, 30, new MaskingOptions { Seed = 7 }), Batches(100, 30, new MaskingOptions { Seed = 7 }));
        Assert.Equal(a.At(new DataPosition(3, 1)).Targets, b.At(new DataPosition(3, 1)).Targets);
        var tokens = new TokenStore();
        tokens.Add([1, .. Enumerable.Range(4, 100), 2]);
        var batch = PaddedTexts.Make(tokens, [0], 0);
        var masking = new MaskedTokens(Words, new MaskingOptions());
        Assert.NotEqual(masking.Hide(batch, 0).Targets, masking.Hide(batch, 1).Targets);
    }

    [Fact]
    public void Whole_words_are_guessed_whole_or_not_at_all()
    {
        var tokenizer = new PieceTokenizer();
        var tokens = new TokenStore();
        // 40 words of three pieces: " x" starts a word, "y" and "z" go on.
        tokens.Add([1, .. Enumerable.Repeat(new[] { 4, 5, 6 }, 40).SelectMany(w => w), 2]);
        var masking = new MaskedTokens(tokenizer, new MaskingOptions { WholeWords = true });
        for (var epoch = 0; epoch < 20; epoch++)
        {
            var targets = masking.Hide(PaddedTexts.Make(tokens, [0], 0), epoch).Targets;
            Assert.Equal(18, targets.Count(t => t != MaskedBatch.IgnoreIndex));
            for (var word = 0; word < 40; word++)
                Assert.Single(targets.Skip(1 + 3 * word).Take(3).Select(t => t != MaskedBatch.IgnoreIndex).Distinct());
        }
    }

    [Fact]
    public void A_text_of_one_long_word_still_gives_something_to_guess()
    {
        var tokens = new TokenStore();
        tokens.Add([1, 4, 5, 6, 2]);
        var batch = new MaskedTokens(new PieceTokenizer(), new MaskingOptions { WholeWords = true }).Hide(PaddedTexts.Make(tokens, [0], 0), 0);
        Assert.Equal(3, batch.TargetCount);
    }

    [Fact]
    public void A_vocabulary_without_a_mask_is_the_users_error() =>
        Assert.Throws<UserException>(() => new MaskedTokens(WordTokenizer.Train(["a"], SpecialIds.ForTranslation), new MaskingOptions()));

    /// <summary>Four special tokens, a piece that starts a word and two that go on.</summary>
    sealed class PieceTokenizer : TextTokenizer
    {
        static readonly string[] Pieces = ["", "", "", "", " x", "y", "z"];

        public override int VocabularySize => Pieces.Length;
        public override IReadOnlyDictionary<string, int> SpecialTokens { get; } =
            SpecialIds.ForEncoder.Select((t, i) => (t, i)).ToDictionary(x => x.t, x => x.i);
        public override int? EndOfTextId => 2;
        public override void EncodeToIds(ReadOnlySpan<byte> utf8, List<int> ids) => throw new NotSupportedException();
        public override ReadOnlyMemory<byte> BytesOf(int id) => System.Text.Encoding.UTF8.GetBytes(Pieces[id]);
        public override void Save(Stream target) => throw new NotSupportedException();
        public override string Hash => "pieces";
    }
}
