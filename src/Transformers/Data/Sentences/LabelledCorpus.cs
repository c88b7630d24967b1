using Transformers.Generators;
using Transformers.Tokenizers;

namespace Transformers.Data.Sentences;

/// <summary>Labelled texts as token ids, framed as <c>&lt;s&gt; x &lt;/s&gt;</c>, in memory.</summary>
public sealed class LabelledCorpus
{
    LabelledCorpus(TokenStore tokens, int[] labels, IReadOnlyList<string> classes, long shortened) =>
        (Tokens, Labels, Classes, Shortened) = (tokens, labels, classes, shortened);

    /// <summary>The framed ids of each text.</summary>
    public TokenStore Tokens { get; }

    /// <summary>The class of each text.</summary>
    public IReadOnlyList<int> Labels { get; }

    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>The number of texts that were truncated.</summary>
    public long Shortened { get; }

    /// <summary>The number of texts.</summary>
    public int Count => Labels.Count;

    /// <summary>Encodes labelled texts.</summary>
    /// <param name="examples">The texts, read as a stream.</param>
    /// <param name="special">The tokenizer's framing ids.</param>
    /// <param name="classes">The expected classes (for validation, those of the training split); by default those that occur.</param>
    /// <param name="maximumTokens">The maximum length of a sequence, including framing; longer texts are truncated, and counted in <see cref="Shortened"/>.</param>
    /// <param name="file">The file to name in errors.</param>
    /// <param name="cancel">Cancels between two texts.</param>
    /// <exception cref="UserException">A label is not one of the expected classes.</exception>
    public static LabelledCorpus Encode(
        IEnumerable<LabelledExample> examples, TextTokenizer tokenizer, SpecialIds special,
        IReadOnlyList<string>? classes = null, int maximumTokens = int.MaxValue, string? file = null, CancellationToken cancel = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumTokens, 3);
        var (tokens, names, lines) = (new TokenStore(), new List<string>(), new List<int>());
        long shortened = 0;
        var ids = new List<int>();
        foreach (var example in examples)
        {
            cancel.ThrowIfCancellationRequested();
            ids.Clear();
            ids.Add(special.Begin);
            ids.AddRange(tokenizer.EncodeToIds(example.Text));
            if (ids.Count > maximumTokens - 1)
            {
                ids.RemoveRange(maximumTokens - 1, ids.Count - (maximumTokens - 1));
                shortened++;
            }
            ids.Add(special.End);
            tokens.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(ids));
            names.Add(example.Label);
            lines.Add(example.Line);
        }
        classes ??= ClassNames.Of(names);
        var known = classes.Select((name, id) => (name, id)).ToDictionary(c => c.name, c => c.id, StringComparer.Ordinal);
        var labels = new int[names.Count];
        for (var i = 0; i < labels.Length; i++)
            labels[i] = known.TryGetValue(names[i], out var id) ? id
                : throw new UserException([new Problem($"the label {names[i]} is not one of the {classes.Count} classes", file,
                    lines[i] > 0 ? lines[i] : null, Hint: $"classes: {string.Join(", ", classes.Take(20))}")]);
        return new LabelledCorpus(tokens, labels, classes, shortened);
    }
}

/// <summary>Texts with their classes.</summary>
/// <param name="Texts">The padded texts.</param>
/// <param name="Labels">The class of each [B].</param>
public sealed record LabelledBatch(PaddedTexts Texts, long[] Labels);

/// <summary>Makes padded batches of labelled texts of similar length; a batch is a function of its position alone.</summary>
sealed class LabelledBatches(LabelledCorpus corpus, SpecialIds special, BucketOptions options)
{
    readonly LengthBuckets buckets = new(Enumerable.Range(0, corpus.Count).Select(i => (corpus.Tokens.LengthOf(i), 0)), options);

    public int BatchesPerEpoch => buckets.BatchesPerEpoch;

    /// <summary>The batch at a position; safe to call from several threads.</summary>
    public LabelledBatch At(DataPosition position)
    {
        var texts = PaddedTexts.Make(corpus.Tokens, buckets.At(position).Span, special.Padding);
        return new LabelledBatch(texts, [.. texts.Examples.Select(e => (long)corpus.Labels[e])]);
    }
}

/// <summary>Texts with some tokens masked.</summary>
/// <param name="Texts">The padded texts with masked tokens.</param>
/// <param name="Targets">The original token where one is to be predicted, <see cref="IgnoreIndex"/> elsewhere [B, S].</param>
public sealed record MaskedBatch(PaddedTexts Texts, long[] Targets)
{
    /// <summary>The target where nothing is to be predicted; cross entropy ignores it by default.</summary>
    public const long IgnoreIndex = -100;

    /// <summary>The number of tokens to predict, by which a mean loss divides.</summary>
    public int TargetCount => Targets.Count(t => t != IgnoreIndex);
}

/// <summary>Makes batches with masked tokens from texts of similar length; a batch is a function of its position alone.</summary>
sealed class MaskedBatches(TokenStore tokens, SpecialIds special, MaskedTokens masking, BucketOptions options)
{
    readonly LengthBuckets buckets = new(Enumerable.Range(0, tokens.Count).Select(i => (tokens.LengthOf(i), 0)), options);

    public int BatchesPerEpoch => buckets.BatchesPerEpoch;

    /// <summary>The batch at a position; safe to call from several threads.</summary>
    public MaskedBatch At(DataPosition position) =>
        masking.Hide(PaddedTexts.Make(tokens, buckets.At(position).Span, special.Padding), (int)position.Epoch);
}

/// <summary>A padded mini-batch of texts; all arrays are row-major.</summary>
/// <param name="Examples">The numbers of the texts in the corpus [B].</param>
/// <param name="Width">S: the longest text.</param>
/// <param name="Ids">Token ids, then padding [B, S].</param>
/// <param name="Lengths">Tokens of each text [B].</param>
public sealed record PaddedTexts(int[] Examples, int Width, long[] Ids, int[] Lengths)
{
    /// <summary>B: the number of texts.</summary>
    public int Rows => Examples.Length;

    /// <summary>Pads sequences to the length of the longest.</summary>
    public static PaddedTexts Make(TokenStore tokens, ReadOnlySpan<int> examples, int padding)
    {
        var lengths = new int[examples.Length];
        for (var row = 0; row < lengths.Length; row++) lengths[row] = tokens.LengthOf(examples[row]);
        var width = lengths.Max();
        var ids = new long[lengths.Length * width];
        Array.Fill(ids, padding);
        for (var row = 0; row < lengths.Length; row++)
            for (var i = 0; i < lengths[row]; i++)
                ids[row * width + i] = tokens[examples[row], i];
        return new PaddedTexts(examples.ToArray(), width, ids, lengths);
    }
}

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
