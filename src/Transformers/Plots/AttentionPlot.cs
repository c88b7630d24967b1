using TorchSharp;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Plots;

/// <summary>Which token attends to which, in each layer and head.</summary>
public static class AttentionPlot
{
    const int MostTokens = 512;

    /// <summary>The maps of a text: a row of panels a layer, a panel a head.</summary>
    /// <param name="model">A language model, in evaluation mode.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="text">The text; at least one token of it.</param>
    /// <param name="device">Where the model is.</param>
    /// <param name="layer">This layer alone, from 1.</param>
    /// <param name="head">This head alone, from 1.</param>
    /// <exception cref="UserException">The text has no token or too many, or there is no such layer or head.</exception>
    public static HeatMap Of(ILanguageModel model, Tokenizer tokenizer, string text, Device device, int? layer = null, int? head = null)
    {
        var ids = tokenizer.EncodeToIds(text);
        var most = Math.Min(model.Context, MostTokens);
        if (ids.Count == 0 || ids.Count > most) throw new UserException($"the text has {ids.Count} tokens, and a map shows 1 to {most}");
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        using var recorder = new AttentionRecorder();
        model.Hidden(tensor(ids.Select(id => (long)id).ToArray(), [1, ids.Count], device: device), recorder: recorder);
        var weights = recorder.Weights.Select(one => one[0]).ToList();            // L of [H, T, T]
        var heads = (int)weights[0].size(0);
        Check("layer", layer, weights.Count);
        Check("head", head, heads);
        string[] words = [.. ids.Select(id => Shown(tokenizer, id))];
        var panels = new List<Panel>();
        for (var l = 0; l < weights.Count; l++)
            for (var h = 0; h < heads; h++)
                if ((layer ?? l + 1) == l + 1 && (head ?? h + 1) == h + 1)
                    panels.Add(new($"layer {l + 1}, head {h + 1}", Matrix.Of(weights[l][h]), words, words));
        var across = head is null ? heads : 1;
        return new HeatMap("Attention: the weight of each token (column) for each token (row)", "token attended to", "token", panels, across,
            panels.Count == 1 ? 560 : Math.Clamp(1000.0 / across, 90, 220)) { Low = 0, High = 1 };
    }

    static void Check(string name, int? asked, int count)
    {
        if (asked is { } number && (number < 1 || number > count)) throw new UserException($"--{name} ({number}) must be from 1 to {count}");
    }

    /// <summary>A token as a label: spaces and line ends visible.</summary>
    internal static string Shown(Tokenizer tokenizer, int id) => tokenizer.Decode([id]).Replace(' ', '·').ReplaceLineEndings("⏎");
}
