using Transformers.Configs;
using Transformers.Data.Text;
using Transformers.Decoding;
using Transformers.Generators;
using Transformers.Metrics;
using Transformers.Native;
using Transformers.Processes;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>The options of an evaluation.</summary>
public sealed record EvaluationOptions
{
    /// <summary>A file or folder to evaluate instead of the run's own data.</summary>
    public string? Data { get; init; }
    /// <summary><c>test</c>, <c>validation</c>, <c>train</c> where it applies, or the name of one of several test splits; null for the test split if there is one, else validation.</summary>
    public string? Split { get; init; }
    /// <summary>Rows per batch; null for a size that suits the model.</summary>
    public int? BatchSize { get; init; }
    /// <summary>A file to which one JSON line per example is written, if there are examples.</summary>
    public string? Output { get; init; }
    /// <summary>How translations are searched for.</summary>
    public TranslationOptions Translation { get; init; } = new();
    /// <summary>Where to compute.</summary>
    public Device Device { get => field ?? NativeLibraries.Cpu; init; }
    /// <summary>The type of products.</summary>
    public Precision Precision { get; init; } = Precision.Fp32;
    /// <summary>Whether the matrices of a decoder have 8 bits.</summary>
    public bool Quantized { get; init; }
    /// <summary>The folder of prepared data.</summary>
    public string Cache { get; init; } = DataCache.Folder;
    /// <summary>The processes that divide the work; all return the same result, and the first one writes the output.</summary>
    public Communicator Processes { get; init; } = Communicator.Single;
    /// <summary>Receives the fraction done so far, from 0 to 1, after every batch.</summary>
    public Action<double>? Progress { get; init; }
    /// <summary>Receives warnings about the data, such as ill-formed text: those that training on them would give.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>Warns about the files of a split of texts, if they are not those of the run, about which training has warned.</summary>
    internal void WarnOfText(IEnumerable<string> files)
    {
        if (Data is null || Warn is null) return;
        foreach (var warning in IllFormedText.Warnings(files)) Warn(warning);
    }
}

/// <summary>The result of an evaluation: what <c>eval --json</c> prints.</summary>
public sealed record EvaluationResult
{
    /// <summary>The name and version of the document.</summary>
    public string Schema { get; init; } = "transformer.eval/1";
    /// <summary>The run.</summary>
    public required string Run { get; init; }
    /// <summary>The step of the checkpoint.</summary>
    public required long Checkpoint { get; init; }
    /// <summary>The split: <c>validation</c>, <c>test</c> or <c>data</c>.</summary>
    public required string Split { get; init; }
    /// <summary>Examples: tokens of text, sentence pairs, labelled texts or images.</summary>
    public required long Examples { get; init; }
    /// <summary>Metrics by name.</summary>
    public required IReadOnlyDictionary<string, double> Metrics { get; init; }
    /// <summary>How BLEU and chrF were computed, in sacreBLEU's form.</summary>
    public IReadOnlyDictionary<string, string>? Signatures { get; init; }
    /// <summary>How often each class (row) was predicted as each (column).</summary>
    public IReadOnlyList<IReadOnlyList<long>>? Confusion { get; init; }
    /// <summary>The classes' names, in the order of the matrix.</summary>
    public IReadOnlyList<string>? Labels { get; init; }
    /// <summary>Precision, recall and F1 of each class.</summary>
    public IReadOnlyList<ClassScore>? Classes { get; init; }
    /// <summary>Accuracies by kind of question about images.</summary>
    public IReadOnlyList<QuestionScore>? Questions { get; init; }
    /// <summary>The worst mistakes, worst first.</summary>
    public IReadOnlyList<ImageMistake>? Mistakes { get; init; }
    /// <summary>Inputs that could not be read, and are not counted.</summary>
    public IReadOnlyList<string>? Broken { get; init; }
}

/// <summary>How well questions of a kind are answered; all numbers except the first are fractions of them, from 0 to 1.</summary>
/// <param name="Kind">The kind; <c>all</c> for all of them.</param>
/// <param name="Examples">The number of questions.</param>
/// <param name="Accuracy">Answered correctly.</param>
/// <param name="Majority">Those whose answer is the most frequent one of their kind.</param>
/// <param name="TextAlone">Answered correctly with the image hidden; null if the model was not trained to answer without it.</param>
/// <param name="ImageAlone">Answered correctly with the text hidden; null if the model was not trained to answer without it.</param>
/// <param name="ShuffledImages">Answered correctly with the image of another question.</param>
public sealed record QuestionScore(string Kind, int Examples, double Accuracy, double Majority, double? TextAlone, double? ImageAlone, double ShuffledImages);

/// <summary>An image that was misclassified.</summary>
/// <param name="Image">Its name: a path within its set, or a number.</param>
/// <param name="Label">Its class.</param>
/// <param name="Predicted">The predicted class.</param>
/// <param name="Probability">The probability of the predicted class.</param>
/// <param name="LabelProbability">The probability of its class.</param>
public sealed record ImageMistake(string Image, string Label, string Predicted, double Probability, double LabelProbability);

/// <summary>One example of an evaluation, as a line of a predictions file.</summary>
/// <param name="Input">The source, or the text.</param>
/// <param name="Prediction">The translation, or the class.</param>
/// <param name="Reference">The reference, or the actual class.</param>
/// <param name="Score">The translation's score, or the class's probability.</param>
public sealed record PredictionLine(string Input, string Prediction, string Reference, double Score);

/// <summary>Writes predictions, one JSON line each; does nothing without a path.</summary>
/// <param name="path">The file; null for none.</param>
/// <param name="processes">All processes; only the first one writes.</param>
sealed class PredictionFile(string? path, Communicator processes) : IDisposable
{
    readonly PartialFile? file = path is null || !processes.IsFirst ? null : new(path, "--output");

    /// <summary>Refuses <c>--output</c> for an evaluation without predictions to write.</summary>
    /// <exception cref="UserException">The option was given.</exception>
    internal static void Refuse(EvaluationOptions options, string remedy)
    {
        if (options.Output is not null) throw new UserException("--output is for models that give one answer per example", remedy);
    }

    internal void Add(PredictionLine line) => file?.Write(stream => stream.Write([.. JsonSerializer.SerializeToUtf8Bytes(line, JsonStyle.Options), (byte)'\n']));

    /// <summary>Gives the file its name; an evaluation that is cut short leaves no file.</summary>
    internal void Complete() => file?.Complete();

    public void Dispose() => file?.Dispose();
}

/// <summary>The loss of a part of an evaluation.</summary>
/// <param name="Sum">The sum over its targets, in nats.</param>
/// <param name="Targets">The number of targets.</param>
readonly record struct LossPart(double Sum, long Targets)
{
    /// <summary>The loss of all parts, added in their order.</summary>
    internal static (double Sum, long Targets) Add(IEnumerable<LossPart> parts)
    {
        var all = new LossPart();
        foreach (var part in parts) all = new(all.Sum + part.Sum, all.Targets + part.Targets);
        return (all.Sum, all.Targets);
    }
}

/// <summary>Scores of translations.</summary>
/// <param name="Bleu">BLEU of the corpus.</param>
/// <param name="Chrf">chrF of the corpus.</param>
/// <param name="Exact">The fraction of translations that equal the reference, from 0 to 1.</param>
/// <param name="MeanScore">The mean of the translations' scores, as <see cref="Hypothesis.Score"/> defines them.</param>
/// <param name="Translations">The translations themselves, in the order of the pairs.</param>
public sealed record TranslationScores(BleuScore Bleu, ChrfScore Chrf, double Exact, double MeanScore, IReadOnlyList<Translation> Translations)
{
    /// <summary>The numbers by name, BLEU and chrF from 0 to 100.</summary>
    public IReadOnlyDictionary<string, double> Metrics =>
        new Dictionary<string, double> { ["bleu"] = Bleu.Score, ["chrf"] = Chrf.Score, ["exact"] = Exact };

    /// <summary>Translates sources and compares the translations with their targets, on detokenized text.</summary>
    /// <param name="translator">The translator, its model in evaluation mode.</param>
    /// <param name="pairs">Sources and references, at least one.</param>
    /// <param name="options">How to translate.</param>
    /// <param name="processes">The processes that share the work; by default one.</param>
    /// <param name="cancel">Cancels between two batches.</param>
    public static TranslationScores Of(Translator translator, IReadOnlyList<SentencePair> pairs, TranslationOptions options, Communicator? processes = null, CancellationToken cancel = default)
    {
        processes ??= Communicator.Single;
        var (first, count) = processes.PartOf(pairs.Count);
        Translation[] own = [.. translator.Translate(pairs.Skip(first).Take(count).Select(pair => pair.Source), options, cancel)];
        List<Translation> translations = [.. processes.Collect(own).SelectMany(part => part)];
        List<string> texts = [.. translations.Select(translation => translation.Text)];
        List<string> references = [.. pairs.Select(pair => pair.Target)];
        return new TranslationScores(Transformers.Metrics.Bleu.Corpus(texts, references), Transformers.Metrics.Chrf.Corpus(texts, references),
            texts.Zip(references).Count(both => both.First == both.Second) / (double)pairs.Count,
            translations.Average(translation => translation.Best.Score), translations);
    }
}
