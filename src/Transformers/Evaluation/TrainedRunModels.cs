using System.Text.Json;
using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Decoding;
using Transformers.IO;
using Transformers.Models;
using Transformers.Tokenizers;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>The models of sentences that a run left, with the checkpoint's weights and in evaluation mode.</summary>
public static class TrainedRunModels
{
    /// <summary>The tokenizers of an encoder-decoder; the same object twice where both sides share one.</summary>
    /// <exception cref="UserException">A file is missing or damaged.</exception>
    public static (TextTokenizer source, TextTokenizer target) LoadTokenizers(this TrainedRun run)
    {
        var source = run.LoadTokenizer();
        return (source, TokenizerPair.TargetNames.FirstOrDefault(run.Checkpoint.Has) is { } target ? run.LoadTokenizer(target) : source);
    }

    /// <summary>The run's encoder-decoder.</summary>
    /// <param name="run">The run.</param>
    /// <param name="tokenizers">The run's tokenizers.</param>
    /// <param name="device">Where it is to be.</param>
    /// <exception cref="UserException">The run is of another kind.</exception>
    public static Seq2Seq LoadSeq2Seq(this TrainedRun run, (TextTokenizer source, TextTokenizer target) tokenizers, Device device)
    {
        var shape = run.Require<Seq2SeqConfig>("an encoder-decoder (seq2seq)");
        var (source, target) = tokenizers;
        return run.Fill(new Seq2Seq(shape, shape.VocabularyFor(source), shape.VocabularyFor(target), ReferenceEquals(source, target)).to(device));
    }

    /// <summary>A translator with the run's encoder-decoder.</summary>
    /// <param name="run">The run.</param>
    /// <param name="device">Where it is to be.</param>
    /// <param name="precision">The type of products.</param>
    /// <param name="quantized">Whether the decoder's matrices have 8 bits.</param>
    /// <exception cref="UserException">The run is of another kind.</exception>
    public static Translator LoadTranslator(this TrainedRun run, Device device, Precision precision = Precision.Fp32, bool quantized = false)
    {
        run.Require<Seq2SeqConfig>("an encoder-decoder (seq2seq)");
        var (source, target) = run.LoadTokenizers();
        return new Translator(run.LoadSeq2Seq((source, target), device), source, target, device) { Precision = precision, Quantized = quantized };
    }

    /// <summary>The run's encoder with its head.</summary>
    /// <param name="run">The run.</param>
    /// <param name="tokenizer">The run's tokenizer.</param>
    /// <param name="device">Where it is to be.</param>
    /// <exception cref="UserException">The run is of another kind.</exception>
    public static EncoderModel LoadEncoder(this TrainedRun run, TextTokenizer tokenizer, Device device)
    {
        var shape = run.Require<EncoderConfig>("an encoder");
        var classes = run.Checkpoint.Has(CheckpointFiles.Classes) ? run.LoadClasses().Count : 0;
        return run.Fill(EncoderModel.Create(shape, shape.VocabularyFor(tokenizer), classes).to(device));
    }

    /// <summary>The names of the classes of a run that classifies.</summary>
    /// <exception cref="UserException">The run has no classes, or their file is damaged.</exception>
    public static IReadOnlyList<string> LoadClasses(this TrainedRun run)
    {
        var text = run.Checkpoint.ReadText(CheckpointFiles.Classes);
        try
        {
            if (JsonSerializer.Deserialize<List<string>>(text, JsonStyle.Options) is { Count: > 0 } names && !names.Contains(null!)) return names;
        }
        catch (JsonException)
        {
            // Told below, as what is no list of names is.
        }
        throw new UserException([new Problem("must be a JSON list of names", run.Checkpoint.PathOf(CheckpointFiles.Classes))]);
    }
}
