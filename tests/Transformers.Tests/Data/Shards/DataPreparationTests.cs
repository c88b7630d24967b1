namespace Transformers.Tests.Data.Shards;

public class DataPreparationTests : FolderTest
{
    static int[] All(TokenSequence data)
    {
        var tokens = new int[data.Count];
        data.Read(0, tokens);
        return tokens;
    }

    PreparedData Prepare(TextSource source, double holdout = 0.1, HoldoutMode mode = HoldoutMode.Auto, bool endOfText = false, int threads = 0, TextSource? validation = null) =>
        DataPreparation.Prepare(new(source, new TestTokenizer(endOfText), holdout, mode, validation, threads), At("cache"));

    string Lines(params string[] documents) =>
        Write("docs.jsonl", string.Concat(documents.Select(d => System.Text.Json.JsonSerializer.Serialize(new { text = d }) + "\n")));

    [SharedDataFact("tinyshakespeare/input.txt")]
    public void Tiny_Shakespeare_is_split_where_nanoGPT_splits_it()
    {
        var path = Repository.SharedData("tinyshakespeare", "input.txt");
        using var data = Prepare(new FileTextSource(new TextFilesConfig { Files = [path] }));
        var text = File.ReadAllText(path);
        Assert.Equal((1_003_854, 111_540), (data.Train.Count, data.Validation.Count));
        Assert.Equal(text[..1_003_854], new TestTokenizer().Decode(All(data.Train)));
        Assert.Equal(text[1_003_854..], new TestTokenizer().Decode(All(data.Validation)));
        Assert.Equal("tail", data.Manifest.HoldOut);
    }

    [Theory]
    [InlineData(0.1), InlineData(0.5), InlineData(0)]
    public void The_tail_is_cut_by_characters_not_bytes_and_across_documents(double fraction)
    {
        string[] documents = ["äöü€𝄞", new('x', 70_000), "é" + new string('é', 100_000), "zz"];
        using var data = Prepare(new FileTextSource(new TextFilesConfig { Files = [Lines(documents)] }), fraction, HoldoutMode.Tail);
        var text = string.Concat(documents);
        var runes = text.EnumerateRunes().ToList();
        var cut = (int)(runes.Count * (1 - fraction));
        var tokenizer = new TestTokenizer();
        Assert.Equal(string.Concat(runes.Take(cut)), tokenizer.Decode(All(data.Train)));
        Assert.Equal(string.Concat(runes.Skip(cut)), tokenizer.Decode(All(data.Validation)));
        Assert.Equal(cut, data.Manifest.Train.Characters);
        Assert.Equal(runes.Count - cut, data.Manifest.Validation.Characters);
        // The document that the cut falls into counts on both sides.
        Assert.Equal(documents.Length + (fraction > 0 ? 1 : 0), data.Train.DocumentCount + data.Validation.DocumentCount);
    }

    [Fact]
    public void Documents_are_held_out_whole_and_each_stays_on_its_side_when_others_are_added()
    {
        var documents = Enumerable.Range(0, 2_000).Select(i => $"document {i} " + new string('a', i % 50)).ToArray();
        HashSet<string> Held(string[] docs)
        {
            using var data = Prepare(new FileTextSource(new TextFilesConfig { Files = [Lines(docs)] }), 0.1, endOfText: true);
            Assert.Equal("documents", data.Manifest.HoldOut);
            Assert.Equal(docs.Length, data.Train.DocumentCount + data.Validation.DocumentCount);
            return [.. Documents(data.Validation)];
        }
        var all = Held(documents);
        Assert.InRange(all.Count, 150, 250);
        Assert.All(all, d => Assert.Contains(d, documents));
        var half = documents.Where((_, i) => i % 2 == 0).ToArray();
        Assert.Equal(all.Where(half.Contains).ToHashSet(), Held(half));
    }

    static IEnumerable<string> Documents(TokenSequence data)
    {
        for (long i = 0; i < data.DocumentCount; i++)
        {
            var tokens = new int[data.DocumentEnd(i) - data.DocumentStart(i)];
            data.Read(data.DocumentStart(i), tokens);
            Assert.Equal(256, tokens[^1]);
            yield return new TestTokenizer().Decode(tokens);
        }
    }

    [Trait("Category", "slow")]
    [Fact]
    public void The_number_of_threads_changes_nothing()
    {
        byte[][] Files(int threads)
        {
            using var data = Prepare(new StorySource(1, 3_000_000), 0.1, endOfText: true, threads: threads);
            var files = data.Train.Files.Concat(data.Validation.Files).Select(File.ReadAllBytes).ToArray();
            Directory.Delete(At("cache"), true);
            return files;
        }
        var one = Files(1);
        Assert.True(one.Sum(f => f.Length) > 6_000_000);
        Assert.Equal(one, Files(7));
    }

    [Fact]
    public void What_was_prepared_is_reused_and_anything_else_is_prepared_again()
    {
        string Folder(ulong seed, double fraction, bool end)
        {
            using var data = Prepare(new StorySource(seed, 10_000), fraction, endOfText: end);
            return data.Folder;
        }
        var first = Folder(1, 0.1, true);
        var written = Directory.GetLastWriteTimeUtc(first);
        Assert.Equal(first, Folder(1, 0.1, true));
        Assert.Equal(written, Directory.GetLastWriteTimeUtc(first));
        string[] others = [Folder(2, 0.1, true), Folder(1, 0.2, true), Folder(1, 0.1, false)];
        Assert.Equal(4, others.Append(first).Distinct().Count());
    }

    [Fact]
    public void Exact_duplicates_across_the_splits_are_found_and_numbered()
    {
        var train = Write("train.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\"a\"}\n{\"text\":\"c\"}\n");
        var validation = Write("val.jsonl", "{\"text\":\"x\"}\n{\"text\":\"a\"}\n{\"text\":\"B\"}\n{\"text\":\"c\"}\n{\"text\":\"a\"}\n");
        using var data = Prepare(new FileTextSource(new TextFilesConfig { Files = [train] }), validation: new FileTextSource(new TextFilesConfig { Files = [validation] }));
        var found = data.Manifest.Duplicates;
        Assert.Equal((2, 3), (found.ValidationDocuments, found.TrainingDocuments));
        Assert.Equal([1, 3], found.Examples);
        using var tail = Prepare(new FileTextSource(new TextFilesConfig { Files = [Lines("same", "other", "same")] }), 0.3, HoldoutMode.Tail);
        Assert.Equal(1, tail.Manifest.Duplicates.ValidationDocuments);
        using var hashed = Prepare(new FileTextSource(new TextFilesConfig { Files = [Lines([.. Enumerable.Range(0, 300).Select(i => $"{i % 30}")])] }), 0.3);
        Assert.Equal(0, hashed.Manifest.Duplicates.ValidationDocuments);
        Assert.True(hashed.Validation.DocumentCount > 0);
    }

    [Fact]
    public void An_interrupted_preparation_leaves_nothing()
    {
        using var cancel = new CancellationTokenSource();
        var source = new Interrupting(() => cancel.Cancel());
        Assert.ThrowsAny<OperationCanceledException>(() =>
            DataPreparation.Prepare(new(source, new TestTokenizer(), 0.1), At("cache"), null, cancel.Token));
        Assert.Empty(Directory.EnumerateFileSystemEntries(At("cache")));
        var failing = new FileTextSource(new TextFilesConfig { Files = [Write("bad.txt", "abc\u0001")] });
        Assert.Contains("bad.txt", Assert.Throws<UserException>(() => Prepare(failing)).Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(At("cache")));
    }

    [Fact]
    public void Leftovers_of_a_killed_process_are_neither_used_nor_kept()
    {
        var options = new PreparationOptions(new StorySource(1, 10_000), new TestTokenizer(), 0.1);
        var partial = At("cache", DataPreparation.KeyOf(options) + ".partial-1");
        Directory.CreateDirectory(partial);
        File.WriteAllText(Path.Combine(partial, "lock"), "");
        File.WriteAllText(Path.Combine(partial, "train-00000.shard"), "half");
        using var data = DataPreparation.Prepare(options, At("cache"));
        Assert.Equal([data.Folder], Directory.EnumerateFileSystemEntries(At("cache")));
    }

    [Fact]
    public void Empty_text_and_a_holdout_of_everything_are_refused()
    {
        Assert.Contains("empty", Assert.Throws<UserException>(() => Prepare(new FileTextSource(new TextFilesConfig { Files = [Write("e.txt", "")] }))).Message);
        Assert.Contains("holdout", Assert.Throws<UserException>(() => Prepare(new StorySource(1, 10), 1)).Message);
        Assert.Contains("holdout", Assert.Throws<UserException>(() => Prepare(new StorySource(1, 10), double.NaN)).Message);
    }

    [Fact]
    public void Text_that_grows_while_it_is_prepared_is_refused_and_nothing_is_left()
    {
        Assert.Contains("the text changed while it was read", Assert.Throws<UserException>(() => Prepare(new Growing(), mode: HoldoutMode.Documents)).Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(At("cache")));
    }

    // Another program appends documents between the first and the second reading.
    sealed class Growing : TextSource
    {
        int reads;
        public override string Description => "a test";
        public override string Fingerprint => "x";
        protected override IEnumerable<TextPiece> ReadPieces(TextCounts counts) =>
            Enumerable.Range(0, 128 * ++reads).Select(i => new TextPiece(Encoding.UTF8.GetBytes($"document {i}"), true, "a test"));
    }

    sealed class Interrupting(Action interrupt) : TextSource
    {
        int reads;
        public override string Description => "a test";
        public override string Fingerprint => "x";
        protected override IEnumerable<TextPiece> ReadPieces(TextCounts counts)
        {
            reads++;
            for (var i = 0; i < 1_000; i++)
            {
                if (reads == 2 && i == 700) interrupt();
                yield return new(Encoding.UTF8.GetBytes(new string('x', 1_000)), true, "a test");
            }
        }
    }
}
