namespace Transformers.Tests.Configs;

public sealed class UnitTests
{
    [Theory]
    [InlineData("20MB", 20_000_000)]
    [InlineData("20 mb", 20_000_000)]
    [InlineData("512KiB", 524_288)]
    [InlineData("1.5GB", 1_500_000_000)]
    [InlineData("1_000", 1_000)]
    [InlineData("7B", 7)]
    [InlineData("2TiB", 2_199_023_255_552)]
    public void A_size_is_read(string text, long bytes)
    {
        Assert.True(ByteSize.TryParse(text, out var size));
        Assert.Equal(bytes, size.Bytes);
        Assert.True(ByteSize.TryParse(size.ToString(), out var again));
        Assert.Equal(size, again);
    }

    [Theory]
    [InlineData("")]
    [InlineData("MB")]
    [InlineData("-1MB")]
    [InlineData("1.5B")]
    [InlineData("1e6")]
    [InlineData("20 apples")]
    [InlineData("99999999999TB")]
    public void What_is_no_size_is_refused(string text) => Assert.False(ByteSize.TryParse(text, out _));

    [Theory]
    [InlineData("10m", 600)]
    [InlineData("1h30m", 5400)]
    [InlineData("2d", 172_800)]
    [InlineData("0.5h", 1800)]
    [InlineData("90s", 90)]
    [InlineData("250ms", 0.25)]
    [InlineData("1.0006s", 1.001)]
    [InlineData("0.0004s", 0)]
    public void A_duration_is_read(string text, double seconds)
    {
        Assert.True(Duration.TryParse(text, out var duration));
        Assert.Equal(seconds, duration.TotalSeconds);
        Assert.True(Duration.TryParse(Duration.Format(duration), out var again));
        Assert.Equal(duration, again);
    }

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("-1m")]
    [InlineData("10m1h")]
    [InlineData("m")]
    [InlineData("999999999d")]
    public void What_is_no_duration_is_refused(string text) => Assert.False(Duration.TryParse(text, out _));

    [Theory]
    [InlineData("layer", "layers")]
    [InlineData("cotnext", "context")]
    [InlineData("WIDTH", "width")]
    [InlineData("key-value-heads", "key_value_heads")]
    [InlineData("x", null)]
    [InlineData("temperature", null)]
    public void The_name_that_was_meant_is_guessed(string written, string? meant) =>
        Assert.Equal(meant, Suggestion.For(written, ["layers", "heads", "width", "context", "key_value_heads"]));
}
