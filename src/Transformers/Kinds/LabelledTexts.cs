using TorchSharp;
using Transformers.Checkpoints;
using Transformers.Data;
using Transformers.Data.Sentences;
using Transformers.Data.Text;
using Transformers.Generators;
using Transformers.Models;
using Transformers.Tokenizers;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Labelled text for the tasks of an encoder: predicting masked tokens or the class of a text.</summary>
static class LabelledTexts
{
    /// <summary>Prepares the texts and creates the task.</summary>
    internal static TaskSetup Prepare(RunConfig config, LabelledDataConfig data, EncoderConfig shape, TrainingOptions options, ITrainingObserver observer, StopRequest stop)
    {
        var (tokenizer, train, validation) = Read(data, shape, options, observer, stop.Token);
        using var generator = new Generator(SeedStreams.Of(config.Seed, "weights"));
        var model = EncoderModel.Create(shape, shape.VocabularyFor(tokenizer), train.Classes.Count, generator).to(options.Device);
        observer.Note($"{train.Count:N0} training and {Amount.Of(validation?.Count ?? 0, "validation text")}, {Amount.Of(train.Classes.Count, "class", "classes")}, vocabulary {tokenizer.VocabularySize:N0}");
        var tokensPerText = (double)train.Tokens.Tokens / train.Count;
        var files = TokenizerPair.Files(tokenizer);
        if (model is MaskedTokenModel masked)
        {
            var head = (MaskedHeadConfig)shape.Head;
            return new TaskSetup
            {
                Task = new MaskedTokenTask(masked, tokenizer, train.Tokens, validation?.Tokens, head, config, options.Device),
                Files = files, FilesHash = tokenizer.Hash, UnitsOf = targets => targets / head.Share,
            };
        }
        LabelledNotes.CheckClasses(train.Classes, "texts");
        files[CheckpointFiles.Classes] = JsonSerializer.SerializeToUtf8Bytes(train.Classes);
        return new TaskSetup
        {
            Task = new ClassificationTask((TextClassifier)model, tokenizer, train, validation, config, options.Device),
            Files = files, FilesHash = tokenizer.Hash, Labels = train.Classes, UnitsOf = targets => targets * tokensPerText,
        };
    }

    /// <summary>Tokenizer and encoded texts, as in training.</summary>
    internal static (TextTokenizer tokenizer, LabelledCorpus train, LabelledCorpus? validation) Read(
        LabelledDataConfig data, EncoderConfig shape, TrainingOptions options, ITrainingObserver observer, CancellationToken cancel)
    {
        var splits = data.Open();
        // Before the tokenizer, which could not be trained either.
        if (!splits.Train.Read().Any()) throw new UserException([new Problem("contains no text to train on", splits.Train.Files.FirstOrDefault())]);
        foreach (var warning in IllFormedText.Warnings([.. splits.Train.Files, .. splits.Validation?.Files ?? []])) observer.Warn(warning);
        var tokenizer = TokenizerOf(data, splits, options, observer, cancel);
        var special = SpecialIds.Of(tokenizer);
        var longest = Math.Min(data.MaxLength, shape.Context);
        var broken = new List<string>();
        var train = Encode(splits.Train, null);
        if (train.Count == 0) throw new UserException([new Problem("contains no text to train on", splits.Train.Files.FirstOrDefault(), Hint: broken.FirstOrDefault())]);
        var validation = splits.Validation is { } held ? Encode(held, train.Classes) : null;
        LabelledNotes.Report(data, splits, train, validation, observer);
        LabelledNotes.WarnOfOverlap([train.Tokens], validation is null ? null : [validation.Tokens], "texts", observer);
        WarnOf(broken, observer);
        if (train.Shortened > 0) observer.Note($"{train.Shortened:N0} of {Amount.Of(train.Count, "training text")} {(train.Shortened == 1 ? "is longer than" : "are longer than")} {Amount.Of(longest, "token")} and {(train.Shortened == 1 ? "is" : "are")} truncated");
        return (tokenizer, train, validation);

        LabelledCorpus Encode(TextSplit<LabelledExample> split, IReadOnlyList<string>? classes) =>
            LabelledCorpus.Encode(Readable(split.Read(), split.Name, broken, (tokenizer, example => example.Text)), tokenizer, special, classes, longest, split.Files.FirstOrDefault(), cancel);
    }

    static TextTokenizer TokenizerOf(LabelledDataConfig data, TextSplits<LabelledExample> splits, TrainingOptions options, ITrainingObserver observer, CancellationToken cancel)
    {
        // The loaded embeddings belong to the other run's tokens.
        if (options.TakenFrom is { } from) return WarmStart.Tokenizer(from, data.Tokenizer, run => (run.Data as LabelledDataConfig)?.Tokenizer);
        var text = new SentenceSource($"{data.Source}{(data.Holdout is { } held ? $" without {held}" : "")}{(data.Limit is { } limit ? $", {limit} of them" : "")}", splits.Train.Files, () => splits.Train.Read().Select(example => example.Text));
        return TokenizerFactory.Create(data.Tokenizer, text, options.Cache, SpecialIds.ForEncoder,
            done => observer.OnPreparing("training the tokenizer", done), cancel);
    }

    /// <summary>The examples that the tokenizers can encode; the others are listed with the reason. Only a character vocabulary can fail to encode one.</summary>
    internal static IEnumerable<T> Readable<T>(IEnumerable<T> examples, string split, List<string> broken, params (TextTokenizer tokenizer, Func<T, string> text)[] sides)
    {
        sides = [.. sides.Where(side => side.tokenizer is CharacterTokenizer)];
        return sides.Length == 0 ? examples : examples.Where((example, i) =>
        {
            try
            {
                foreach (var (tokenizer, text) in sides) tokenizer.EncodeToIds(text(example));
                return true;
            }
            catch (UserException exception)
            {
                broken.Add($"{split}, example {i + 1}: {exception.Problems[0].Message}");
                return false;
            }
        });
    }

    /// <summary>Warns about examples that are skipped.</summary>
    internal static void WarnOf(List<string> broken, ITrainingObserver observer)
    {
        if (broken.Count > 0) observer.Warn($"{Amount.Of(broken.Count, "example has", "examples have")} characters that are not in the vocabulary, and {(broken.Count == 1 ? "is" : "are")} skipped; the first: {broken[0]}");
    }

    /// <summary>The size of batches; a text fits even if it is longer than the tokens of a batch.</summary>
    internal static BucketOptions BatchesOf(RunConfig run, TokenStore texts)
    {
        var batch = run.Training.Batch;
        var longest = texts.Count == 0 ? 0 : Enumerable.Range(0, texts.Count).Max(texts.LengthOf);
        return new BucketOptions
        {
            Tokens = batch.Tokens is { } tokens ? Math.Max(tokens, longest) : null,
            Sequences = batch.Sequences,
            Seed = SeedStreams.Of(run.Seed, "batches"),
        };
    }

    /// <summary>The first batches of the first epoch: shuffled, so that a few are representative, and the same every time.</summary>
    internal static IEnumerable<DataPosition> Positions(int batches, int? count) =>
        Enumerable.Range(0, Math.Min(batches, count ?? int.MaxValue)).Select(batch => new DataPosition(0, batch));
}

/// <summary>Warnings about labelled texts before training on them.</summary>
static class LabelledNotes
{
    // With this many texts or more, a label that occurs only in the first line is suspicious.
    const int Many = 10;

    /// <summary>Refuses data of a single class: a model would learn to predict it for every input, with zero loss.</summary>
    internal static void CheckClasses(IReadOnlyList<string> classes, string examples)
    {
        if (classes.Count < 2)
            throw new UserException([new Problem($"data.source: all {examples} are of one class, {MessageText.Quote(classes.FirstOrDefault() ?? "")}, but a classifier needs two", Path: "data.source",
                Hint: examples switch { "images" or "recordings" => "put each class into its own folder", "series" => "the first column of a row is its class", _ => "is data.source.label the label column?" })]);
    }

    /// <summary>Warns if the validation split is not really held out: a tenth or more of its examples are also training examples.</summary>
    /// <param name="train">The training examples' tokens, a store for each side.</param>
    /// <param name="validation">The validation examples' tokens.</param>
    internal static void WarnOfOverlap(TokenStore[] train, TokenStore[]? validation, string examples, ITrainingObserver observer)
    {
        if (validation is not [{ Count: > 0 } first, ..]) return;
        var known = Enumerable.Range(0, train[0].Count).Select(i => KeyOf(train, i)).ToHashSet();
        var both = Enumerable.Range(0, first.Count).Count(i => known.Contains(KeyOf(validation, i)));
        if (10L * both >= first.Count)
            observer.Warn($"{both:N0} of {first.Count:N0} validation {examples} are training {examples} too, so the validation loss is lower than that of unseen {examples}; data inspect reports repeated lines");

        static long KeyOf(TokenStore[] sides, int index)
        {
            var key = 0UL;
            foreach (var side in sides)
            {
                key = CounterRandom.Mix(key ^ (ulong)side.LengthOf(index));
                for (var i = 0; i < side.LengthOf(index); i++) key = CounterRandom.Mix(key ^ (ulong)(uint)side[index, i]);
            }
            return (long)key;
        }
    }

    internal static void Report(LabelledDataConfig data, TextSplits<LabelledExample> splits, LabelledCorpus train, LabelledCorpus? validation, ITrainingObserver observer)
    {
        if (data.Source is LabelledFolderConfig folder)
            foreach (var split in new[] { splits.Train, splits.Validation, splits.Test })
                if (split?.Files is [var file] && LabelledFiles.HeaderOf(file, folder.Text, folder.Label) is { } names)
                    observer.Note($"{file}:1: the first line names the columns ({names}) and is not an example");
        var missing = validation is not { Count: > 0 } ? [] : Enumerable.Range(0, train.Classes.Count).Except(validation.Labels).Select(label => train.Classes[label]).ToList();
        if (missing.Count > 0) observer.Warn($"no validation text is of class {string.Join(", ", missing.Take(8))}{(missing.Count > 8 ? ", …" : "")}");
        if (splits.Train.Files is not [var first] || train.Count < Many) return;
        var once = train.Labels.GroupBy(label => label).Count(same => same.Count() == 1);
        if (2 * once >= train.Count)
            observer.Warn($"{first}: {once:N0} of {train.Count:N0} texts have a label that no other text has: is data.source.label the column of the classes?");
        else if (train.Labels.Count(label => label == train.Labels[0]) == 1)
            observer.Warn($"{first}:1: no other line has the label {train.Classes[train.Labels[0]]}: if this line names the columns, give their names as data.source.text and data.source.label");
    }
}
