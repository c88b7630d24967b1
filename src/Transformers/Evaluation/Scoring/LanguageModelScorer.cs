using TorchSharp;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Evaluation.Scoring;

/// <summary>The probability of each token of a text given those before it.</summary>
/// <remarks>
/// The first token follows the end-of-text token, as in training; where the vocabulary has none, it has no probability. A text
/// longer than the context is read in windows: the first scores as many tokens as the context has, each further one the next
/// stride of tokens with as many before them as then fit. By default the stride is the context: <c>eval</c>'s blocks, but for the last, which reads as much before it as fits.
/// </remarks>
sealed class LanguageModelScorer : TextScorer
{
    readonly Gpt model;
    readonly TextTokenizer tokenizer;
    readonly int stride;

    internal LanguageModelScorer(TrainedRun run, Device device, Precision precision, int? stride)
        : this(run, run.LoadTokenizer(), device, precision, stride)
    {
    }

    LanguageModelScorer(TrainedRun run, TextTokenizer tokenizer, Device device, Precision precision, int? stride) : base(tokenizer, device, precision)
    {
        this.tokenizer = tokenizer;
        model = run.LoadLanguageModel(tokenizer, device);
        this.stride = stride ?? model.Context;
        if (this.stride >= 1 && this.stride <= model.Context) return;
        model.Dispose();
        throw new UserException($"--stride ({stride}) must be between 1 and the model's context ({((GptConfig)run.Config.Model).Context})");
    }

    private protected override Tensor OutputWeight => model.OutputWeight;

    private protected override int[] IdsOf(ScoreInput input) => input.Source is null ? [.. tokenizer.EncodeToIds(input.Text)]
        : throw new UserException("a language model scores texts, not pairs of source and target");

    private protected override IEnumerable<ScoringRow> RowsOf(int text, long number, ScoreInput input, int[] ids)
    {
        // Where nothing stands before the first token, it is only read.
        int[] read = tokenizer.EndOfTextId is { } end ? [end, .. ids] : ids;
        var unread = read.Length - ids.Length;
        for (int done = 1, until = Math.Min(1 + model.Context, read.Length); done < read.Length; done = until, until = Math.Min(done + stride, read.Length))
        {
            var first = Math.Max(0, until - 1 - model.Context);
            yield return new ScoringRow(text, done - unread, Wide(read[first..(until - 1)]), done - 1 - first, Wide(read[done..until]));
        }
    }

    static long[] Wide(int[] ids) => Array.ConvertAll(ids, id => (long)id);

    // Padding stands at the end, where no token before it looks.
    private protected override Tensor Hidden(IReadOnlyList<ScoringRow> rows, Tensor ids) => model.Hidden(ids);

    private protected override nn.Module Model => model;

    public override void Dispose() => model.Dispose();
}
