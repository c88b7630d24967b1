using Transformers.Data.Sentences;

namespace Transformers.Data.ImageText;

/// <summary>The objective of a row of a batch.</summary>
public enum RowTask
{
    /// <summary>The answer to a question.</summary>
    Answer,
    /// <summary>Masked tokens of a caption and masked regions of its image.</summary>
    Masked,
    /// <summary>Whether a caption belongs to an image.</summary>
    Match,
}

/// <summary>How often each objective occurs.</summary>
/// <param name="Answer">The frequency of <see cref="RowTask.Answer"/>; only the ratio of the three matters.</param>
/// <param name="Masked">The frequency of <see cref="RowTask.Masked"/>.</param>
/// <param name="Match">The frequency of <see cref="RowTask.Match"/>.</param>
/// <param name="Alone">The fraction of the question rows that see only one of the two streams.</param>
/// <param name="Regions">The fraction of the regions that are masked.</param>
sealed record RowMix(double Answer, double Masked, double Match, double Alone, double Regions);

/// <summary>A row: an image, a text, and which parts of them are hidden.</summary>
/// <param name="Task">Its objective.</param>
/// <param name="Image">The index of the example whose image it uses.</param>
/// <param name="Text">The index of the example whose text it uses.</param>
/// <param name="Part">Which of that example's texts.</param>
/// <param name="Label">The answer, or whether the two match.</param>
/// <param name="HidesImage">Whether the whole image is hidden.</param>
/// <param name="HidesText">Whether the whole text is hidden.</param>
readonly record struct RowPlan(RowTask Task, int Image, int Text, TextPart Part, int Label, bool HidesImage = false, bool HidesText = false);

/// <summary>A batch of images with text.</summary>
/// <param name="Texts">The padded texts, some of their tokens masked.</param>
/// <param name="Tokens">The original token where one is to be predicted, <see cref="MaskedBatch.IgnoreIndex"/> elsewhere [B, T].</param>
/// <param name="Images">The images.</param>
/// <param name="Hidden">1 where a region is masked, else 0 [B, R].</param>
/// <param name="Tasks">The objective of each row [B].</param>
/// <param name="Labels">The answer's index, or 1 if image and text match and 0 if not [B].</param>
public sealed record ImageTextBatch(PaddedTexts Texts, long[] Tokens, SeenImages Images, float[] Hidden, RowTask[] Tasks, long[] Labels)
{
    /// <summary>B: the number of rows.</summary>
    public int Rows => Tasks.Length;

    /// <summary>R: the number of regions per row.</summary>
    public int Regions => Hidden.Length / Rows;

    /// <summary>A slice of consecutive rows.</summary>
    internal ImageTextBatch Slice(int first, int rows)
    {
        if (rows == Rows) return this;
        var T = Texts.Width;
        return new(new PaddedTexts(Texts.Examples[first..(first + rows)], T, Texts.Ids[(first * T)..((first + rows) * T)], Texts.Lengths[first..(first + rows)]),
            Tokens[(first * T)..((first + rows) * T)], Images.Slice(first, rows, Rows), Hidden[(first * Regions)..((first + rows) * Regions)],
            Tasks[first..(first + rows)], Labels[first..(first + rows)]);
    }
}

/// <summary>Makes batches of images with text; a batch is a function of its position alone.</summary>
/// <param name="corpus">The texts.</param>
/// <param name="split">The split that the images are in.</param>
/// <param name="view">Turns images into the model's input.</param>
/// <param name="special">The framing ids and the mask's.</param>
/// <param name="masking">Masks tokens.</param>
/// <param name="patches">The regions of an image of pixels; 0 for region features.</param>
/// <param name="mix">How often each objective occurs.</param>
/// <param name="options">The size and the order of batches.</param>
sealed class ImageTextBatches(ImageTextCorpus corpus, ImageTextSplit split, ImageView view, SpecialIds special, MaskedTokens masking, int patches, RowMix mix, BucketOptions options)
{
    readonly int[] usable = Usable(corpus, mix);

    // All lengths are given as equal, since texts of similar length would often be the same type of question.
    readonly Lazy<LengthBuckets> buckets = new(() => new(Enumerable.Repeat((1, 0), Usable(corpus, mix).Length), options));

    /// <summary>The examples that have an objective: if answering is the only one, those with a known answer.</summary>
    internal static int[] Usable(ImageTextCorpus corpus, RowMix mix) =>
        [.. Enumerable.Range(0, corpus.Count).Where(example => mix.Masked + mix.Match > 0 || corpus.Answers[example] >= 0)];

    public int BatchesPerEpoch => buckets.Value.BatchesPerEpoch;

    /// <summary>The batch at a position; safe to call from several threads.</summary>
    public ImageTextBatch At(DataPosition position)
    {
        var examples = buckets.Value.At(position).ToArray();
        return Make([.. examples.Select(number => Plan(usable[number], position.Epoch))], (int)position.Epoch);
    }

    // An example's objective in an epoch depends on its index, not on its neighbours.
    RowPlan Plan(int example, long epoch)
    {
        var random = new CounterRandom(options.Seed ^ ((ulong)epoch << 32) ^ 0x706C616EUL, (ulong)example);
        var answer = corpus.Answers[example] < 0 ? 0 : mix.Answer;
        var draw = random.NextDouble() * (answer + mix.Masked + mix.Match);
        if (draw < answer)
        {
            var alone = random.NextDouble() / Math.Max(1e-9, mix.Alone);
            return new(RowTask.Answer, example, example, TextPart.Text, corpus.Answers[example], HidesImage: alone < 0.5, HidesText: alone is >= 0.5 and < 1);
        }
        if (draw < answer + mix.Masked) return new(RowTask.Masked, example, example, TextPart.Caption, 1);
        // Half of the pairs match; half of the others have the example's almost true caption, if there is one.
        var kind = random.Next(4);
        if (kind < 2 || corpus.Count == 1) return new(RowTask.Match, example, example, TextPart.Caption, 1);
        if (kind == 2 && corpus.IdsOf(example, TextPart.FalseCaption) is not null) return new(RowTask.Match, example, example, TextPart.FalseCaption, 0);
        return new(RowTask.Match, example, (example + 1 + random.Next(corpus.Count - 1)) % corpus.Count, TextPart.Caption, 0);
    }

    /// <summary>Makes a batch of planned rows.</summary>
    /// <param name="plans">The rows.</param>
    /// <param name="epoch">Determines, together with the example, what is masked.</param>
    public ImageTextBatch Make(RowPlan[] plans, int epoch = 0)
    {
        var store = new TokenStore();
        foreach (var plan in plans) store.Add(plan.HidesText ? [special.Begin, special.Mask!.Value, special.End] : corpus.IdsOf(plan.Text, plan.Part)!);
        var texts = PaddedTexts.Make(store, [.. Enumerable.Range(0, plans.Length)], special.Padding) with { Examples = [.. plans.Select(plan => plan.Image)] };
        var hidden = masking.Hide(texts, epoch);
        var images = view.Of([.. plans.Select(plan => (split, corpus.Examples[plan.Image]))]);
        var R = patches > 0 ? patches : images.Regions;
        var regions = new float[plans.Length * R];
        for (var row = 0; row < plans.Length; row++)
        {
            var (start, T) = (row * texts.Width, texts.Width);
            if (plans[row].HidesImage) regions.AsSpan(row * R, R).Fill(1);
            if (plans[row].Task == RowTask.Masked) MaskRegions(regions.AsSpan(row * R, images.Counts?[row] ?? R), plans[row].Image, epoch);
            else
            {
                texts.Ids.AsSpan(start, T).CopyTo(hidden.Texts.Ids.AsSpan(start));
                hidden.Targets.AsSpan(start, T).Fill(MaskedBatch.IgnoreIndex);
            }
        }
        return new(hidden.Texts, hidden.Targets, images, regions, [.. plans.Select(plan => plan.Task)], [.. plans.Select(plan => (long)plan.Label)]);
    }

    void MaskRegions(Span<float> row, int example, int epoch)
    {
        var random = new CounterRandom(options.Seed ^ ((ulong)epoch << 32) ^ 0x72656769UL, (ulong)example);
        var left = mix.Regions == 0 ? 0 : Math.Max(1, (int)Math.Round(mix.Regions * row.Length, MidpointRounding.AwayFromZero));
        for (var i = 0; i < row.Length; i++)
        {
            // Selection sampling (Knuth, volume 2, 3.4.2, algorithm S): every subset of that size is equally probable.
            if (random.NextDouble() * (row.Length - i) >= left) continue;
            row[i] = 1;
            left--;
        }
    }
}
