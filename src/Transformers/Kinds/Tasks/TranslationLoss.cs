using TorchSharp;
using Transformers.Data.Sentences;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Kinds.Tasks;

/// <summary>The loss of an encoder-decoder.</summary>
static class TranslationLoss
{
    /// <summary>The sum of the cross entropies of a batch's target tokens, ends included, in nats.</summary>
    internal static LossSum Sum(Seq2Seq model, ParallelBatch batch, double smoothing, Device device, RandomPosition random = default)
    {
        var (B, S, T) = (batch.Rows, batch.SourceWidth, batch.TargetWidth);
        var mask = PaddingMask.Of(batch.SourceLengths, S, device);                                      // [B, 1, 1, S]
        var memory = model.Encode(tensor(batch.Source, [B, S], device: device), mask, random: random);   // [B, S, D]
        var hidden = model.Decode(tensor(batch.TargetInput, [B, T], device: device), memory, mask, random: random);   // [B, T, D]
        // The output layer is the widest of all: padding does not go through it.
        long[] places = [.. Enumerable.Range(0, B * T).Where(i => batch.TargetOutput[i] != ParallelBatch.IgnoreIndex).Select(i => (long)i)];
        var targets = tensor(Array.ConvertAll(places, place => batch.TargetOutput[place]), device: device);
        var chosen = hidden.reshape(B * T, -1).index_select(0, tensor(places, device: device));         // [targets, D]
        return LinearCrossEntropy.Sum(chosen, model.OutputWeight, targets, model.Compute, smoothing);
    }
}
