using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Text;
using Transformers.Models;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds.Tasks;

/// <summary>Makes the task of a language model over text.</summary>
static class TextTaskSetup
{
    internal static TaskSetup Create(RunConfig config, TextDataConfig data, GptConfig shape, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var (tokenizer, prepared) = Read(data, options, observer, stop.Token);
        try
        {
            var duplicates = prepared.Manifest.Duplicates;
            if (duplicates.ValidationDocuments > 0)
                observer.Warn($"{duplicates.ValidationDocuments} validation documents stand in the training text too: the validation loss flatters the model");
            var rows = config.Training.Batch.Sequences ?? config.Training.Batch.Tokens!.Value / shape.Context;
            var sampler = SamplerOf(data.Batches, prepared, rows, shape.Context, SeedStreams.Of(config.Seed, "batches"));
            using var generator = new Generator(SeedStreams.Of(config.Seed, "weights"));
            var model = new Gpt(shape, shape.VocabularyFor(tokenizer), generator).to(options.Device);
            observer.Note($"{prepared.Train.Count:N0} training and {prepared.Validation.Count:N0} validation tokens, vocabulary {tokenizer.VocabularySize:N0}");
            return new TaskSetup
            {
                Task = new NextTokenTask(model, tokenizer, prepared, sampler, rows, config, options.Device),
                Files = TokenizerPair.Files(tokenizer),
                FilesHash = tokenizer.Hash,
            };
        }
        catch
        {
            prepared.Dispose();
            throw;
        }
    }

    static (TextTokenizer, PreparedData) Read(TextDataConfig data, TrainingOptions options, ITrainingObserver observer, CancellationToken cancel)
    {
        if (PreparedData.FolderOf(data.Source) is { } folder)
        {
            // What was prepared brings its tokenizer along.
            var own = TokenizerFile.Load(PreparedData.TokenizerPath(folder));
            return (own, PreparedData.Open(folder, own));
        }
        var source = TextSources.Of(data.Source);
        var tokenizer = TokenizerFactory.Create(data.Tokenizer, source, options.Cache, progress: done => observer.Preparing("training the tokenizer", done), cancel: cancel);
        return (tokenizer, DataPreparation.Prepare(DataPreparation.OptionsOf(data, source, tokenizer), options.Cache, new PreparationReport(observer), cancel));
    }

    static ITextSampler SamplerOf(BatchesConfig config, PreparedData data, int rows, int length, ulong seed) => config switch
    {
        RandomBatchesConfig => new RandomWindows(data.Train, rows, length, seed),
        SequentialBatchesConfig => new ShuffledBlocks(data.Train, rows, length, seed),
        PackedBatchesConfig packed => new PackedDocuments(data.Train, rows, length, seed, packed.Across),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a kind of batches without a sampler"),
    };

    sealed class PreparationReport(ITrainingObserver observer) : IProgress<PreparationProgress>
    {
        public void Report(PreparationProgress value) =>
            observer.Preparing("tokenizing", value.TotalBytes == 0 ? 1 : (double)value.Bytes / value.TotalBytes);
    }
}
