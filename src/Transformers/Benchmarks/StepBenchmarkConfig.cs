using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.Data.Sentences;
using Transformers.IO;
using Transformers.Models;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using Transformers.Training;

namespace Transformers.Benchmarks;

/// <summary>Measures the training steps that a config asks for, on random numbers: its data are not needed.</summary>
public static class StepBenchmarkConfig
{
    const int AssumedRows = 8, AssumedClasses = 10, PairLength = 32;

    /// <summary>Measures the model of a config.</summary>
    /// <param name="config">A <see cref="RunConfig"/> or a <see cref="ModelFragment"/>.</param>
    /// <param name="rows">Sequences or images of a step; null for the config's micro-batch.</param>
    /// <param name="options">Where, how, and how long.</param>
    /// <param name="run">The run whose tokenizer gives the vocabulary, if any.</param>
    /// <param name="note">Takes what had to be assumed.</param>
    /// <exception cref="UserException">The model is of a kind that cannot be measured.</exception>
    public static StepBenchmarkResult Run(object config, int? rows, StepBenchmarkOptions options, string? run, Action<string> note)
    {
        var training = config as RunConfig;
        var model = training?.Model ?? ((ModelFragment)config).Model;
        var notes = new List<string>();
        var result = model switch
        {
            GptConfig shape => StepBenchmark.Text(shape, Vocabulary(shape), Rows(shape.Context), options),
            Seq2SeqConfig shape => Pairs(shape),
            ImageModelConfig shape => StepBenchmark.Images(shape, ImagesOf(shape, training?.Data, notes), Rows(1), options),
            _ => throw new UserException($"steps of a model of kind {KindAttribute.Of(model)} cannot be measured", "measured are gpt, seq2seq, vit and swin"),
        };
        foreach (var one in notes) note(one);
        return result;

        int Vocabulary(TextModelConfig shape) => shape.Vocabulary ?? VocabularyOf(training?.Data, run, notes);
        StepBenchmarkResult Pairs(Seq2SeqConfig shape)
        {
            var length = Math.Min(PairLength, shape.Context);
            notes.Add($"pairs of {length} tokens a side are assumed");
            return StepBenchmark.Pairs(shape, Vocabulary(shape), Rows(length), length, training?.Training.LabelSmoothing ?? 0, options);
        }
        int Rows(int length)
        {
            if (rows is { } given) return given;
            if (training?.Training.Batch is { } batch) return batch.Micro ?? batch.Sequences ?? Math.Max(1, batch.Tokens!.Value / length);
            notes.Add($"a batch of {AssumedRows} is assumed; --rows gives another");
            return AssumedRows;
        }
    }

    // Of a run its tokenizer's; of a config what its tokenizer will have.
    static int VocabularyOf(DataConfig? data, string? run, List<string> notes)
    {
        if (run is not null && File.Exists(TokenizerPair.PathIn(run))) return TokenizerFile.Load(TokenizerPair.PathIn(run)).VocabularySize;
        switch (data)
        {
            case TextDataConfig text: return DataProfile.VocabularyOf(text, notes);
            case ParallelDataConfig { Tokenizer: BpeTokenizerConfig bpe }: return bpe.Vocabulary;
            case null: throw new UserException("a model alone must have model.vocabulary to be measured", "for example --set model.vocabulary=50257");
            default:
                notes.Add($"the vocabulary comes from the text, which was not read: {DataProfile.AssumedCharacters} tokens are assumed");
                return DataProfile.AssumedCharacters;
        }
    }

    static ImageShape ImagesOf(ImageModelConfig shape, DataConfig? data, List<string> notes)
    {
        var input = (data as ImageDataConfig)?.Input;
        if (shape.Classes is null) notes.Add($"the classes come from the data, which were not read: {AssumedClasses} are assumed");
        return ImageShape.Of(shape with
        {
            Size = shape.Size ?? input?.Size,
            Channels = shape.Channels ?? input?.Channels,
            Classes = shape.Classes ?? AssumedClasses,
        });
    }
}
