using Transformers.Data;
using Transformers.Data.Images;
using Transformers.IO.Images;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Reports.Plots;

/// <summary>The attention of an encoder-decoder to show.</summary>
public enum AttentionPart
{
    /// <summary>The target's tokens to the source's.</summary>
    Cross,
    /// <summary>The source's tokens to one another.</summary>
    Encoder,
    /// <summary>The target's tokens to those before them.</summary>
    Decoder,
}

/// <summary>The layers and heads to show.</summary>
/// <param name="Layer">A single layer, from 1; null for all.</param>
/// <param name="Head">A single head, from 1; null for all.</param>
public readonly record struct AttentionChoice(int? Layer = null, int? Head = null)
{
    /// <summary>The maximum number of layers, and of heads in each, in a figure of all of them; null for all.</summary>
    public int? Most { get; init; }
}

/// <summary>Attention maps: which token attends to which, in each layer and head.</summary>
public static class AttentionPlot
{
    const int MostTokens = 512;

    /// <summary>So few layers and heads that they fit in a small picture.</summary>
    internal static AttentionChoice Few { get; } = new() { Most = 4 };

    /// <summary>The maps of a text: a row of panels per layer, a panel per head.</summary>
    /// <param name="model">A language model, in evaluation mode.</param>
    /// <param name="text">The text, of at least one token.</param>
    /// <param name="device">Where the model is.</param>
    /// <param name="choice">Layers and heads.</param>
    /// <exception cref="UserException">The text has no token or too many, or the layer or head does not exist.</exception>
    public static HeatMap Of(ILanguageModel model, TextTokenizer tokenizer, string text, Device device, AttentionChoice choice = default) =>
        Of(model, tokenizer, tokenizer.EncodeToIds(text), device, choice);

    internal static HeatMap Of(ILanguageModel model, TextTokenizer tokenizer, IReadOnlyList<int> ids, Device device, AttentionChoice choice)
    {
        CheckTokens("text", ids.Count, 1, model.Context);
        return SelfAttention(tokenizer, ids, recorder => model.Hidden(Row(ids, device), recorder: recorder), choice);
    }

    /// <summary>The maps of a series' patches.</summary>
    /// <param name="patches">The label of each patch.</param>
    /// <param name="run">Runs the network with a recorder.</param>
    /// <param name="choice">Layers and heads.</param>
    /// <exception cref="UserException">The layer or head does not exist.</exception>
    internal static HeatMap Of(string[] patches, Action<AttentionRecorder> run, AttentionChoice choice) =>
        Recorded(run, weights => Maps("Attention: the weight of each patch (column) for each patch (row), by their first steps", weights, patches, patches, choice) with { Across = "patch attended to", Down = "patch" });

    /// <summary>The maps of a text in an encoder, including its framing tokens.</summary>
    /// <exception cref="UserException">The text has too many tokens, or the layer or head does not exist.</exception>
    public static HeatMap Of(EncoderModel model, TextTokenizer tokenizer, string text, Device device, AttentionChoice choice = default)
    {
        var special = SpecialIds.Of(tokenizer);
        return Of(model, tokenizer, [special.Begin, .. tokenizer.EncodeToIds(text), special.End], device, choice);
    }

    internal static HeatMap Of(EncoderModel model, TextTokenizer tokenizer, IReadOnlyList<int> ids, Device device, AttentionChoice choice)
    {
        CheckTokens("text", ids.Count, 3, model.Encoder.Context);
        return SelfAttention(tokenizer, ids, recorder => model.Encoder.forward(Row(ids, device), recorder: recorder), choice);
    }

    static HeatMap SelfAttention(TextTokenizer tokenizer, IReadOnlyList<int> ids, Action<AttentionRecorder> run, AttentionChoice choice)
    {
        var words = Words(tokenizer, ids);
        return Recorded(run, weights => Maps("Attention: the weight of each token (column) for each token (row)", weights, words, words, choice));
    }

    static HeatMap Recorded(Action<AttentionRecorder> run, Func<IReadOnlyList<Tensor>, HeatMap> draw)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        using var recorder = new AttentionRecorder();
        run(recorder);
        return draw(recorder.Weights);
    }

    /// <summary>The maps of a sentence and its translation.</summary>
    /// <param name="model">An encoder-decoder, in evaluation mode.</param>
    /// <param name="pair">The sentence, and the decoder's input for it.</param>
    /// <param name="part">Which attention.</param>
    /// <param name="device">Where the model is.</param>
    /// <param name="choice">Layers and heads.</param>
    /// <exception cref="UserException">A side has too many tokens, or the layer or head does not exist.</exception>
    public static HeatMap Of(Seq2Seq model, (TextTokenizer source, TextTokenizer target) tokenizers, (string source, string target) pair, AttentionPart part, Device device, AttentionChoice choice = default)
    {
        List<int> sources = [.. tokenizers.source.EncodeToIds(pair.source), SpecialIds.Of(tokenizers.source).End];
        List<int> targets = [SpecialIds.Of(tokenizers.target).Begin, .. tokenizers.target.EncodeToIds(pair.target)];
        CheckTokens("source", sources.Count, 1, model.Context);
        CheckTokens("target", targets.Count, 1, model.Context);
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var recorder = new Seq2SeqRecorder();
        using AttentionRecorder encoder = recorder.Encoder, decoder = recorder.Decoder, cross = recorder.Cross;
        var memory = model.Encode(Row(sources, device), recorder: encoder);
        model.Decode(Row(targets, device), memory, recorder: recorder);
        var (from, to) = (Words(tokenizers.source, sources), Words(tokenizers.target, targets));
        return part switch
        {
            AttentionPart.Encoder => Maps("The encoder's attention: the weight of each source token (column) for each (row)", encoder.Weights, from, from, choice),
            AttentionPart.Decoder => Maps("The decoder's attention: the weight of each earlier token (column) for each (row)", decoder.Weights, to, to, choice),
            _ => Maps("Attention of the target's tokens (rows) to the source's (columns)", cross.Weights, to, from, choice) with { Across = "source token", Down = "target token" },
        };
    }

    static HeatMap Maps(string title, IReadOnlyList<Tensor> recorded, string[] rows, string[] columns, AttentionChoice choice)
    {
        var weights = recorded.Select(one => one[0]).ToList();                    // L of [H, T, S]
        var heads = (int)weights[0].size(0);
        Check("layer", choice.Layer, weights.Count);
        Check("head", choice.Head, heads);
        var layers = Chosen(choice.Layer, weights.Count, choice.Most);
        var shown = Chosen(choice.Head, heads, choice.Most);
        List<Panel> panels = [.. layers.SelectMany(layer => shown.Select(head => new Panel($"layer {layer}, head {head}", Matrix.Of(weights[layer - 1][head - 1]), rows, columns)))];
        return new HeatMap(title, "token attended to", "token", panels, shown.Count, panels.Count == 1 ? 560 : Math.Clamp(1000.0 / shown.Count, 130, 300)) { Low = 0, High = 1 };
    }

    // The first, the last, and evenly spaced ones between them.
    static List<int> Chosen(int? asked, int count, int? most)
    {
        if (asked is { } one) return [one];
        var shown = Math.Min(count, most ?? count);
        return [.. Enumerable.Range(0, shown).Select(i => 1 + (shown == 1 ? 0 : (int)Math.Round(i * (count - 1.0) / (shown - 1))))];
    }

    static Tensor Row(IReadOnlyList<int> ids, Device device) => tensor(ids.Select(id => (long)id).ToArray(), [1, ids.Count], device: device);

    static string[] Words(TextTokenizer tokenizer, IReadOnlyList<int> ids) => [.. ids.Select(id => Shown(tokenizer, id))];

    static void CheckTokens(string side, int count, int fewest, int context)
    {
        var most = Math.Min(context, MostTokens);
        if (count < fewest || count > most) throw new UserException($"the {side} has {count} tokens, but a map can show {fewest} to {most}");
    }

    static void Check(string name, int? asked, int count)
    {
        if (asked is { } number && (number < 1 || number > count)) throw new UserException($"--{name} ({number}) must be from 1 to {count}");
    }

    /// <summary>A token as a label: spaces and line ends visible.</summary>
    internal static string Shown(TextTokenizer tokenizer, int id) => tokenizer.TextOf(id).Replace(' ', '·').ReplaceLineEndings("⏎");
}

/// <summary>ViLBERT's attention in both directions: of each word to an image's patches, and of each patch to the words.</summary>
public static class CoAttentionPlot
{
    const double Side = 128, Gap = 14, Left = 24, Top = 84;
    const int PerRow = 7;

    /// <summary>The image, brightened by each word's attention, and below it the map of the other direction.</summary>
    /// <param name="model">A model on pixels, in evaluation mode.</param>
    /// <param name="ids">The framed ids of the text.</param>
    /// <param name="transform">Turns images into its inputs.</param>
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
