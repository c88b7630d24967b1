using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using Transformers.Training;

namespace Transformers.Benchmarks;

/// <summary>Measures the training steps of a config on random numbers, without its data.</summary>
public static class StepBenchmarkConfig
{
    const int AssumedRows = 8;

    /// <summary>Measures the model of a config.</summary>
    /// <param name="config">A <see cref="RunConfig"/> or a <see cref="ModelFragment"/>.</param>
    /// <param name="rows">Sequences or images of a step; null for the config's micro-batch.</param>
    /// <param name="options">The options.</param>
    /// <param name="run">The run whose tokenizer gives the vocabulary, if any.</param>
    /// <param name="note">Called with each assumption.</param>
    /// <exception cref="UserException">The model alone does not say how large its input is.</exception>
    public static StepBenchmarkResult Run(object config, int? rows, StepBenchmarkOptions options, string? run, Action<string> note)
    {
        var training = config as RunConfig;
        var model = training?.Model ?? ((ModelFragment)config).Model;
        var notes = new List<string>();
        int? tokens = run is not null && File.Exists(TokenizerPair.PathIn(run)) ? TokenizerFile.Load(TokenizerPair.PathIn(run)).VocabularySize : null;
        var profile = Kind.For(model).ProfileStep(model, new StepRequest(training, Rows, shape => shape.Vocabulary ?? tokens ?? VocabularyOf(training?.Data, notes), tokens, notes));
        var result = StepBenchmark.Measure(model, profile, profile.Smoothing, options);
        foreach (var one in notes) note(one);
        return result;

        int Rows(int length)
        {
            if (rows is { } given) return given;
            if (training?.Training.Batch is { } batch) return batch.Micro ?? batch.Sequences ?? Math.Max(1, batch.Tokens!.Value / length);
            notes.Add($"a batch of {AssumedRows} is assumed; --rows sets another size");
            return AssumedRows;
        }
    }

    // The vocabulary that the config's tokenizer will have.
    static int VocabularyOf(DataConfig? data, List<string> notes)
    {
        switch (data)
        {
            case TextDataConfig text: return DataProfile.VocabularyOf(text, notes);
            case ParallelDataConfig { Tokenizer: BpeTokenizerConfig bpe }: return bpe.Vocabulary;
            case null: throw new UserException("without data, model.vocabulary must be given to measure a model", "for example --set model.vocabulary=50257");
            default:
                notes.Add($"the vocabulary comes from the text, which was not read: {DataProfile.AssumedCharacters} tokens are assumed");
                return DataProfile.AssumedCharacters;
        }
    }
}
