using Transformers.Generators.Stories;

namespace Transformers.Tests.Data.Stories;

public class StoryGeneratorTests
{
    [Fact]
    public void The_same_seed_and_index_give_the_same_story_whatever_was_written_before()
    {
        var all = StoryGenerator.Generate(7, 20_000).ToList();
        Assert.True(all.Count > 10);
        for (var i = all.Count - 1; i >= 0; i--) Assert.Equal(all[i], StoryGenerator.Story(7, i));
        Assert.NotEqual(StoryGenerator.Story(7, 0), StoryGenerator.Story(8, 0));
    }

    [Fact]
    public void Stories_are_the_same_on_every_machine_and_in_every_version()
    {
        // A story once written down. Where the generator is changed on purpose, this changes with it, and so do measured losses.
        Assert.Equal("cbba6971d8870ca7", Fingerprint(StoryGenerator.Generate(1337, 50_000)));
    }

    [Theory]
    [InlineData(0, 0), InlineData(1, 1), InlineData(1_000_000, 900)]
    public void As_many_bytes_are_made_as_are_asked_for(long bytes, int atLeastStories)
    {
        var stories = StoryGenerator.Generate(3, bytes).ToList();
        var made = stories.Sum(s => Encoding.UTF8.GetByteCount(s));
        Assert.True(stories.Count >= atLeastStories);
        Assert.InRange(made, bytes, bytes == 0 ? 0 : bytes + 4_000);
    }

    [Fact]
    public void A_stream_of_any_size_begins_at_once() => Assert.Equal(5, StoryGenerator.Generate(3, long.MaxValue).Take(5).Count());

    [Fact]
    public void Two_megabytes_hold_at_least_2000_distinct_words()
    {
        var words = new HashSet<string>();
        foreach (var story in StoryGenerator.Generate(1, 2_000_000))
            foreach (Match word in Regex.Matches(story.ToLowerInvariant(), "[a-z]+(['-][a-z]+)*")) words.Add(word.Value);
        Assert.True(words.Count >= 2_000, $"{words.Count} words");
    }

    [Fact]
    public void No_plot_contradicts_its_world_and_no_story_occurs_twice()
    {
        // An action that the world does not allow throws.
        var stories = Enumerable.Range(0, 20_000).Select(i => StoryGenerator.Story(11, i)).ToList();
        Assert.Equal(stories.Count, stories.Distinct().Count());
    }

    [Fact]
    public void Stories_are_clean_English_sentences()
    {
        foreach (var story in StoryGenerator.Generate(5, 2_000_000))
        {
            Assert.InRange(story.Length, 300, 4_000);
            Assert.DoesNotMatch(@"  | $| [.,!?]|\ba (?!one)[aeio]|\bthe the\b|\ban (?!hour|honest)[bcdfgjklmnpqrstvwxyz]|[{}]|\.\.|,\.|\?,|!,", story);
            Assert.DoesNotContain(StoryGenerator.Separator, story);
            foreach (var paragraph in story.Split('\n'))
            {
                Assert.Matches("^[\"A-Z]", paragraph);
                Assert.Matches("[.!?]\"?$", paragraph);
                Assert.True(paragraph.Count(c => c == '"') % 2 == 0, paragraph);
                // Each sentence begins with a capital letter.
                Assert.DoesNotMatch("(?<!Mrs|Mr)[.!?] [a-z]", paragraph);
            }
        }
    }

    [Fact]
    public void Who_is_introduced_comes_back()
    {
        foreach (var story in StoryGenerator.Generate(6, 500_000))
        {
            var hero = Regex.Match(story, "(?:named|called|whose name was) ([A-Z][a-z]+)|^([A-Z][a-z]+) was an? ");
            Assert.True(hero.Success, story);
            var name = hero.Groups[1].Success ? hero.Groups[1].Value : hero.Groups[2].Value;
            Assert.True(Regex.Count(story, $@"\b{name}\b") >= 4, story);
        }
    }

    static string Fingerprint(IEnumerable<string> stories) =>
        Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', stories))))[..16];
}
