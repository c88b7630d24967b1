using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.ParallelText;
using Transformers.IO;
using Transformers.Models;
using Transformers.Runs;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Inspection;

/// <summary>Says what a config or a run comes to, before any training.</summary>
public static class Inspector
{
    const int AssumedCharacters = 96;

    /// <summary>Inspects a config.</summary>
    /// <param name="config">A <see cref="RunConfig"/> or a <see cref="ModelFragment"/>.</param>
    /// <param name="device">Where it would run.</param>
    /// <param name="precision">The type of products; null for the config's.</param>
    /// <param name="run">The run whose tokenizer gives the vocabulary, if any.</param>
    /// <exception cref="UserException">The model is of a kind that cannot be inspected, or has no vocabulary.</exception>
    public static ModelInspection Inspect(object config, Device device, Precision? precision = null, string? run = null)
    {
        Engine.Load();
        var resident = ProcessMemory.Resident;
        var training = config as RunConfig;
        var model = training?.Model ?? ((ModelFragment)config).Model;
        if (model is not GptConfig shape) throw new UserException($"a model of kind {KindAttribute.Of(model)} cannot be inspected");
        var notes = new List<string>();
        var vocabulary = shape.Vocabulary ?? VocabularyOf(training, run, notes);
        var table = ParameterTable.Of(shape, vocabulary);
        var cost = ModelCost.Of(shape, table);
        return new ModelInspection
        {
            Model = KindAttribute.Of(model),
            Vocabulary = vocabulary,
            Cost = cost,
            Parameters = table,
            Training = training is null ? null : Plan(training, shape, cost, vocabulary, device, precision, resident),
            Notes = notes,
        };
    }

    static TrainingPlan Plan(RunConfig config, GptConfig shape, ModelCost cost, int vocabulary, Device device, Precision? asked, long resident)
    {
        var training = config.Training;
        var precision = Precisions.Resolve(asked ?? training.Precision, device);
        long sequences = training.Batch.Sequences ?? training.Batch.Tokens!.Value / shape.Context;
        var rows = Math.Min(training.Batch.Micro ?? sequences, sequences);
        var passes = (sequences + rows - 1) / rows;
        var accesses = training.Optimizer is SgdConfig ? 8 : 11;
        var step = StepPrediction.Measure(shape, cost, vocabulary, rows, passes, accesses, precision, device);
        var tokens = sequences * shape.Context;
        var peak = MachinePeaks.FlopsPerSecond(device, precision, again: true);
        return new TrainingPlan
        {
            Device = device.ToString(),
            Precision = precision == Precision.Bf16 ? "bf16" : "fp32",
            SequencesPerStep = sequences,
            TokensPerStep = tokens,
            MicroBatches = passes,
            Steps = training.Steps,
            TokensPerParameter = (double)tokens * training.Steps / cost.Parameters,
            Memory = MemoryPlan.Of(config, shape, cost, vocabulary, rows, precision, resident),
            PeakFlopsPerSecond = peak,
            Step = step,
            Utilisation = cost.TrainingFlops * tokens / step.Seconds / peak,
        };
    }

    /// <summary>The number of tokens that a run's tokenizer has, or that a config's will have.</summary>
    internal static int VocabularyOf(RunConfig? config, string? run, List<string> notes)
    {
        if (run is not null && Directory.Exists(run) && File.Exists(Path.Combine(run, CheckpointFiles.Tokenizer)))
            return TokenizerFile.Load(Path.Combine(run, CheckpointFiles.Tokenizer)).VocabularySize;
        switch (config?.Data)
        {
            case TextData { Tokenizer: BpeTokenizerConfig bpe }: return bpe.Vocabulary;
            case ParallelData { Tokenizer: BpeTokenizerConfig bpe }: return bpe.Vocabulary;
            case TextData { Tokenizer: ByteTokenizerConfig }: return new ByteTokenizer().VocabularySize;
            case TextData { Tokenizer: FileTokenizerConfig file }: return TokenizerFile.Load(file.Path, file.Pattern?.ToString().ToLowerInvariant()).VocabularySize;
            case TextData { Source: TextFiles files, Tokenizer: CharacterTokenizerConfig } when files.Files.All(File.Exists):
                using (var cancel = new CancellationTokenSource())
                    return TokenizerFactory.Create(new CharacterTokenizerConfig(), Data.Text.TextSources.Of(files), Path.GetTempPath(), cancel: cancel.Token).VocabularySize;
            case null: throw new UserException("a model alone must have model.vocabulary to be inspected", "for example --set model.vocabulary=50257");
            default:
                notes.Add($"the vocabulary comes from the text, which was not read: {AssumedCharacters} tokens are assumed");
                return AssumedCharacters;
        }
    }
}
