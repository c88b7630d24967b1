using Transformers.Data;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>Fills in the masked tokens of texts, with an encoder that was trained to predict them.</summary>
/// <remarks>Devlin et al. 2019, section 3.1.</remarks>
public sealed class MaskPredictor : IDisposable
{
    readonly MaskedTokenModel model;
    readonly TextTokenizer tokenizer;
    readonly SpecialIds special;
    readonly int mask;
    readonly Device device;
    readonly string[] labels;

    /// <summary>Creates a predictor from a run whose encoder predicts masked tokens.</summary>
    /// <exception cref="UserException">Its vocabulary has no mask token.</exception>
    internal MaskPredictor(TrainedRun run, Device device)
    {
        (tokenizer, this.device) = (run.LoadTokenizer(), device);
        special = SpecialIds.Of(tokenizer);
        mask = special.Mask ?? throw new UserException("the run's tokenizer has no special token <mask>");
        model = (MaskedTokenModel)run.LoadEncoder(tokenizer, device);
        Precisions.Apply(model, Precisions.Resolve(run.Config.Training.Precision, device));
        // A model's vocabulary may be padded beyond the tokenizer's.
        labels = [.. Enumerable.Range(0, tokenizer.VocabularySize).Select(id => tokenizer.Decode([id])!.Trim())];
    }

    /// <summary>Why a text cannot be filled in; null if it can.</summary>
    /// <param name="text">The text.</param>
    public Problem? ProblemOf(string text)
    {
        if (!SpecialIds.MaskNames.Any(text.Contains)) return new Problem($"{MessageText.Quote(text)} has no <mask>, which the model fills in", Hint: "for example \"a <mask> film\"");
        List<long> framed = [];
        if (UserException.ProblemOf(() => framed = Framed(text)) is { } problem) return problem;
        return framed.Count <= model.Encoder.Context ? null
            : new Problem($"the text has {Amount.Of(framed.Count, "token")} with its begin and end tokens, but the model reads at most {model.Encoder.Context}", Hint: "shorten it");
    }

    /// <summary>The most probable tokens for each mask of a text, the most probable first.</summary>
    /// <param name="text">A text for which <see cref="ProblemOf"/> has no problem: with one <c>&lt;mask&gt;</c> or more.</param>
    /// <param name="top">The maximum number of tokens for each mask.</param>
    /// <returns>One list per mask, in the order of the masks.</returns>
    public IReadOnlyList<IReadOnlyList<LabelProbability>> Predict(string text, int top = 5)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        var ids = Framed(text);
        var positions = Enumerable.Range(0, ids.Count).Where(i => ids[i] == mask).Select(i => (long)i).ToArray();
        var hidden = model.Encoder.forward(tensor(ids.ToArray(), [1, ids.Count], device: device)).squeeze(0).index_select(0, tensor(positions, device: device));
        var logits = model.Logits(model.Transform(hidden)).to(ScalarType.Float32).cpu().contiguous(); // [N, V]
        var (values, V) = (MemoryMarshal.Cast<byte, float>(logits.bytes).ToArray(), (int)logits.size(1));
        return [.. positions.Select((_, n) => LabelProbability.Top(labels, values.AsSpan(n * V, labels.Length), top))];
    }

    // A byte-level token begins with the space before its word, so the space before a mask is part of what the mask hides.
    List<long> Framed(string text)
    {
        var parts = text.Split(SpecialIds.MaskNames, StringSplitOptions.None);
        List<long> ids = [special.Begin];
        for (var i = 0; i < parts.Length; i++)
        {
            if (i > 0) ids.Add(mask);
            ids.AddRange(tokenizer.EncodeToIds(i < parts.Length - 1 ? parts[i].TrimEnd() : parts[i]).Select(id => (long)id));
        }
        ids.Add(special.End);
        return ids;
    }

    /// <inheritdoc/>
    public void Dispose() => model.Dispose();
}
