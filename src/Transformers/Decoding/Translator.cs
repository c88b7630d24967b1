using Transformers.Configs;
using Transformers.Data;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Decoding;

/// <summary>The length penalty, by which log-probabilities are divided to make hypotheses of different lengths comparable.</summary>
public enum LengthPenalty
{
    /// <summary>length^α, counting the end token.</summary>
    Length,
    /// <summary>((5 + length) / 6)^α, counting the end token.</summary>
    /// <remarks>Wu et al. 2016, equation 14; Vaswani et al. 2017 use it with α = 0.6.</remarks>
    Gnmt,
}

/// <summary>When beam search finishes a sentence early, before its beam has only finished hypotheses.</summary>
public enum BeamStop
{
    /// <summary>When no unfinished hypothesis can still become one of the n best.</summary>
    Bound,
    /// <summary>As soon as n hypotheses have ended.</summary>
    First,
    /// <summary>Never.</summary>
    Never,
}

/// <summary>How an encoder-decoder's output is searched for.</summary>
public sealed record TranslationOptions
{
    /// <summary>The number of hypotheses that are kept; 1 always takes the most probable token.</summary>
    public int Beams { get; init; } = 1;

    /// <summary>The form of the length penalty.</summary>
    public LengthPenalty Penalty { get; init; }

    /// <summary>The exponent α of the length penalty; 0 for none, larger values favour longer translations.</summary>
    public double Alpha { get; init; } = 1;

    /// <summary>When to stop.</summary>
    public BeamStop Stop { get; init; }

    /// <summary>The number of hypotheses to return for each sentence, at most the number of beams.</summary>
    public int NBest { get; init; } = 1;

    /// <summary>The maximum number of tokens of a translation; by default the source's length plus 50, as in Vaswani et al. 2017, section 6.1.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>The maximum number of sentences that are translated at once.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>The divisor of a log-probability.</summary>
    /// <param name="length">The number of tokens, including the end token, at least 1.</param>
    public double Divisor(int length) => Math.Pow(Penalty == LengthPenalty.Gnmt ? (5.0 + length) / 6 : length, Alpha);

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="UserException">Values are out of range; the message lists all of them.</exception>
    public TranslationOptions Checked()
    {
        var check = new OptionCheck();
        check.That(Beams is >= 1 and <= 10_000, $"--beams ({Beams}) must be between 1 and 10000");
        check.That(double.IsFinite(Alpha) && Math.Abs(Alpha) <= 10, FormattableString.Invariant($"--length-penalty ({Alpha}) must be between -10 and 10"));
        check.That(NBest >= 1 && NBest <= Beams, $"--num ({NBest}) must be between 1 and --beams ({Beams})");
        check.That(MaxNewTokens is null or >= 1, $"--max-new-tokens ({MaxNewTokens}) must be at least 1");
        check.That(BatchSize >= 1, $"--batch-size ({BatchSize}) must be at least 1");
        return check.Passed(this);
    }
}

/// <summary>One translation of a sentence.</summary>
/// <param name="Text">The text.</param>
/// <param name="Ids">Its tokens, without the end token.</param>
/// <param name="Finish"><c>eos</c>, or <c>length</c> if it was truncated.</param>
/// <param name="LogProbability">The sum of the log-probabilities of its tokens and its end token, in nats.</param>
/// <param name="Score">The log-probability divided by the length penalty.</param>
public sealed record Hypothesis(string Text, IReadOnlyList<int> Ids, string Finish, double LogProbability, double Score);

/// <summary>The translations of one sentence.</summary>
/// <param name="Source">The sentence.</param>
/// <param name="Hypotheses">The n best translations, the best first; at least one.</param>
/// <param name="Shortened">Whether the source was too long for the model and was truncated.</param>
public sealed record Translation(string Source, IReadOnlyList<Hypothesis> Hypotheses, bool Shortened)
{
    /// <summary>The best translation.</summary>
    public Hypothesis Best => Hypotheses[0];

    /// <summary>The best translation's text.</summary>
    public string Text => Best.Text;
}

/// <summary>Translates text with an encoder-decoder.</summary>
public sealed class Translator
{
    // Sentences are sorted by length within a window, so that memory does not grow with the file.
    const int BatchesInWindow = 64;
    const int MostTokens = 32_768;

    readonly Seq2Seq model;
    readonly TextTokenizer source, target;
    readonly SpecialIds sourceIds;
    readonly Device device;

    /// <summary>Creates a translator.</summary>
    /// <param name="model">The model, in evaluation mode.</param>
    /// <param name="source">The source's tokenizer.</param>
    /// <param name="target">The target's tokenizer; the same object for a shared vocabulary.</param>
    /// <param name="device">Where the model is.</param>
    public Translator(Seq2Seq model, TextTokenizer source, TextTokenizer target, Device device)
    {
        (this.model, this.source, this.target, this.device) = (model, source, target, device);
        sourceIds = SpecialIds.Of(source);
    }

    /// <summary>The type of products.</summary>
    public Precision Precision { get; init; } = Precision.Fp32;

    /// <summary>Whether the decoder's matrices have 8 bits.</summary>
    public bool Quantized { get; init; }

    /// <summary>Called after each batch with the number of its sentences.</summary>
    public Action<int>? Translated { get; init; }

    /// <summary>Translates sentences: batches have similar lengths, and the output is in the order of the input.</summary>
    /// <param name="sentences">The sentences, read as a stream; one of only white space gives an empty translation.</param>
    /// <param name="options">How to search.</param>
    /// <param name="cancel">Cancels between two tokens.</param>
    /// <returns>One translation per sentence, returned window by window. A translation does not depend on the other sentences.</returns>
    /// <exception cref="UserException">An option is out of range.</exception>
    public IEnumerable<Translation> Translate(IEnumerable<string> sentences, TranslationOptions options, CancellationToken cancel = default)
    {
        options.Checked();
        return Windows(sentences, options, cancel).SelectMany(window => window);
    }

    IEnumerable<Translation[]> Windows(IEnumerable<string> sentences, TranslationOptions options, CancellationToken cancel)
    {
        // The model may have been trained since the last call, so its weights are prepared again.
        using var decoder = new TargetDecoder(model, device, new DecoderFormat(Precision, Quantized));
        var search = new BeamSearch(decoder, SpecialIds.Of(target), target.VocabularySize, options);
        foreach (var window in sentences.Chunk((int)Math.Min(Array.MaxLength, (long)options.BatchSize * BatchesInWindow))) yield return Window(search, window, options, cancel);
    }

    Translation[] Window(BeamSearch search, string[] sentences, TranslationOptions options, CancellationToken cancel)
    {
        using var inference = inference_mode();
        Precisions.Apply(model, Precision);
        var encoded = sentences.Select(Encode).ToArray();
        var results = new Translation[sentences.Length];
        var waiting = new Stack<int>(Enumerable.Range(0, sentences.Length).OrderBy(i => encoded[i].Length).ThenByDescending(i => i));
        while (waiting.Count > 0)
        {
            // The longest come first, so that a lack of memory shows at once.
            var longest = encoded[waiting.Peek()].Length;
            var rows = (int)Math.Clamp(MostTokens / ((long)longest * options.Beams), 1, options.BatchSize);
            var batch = new List<int>();
            while (batch.Count < rows && waiting.TryPop(out var next)) batch.Add(next);
            var asked = batch.Where(i => !string.IsNullOrWhiteSpace(sentences[i])).ToList();
            foreach (var i in batch) results[i] = new Translation(sentences[i], [new Hypothesis("", [], "eos", 0, 0)], false);
            var found = asked.Count == 0 ? [] : search.Find([.. asked.Select(i => encoded[i])], cancel);
            foreach (var (i, beam) in asked.Zip(found))
                results[i] = new Translation(sentences[i], [.. beam.Select(WithText)], encoded[i].Length == model.Context && source.CountTokens(sentences[i]) >= model.Context);
            Translated?.Invoke(batch.Count);
        }
        return results;
    }

    /// <summary>Why a sentence cannot be translated, such as a character that the vocabulary lacks; null if it can.</summary>
    public Problem? ProblemOf(string sentence) => UserException.ProblemOf(() => Encode(sentence));

    int[] Encode(string sentence)
    {
        var ids = source.EncodeToIds(sentence);
        return [.. ids.Take(model.Context - 1), sourceIds.End];
    }

    Hypothesis WithText(FoundHypothesis found) => new(target.Decode(found.Ids), found.Ids, found.Ended ? "eos" : "length", found.LogProbability, found.Score);
}
