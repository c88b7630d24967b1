using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Evaluation.Scoring;

/// <summary>The probability of each token of a text given all others: it alone is hidden, and the encoder guesses it.</summary>
/// <remarks>Salazar et al. 2020, section 2.1: pseudo-log-likelihood. A text of n tokens is read n times.</remarks>
sealed class MaskedScorer : TextScorer
{
    readonly MaskedTokenModel model;
    readonly TextTokenizer tokenizer;
    readonly SpecialIds special;
    readonly int mask;
    readonly Device device;

    internal MaskedScorer(TrainedRun run, Device device, Precision precision) : this(run, run.LoadTokenizer(), device, precision)
    {
    }

    MaskedScorer(TrainedRun run, TextTokenizer tokenizer, Device device, Precision precision) : base(tokenizer, device, precision)
    {
        (this.tokenizer, this.device, special) = (tokenizer, device, SpecialIds.Of(tokenizer));
        mask = special.Mask ?? throw new UserException("the run's tokenizer has no special token <mask>");
        model = (MaskedTokenModel)run.LoadEncoder(tokenizer, device);
    }

    private protected override string Measure => "pseudo_log_likelihood";

    private protected override Tensor OutputWeight => model.OutputWeight;

    private protected override int Padding => special.Padding;

    private protected override int[] IdsOf(ScoreInput input) => input.Source is null ? [.. tokenizer.EncodeToIds(input.Text)]
        : throw new UserException("an encoder scores texts, not pairs of source and target");

    private protected override IEnumerable<ScoringRow> RowsOf(int text, long number, ScoreInput input, int[] ids)
    {
        long[] framed = [special.Begin, .. ids.Select(id => (long)id), special.End];
        if (framed.Length > model.Encoder.Context)
            throw new UserException($"text {number} has {framed.Length} tokens with its begin and end, and the model reads at most {model.Encoder.Context}", "shorten it, or leave it out");
        for (var i = 0; i < ids.Length; i++)
        {
            var hidden = (long[])framed.Clone();
            hidden[i + 1] = mask;
            yield return new ScoringRow(text, i, hidden, i + 1, [ids[i]]);
        }
    }

    private protected override Tensor Hidden(IReadOnlyList<ScoringRow> rows, Tensor ids) =>
        model.Encoder.forward(ids, PaddingMask.Of([.. rows.Select(row => row.Ids.Length)], (int)ids.size(1), device));

    private protected override Tensor Transform(Tensor chosen) => model.Transform(chosen);

    private protected override nn.Module Model => model;

    public override void Dispose() => model.Dispose();
}
