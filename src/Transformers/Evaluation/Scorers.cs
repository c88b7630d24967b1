using Transformers.Configs;
using Transformers.Data;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>The probability of each token of a text given those before it.</summary>
/// <remarks>
/// A text is a document: its first token follows the end-of-text token and its end is scored too, as in <c>eval --data</c>; if the
/// vocabulary has no such token, or the run packed documents without one before them, the first token has no probability. A text longer
/// than the context is read in windows: by default <c>eval</c>'s blocks, which do not overlap; with a stride, the first window scores as many
/// tokens as the context has, and each further one the next stride of tokens, preceded by as many others as fit.
/// </remarks>
sealed class LanguageModelScorer : TextScorer
{
    readonly ILanguageModel model;
    readonly TextTokenizer tokenizer;
    readonly int? start, stride;

    internal LanguageModelScorer(ILanguageModel model, TextTokenizer tokenizer, int? start, Device device, Precision precision, int? stride) : base(tokenizer, device, precision)
    {
        (this.model, this.tokenizer, this.start, this.stride) = (model, tokenizer, start, stride);
        if (stride is null || stride >= 1 && stride <= model.Context) return;
        Dispose();
        throw new UserException($"--stride ({stride}) must be between 1 and the model's context ({model.Context})");
    }

    /// <summary>Refuses a stride for a model that reads a text whole.</summary>
    internal static UserException StrideRefused => new("--stride is for language models: other models read a text as a whole", "leave it out");

    private protected override Tensor OutputWeight => model.OutputWeight;

    private protected override int[] IdsOf(ScoreInput input) => input.Source is null ? Ended([.. tokenizer.EncodeToIds(input.Text)])
        : throw new UserException("a language model scores texts, not pairs of source and target");

    private protected override IEnumerable<ScoringRow> RowsOf(int text, long number, ScoreInput input, int[] ids)
    {
        // Without a token before it, the first token is not scored.
        int[] read = start is { } before && ids.Length > 0 ? [before, .. ids] : ids;
        var unread = read.Length - ids.Length;
        for (int done = 1, until = Math.Min(1 + model.Context, read.Length); done < read.Length; done = until, until = Math.Min(done + (stride ?? model.Context), read.Length))
        {
            var first = stride is null ? done - 1 : Math.Max(0, until - 1 - model.Context);
            yield return new ScoringRow(text, done - unread, Wide(read[first..(until - 1)]), done - 1 - first, Wide(read[done..until]));
        }
    }

    // A text without tokens stays empty.
    int[] Ended(int[] ids) => tokenizer.EndOfTextId is { } end && ids.Length > 0 ? [.. ids, end] : ids;

    static long[] Wide(int[] ids) => Array.ConvertAll(ids, id => (long)id);

    // Padding is at the end, so no earlier token attends to it.
    private protected override Tensor Hidden(IReadOnlyList<ScoringRow> rows, Tensor ids) => model.Hidden(ids);

    private protected override nn.Module Model => (nn.Module)model;

    public override void Dispose() => Model.Dispose();
}

/// <summary>The probability of each token of a text given all others: the encoder predicts it with only that token masked.</summary>
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

    private protected override Tensor? OutputBias => model.OutputBias;

    private protected override int Padding => special.Padding;

    private protected override int[] IdsOf(ScoreInput input) => input.Source is null ? [.. tokenizer.EncodeToIds(input.Text)]
        : throw new UserException("an encoder scores texts, not pairs of source and target");

    private protected override IEnumerable<ScoringRow> RowsOf(int text, long number, ScoreInput input, int[] ids)
    {
        long[] framed = [special.Begin, .. ids.Select(id => (long)id), special.End];
        if (framed.Length > model.Encoder.Context)
            throw new UserException($"{Named("text", number)} has {Amount.Of(framed.Length, "token")} with its begin and end tokens, but the model reads at most {model.Encoder.Context}", "shorten it, or leave it out");
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

/// <summary>The probability of each token of a target, including its end, given the source and the tokens before it.</summary>
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

    private protected override Tensor? OutputBias => model.OutputBias;

    private protected override int Padding => targetIds.Padding;

    private protected override int[] IdsOf(ScoreInput input) => [.. target.EncodeToIds(input.Text), targetIds.End];

    private protected override IEnumerable<ScoringRow> RowsOf(int text, long number, ScoreInput input, int[] ids)
    {
        var read = input.Source ?? throw new UserException("an encoder-decoder scores a target given its source, but the source is missing");
        long[] encoded = [.. source.EncodeToIds(read).Select(id => (long)id), sourceIds.End];
        if (Math.Max(encoded.Length, ids.Length) > model.Context)
            throw new UserException($"{Named("pair", number)} has {encoded.Length} source and {ids.Length} target tokens with their end tokens, but the model reads at most {model.Context}", "shorten it, or leave it out");
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
