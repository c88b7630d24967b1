using TorchSharp;
using Transformers.Data.Images;
using Transformers.IO;
using Transformers.IO.Images;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Reports.Plots;

/// <summary>ViLBERT's attention in both directions: of each word to an image's patches, and of each patch to the words.</summary>
public static class CoAttentionPlot
{
    const double Side = 128, Gap = 14, Left = 24, Top = 84;
    const int PerRow = 7;

    /// <summary>The image, brightened by each word's attention, and below it the map of the other direction.</summary>
    /// <param name="model">A model on pixels, in evaluation mode.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="ids">The framed ids of the text.</param>
    /// <param name="transform">Turns images into its inputs.</param>
    /// <param name="image">The image.</param>
    /// <param name="device">Where the model is.</param>
    /// <param name="choice">A co-attention layer, by default the last one; a head, by default the mean of all.</param>
    /// <exception cref="UserException">The layer or head does not exist.</exception>
    public static Picture Of(Vilbert model, TextTokenizer tokenizer, IReadOnlyList<int> ids, ImageTransform transform, RgbImage image, Device device, AttentionChoice choice)
    {
        var (toImage, toText, layer) = Maps(model, ids, transform.Apply(image), device, choice);
        var which = $"layer {layer}, {(choice.Head is { } head ? $"head {head}" : "mean of heads")}";
        string[] words = [.. ids.Select(id => AttentionPlot.Shown(tokenizer, id).Trim('·'))];
        var seen = transform.Fit(image);
        var side = (int)Math.Sqrt(model.Patches);
        var rows = (words.Length + PerRow) / PerRow;
        var heading = $"Co-attention: what each word attends to ({which})";
        var picture = new Picture(Left + PerRow * (Side + Gap) + 10, Top + rows * (Side + 36), heading);
        picture.Text(Left, 30, heading, "ink title");
        picture.Text(Left, 52, "Bright patches get most of a word's attention; the number is the weight of the whole-image token.", "soft label");
        Panel(0, "the image", seen);
        for (var word = 0; word < words.Length; word++)
        {
            var grid = Matrix.Of(side, side, (y, x) => toImage[word, 1 + y * side + x]);
            Panel(word + 1, $"{words[word]}  {toImage[word, 0]:0.00}", RolloutPlot.Lit(seen, grid));
        }
        string[] regions = ["whole image", .. Enumerable.Range(0, model.Patches).Select(i => $"row {1 + i / side}, {1 + i % side}")];
        var other = new HeatMap($"Co-attention: what each patch attends to ({which})", "word", "patch", [new Panel("", toText, regions, words)]) { Low = 0 };
        return Picture.Stack(heading, picture, other.Draw());

        void Panel(int number, string title, RgbImage cells) =>
            picture.Tile(Left + number % PerRow * (Side + Gap), Top + number / PerRow * (Side + 36), Side, title, cells);
    }

    /// <summary>The weights of both directions, [T, 1 + R] and [1 + R, T], and the number of their layer.</summary>
    internal static (Matrix ToImage, Matrix ToText, int Layer) Maps(Vilbert model, IReadOnlyList<int> ids, float[] pixels, Device device, AttentionChoice choice)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        using var recorder = new CoAttentionRecorder();
        var shape = model.Shape;
        model.forward(tensor(ids.Select(id => (long)id).ToArray(), [1, ids.Count]).to(device), [ids.Count],
            new ImageTensors(tensor(pixels, [1, shape.Channels, shape.Size, shape.Size]).to(device)), recorder);
        var (there, back) = (recorder.TextToImage.Weights, recorder.ImageToText.Weights);
        var layer = choice.Layer ?? there.Count;
        if (layer < 1 || layer > there.Count) throw new UserException($"--layer ({layer}) must be from 1 to {there.Count}, the number of co-attention layers");
        return (Chosen(there[layer - 1], choice.Head), Chosen(back[layer - 1], choice.Head), layer);
    }

    // One head of [1, H, T, S], or the mean of all.
    static Matrix Chosen(Tensor weights, int? head)
    {
        var heads = (int)weights.size(1);
        if (head is { } number && (number < 1 || number > heads)) throw new UserException($"--head ({number}) must be from 1 to {heads}");
        return Matrix.Of(head is { } one ? weights[0][one - 1] : weights[0].mean([0L]));
    }
}
