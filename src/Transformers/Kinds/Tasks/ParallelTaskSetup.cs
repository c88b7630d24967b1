using TorchSharp;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Data.Text;
using Transformers.Generators;
using Transformers.Models;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds.Tasks;

/// <summary>Makes the task of an encoder-decoder over sentence pairs.</summary>
static class ParallelTaskSetup
{
    internal static TaskSetup Create(RunConfig config, ParallelDataConfig data, Seq2SeqConfig shape, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var (source, target, train, validation) = Read(data, shape, options, observer, stop.Token);
        var shared = ReferenceEquals(source, target);
        using var generator = new Generator(SeedStreams.Of(config.Seed, "weights"));
        var model = new Seq2Seq(shape, shape.VocabularyFor(source), shape.VocabularyFor(target), shared, generator).to(options.Device);
        observer.Note($"{train.Count:N0} training and {validation?.Count ?? 0:N0} validation pairs, vocabulary {source.VocabularySize:N0}{(shared ? "" : $" and {target.VocabularySize:N0}")}");
        return new TaskSetup
        {
            Task = new TranslationTask(model, source, target, train, validation, config, options.Device),
            Files = TokenizerPair.Files(source, target),
            FilesHash = shared ? source.Hash : $"{source.Hash} {target.Hash}",
        };
    }

    /// <summary>Tokenizers and encoded pairs, as training has them.</summary>
    internal static (TextTokenizer source, TextTokenizer target, ParallelCorpus train, ParallelCorpus? validation) Read(
        ParallelDataConfig data, Seq2SeqConfig shape, TrainingOptions options, ITrainingObserver observer, CancellationToken cancel)
    {
        var splits = data.Source.Open();
        var (source, target) = TokenizersOf(data, splits.Train, options, observer, cancel);
        // A place is taken by the begin or the end.
        var limit = shape.Context - 1;
        var filter = data.Filter();
        var train = Encode(splits.Train, filter with { MaximumTokens = Math.Min(filter.MaximumTokens, limit) }, keepTexts: false);
        if (train.Report.Kept < train.Report.Read) observer.Note(train.Report.ToString());
        var validation = splits.Validation is null ? null
            : Encode(splits.Validation, new ParallelFilter { MinimumTokens = 0, MaximumTokens = limit }, keepTexts: true);
        if (validation is { Report: { } report } && report.Kept < report.Read)
            observer.Warn($"{report.Read - report.Kept} validation pairs do not fit the model's context of {shape.Context} tokens and are left out");
        return (source, target, train, validation);

        ParallelCorpus Encode(ParallelSplit split, ParallelFilter which, bool keepTexts) =>
            ParallelCorpus.Encode(split.Read(), source, target, which, keepTexts, cancel);
    }

    static (TextTokenizer source, TextTokenizer target) TokenizersOf(ParallelDataConfig data, ParallelSplit train, TrainingOptions options, ITrainingObserver observer, CancellationToken cancel)
    {
        if (data.TargetTokenizer is not { } targetConfig)
        {
            var both = Create(data.Tokenizer, "both sides", pair => [pair.Source, pair.Target]);
            return (both, both);
        }
        return (Create(data.Tokenizer, "source", pair => [pair.Source]), Create(targetConfig, "target", pair => [pair.Target]));

        TextTokenizer Create(TokenizerConfig tokenizer, string side, Func<SentencePair, string[]> texts) =>
            TokenizerFactory.Create(tokenizer, new SentenceSource($"{data.Source} {side}", train.Files, () => train.Read().SelectMany(texts)),
                options.Cache, SpecialIds.ForTranslation, done => observer.Preparing("training the tokenizer", done), cancel);
    }

}
