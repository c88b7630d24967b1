using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Decoding;

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

    /// <summary>A translator.</summary>
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

    /// <summary>Translates sentences: batches are of like length, the output is in the order of the input.</summary>
    /// <param name="sentences">The sentences, read as a stream; one of white space alone gives an empty translation.</param>
    /// <param name="options">How to search.</param>
    /// <param name="cancel">Ends it between two tokens.</param>
    /// <returns>One translation a sentence, given out window by window. What comes of a sentence does not depend on the others.</returns>
    /// <exception cref="UserException">An option out of range.</exception>
    public IEnumerable<Translation> Translate(IEnumerable<string> sentences, TranslationOptions options, CancellationToken cancel = default)
    {
        options.Checked();
        return Windows(sentences, options, cancel).SelectMany(window => window);
    }

    IEnumerable<Translation[]> Windows(IEnumerable<string> sentences, TranslationOptions options, CancellationToken cancel)
    {
        // The model may have learnt since the last call, so its weights are prepared anew.
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
            // The longest come first: if memory does not suffice, that shows at once.
            var longest = encoded[waiting.Peek()].Length;
            var rows = (int)Math.Clamp(MostTokens / ((long)longest * options.Beams), 1, options.BatchSize);
            var batch = new List<int>();
            while (batch.Count < rows && waiting.TryPop(out var next)) batch.Add(next);
            var asked = batch.Where(i => !string.IsNullOrWhiteSpace(sentences[i])).ToList();
            foreach (var i in batch) results[i] = new Translation(sentences[i], [new Hypothesis("", [], "eos", 0, 0)], false);
            if (asked.Count == 0) continue;
            var found = search.Find([.. asked.Select(i => encoded[i])], cancel);
            foreach (var (i, beam) in asked.Zip(found))
                results[i] = new Translation(sentences[i], [.. beam.Select(WithText)], encoded[i].Length == model.Context && source.CountTokens(sentences[i]) >= model.Context);
        }
        return results;
    }

    int[] Encode(string sentence)
    {
        var ids = source.EncodeToIds(sentence);
        return [.. ids.Take(model.Context - 1), sourceIds.End];
    }

    Hypothesis WithText(FoundHypothesis found) => new(target.Decode(found.Ids), found.Ids, found.Ended ? "eos" : "length", found.LogProbability, found.Score);
}
