using Transformers.Data;
using Transformers.Data.Text;
using Transformers.IO;
using Transformers.Models;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using Transformers.Training;

namespace Transformers.Kinds;

/// <summary>What the data determine about a run: the sizes of its vocabularies, its classes and its batches.</summary>
sealed record DataProfile
{
    internal const int AssumedCharacters = 96, AssumedTokens = 32, SeenBatches = 200;

    /// <summary>The vocabulary; the target's if there are two.</summary>
    internal int Vocabulary { get; init; }
    /// <summary>The source's vocabulary of an encoder-decoder.</summary>
    internal int Sources { get; init; }
    /// <summary>Whether source and target have one vocabulary.</summary>
    internal bool Shared { get; init; } = true;
    /// <summary>The number of classes.</summary>
    internal int Classes { get; init; }
    /// <summary>The images of an image model.</summary>
    internal ImageShape? Image { get; init; }
    /// <summary>The series of a forecasting model.</summary>
    internal SeriesShape? Series { get; init; }
    /// <summary>The spectrograms of an audio model.</summary>
    internal SoundShape? Sound { get; init; }
    /// <summary>The number of the detector's classes; 0 for none.</summary>
    internal int RegionClasses { get; init; }
    /// <summary>Batches, as in training.</summary>
    internal required IReadOnlyList<BatchShape> Batches { get; init; }
    /// <summary>What was assumed.</summary>
    internal IReadOnlyList<string> Notes { get; init; } = [];
    /// <summary>Label smoothing of measured steps.</summary>
    internal double Smoothing { get; init; }
    /// <summary>The unit of throughput.</summary>
    internal string Unit => Image is null ? "tokens" : "images";

    /// <summary>Counts the operations of a model over these data.</summary>
    internal ModelFlops FlopsOf(ModelConfig model) => Image is { } image ? ModelFlops.OfImages(model, image, Vocabulary) : ModelFlops.OfTokens(model, Vocabulary, Classes);

    /// <summary>The profile of a text model without data.</summary>
    internal static DataProfile OfText(ITextModelConfig model, BatchShape shape, IReadOnlyList<string> notes)
    {
        var vocabulary = model.Vocabulary ?? throw new UserException("without data, model.vocabulary must be given to inspect a model", "for example --set model.vocabulary=50257");
        return new() { Vocabulary = vocabulary, Sources = vocabulary, Classes = 2, Batches = [shape], Notes = notes };
    }

    internal static int VocabularyOf(TextDataConfig data, List<string> notes)
    {
        if (VocabularyOf(data.Tokenizer) is { } known) return known;
        if (data is { Source: TextFilesConfig files, Tokenizer: CharacterTokenizerConfig } && files.Files.All(File.Exists))
            return TokenizerFactory.Create(new CharacterTokenizerConfig(), TextSources.Of(files), Path.GetTempPath(), TokenizerFactory.SpecialTokensOf(DocumentStarts.Resolve(data))).VocabularySize;
        notes.Add($"the vocabulary comes from the text, which was not read: {AssumedCharacters} tokens are assumed");
        return AssumedCharacters;
    }

    internal static int AssumedVocabulary(ITextModelConfig model, TokenizerConfig tokenizer) => model.Vocabulary ?? VocabularyOf(tokenizer) ?? AssumedCharacters;

    // The vocabulary that a tokenizer will have, if its config determines it.
    static int? VocabularyOf(TokenizerConfig tokenizer) => tokenizer switch
    {
        BpeTokenizerConfig bpe => bpe.Vocabulary,
        ByteTokenizerConfig => new ByteTokenizer().VocabularySize,
        FileTokenizerConfig file => TokenizerFile.Load(file.Path, file.Pattern).VocabularySize,
        _ => null,
    };

    /// <summary>An observer that does nothing.</summary>
    internal static ITrainingObserver Silent { get; } = new SilentObserver();

    sealed class SilentObserver : ITrainingObserver;
}

/// <summary>What <c>bench step</c> should measure.</summary>
/// <param name="Run">The run's config; null for a model alone.</param>
/// <param name="Rows">The number of rows of a batch whose rows have this many tokens.</param>
/// <param name="VocabularyOf">The vocabulary of a model.</param>
/// <param name="Tokens">The number of tokens of the run's tokenizer; null without a run that has one.</param>
/// <param name="Notes">Collects the assumptions.</param>
sealed record StepRequest(RunConfig? Run, Func<int, int> Rows, Func<ITextModelConfig, int> VocabularyOf, int? Tokens, List<string> Notes);
