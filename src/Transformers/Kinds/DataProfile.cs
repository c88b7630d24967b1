using Transformers.Data;
using Transformers.Data.Text;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;
using Transformers.Training;
using static TorchSharp.torch;

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

/// <summary>A model with initial weights, and its loss on random inputs of any batch size.</summary>
/// <param name="model">The model, on its device; disposed of with this.</param>
/// <param name="batch">Draws inputs of a shape and returns what computes the sum of their losses.</param>
sealed class StepWork(nn.Module model, Func<BatchShape, Func<Tensor>> batch) : IDisposable
{
    internal nn.Module Model => model;

    /// <summary>Draws the inputs of a batch, without padding.</summary>
    /// <returns>Computes the mean loss over its targets, a scalar with its graph.</returns>
    internal Func<Tensor> Batch(BatchShape shape)
    {
        var sum = batch(shape);
        return () => sum() / Scalars.Of(shape.Targets);
    }

    /// <summary>The work of a model.</summary>
    internal static StepWork Create(ModelConfig config, DataProfile data, double smoothing, Device device)
    {
        using var generator = new Generator(1);
        return Kind.For(config).CreateWork(config, data, smoothing, device, generator);
    }

    internal static Tensor Ids(long limit, long[] size, Device device) => randint(0, limit, size, dtype: ScalarType.Int64, device: device);

    /// <summary>Each class in turn.</summary>
    internal static Tensor Labels(long rows, long classes, Device device) => tensor(Enumerable.Range(0, (int)rows).Select(row => row % Math.Max(1, classes)).ToArray(), device: device);

    /// <summary>The vectors of the first positions, [count, D]: padding and visible tokens do not go through the output layer.</summary>
    internal static Tensor First(Tensor hidden, long count)
    {
        var all = hidden.reshape(-1, hidden.size(2));
        return count == all.size(0) ? all : all.narrow(0, 0, count).contiguous();
    }

    public void Dispose() => model.Dispose();
}

/// <summary>One tensor of a model.</summary>
/// <param name="Name">Its name, as in checkpoints.</param>
/// <param name="Shape">Its sizes.</param>
public sealed record ParameterShape(string Name, IReadOnlyList<long> Shape)
{
    /// <summary>The number of its parameters.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);
    /// <summary>Whether it belongs to a linear layer.</summary>
    internal bool Linear { get; init; }
}

/// <summary>A model with only one block of each stack, from which the table of the whole model follows.</summary>
/// <param name="model">The model; disposed of with this.</param>
/// <param name="stacks">The prefix of each stack's names, and how often each block occurs in it.</param>
sealed class SmallModel(nn.Module model, params (string Stack, IReadOnlyList<int> Times)[] stacks) : IDisposable
{
    internal nn.Module Model => model;

    internal (string Stack, IReadOnlyList<int> Times)[] Stacks => stacks;

    public void Dispose() => model.Dispose();
}

/// <summary>The parameters of a model, without their memory.</summary>
public static class ParameterTable
{
    /// <summary>The parameters of a model.</summary>
    public static IReadOnlyList<ParameterShape> Of(nn.Module model)
    {
        var linear = model.named_modules().Where(named => named.module is Linear).Select(named => named.name).ToHashSet(StringComparer.Ordinal);
        return [.. model.named_parameters().Select(named => new ParameterShape(named.name, [.. named.parameter.shape])
        {
            Linear = linear.Contains(named.name[..Math.Max(0, named.name.LastIndexOf('.'))]),
        })];
    }

    /// <summary>The parameters of a text model.</summary>
    /// <param name="vocabulary">The number of tokens V.</param>
    public static IReadOnlyList<ParameterShape> Of(ModelConfig model, int vocabulary) =>
        Kind.For(model).ListParameters(model, new DataProfile { Vocabulary = vocabulary, Batches = [] });

    /// <summary>The table of a model of which only one block of each kind was created.</summary>
    /// <param name="stacks">The prefix of each stack's names, and how often each created block occurs in it.</param>
    internal static IReadOnlyList<ParameterShape> Repeat(IReadOnlyList<ParameterShape> table, (string Stack, IReadOnlyList<int> Times)[] stacks)
    {
        var repeated = new List<ParameterShape>();
        for (var at = 0; at < table.Count;)
        {
            var (stack, times) = stacks.FirstOrDefault(one => BlockOf(table[at].Name, one.Stack) is not null);
            if (stack is null)
            {
                repeated.Add(table[at++]);
                continue;
            }
            var block = BlockOf(table[at].Name, stack)!.Value;
            var parts = table.Skip(at).TakeWhile(one => BlockOf(one.Name, stack) == block).ToList();
            var first = times.Take(block).Sum();
            for (var layer = first; layer < first + times[block]; layer++)
                repeated.AddRange(parts.Select(one => one with { Name = $"{stack}{layer}{one.Name[$"{stack}{block}".Length..]}" }));
            at += parts.Count;
        }
        return repeated;
    }

    // The number after a stack's name, as in blocks.3.attention; null for other tensors.
    static int? BlockOf(string name, string stack) =>
        name.StartsWith(stack, StringComparison.Ordinal) && int.TryParse(name[stack.Length..].Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var block) ? block : null;

    /// <summary>The table for display: equal blocks are merged.</summary>
    /// <returns>Name, with <c>*</c> for the layer; shape; number of tensors; total number of parameters.</returns>
    public static IReadOnlyList<(string Name, IReadOnlyList<long> Shape, int Times, long Count)> Grouped(IReadOnlyList<ParameterShape> table) =>
        [.. table.GroupBy(one => (Name: Starred(one.Name), Shape: string.Join('x', one.Shape)))
            .Select(group => (group.Key.Name, group.First().Shape, group.Count(), group.Sum(one => one.Count)))];

    static string Starred(string name) =>
        string.Join('.', name.Split('.').Select(part => part.Length > 0 && part.All(char.IsAsciiDigit) ? "*" : part));
}

/// <summary>What a kind of model reads.</summary>
public enum ModelInput
{
    /// <summary>Texts.</summary>
    Text,
    /// <summary>Images.</summary>
    Images,
    /// <summary>Time series.</summary>
    Series,
    /// <summary>Recordings.</summary>
    Sounds,
    /// <summary>An image with a text.</summary>
    Pairs,
}

/// <summary>The input for which a run's attention is drawn.</summary>
public sealed record AttentionSubject
{
    /// <summary>The text, or the sentence to translate.</summary>
    public string? Text { get; init; }
    /// <summary>The decoder's input; null for the model's own translation.</summary>
    public string? Target { get; init; }
    /// <summary>The image file.</summary>
    public string? Image { get; init; }
    /// <summary>The audio file.</summary>
    public string? Sound { get; init; }
    /// <summary>A table of series; null for the run's own.</summary>
    public string? Table { get; init; }
    /// <summary>The name of a series; null for the first.</summary>
    public string? Series { get; init; }
    /// <summary>Which attention of an encoder-decoder.</summary>
    public AttentionPart Part { get; init; }
    /// <summary>Layers and heads.</summary>
    public AttentionChoice Choice { get; init; }

    internal string RequiredText => Text ?? throw new UserException("--text must be given, for the model to read");
}
