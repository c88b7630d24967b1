namespace Transformers.Tests.Configs;

/// <summary>Records of the tests' own, to show that a kind is added by adding a record.</summary>
public sealed class NewKindTests
{
    public abstract record Shape;

    [Kind("circle")]
    public sealed record Circle : Shape
    {
        [Positive]
        public required double Radius { get; init; }
    }

    [Kind("group")]
    public sealed record Group : Shape, IChecked
    {
        public required IReadOnlyList<Shape> Members { get; init; }

        public TimeSpan Pause { get; init; } = TimeSpan.FromMinutes(10);

        public long? Limit { get; init; }

        public void Check(ConfigCheck check)
        {
            for (var i = 0; i < Members.Count; i++)
                check.That(Members[i] is not Group { Members.Count: 0 }, $"members[{i}]", "must not be an empty group");
        }
    }

    [Fact]
    public void A_record_with_the_attribute_is_a_kind()
    {
        var group = Assert.IsType<Group>(ConfigFile.Parse<Shape>("kind: group\npause: 1h30m\nmembers: [{ kind: circle, radius: 2 }, { kind: group, members: [] , limit: 9_000_000_000 }]\n"
            .Replace("members: [] ", "members: [{ kind: circle, radius: 1 }]")));
        Assert.Equal(TimeSpan.FromMinutes(90), group.Pause);
        Assert.Equal(new Circle { Radius = 2 }, group.Members[0]);
        Assert.Equal(9_000_000_000, Assert.IsType<Group>(group.Members[1]).Limit);
        var text = ConfigWriter.ToYaml(group);
        Assert.Equal(text, ConfigWriter.ToYaml(ConfigFile.Parse<Shape>(text)));
        Assert.Contains("pause: 1h30m", text);
    }

    [Theory]
    [InlineData("kind: group\nmembers:\n  - kind: circle\n    radius: 0\n", 4, "members[0].radius (0) must be above 0")]
    [InlineData("kind: group\nmembers:\n  - kind: circle\n    radius: 1\n  - kind: group\n    members: []\n", 5, "members[1] must not be an empty group")]
    [InlineData("kind: group\nmembers:\n  - kind: circle\n", 3, "members[0].radius is missing")]
    [InlineData("kind: group\nmembers: []\npause: 10\n", 3, "pause (10) must be a duration such as 10m")]
    [InlineData("kind: square\n", 1, "kind (square) must be one of circle, group")]
    public void Its_mistakes_are_reported_with_their_position(string text, int line, string message)
    {
        var problem = Assert.Single(Assert.Throws<UserException>(() => ConfigFile.Parse<Shape>(text)).Problems);
        Assert.Equal((line, message), (problem.Line, problem.Message));
    }
}
