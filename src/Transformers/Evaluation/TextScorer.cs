using System.Text.Json.Serialization;
using Transformers.Configs;
using Transformers.Layers;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>A text to score.</summary>
/// <param name="Text">The text whose tokens are scored.</param>
/// <param name="Source">The source that it translates, for an encoder-decoder.</param>
public sealed record ScoreInput(string Text, string? Source = null);

/// <summary>How probable a model finds a text: what <c>score --json</c> prints, one line per text.</summary>
public sealed record TextScore
{
    /// <summary>The name and version of the document.</summary>
    public string Schema { get; init; } = "transformer.score/1";
    /// <summary><c>log_likelihood</c>, or <c>pseudo_log_likelihood</c> if each token was predicted from all others.</summary>
    public required string Measure { get; init; }
    /// <summary>The source, for an encoder-decoder.</summary>
    public string? Source { get; init; }
    /// <summary>The text.</summary>
    public required string Text { get; init; }
    /// <summary>Its tokens; the end of a document or of a target is the last.</summary>
    public required IReadOnlyList<int> Ids { get; init; }
    /// <summary>The tokens as text; bytes that are not text by themselves are U+FFFD.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }
    /// <summary>The natural logarithm of each token's probability; null for a first token with nothing before it.</summary>
    public required IReadOnlyList<double?> LogProbabilities { get; init; }

    /// <summary>The number of tokens that have a probability.</summary>
    public int Scored => LogProbabilities.Count(one => one is not null);
    /// <summary>The sum of the logarithms, in nats.</summary>
    public double Sum => LogProbabilities.Sum(one => one ?? 0);
    /// <summary>Nats per scored token, as in <c>eval</c>; null for a text without one.</summary>
    public double? Loss => Scored == 0 ? null : -Sum / Scored;
    /// <summary>e to the loss.</summary>
    public double? Perplexity => Loss is { } loss ? Math.Exp(loss) : null;
    /// <summary>Bits per byte of the text in UTF-8: the loss times its tokens.</summary>
    public double? BitsPerByte => Loss is { } loss && Bytes > 0 ? loss * Ids.Count / Bytes / Math.Log(2) : null;

    /// <summary>The text's length in UTF-8.</summary>
    [JsonIgnore]
    public int Bytes => Encoding.UTF8.GetByteCount(Text);
}

/// <summary>Computes the probability of each token of texts under a trained model.</summary>
/// <remarks>Rows of similar length are read in one batch; a text's scores do not depend on the others, except for rounding.</remarks>
public abstract class TextScorer : IDisposable
{
    const int TextsAtOnce = 256, TokensAtOnce = 8192, LogitsAtOnce = 1 << 23;

    readonly Device device;
    readonly Precision precision;
    readonly TextTokenizer tokenizer;

    private protected TextScorer(TextTokenizer tokenizer, Device device, Precision precision) =>
        (this.tokenizer, this.device, this.precision) = (tokenizer, device, precision);

    /// <summary>Whether each text needs a source.</summary>
    public virtual bool NeedsSource => false;

    /// <summary>The model.</summary>
    private protected abstract nn.Module Model { get; }

    private protected virtual string Measure => "log_likelihood";

    /// <summary>The tokens of a text whose probabilities are computed.</summary>
    private protected abstract int[] IdsOf(ScoreInput input);

    /// <summary>A text's name in messages: by its number, or 0 for a single one.</summary>
    private protected static string Named(string what, long number) => number == 0 ? $"the {what}" : $"{what} {number}";

    /// <summary>The rows to read for a text.</summary>
    private protected abstract IEnumerable<ScoringRow> RowsOf(int text, long number, ScoreInput input, int[] ids);

    /// <summary>The vectors of all positions.</summary>
    /// <param name="ids">The rows' tokens, padded at the end [B, T].</param>
    /// <returns>[B, T, D].</returns>
    private protected abstract Tensor Hidden(IReadOnlyList<ScoringRow> rows, Tensor ids);

    /// <summary>Turns the vectors of the scored tokens into the input of the output layer, [N, D].</summary>
    private protected virtual Tensor Transform(Tensor chosen) => chosen;

    /// <summary>The matrix that turns vectors into logits, [V, D].</summary>
    private protected abstract Tensor OutputWeight { get; }

    // The bias of the logits; null for none.
    private protected virtual Tensor? OutputBias => null;

    private protected virtual int Padding => 0;

    /// <summary>The padded rows as a tensor on the model's device.</summary>
    private protected Tensor Padded(IReadOnlyList<long[]> rows, int padding)
    {
        var width = rows.Max(row => row.Length);
        var ids = new long[rows.Count * width];
        Array.Fill(ids, padding);
        for (var row = 0; row < rows.Count; row++) rows[row].CopyTo(ids.AsSpan(row * width));
        return tensor(ids, [rows.Count, width], device: device);
    }

    /// <summary>Why a text cannot be scored, such as a character that the vocabulary lacks; null if it can.</summary>
    public Problem? ProblemOf(ScoreInput input) =>
        // The first row suffices: a text that does not fit is refused before it.
        UserException.ProblemOf(() => _ = RowsOf(0, 0, input, IdsOf(input)).Any());

    /// <summary>A placeholder for a text that cannot be scored.</summary>
    public static TextScore Unread(ScoreInput input) => new() { Measure = "unread", Source = input.Source, Text = input.Text, Ids = [], Tokens = [], LogProbabilities = [] };

    /// <summary>Scores texts.</summary>
    /// <param name="inputs">The texts, read as a stream.</param>
    /// <param name="cancel">Cancels between two batches.</param>
    /// <returns>One score per text, in the order of the texts.</returns>
    /// <exception cref="UserException">A text does not fit the model, or cannot be expressed in its tokens.</exception>
    public IEnumerable<TextScore> Score(IEnumerable<ScoreInput> inputs, CancellationToken cancel = default)
    {
        long before = 0;
        foreach (var chunk in inputs.Chunk(TextsAtOnce))
        {
            foreach (var score in ScoreChunk(chunk, before, cancel)) yield return score;
            before += chunk.Length;
        }
    }

    IEnumerable<TextScore> ScoreChunk(ScoreInput[] inputs, long before, CancellationToken cancel)
    {
        var ids = Array.ConvertAll(inputs, IdsOf);
        var logs = Array.ConvertAll(ids, tokens => new double?[tokens.Length]);
        var rows = inputs.SelectMany((input, i) => RowsOf(i, before + i + 1, input, ids[i]))
            .OrderByDescending(row => row.Ids.Length).ThenByDescending(row => row.Source?.Length ?? 0);
        foreach (var batch in Batches(rows))
        {
            cancel.ThrowIfCancellationRequested();
            Read(batch, logs);
        }
        return inputs.Select((input, i) => new TextScore
        {
            Measure = Measure, Source = input.Source, Text = input.Text, Ids = ids[i], LogProbabilities = logs[i],
            Tokens = [.. ids[i].Select(tokenizer.TextOf)],
        });
    }

    // The longest rows come first, so the first one gives the width of its batch.
    static IEnumerable<List<ScoringRow>> Batches(IEnumerable<ScoringRow> rows)
    {
        var batch = new List<ScoringRow>();
        foreach (var row in rows)
        {
            if (batch.Count > 0 && (batch.Count + 1) * (batch[0].Ids.Length + (batch[0].Source?.Length ?? 0)) > TokensAtOnce)
            {
                yield return batch;
                batch = [];
            }
            batch.Add(row);
        }
        if (batch.Count > 0) yield return batch;
    }

    void Read(List<ScoringRow> rows, double?[][] logs)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        Precisions.Apply(Model, precision);
        var ids = Padded(rows.ConvertAll(row => row.Ids), Padding);                                       // [B, T]
        var (B, T) = ids.Dims2();
        var hidden = Hidden(rows, ids).reshape(B * T, -1);                                                // [B·T, D]
        var positions = rows.SelectMany((row, r) => row.Targets.Select((_, i) => r * T + row.Position + i)).ToArray();
        var targets = rows.SelectMany(row => row.Targets).ToArray();
        var results = new double[positions.Length];
        var step = Math.Max(1, LogitsAtOnce / (int)OutputWeight.size(0));
        for (var from = 0; from < positions.Length; from += step)
        {
            using var part = NewDisposeScope();
            var count = Math.Min(step, positions.Length - from);
            var chosen = Transform(hidden.index_select(0, tensor(positions[from..(from + count)], device: device)));  // [N, D]
            var logits = nn.functional.linear(chosen, OutputWeight, OutputBias).to(ScalarType.Float32);               // [N, V]
            var own = logits.gather(1, tensor(targets[from..(from + count)], [count, 1], device: device)).squeeze(1);
            var log = (own - logits.logsumexp(1)).cpu().contiguous();                                     // [N]
            var numbers = MemoryMarshal.Cast<byte, float>(log.bytes);
            for (var i = 0; i < count; i++) results[from + i] = numbers[i];
        }
        var next = 0;
        foreach (var row in rows)
            for (var i = 0; i < row.Targets.Length; i++) logs[row.Text][row.First + i] = results[next++];
    }

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>One row of a batch: the model's input, and the tokens to score.</summary>
/// <param name="Text">The number of the text within its chunk.</param>
/// <param name="First">The position in the text of the first token to score.</param>
/// <param name="Ids">What the model reads.</param>
/// <param name="Position">The position in the row whose vector predicts that token; the next positions predict the next tokens.</param>
/// <param name="Targets">The tokens to score.</param>
/// <param name="Source">The source that an encoder reads.</param>
sealed record ScoringRow(int Text, int First, long[] Ids, int Position, long[] Targets, long[]? Source = null);
