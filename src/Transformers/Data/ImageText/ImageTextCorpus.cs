using Transformers.Data.Images;
using Transformers.Tokenizers;

namespace Transformers.Data.ImageText;

/// <summary>Texts of a split as token ids, framed as <c>&lt;s&gt; x &lt;/s&gt;</c>, in memory; images are opened when a batch needs them.</summary>
public sealed class ImageTextCorpus
{
    const int Chunk = 4096;

    ImageTextCorpus(IReadOnlyList<ImageTextExample> examples, TokenStore[] tokens, int[] answers, IReadOnlyList<string> classes, int shortened) =>
        (Examples, this.tokens, Answers, Classes, Shortened) = (examples, tokens, answers, classes, shortened);

    readonly TokenStore[] tokens;

    /// <summary>The examples.</summary>
    public IReadOnlyList<ImageTextExample> Examples { get; }

    /// <summary>The index of each answer in <see cref="Classes"/>; -1 if there is none.</summary>
    public IReadOnlyList<int> Answers { get; }

    /// <summary>The answers, in the order of their indices; empty if no example has one.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>The number of examples with a text that was truncated.</summary>
    public int Shortened { get; }

    /// <summary>The number of examples.</summary>
    public int Count => Examples.Count;

    /// <summary>The mean number of tokens of a text.</summary>
    public double MeanTokens => (double)tokens[0].Tokens / Count;

    /// <summary>The framed ids of an example's text, caption or false caption; those of the text if there is no caption, null if there is no false one.</summary>
    internal int[]? IdsOf(int example, TextPart part)
    {
        var store = tokens[(int)part];
        if (store.LengthOf(example) > 0) return store.ToArray(example);
        return part == TextPart.FalseCaption ? null : tokens[0].ToArray(example);
    }

    /// <summary>Encodes a split, on all cores.</summary>
    /// <param name="classes">The expected answers (for validation, those of the training split); null for those that occur. In an evaluation, other answers count as wrong.</param>
    /// <param name="longest">The maximum length of a sequence, including framing; longer texts are truncated.</param>
    /// <param name="cancel">Cancels between two examples.</param>
    /// <exception cref="UserException">There are no examples, or a text cannot be encoded.</exception>
    public static ImageTextCorpus Encode(ImageTextSplit split, TextTokenizer tokenizer, IReadOnlyList<string>? classes, int longest, CancellationToken cancel = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(longest, 3);
        var special = SpecialIds.Of(tokenizer);
        var examples = new List<ImageTextExample>();
        TokenStore[] tokens = [new(), new(), new()];
        var shortened = 0;
        foreach (var chunk in split.Read().Chunk(Chunk))
        {
            var encoded = new int[chunk.Length][][];
            AllCores.For(chunk.Length, i =>
            {
                var whole = true;
                encoded[i] = [Ids(chunk[i].Text, ref whole), Ids(chunk[i].Caption, ref whole), Ids(chunk[i].FalseCaption, ref whole)];
                if (!whole) Interlocked.Increment(ref shortened);
            }, cancel);
            for (var i = 0; i < chunk.Length; i++)
                for (var part = 0; part < tokens.Length; part++) tokens[part].Add(encoded[i][part]);
            examples.AddRange(chunk);
        }
        if (examples.Count == 0) throw new UserException([split.Broken.IsEmpty ? new Problem($"the split {split.Name} has no examples", split.File)
            : new Problem($"no image of the split {split.Name} can be used", split.File, Hint: split.Broken.MinBy(one => one.Key).Value.ToString())]);
        classes ??= ClassNames.Of(examples.Select(example => example.Answer).OfType<string>());
        var known = classes.Select((name, id) => (name, id)).ToDictionary(one => one.name, one => one.id, StringComparer.Ordinal);
        return new(examples, tokens, [.. examples.Select(example => example.Answer is { } answer && known.TryGetValue(answer, out var id) ? id : -1)], classes, shortened);

        int[] Ids(string? text, ref bool whole)
        {
            if (text is null) return [];
            var ids = tokenizer.EncodeToIds(text);
            if (ids.Count > longest - 2) whole = false;
            return [special.Begin, .. ids.Take(longest - 2), special.End];
        }
    }
}

/// <summary>A text of an example.</summary>
enum TextPart { Text, Caption, FalseCaption }

/// <summary>Images as a model's input: pixels, or region features.</summary>
/// <param name="Values">Normalised pixels [B, C, Y, X]; or region features, padded with zeros [B, R, C].</param>
/// <param name="Counts">The number of regions of each image [B]; null for pixels.</param>
/// <param name="Boxes">For each region, left, top, right, bottom and area, as fractions of the image's, padded with zeros [B, R, 5]; null for pixels.</param>
/// <param name="Classes">The class probabilities of each region, padded with zeros [B, R, N]; null if there are none.</param>
public sealed record SeenImages(float[] Values, int[]? Counts = null, float[]? Boxes = null, float[]? Classes = null)
{
    /// <summary>R: the number of regions per row, including padding; 0 for pixels.</summary>
    public int Regions => Counts is null ? 0 : Boxes!.Length / 5 / Counts.Length;

    /// <summary>Consecutive rows of a batch.</summary>
    internal SeenImages Slice(int first, int rows, int of)
    {
        return rows == of ? this : new(Part(Values)!, Counts?[first..(first + rows)], Part(Boxes), Part(Classes));

        float[]? Part(float[]? all) => all is null ? null : all[(first * (all.Length / of))..((first + rows) * (all.Length / of))];
    }
}

/// <summary>Turns the images of examples into a model's input.</summary>
public abstract class ImageView
{
    /// <summary>The images of some examples, each with its split.</summary>
    public abstract SeenImages Of(IReadOnlyList<(ImageTextSplit Split, ImageTextExample Example)> images);
}

/// <summary>Pixels, transformed.</summary>
/// <param name="transform">The transform, which checkpoints store.</param>
public sealed class PixelView(ImageTransform transform) : ImageView
{
    /// <inheritdoc/>
    public override SeenImages Of(IReadOnlyList<(ImageTextSplit Split, ImageTextExample Example)> images)
    {
        var values = new float[images.Count * transform.Values];
        for (var i = 0; i < images.Count; i++) transform.Apply(images[i].Split.Open(images[i].Example), values.AsSpan(i * transform.Values, transform.Values));
        return new(values);
    }
}

/// <summary>Region features.</summary>
public sealed class RegionView : ImageView
{
    /// <inheritdoc/>
    public override SeenImages Of(IReadOnlyList<(ImageTextSplit Split, ImageTextExample Example)> images) =>
        Pad([.. images.Select(image => image.Split.Regions!(image.Example))]);

    /// <summary>Collects the regions of images into a batch.</summary>
    public static SeenImages Pad(IReadOnlyList<ImageRegions> found)
    {
        var (R, C, N) = (found.Max(one => one.Boxes.Length), found[0].Features[0].Length, found[0].Classes?[0].Length ?? 0);
        float[] values = new float[found.Count * R * C], boxes = new float[found.Count * R * 5], classes = new float[found.Count * R * N];
        for (var i = 0; i < found.Count; i++)
            for (var region = 0; region < found[i].Boxes.Length; region++)
            {
                var at = i * R + region;
                found[i].Features[region].CopyTo(values, at * C);
                var box = found[i].Boxes[region];
                box.CopyTo(boxes, at * 5);
                boxes[at * 5 + 4] = (box[2] - box[0]) * (box[3] - box[1]);
                if (N > 0) found[i].Classes![region].CopyTo(classes, at * N);
            }
        return new(values, [.. found.Select(one => one.Boxes.Length)], boxes, N > 0 ? classes : null);
    }
}
