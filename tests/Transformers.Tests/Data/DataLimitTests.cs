using Transformers.Data.Audio;
using Transformers.Data.ImageText;
using Transformers.Generators.Drawing;
using Transformers.Generators.Speech;
using Transformers.Tests.Data.Text;

namespace Transformers.Tests.Data;

/// <summary><c>data.limit</c> of every kind of data.</summary>
[Collection("engine")]
public sealed class DataLimitTests : TempFolderTest
{
    // A kind that is missing here has no test that it heeds the limit, and may forget it in silence.
    [Fact]
    public void Every_kind_of_data_is_tested_here() =>
        Assert.Equal(["audio", "image_text", "images", "labelled", "labelled_series", "parallel", "series", "text"], typeof(DataConfig).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(DataConfig)) && !type.IsAbstract)
            .Select(type => ((KindAttribute)Attribute.GetCustomAttribute(type, typeof(KindAttribute))!).Name).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData(new[] { 10, 10, 10 }, 6, new[] { 2, 2, 2 })]
    [InlineData(new[] { 10, 10, 10 }, 8, new[] { 3, 3, 2 })]
    [InlineData(new[] { 1, 10, 3 }, 9, new[] { 1, 5, 3 })]
    [InlineData(new[] { 4, 0, 4 }, 7, new[] { 4, 0, 3 })]
    [InlineData(new[] { 5, 5 }, 10, new[] { 5, 5 })]
    [InlineData(new[] { 5, 5 }, 1, new[] { 1, 0 })]
    public void Classes_give_equally_many_and_one_that_has_fewer_gives_all(int[] there, int limit, int[] quotas)
    {
        Assert.Equal(quotas, DataLimit.Quotas(there, limit));
        // One example more changes one class alone: a smaller limit's examples are among a larger one's.
        for (var more = 1; more <= there.Sum(); more++)
            Assert.Equal(1, DataLimit.Quotas(there, more).Zip(DataLimit.Quotas(there, more - 1), (now, before) => now >= before ? now - before : 1000).Sum());
    }

    [Fact]
    public void Training_images_are_limited_evenly_and_nested_and_what_is_held_out_stays()
    {
        ImageGenerator.Write(DrawingKind.Digits, folder["digits"], 300, 3, side: 10);
        ImageDataset Open(long? limit, ulong seed = 5) => ImageDataset.Open(folder["digits"], validation: new HoldoutCountConfig { Count = 40 }, seed: seed, limit: limit);
        using var all = Open(null);
        using var some = Open(55);
        using var fewer = Open(20);
        Assert.Equal((210, 55, 20), (all.Train.Length, some.Train.Length, fewer.Train.Length));
        Assert.Equal(all.Validation, some.Validation);
        Assert.Equal(all.Test, some.Test);
        Assert.Empty(fewer.Train.Except(some.Train));
        Assert.Empty(some.Train.Except(all.Train));
        Assert.All(fewer.Train.GroupBy(all.Source.LabelOf), group => Assert.Equal(2, group.Count()));
        Assert.Equal([6, 6, 6, 6, 6, 5, 5, 5, 5, 5], some.Train.GroupBy(all.Source.LabelOf).OrderBy(group => group.Key).Select(group => group.Count()));
        Assert.Equal(some.Train.Order(), some.Train);
        using var other = Open(55, seed: 6);
        Assert.NotEqual(some.Train, other.Train);
        Assert.Contains("data.limit (211) must be at most the number of training images (210)", Assert.Throws<UserException>(() => Open(211)).Message);
    }

    [Fact]
    public void Labelled_texts_are_limited_evenly_whatever_their_order_and_the_tokenizer_sees_no_others()
    {
        List<string> lines = [.. Enumerable.Range(0, 90).Select(i => $"text {i}\t{(i < 60 ? "a" : "b")}")];
        string Write(string name, IEnumerable<string> text)
        {
            Directory.CreateDirectory(folder[name]);
            File.WriteAllLines(Path.Combine(folder[name], "train.tsv"), text);
            return folder[name];
        }
        List<string> Read(string path, long? limit, double? holdout = null) =>
            [.. new LabelledDataConfig { Source = new LabelledFolderConfig { Folder = path }, Tokenizer = new CharacterTokenizerConfig(), Limit = limit, Holdout = holdout }.Open().Train.Read().Select(example => $"{example.Text}\t{example.Label}")];
        var path = Write("one", lines);
        var some = Read(path, 30);
        Assert.Equal((15, 15), (some.Count(line => line.EndsWith("\ta")), some.Count(line => line.EndsWith("\tb"))));
        Assert.Empty(Read(path, 11).Except(some));
        Assert.Equal(some.Order(), Read(Write("two", lines.AsEnumerable().Reverse()), 30).Order());
        Assert.Equal((30, 50), (Read(path, 80).Count(line => line.EndsWith("\tb")), Read(path, 80).Count(line => line.EndsWith("\ta"))));
        Assert.Equal(40, Read(path, 40, holdout: 0.3).Count);
        Assert.Empty(Read(path, 40, holdout: 0.3).Except(Read(path, null, holdout: 0.3)));
        Assert.Contains("(91) must be at most the number of training texts (90)", Assert.Throws<UserException>(() => Read(path, 91)).Message);

        // A vocabulary of characters shows what was read: the digits of the others are not in it.
        using var runs = new TinyRuns();
        var config = ConfigFile.Parse<RunConfig>($$"""
            data: { kind: labelled, source: { folder: {{Write("letters", ["aaa\tx", "bbb\ty", "ccc\tx", "ddd\ty", "eee\tx", "fff\ty"])}} }, tokenizer: { kind: characters }, limit: 2 }
            model: { kind: encoder, layers: 1, heads: 1, width: 8, context: 16, head: { kind: classify } }
            training: { steps: 1, batch: { sequences: 2 }, optimizer: { kind: adamw, lr: 1.0e-3 }, precision: fp32 }
            """);
        var notes = new Notes();
        runs.Train(config, "run", observer: notes);
        Assert.Contains(notes.All, note => note.StartsWith("2 training", StringComparison.Ordinal));
        Assert.Contains(notes.All, note => note.EndsWith("vocabulary 6", StringComparison.Ordinal));
    }

    [Fact]
    public void Sentence_pairs_are_limited_and_validation_stays_whole()
    {
        TextSplits<SentencePair> Open(long? limit) => new ParallelDataConfig { Source = new GeneratedPairsConfig { Generator = PairGenerator.Copy, Size = 200 }, Tokenizer = new WordTokenizerConfig(), Limit = limit }.Open();
        var (all, some, fewer) = (Open(null), Open(50), Open(20));
        Assert.Equal((200, 50, 20), (all.Train.Read().Count(), some.Train.Read().Count(), fewer.Train.Read().Count()));
        Assert.Empty(fewer.Train.Read().Except(some.Train.Read()));
        Assert.Equal(all.Validation!.Read(), some.Validation!.Read());
        Assert.Contains("(201) must be at most the number of training pairs (200)", Assert.Throws<UserException>(() => Open(201).Train.Read().Count()).Message);
    }

    [Fact]
    public void Series_with_classes_are_limited_evenly_and_what_is_held_out_stays()
    {
        LabelledSeriesDataset Open(long? limit) =>
            LabelledSeriesDataset.Open(new() { Source = new GeneratedLabelledSeriesConfig { Generator = LabelledSeriesKind.CylinderBellFunnel, Count = 90 }, Length = 128, Holdout = 0.2, Limit = limit }, seed: 3);
        var (all, some, fewer) = (Open(null), Open(30), Open(9));
        Assert.Equal((72, 30, 9), (all.Train.Length, some.Train.Length, fewer.Train.Length));
        Assert.Equal(all.Validation, some.Validation);
        Assert.Equal(all.Test, some.Test);
        Assert.Empty(fewer.Train.Except(some.Train));
        Assert.All(fewer.Train.GroupBy(all.LabelOf), group => Assert.Equal(3, group.Count()));
        Assert.Contains("(73) must be at most the number of training series (72)", Assert.Throws<UserException>(() => Open(73)).Message);
    }

    [Fact]
    public void Windows_of_series_are_limited_to_the_latest_of_each_series()
    {
        SeriesDataset Open(long? limit) => SeriesDataset.Open(new() { Source = new GeneratedSeriesConfig { Generator = SeriesKind.Regimes, Count = 2, Length = 400 }, Context = 64, Horizon = 8, Season = 24, Validation = 40, Test = 40, Limit = limit });
        var (all, some) = (Open(null), Open(20));
        Assert.Equal(20, some.Train.Length);
        Assert.Equal(all.Validation, some.Validation);
        Assert.Equal(all.Test, some.Test);
        foreach (var series in all.Train.GroupBy(window => window.Series))
            Assert.Equal(series.OrderByDescending(window => window.Origin).Take(10).Order(Comparer<SeriesWindow>.Create((a, b) => a.Origin - b.Origin)), some.Train.Where(window => window.Series == series.Key));
        Assert.Contains($"must be at most the number of training windows ({all.Train.Length})", Assert.Throws<UserException>(() => Open(100_000)).Message);
    }

    [Fact]
    public void Recordings_are_limited_evenly_and_what_is_held_out_stays()
    {
        SoundDataset Open(long? limit) =>
            SoundDataset.Open(new() { Source = new GeneratedAudioConfig { Generator = SpeechKind.Digits, Count = 40 }, Limit = limit }, seed: 3, generated: folder["sounds"]);
        var (all, some, fewer) = (Open(null), Open(20), Open(10));
        Assert.Equal((40, 20, 10), (all.Train.Length, some.Train.Length, fewer.Train.Length));
        Assert.Equal(all.Validation, some.Validation);
        Assert.Equal(all.Test, some.Test);
        Assert.Empty(fewer.Train.Except(some.Train));
        Assert.All(fewer.Train.GroupBy(all.LabelOf), group => Assert.Single(group));
        Assert.Contains("(41) must be at most the number of training recordings (40)", Assert.Throws<UserException>(() => Open(41)).Message);
    }

    [Fact]
    public void Images_with_texts_are_limited_evenly_over_kinds_of_questions_and_validation_stays_whole()
    {
        ImageTextSplits Open(long? limit) => new ImageTextDataConfig { Source = new GeneratedImageTextConfig { Generator = ImageTextGenerator.Scenes, Size = 200 }, Tokenizer = new WordTokenizerConfig(), Input = new() { Size = 64 }, Limit = limit }.Open();
        var (all, some, fewer) = (Open(null), Open(60), Open(24));
        Assert.Equal((60, 24), (some.Train.Read().Count(), fewer.Train.Read().Count()));
        Assert.Empty(fewer.Train.Read().Except(some.Train.Read()));
        Assert.All(fewer.Train.Read().GroupBy(example => example.Kind), kind => Assert.Equal(4, kind.Count()));
        Assert.Equal(all.Validation!.Read(), some.Validation!.Read());
    }

    [Fact]
    public void Running_text_is_limited_to_its_first_tokens_with_their_documents()
    {
        var text = new TokensInMemory([[1, 2, 3], [4], [], [5, 6, 7, 8], [9]], 10);
        for (var count = 1; count <= text.Count; count++)
        {
            using var beginning = new TextBeginning(text, count);
            var tokens = new int[count];
            beginning.Read(0, tokens);
            Assert.Equal(Enumerable.Range(1, count), tokens);
            Assert.Equal(count, beginning.DocumentEnd(beginning.DocumentCount - 1));
            Assert.Throws<ArgumentOutOfRangeException>(() => beginning.Read(count, new int[1]));
            Assert.Throws<ArgumentOutOfRangeException>(() => beginning.DocumentEnd(beginning.DocumentCount));
        }
        using var three = new TextBeginning(text, 3);
        using var seven = new TextBeginning(text, 7);
        Assert.Equal((1, 4), (three.DocumentCount, seven.DocumentCount));
        Assert.Equal([3L, 4, 4, 7], Enumerable.Range(0, 4).Select(i => seven.DocumentEnd(i)));
    }

    [Fact]
    public void A_language_model_trains_on_so_many_tokens_and_is_validated_on_the_same_text()
    {
        using var runs = new TinyRuns();
        var (whole, some) = (new Notes(), new Notes());
        var all = runs.Train(TinyRuns.Config("training.steps=1", "training.schedule.warmup=1", "training.optimizer.lr=1e-12"), "all", observer: whole);
        var few = runs.Train(TinyRuns.Config("training.steps=1", "training.schedule.warmup=1", "training.optimizer.lr=1e-12", "data.limit=500"), "few", observer: some);
        Assert.Equal(all.ValLoss!.Value, few.ValLoss!.Value, 1e-9);
        Assert.NotEqual(all.TrainLoss, few.TrainLoss);
        Assert.Contains(some.All, note => note.StartsWith("500 training and ", StringComparison.Ordinal));
        Assert.DoesNotContain(whole.All, note => note.StartsWith("500 training and ", StringComparison.Ordinal));
        Assert.Contains("must be at most the number of training tokens", Assert.Throws<UserException>(() => runs.Train(TinyRuns.Config("data.limit=1000000"), "many")).Message);
        Assert.Contains("data.limit (0) must be at least 1", Assert.Throws<UserException>(() => TinyRuns.Config("data.limit=0")).Message);
    }
}
