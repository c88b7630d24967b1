using System.Runtime.InteropServices;
using TorchSharp;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Evaluation.Scoring;

/// <summary>Tells how probable a trained model finds each token of texts.</summary>
/// <remarks>Rows of like length are read side by side; what comes of a text does not depend on the others but for rounding.</remarks>
public abstract class TextScorer : IDisposable
{
    const int TextsAtOnce = 256, TokensAtOnce = 8192, LogitsAtOnce = 1 << 23;

    readonly Device device;
    readonly Precision precision;
    readonly TextTokenizer tokenizer;

    private protected TextScorer(TextTokenizer tokenizer, Device device, Precision precision) =>
        (this.tokenizer, this.device, this.precision) = (tokenizer, device, precision);

    /// <summary>The scorer for what a run is.</summary>
    /// <param name="run">A language model, an encoder-decoder, or an encoder that guesses hidden tokens.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="precision">The type of products.</param>
    /// <param name="stride">For a language model: the tokens that each further window of a long text scores; null for the whole context.</param>
    /// <exception cref="UserException">The run is of another kind, or the stride does not suit it.</exception>
    public static TextScorer Open(TrainedRun run, Device device, Precision precision = Precision.Fp32, int? stride = null)
    {
        if (stride is not null && run.Config.Model is not GptConfig)
            throw new UserException("--stride is for language models: others read a text whole");
        return run.Config.Model switch
        {
            GptConfig => new LanguageModelScorer(run, device, precision, stride),
            Seq2SeqConfig => new TranslationScorer(run, device, precision),
            EncoderConfig { Head: MaskedHeadConfig } => new MaskedScorer(run, device, precision),
            EncoderConfig => throw new UserException("the run tells the classes of texts, and has no probabilities of tokens", "predict tells the probability of each class"),
            var other => throw new UserException($"a run of kind {KindAttribute.Of(other)} has no probabilities of tokens", "score reads runs of kind gpt, seq2seq, and encoder with a masked head"),
        };
    }

    /// <summary>Whether each text needs a source.</summary>
    public virtual bool NeedsSource => false;

    /// <summary>The model.</summary>
    private protected abstract nn.Module Model { get; }

    private protected virtual string Measure => "log_likelihood";

    /// <summary>The tokens of a text whose probabilities are told.</summary>
    private protected abstract int[] IdsOf(ScoreInput input);

    /// <summary>The rows to be read for a text.</summary>
    /// <param name="text">Its number within the chunk.</param>
    /// <param name="number">Its number among all, from 1, for messages.</param>
    /// <param name="input">The text.</param>
    /// <param name="ids">Its tokens.</param>
    private protected abstract IEnumerable<ScoringRow> RowsOf(int text, long number, ScoreInput input, int[] ids);

    /// <summary>The vectors of all places.</summary>
    /// <param name="rows">B rows.</param>
    /// <param name="ids">What they read, padded at the end [B, T].</param>
    /// <returns>[B, T, D].</returns>
    private protected abstract Tensor Hidden(IReadOnlyList<ScoringRow> rows, Tensor ids);

    /// <summary>Turns the vectors that tell of tokens into what the output layer reads, [N, D].</summary>
    private protected virtual Tensor Transform(Tensor chosen) => chosen;

    /// <summary>The matrix that turns vectors into logits, [V, D].</summary>
    private protected abstract Tensor OutputWeight { get; }

    private protected virtual int Padding => 0;

    /// <summary>A tensor where the model is, of rows filled up with padding.</summary>
    private protected Tensor Padded(IReadOnlyList<long[]> rows, int padding)
    {
        var width = rows.Max(row => row.Length);
        var ids = new long[rows.Count * width];
        Array.Fill(ids, padding);
        for (var row = 0; row < rows.Count; row++) rows[row].CopyTo(ids.AsSpan(row * width));
        return tensor(ids, [rows.Count, width], device: device);
    }

    /// <summary>Scores texts.</summary>
    /// <param name="inputs">The texts, read as a stream.</param>
    /// <param name="cancel">Ends it between two batches.</param>
    /// <returns>One a text, in the order of the texts.</returns>
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

    // The longest come first, so the first row's width is its batch's.
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
        var places = rows.SelectMany((row, r) => row.Targets.Select((_, i) => r * T + row.Place + i)).ToArray();
        var targets = rows.SelectMany(row => row.Targets).ToArray();
        var results = new double[places.Length];
        var step = Math.Max(1, LogitsAtOnce / (int)OutputWeight.size(0));
        for (var from = 0; from < places.Length; from += step)
        {
            using var part = NewDisposeScope();
            var count = Math.Min(step, places.Length - from);
            var chosen = Transform(hidden.index_select(0, tensor(places[from..(from + count)], device: device)));  // [N, D]
            var logits = nn.functional.linear(chosen, OutputWeight).to(ScalarType.Float32);               // [N, V]
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
