using Transformers.IO;
using Transformers.Tokenizers;

namespace Transformers.Data.Sentences;

/// <summary>Masks tokens as BERT does (Devlin et al. 2019, section 3.1 and appendix A.1).</summary>
/// <remarks>
/// Which tokens are masked is a function of (seed, epoch, text): each epoch masks different tokens, and a resumed run the same ones. As in
/// BERT's code, a text of n ordinary tokens has round(n · fraction) of them chosen, at least one, so the fraction is met in every text;
/// framing tokens are never chosen, nor drawn as random ones. With whole words, words are chosen in random order as long as they
/// fit into that number; a word starts at a token that starts with white space, or after one that ends with it, or at the text's start.
/// </remarks>
sealed class MaskedTokens
{
    readonly MaskingOptions options;
    readonly int mask;
    readonly bool[] special;
    readonly bool[] startsWithSpace;
    readonly bool[] endsWithSpace;
    readonly int[] ordinary;

    public MaskedTokens(TextTokenizer tokenizer, MaskingOptions options)
    {
        this.options = options;
        mask = SpecialIds.Of(tokenizer).Mask ?? throw new UserException("the tokenizer has no special token <mask>",
            $"train it with the special tokens {string.Join(" ", SpecialIds.ForEncoder)}");
        special = new bool[tokenizer.VocabularySize];
        foreach (var id in tokenizer.SpecialTokens.Values) special[id] = true;
        (startsWithSpace, endsWithSpace) = (new bool[special.Length], new bool[special.Length]);
        for (var id = 0; id < special.Length; id++)
        {
            var bytes = tokenizer.BytesOf(id).Span;
            startsWithSpace[id] = bytes.Length > 0 && IsSpace(bytes[0]);
            endsWithSpace[id] = bytes.Length > 0 && IsSpace(bytes[^1]);
        }
        ordinary = [.. Enumerable.Range(0, special.Length).Where(id => !special[id])];
    }

    static bool IsSpace(byte b) => b is (byte)' ' or >= (byte)'\t' and <= (byte)'\r';

    public MaskedBatch Hide(PaddedTexts texts, int epoch)
    {
        var (ids, targets) = ((long[])texts.Ids.Clone(), new long[texts.Ids.Length]);
        Array.Fill(targets, MaskedBatch.IgnoreIndex);
        for (var row = 0; row < texts.Rows; row++)
        {
            var random = new CounterRandom(options.Seed ^ ((ulong)epoch << 32), (ulong)texts.Examples[row]);
            var start = row * texts.Width;
            foreach (var position in Choose(texts.Ids.AsSpan(start, texts.Lengths[row]), ref random))
            {
                targets[start + position] = ids[start + position];
                var draw = random.NextDouble();
                if (draw < options.Masked) ids[start + position] = mask;
                else if (draw < options.Masked + options.Random) ids[start + position] = ordinary[random.Next(ordinary.Length)];
            }
        }
        return new MaskedBatch(texts with { Ids = ids }, targets);
    }

    List<int> Choose(ReadOnlySpan<long> ids, ref CounterRandom random)
    {
        var units = Units(ids);
        var wanted = Math.Max(1, (int)Math.Round(units.Sum(u => u.Length) * options.Fraction, MidpointRounding.AwayFromZero));
        for (var i = units.Count - 1; i > 0; i--)
        {
            var j = random.Next(i + 1);
            (units[i], units[j]) = (units[j], units[i]);
        }
        var chosen = new List<int>();
        foreach (var (first, length) in units)
            // A text of one long word still has something to predict.
            if (chosen.Count + length <= wanted || (chosen.Count == 0 && units.TrueForAll(u => u.Length > wanted)))
                chosen.AddRange(Enumerable.Range(first, length));
        chosen.Sort();
        return chosen;
    }

    // Single tokens, or runs of tokens that make a word.
    List<(int First, int Length)> Units(ReadOnlySpan<long> ids)
    {
        var units = new List<(int First, int Length)>();
        for (var i = 0; i < ids.Length; i++)
        {
            if (special[ids[i]]) continue;
            var continues = options.WholeWords && i > 0 && !special[ids[i - 1]]
                && !startsWithSpace[ids[i]] && !endsWithSpace[ids[i - 1]];
            if (continues) units[^1] = units[^1] with { Length = units[^1].Length + 1 };
            else units.Add((i, 1));
        }
        return units;
    }
}

/// <summary>How tokens are masked for pretraining; the defaults are BERT's.</summary>
sealed record MaskingOptions
{
    /// <summary>The fraction of a text's tokens to predict, at least one.</summary>
    public double Fraction { get; init; } = 0.15;
    /// <summary>The fraction of these that are replaced by the mask token.</summary>
    public double Masked { get; init; } = 0.8;
    /// <summary>The fraction of these that are replaced by a random ordinary token; the rest stay as they are.</summary>
    public double Random { get; init; } = 0.1;
    /// <summary>Whether all tokens of a word are chosen together.</summary>
    public bool WholeWords { get; init; }
    public ulong Seed { get; init; }
}
