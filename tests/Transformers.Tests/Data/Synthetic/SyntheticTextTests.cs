namespace Transformers.Tests.Data.Synthetic;

public class SyntheticTextTests : TempFolderTest
{
    [Fact]
    public void Copies_have_ten_symbols_of_ten_and_start_with_one()
    {
        var pairs = new CopyGenerator().Take(SyntheticSplit.Train, 1, 2000).ToList();
        Assert.All(pairs, p => Assert.Equal(p.Source, p.Target));
        var sequences = pairs.Select(p => p.Source.Split(' ').Select(int.Parse).ToArray()).ToList();
        Assert.All(sequences, s => Assert.Equal((10, 1), (s.Length, s[0])));
        Assert.Equal(Enumerable.Range(1, 10), sequences.SelectMany(s => s).Distinct().Order());
    }

    [Fact]
    public void Reversals_have_1_to_25_numbers_below_50()
    {
        var pairs = new ReverseGenerator().Take(SyntheticSplit.Train, 1, 2000).ToList();
        Assert.All(pairs, p => Assert.Equal(p.Source.Split(' ').Reverse(), p.Target.Split(' ')));
        Assert.Equal(Enumerable.Range(1, 25), pairs.Select(p => p.Source.Split(' ').Length).Distinct().Order());
        Assert.Equal(Enumerable.Range(0, 50), pairs.SelectMany(p => p.Source.Split(' ').Select(int.Parse)).Distinct().Order());
        var longer = new ReverseGenerator { HeldOutLength = 30 };
        Assert.Equal(30, longer.Take(SyntheticSplit.Test, 1, 2000).Max(p => p.Source.Split(' ').Length));
        Assert.Equal(25, longer.Take(SyntheticSplit.Train, 1, 2000).Max(p => p.Source.Split(' ').Length));
    }

    [Theory]
    [InlineData(SyntheticKind.Translation)]
    [InlineData(SyntheticKind.Copy)]
    [InlineData(SyntheticKind.Reverse)]
    public void No_source_of_validation_or_test_is_in_training(SyntheticKind kind)
    {
        var generator = SyntheticText.PairsOf(kind);
        var train = generator.Take(SyntheticSplit.Train, 1, 3000).Select(p => p.Source).ToHashSet();
        Assert.DoesNotContain(generator.Take(SyntheticSplit.Validation, 1, 300), p => train.Contains(p.Source));
        Assert.DoesNotContain(generator.Take(SyntheticSplit.Test, 1, 300), p => train.Contains(p.Source));
    }

    [Fact]
    public void Sentiments_are_balanced_follow_from_their_rules_and_do_not_repeat_across_splits()
    {
        var train = new SentimentGenerator().Take(SyntheticSplit.Train, 1, 3000).ToList();
        Assert.InRange(train.Count(e => e.Label == "positive"), 1350, 1650);
        Assert.All(train, e => Assert.Equal(e.Label, Judge(e.Text)));
        var known = train.Select(e => e.Text).ToHashSet();
        Assert.DoesNotContain(new SentimentGenerator().Take(SyntheticSplit.Test, 1, 500), e => known.Contains(e.Text));
    }

    // The documented rules, from the text alone.
    static string Judge(string text)
    {
        string[] good = ["brilliant", "moving", "charming", "funny", "gripping", "beautiful", "clever", "superb", "fresh", "warm", "touching",
            "thrilling", "delightful", "honest", "inventive", "stunning", "memorable", "witty", "graceful", "powerful",
            "loved", "enjoyed", "adored", "admired", "praised", "liked"];
        var clause = text.Contains(", but ") ? text.Split(", but ")[1]
            : text.StartsWith("although ", StringComparison.Ordinal) ? text.Split(" , ")[1] : text.Split(", although ")[0];
        var first = clause.Split(" and ")[0].Split(' ');
        return first.Any(good.Contains) != (first.Contains("not") || first.Contains("never")) ? "positive" : "negative";
    }

    [Fact]
    public void Written_files_are_read_back_as_they_were_generated_and_are_the_same_every_time()
    {
        var report = SyntheticText.Write(SyntheticKind.Translation, folder.FullPath + "/t", 200, seed: 5);
        Assert.Equal((200, 50, 50), (report.Train, report.Validation, report.Test));
        Assert.Equal(["train.en", "train.qta", "val.en", "val.qta", "test.en", "test.qta"], report.Files);
        var found = ParallelFolder.Find(folder.FullPath + "/t", "en", "qta");
        Assert.Equal(new TranslationGenerator().Take(SyntheticSplit.Train, 5, 200), found.Train.Read());
        Assert.Equal(50, found.Test!.Read().Count());
        SyntheticText.Write(SyntheticKind.Translation, folder.FullPath + "/u", 300, seed: 5);
        Assert.StartsWith(File.ReadAllText(folder.FullPath + "/t/train.qta"), File.ReadAllText(folder.FullPath + "/u/train.qta"));

        SyntheticText.Write(SyntheticKind.Sentiment, folder.FullPath + "/s", 60, seed: 5);
        Assert.Equal(new SentimentGenerator().Take(SyntheticSplit.Validation, 5, 50),
            LabelledFiles.Read(folder.FullPath + "/s/val.tsv", "0", "1").Select(e => e with { Line = 0 }));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_and_a_size_out_of_range_are_the_users_errors()
    {
        var file = folder.Write("file", "");
        Assert.Throws<UserException>(() => SyntheticText.Write(SyntheticKind.Copy, file + "/below", 10, 1));
        Assert.Throws<UserException>(() => SyntheticText.Write(SyntheticKind.Copy, folder.FullPath, 0, 1));
    }
}
