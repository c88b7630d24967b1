using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Evaluation.Scoring;

/// <summary>The probability of each token of a target, its end included, given the source and the tokens before it.</summary>
sealed class TranslationScorer : TextScorer
{
    readonly Seq2Seq model;
    readonly TextTokenizer source, target;
    readonly SpecialIds sourceIds, targetIds;
    readonly Device device;

    internal TranslationScorer(TrainedRun run, Device device, Precision precision) : this(run, run.LoadTokenizers(), device, precision)
    {
    }

    TranslationScorer(TrainedRun run, (TextTokenizer source, TextTokenizer target) tokenizers, Device device, Precision precision) : base(tokenizers.target, device, precision)
    {
        ((source, target), this.device) = (tokenizers, device);
        (sourceIds, targetIds) = (SpecialIds.Of(source), SpecialIds.Of(target));
        model = run.LoadSeq2Seq(tokenizers, device);
    }

    public override bool NeedsSource => true;

    private protected override Tensor OutputWeight => model.OutputWeight;

    private protected override int Padding => targetIds.Padding;

    private protected override int[] IdsOf(ScoreInput input) => [.. target.EncodeToIds(input.Text), targetIds.End];

    private protected override IEnumerable<ScoringRow> RowsOf(int text, long number, ScoreInput input, int[] ids)
    {
        var read = input.Source ?? throw new UserException("an encoder-decoder scores a target given its source, and the source is missing");
        long[] encoded = [.. source.EncodeToIds(read).Select(id => (long)id), sourceIds.End];
        if (Math.Max(encoded.Length, ids.Length) > model.Context)
            throw new UserException($"pair {number} has {encoded.Length} source and {ids.Length} target tokens with their ends, and the model reads at most {model.Context}", "shorten it, or leave it out");
        yield return new ScoringRow(text, 0, [targetIds.Begin, .. ids[..^1].Select(id => (long)id)], 0, Array.ConvertAll(ids, id => (long)id), encoded);
    }

    private protected override Tensor Hidden(IReadOnlyList<ScoringRow> rows, Tensor ids)
    {
        var sources = rows.Select(row => row.Source!).ToList();
        var read = Padded(sources, sourceIds.Padding);                                                    // [B, S]
        var mask = PaddingMask.Of([.. sources.Select(one => one.Length)], (int)read.size(1), device);     // [B, 1, 1, S]
        return model.Decode(ids, model.Encode(read, mask), mask);                                         // [B, T, D]
    }

    private protected override nn.Module Model => model;

    public override void Dispose() => model.Dispose();
}
