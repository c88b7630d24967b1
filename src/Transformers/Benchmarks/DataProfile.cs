using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.Data.Sentences;
using Transformers.Data.Text;
using Transformers.IO;
using Transformers.Kinds.Tasks;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using Transformers.Training;

namespace Transformers.Benchmarks;

/// <summary>What the data decide about a run: the sizes of its vocabularies, its classes and its batches.</summary>
sealed record DataProfile
{
    internal const int AssumedCharacters = 96, AssumedTokens = 32, AssumedClasses = 10, SeenBatches = 200;

    /// <summary>The vocabulary, the target's where there are two.</summary>
    internal int Vocabulary { get; init; }
    /// <summary>The source's vocabulary of an encoder-decoder.</summary>
    internal int Sources { get; init; }
    /// <summary>Whether source and target have one vocabulary.</summary>
    internal bool Shared { get; init; } = true;
    /// <summary>The number of classes.</summary>
    internal int Classes { get; init; }
    /// <summary>The images of a network over images.</summary>
    internal ImageShape? Image { get; init; }
    /// <summary>Batches as training has them.</summary>
    internal required IReadOnlyList<BatchShape> Batches { get; init; }
    /// <summary>What was assumed.</summary>
    internal IReadOnlyList<string> Notes { get; init; } = [];
    /// <summary>What throughput counts.</summary>
    internal string Unit => Image is null ? "tokens" : "images";

    /// <summary>Counts the operations of a model over these data.</summary>
    internal ModelFlops FlopsOf(ModelConfig model) => Image is { } image ? ModelFlops.OfImages(model, image) : ModelFlops.OfTokens(model, Vocabulary, Classes);

    /// <summary>Reads a config's data as training does; where there are none, notes what is assumed instead.</summary>
    internal static DataProfile Of(RunConfig config, TrainingOptions options) => (config.Data, config.Model) switch
    {
        (TextDataConfig data, GptConfig model) => Text(data, model, config.Training.Batch),
        (ParallelDataConfig data, Seq2SeqConfig model) => OrAssumed(() => Parallel(config, data, model, options), () => AssumedPairs(data, model, config.Training.Batch)),
        (LabelledDataConfig data, EncoderConfig model) => OrAssumed(() => Labelled(config, data, model, options), () => AssumedTexts(data, model, config.Training.Batch)),
        (ImageDataConfig data, ImageModelConfig model) => OrAssumed(() => Images(config, data, model, options), () => AssumedImages(data, model, config.Training.Batch)),
        var (data, model) => throw new UserException($"data of kind {KindAttribute.Of(data)} do not train a model of kind {KindAttribute.Of(model)}"),
    };

    static DataProfile OrAssumed(Func<DataProfile> read, Func<DataProfile> assumed)
    {
        try
        {
            return read();
        }
        catch (UserException exception)
        {
            var profile = assumed();
            return profile with { Notes = [$"the data were not read ({exception.Problems[0].Message}): the sizes of their batches are assumed", .. profile.Notes] };
        }
    }

    static DataProfile Text(TextDataConfig data, GptConfig model, BatchConfig batch)
    {
        var rows = batch.Sequences ?? batch.Tokens!.Value / model.Context;
        var tokens = (long)rows * model.Context;
        var notes = new List<string>();
        return new()
        {
            Vocabulary = model.Vocabulary ?? VocabularyOf(data, notes),
            Batches = [new(rows, model.Context, 0, tokens, tokens)],
            Notes = notes,
        };
    }

    internal static int VocabularyOf(TextDataConfig data, List<string> notes)
    {
        switch (data)
        {
            case { Tokenizer: BpeTokenizerConfig bpe }: return bpe.Vocabulary;
            case { Tokenizer: ByteTokenizerConfig }: return new ByteTokenizer().VocabularySize;
            case { Tokenizer: FileTokenizerConfig file }: return TokenizerFile.Load(file.Path, file.Pattern).VocabularySize;
            case { Source: TextFilesConfig files, Tokenizer: CharacterTokenizerConfig } when files.Files.All(File.Exists):
                return TokenizerFactory.Create(new CharacterTokenizerConfig(), TextSources.Of(files), Path.GetTempPath()).VocabularySize;
            default:
                notes.Add($"the vocabulary comes from the text, which was not read: {AssumedCharacters} tokens are assumed");
                return AssumedCharacters;
        }
    }

    static DataProfile Parallel(RunConfig config, ParallelDataConfig data, Seq2SeqConfig model, TrainingOptions options)
    {
        var (source, target, train, _) = ParallelTaskSetup.Read(data, model, options, Silent.Observer, default);
        var batch = config.Training.Batch;
        var batches = new ParallelBatches(train, SpecialIds.Of(source), SpecialIds.Of(target),
            new BucketOptions { Tokens = batch.Tokens, Sequences = batch.Sequences, Seed = SeedStreams.Of(config.Seed, "batches") });
        return new()
        {
            Vocabulary = model.Vocabulary ?? target.VocabularySize, Sources = model.Vocabulary ?? source.VocabularySize, Shared = ReferenceEquals(source, target),
            Batches = [.. Positions(batches.BatchesPerEpoch).Select(batches.At).Select(one =>
                new BatchShape(one.Rows, one.SourceWidth, one.TargetWidth, one.TargetTokens, one.TargetTokens))],
        };
    }

    static DataProfile Labelled(RunConfig config, LabelledDataConfig data, EncoderConfig model, TrainingOptions options)
    {
        var (tokenizer, train, _) = LabelledTaskSetup.Read(data, model, options, Silent.Observer, default);
        var batches = new LabelledBatches(train, SpecialIds.Of(tokenizer), LabelledOptions.Of(config, train.Tokens));
        var share = (model.Head as MaskedHeadConfig)?.Share;
        return new()
        {
            Vocabulary = model.Vocabulary ?? tokenizer.VocabularySize, Classes = train.Classes.Count,
            Batches = [.. Positions(batches.BatchesPerEpoch).Select(batches.At).Select(one =>
            {
                var tokens = one.Texts.Lengths.Sum(length => (long)length);
                return new BatchShape(one.Texts.Rows, one.Texts.Width, 0, share is null ? one.Texts.Rows : Math.Max(1, (long)(share * tokens)), tokens);
            })],
        };
    }

    static IEnumerable<DataPosition> Positions(int batches) => LabelledOptions.Positions(batches, SeenBatches);

    static DataProfile Images(RunConfig config, ImageDataConfig data, ImageModelConfig model, TrainingOptions options)
    {
        using var opened = OpenedImages.Open(data, config.Seed, generated: Path.Combine(options.Cache, "images"));
        var rows = config.Training.Batch.Sequences ?? throw new UserException("training.batch.sequences must be given for images");
        return new()
        {
            Classes = opened.Dataset.Classes.Count,
            Image = new ImageShape(opened.Transform.Size, opened.Transform.Channels, opened.Dataset.Classes.Count),
            Batches = [new(rows, 0, 0, rows, rows)],
        };
    }

    static DataProfile AssumedPairs(ParallelDataConfig data, Seq2SeqConfig model, BatchConfig batch)
    {
        var length = Math.Min(AssumedTokens, Math.Min(data.MaxLength, model.Context));
        long rows = batch.Sequences ?? Math.Max(1, batch.Tokens!.Value / length);
        return new()
        {
            Vocabulary = AssumedVocabulary(model, data.TargetTokenizer ?? data.Tokenizer), Sources = AssumedVocabulary(model, data.Tokenizer), Shared = data.TargetTokenizer is null,
            Batches = [new(rows, length, length, rows * length, rows * length)],
        };
    }

    static DataProfile AssumedTexts(LabelledDataConfig data, EncoderConfig model, BatchConfig batch)
    {
        var length = Math.Min(AssumedTokens, Math.Min(data.MaxLength, model.Context));
        long rows = batch.Sequences ?? Math.Max(1, batch.Tokens!.Value / length);
        var share = (model.Head as MaskedHeadConfig)?.Share;
        return new()
        {
            Vocabulary = AssumedVocabulary(model, data.Tokenizer), Classes = 2,
            Batches = [new(rows, length, 0, share is null ? rows : Math.Max(1, (long)(share * rows * length)), rows * length)],
        };
    }

    static DataProfile AssumedImages(ImageDataConfig data, ImageModelConfig model, BatchConfig batch)
    {
        var rows = batch.Sequences ?? throw new UserException("training.batch.sequences must be given for images");
        var classes = model.Classes ?? AssumedClasses;
        return new()
        {
            Classes = classes, Image = new ImageShape(data.Input.Size, data.Input.Channels, classes),
            Batches = [new(rows, 0, 0, rows, rows)],
            Notes = model.Classes is null ? [$"{AssumedClasses} classes are assumed"] : [],
        };
    }

    static int AssumedVocabulary(TextModelConfig model, TokenizerConfig tokenizer) => model.Vocabulary ?? tokenizer switch
    {
        BpeTokenizerConfig bpe => bpe.Vocabulary,
        ByteTokenizerConfig => new ByteTokenizer().VocabularySize,
        FileTokenizerConfig file => TokenizerFile.Load(file.Path, file.Pattern).VocabularySize,
        _ => AssumedCharacters,
    };

    /// <summary>What a model alone is counted for: a full context, a pair or a text of so many tokens, or one image.</summary>
    internal static DataProfile OfModel(ModelConfig model)
    {
        switch (model)
        {
            case GptConfig gpt: return Alone(gpt, new(1, gpt.Context, 0, gpt.Context, gpt.Context), []);
            case Seq2SeqConfig pair:
                long length = Math.Min(AssumedTokens, pair.Context);
                return Alone(pair, new(1, length, length, length, length), [$"counted for a source and a target of {length} tokens"]);
            case EncoderConfig encoder:
                var share = (encoder.Head as MaskedHeadConfig)?.Share;
                return Alone(encoder, new(1, encoder.Context, 0, share is null ? 1 : Math.Max(1, (long)(share * encoder.Context)), encoder.Context), []);
            case ImageModelConfig network:
                var image = ImageShape.Of(network);
                return new() { Image = image, Classes = image.Classes, Batches = [new(1, 0, 0, 1, 1)] };
            default: throw new UserException($"a model of kind {KindAttribute.Of(model)} cannot be inspected");
        }
    }

    static DataProfile Alone(TextModelConfig model, BatchShape shape, IReadOnlyList<string> notes)
    {
        var vocabulary = model.Vocabulary ?? throw new UserException("a model alone must have model.vocabulary to be inspected", "for example --set model.vocabulary=50257");
        return new() { Vocabulary = vocabulary, Sources = vocabulary, Classes = 2, Batches = [shape], Notes = notes };
    }

    sealed class Silent : ITrainingObserver
    {
        internal static readonly Silent Observer = new();
    }
}
