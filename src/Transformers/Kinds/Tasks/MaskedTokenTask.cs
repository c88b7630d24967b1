using TorchSharp;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Reports.Plots;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds.Tasks;

/// <summary>Guesses tokens that were hidden in a text.</summary>
/// <remarks>Devlin et al. 2019, section 3.1. Every epoch hides other tokens; validation hides the same ones each time.</remarks>
public sealed class MaskedTokenTask : TrainingTask
{
    readonly MaskedTokenModel model;
    readonly Device device;
    readonly Prefetcher<MaskedBatch> stream;
    readonly MaskedBatches? validation;
    readonly TextTokenizer tokenizer;
    readonly TokenStore? validationTexts;
    readonly ModelFlops flops;

    /// <summary>A task over texts.</summary>
    /// <param name="model">The model, on its device.</param>
    /// <param name="tokenizer">Its tokenizer, which has a mask token.</param>
    /// <param name="train">The framed texts to learn from.</param>
    /// <param name="validation">The framed texts to choose by.</param>
    /// <param name="head">How tokens are hidden.</param>
    /// <param name="run">The config, for batches and the seed.</param>
    /// <param name="device">Where the model is.</param>
    /// <exception cref="UserException">There is no text, one alone exceeds the tokens of a batch, or the vocabulary has no mask token.</exception>
    public MaskedTokenTask(MaskedTokenModel model, TextTokenizer tokenizer, TokenStore train, TokenStore? validation, MaskedHeadConfig head, RunConfig run, Device device)
    {
        (this.tokenizer, validationTexts) = (tokenizer, validation);
        (this.model, this.device) = (model, device);
        Micro = new MicroSize(run.Training.Batch.Micro);
        flops = ModelFlops.OfTokens(run.Model, (int)model.OutputWeight.size(0));
        var special = SpecialIds.Of(tokenizer);
        var options = LabelledOptions.Of(run, train);
        var batches = new MaskedBatches(train, special, new MaskedTokens(tokenizer, head.Options(SeedStreams.Of(run.Seed, "masks"))), options);
        stream = new Prefetcher<MaskedBatch>(batches.At, batches.BatchesPerEpoch);
        if (validation is not { Count: > 0 }) return;
        var masking = new MaskedTokens(tokenizer, head.Options(SeedStreams.Of(run.Seed, "validation masks")));
        this.validation = new MaskedBatches(validation, special, masking, LabelledOptions.Of(run, validation));
    }

    /// <inheritdoc/>
    public override nn.Module Model => model;

    /// <inheritdoc/>
    public override string Unit => "tokens";

    /// <inheritdoc/>
    public override double DataWait => stream.WaitFraction;

    /// <inheritdoc/>
    public override IReadOnlyList<MicroBatch> NextStep()
    {
        var batch = stream.Next();
        var rows = batch.Texts.Rows;
        var size = Micro.Of(rows);
        return [.. Enumerable.Range(0, (rows + size - 1) / size).Select(i => new HiddenBatch(this, batch, i * size, Math.Min(size, rows - i * size)))];
    }

    /// <inheritdoc/>
    public override IEnumerable<MicroBatch> Validation(int? count) => ValidationBatches(count).Select(batch => new HiddenBatch(this, batch, 0, batch.Texts.Rows));

    IEnumerable<MaskedBatch> ValidationBatches(int? count) =>
        validation is null ? [] : LabelledOptions.Positions(validation.BatchesPerEpoch, count).Select(validation.At);

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, double> DerivedMetrics(double loss) => new Dictionary<string, double> { ["perplexity"] = Math.Exp(loss) };

    /// <summary>The share of hidden tokens whose most probable guess is right; of the whole split at the end.</summary>
    public override IReadOnlyDictionary<string, double> Metrics(bool whole, CancellationToken cancel = default)
    {
        long right = 0, all = 0;
        foreach (var batch in whole ? ValidationBatches(null) : [])
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var (hidden, targets) = new HiddenBatch(this, batch, 0, batch.Texts.Rows).Guesses();
            right += model.Logits(hidden).argmax(-1).eq(targets).sum().item<long>();
            all += targets.numel();
        }
        return all == 0 ? new Dictionary<string, double>() : new Dictionary<string, double> { ["masked_accuracy"] = (double)right / all };
    }

    /// <inheritdoc/>
    public override IReadOnlyList<ModelPicture> Pictures() => validationTexts is not { Count: > 0 } ? []
        : [AttentionPlot.Of(model, tokenizer, validationTexts.ToArray(0), device, AttentionPlot.Few).ToPicture("attention")];

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, long> SamplerState { get => stream.Position.ToState(); set => stream.Position = DataPosition.FromState(value); }

    /// <inheritdoc/>
    public override void Dispose() => stream.Dispose();

    sealed class HiddenBatch(MaskedTokenTask task, MaskedBatch batch, int first, int rows)
        : MicroBatch(batch.Targets.AsSpan(first * batch.Texts.Width, rows * batch.Texts.Width).Length - batch.Targets.AsSpan(first * batch.Texts.Width, rows * batch.Texts.Width).Count(MaskedBatch.IgnoreIndex),
            batch.Texts.Lengths.AsSpan(first, rows).ToArray().Sum(length => (long)length), first)
    {
        public override double Flops => task.flops.Of(new(rows, batch.Texts.Width, 0, Targets, Units));

        public override LossSum LossSum(RandomPosition random)
        {
            var (hidden, targets) = Guesses(random);
            return LinearCrossEntropy.Sum(hidden, task.model.OutputWeight, targets, task.model.Compute);
        }

        // Only hidden tokens go through the head: about one place in seven.
        internal (Tensor hidden, Tensor targets) Guesses(RandomPosition random = default)
        {
            var S = batch.Texts.Width;
            var from = first * S;
            long[] places = [.. Enumerable.Range(0, rows * S).Where(i => batch.Targets[from + i] != MaskedBatch.IgnoreIndex).Select(i => (long)i)];
            var ids = tensor(batch.Texts.Ids[from..(from + rows * S)], [rows, S], device: task.device);
            var mask = PaddingMask.Of(batch.Texts.Lengths[first..(first + rows)], S, task.device);
            var all = task.model.Encoder.forward(ids, mask, random: random).reshape(rows * S, -1);      // [B·S, D]
            var chosen = all.index_select(0, tensor(places, device: task.device));                      // [guesses, D]
            return (task.model.Transform(chosen), tensor(Array.ConvertAll(places, place => batch.Targets[from + place]), device: task.device));
        }
    }
}
