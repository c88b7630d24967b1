namespace Transformers.Tests.Training;

public class TimeLimitTests
{
    [Fact]
    public void A_limit_may_be_longer_than_a_timer_waits()
    {
        var stop = new StopRequest();
        using var limit = new TimeLimit(TimeSpan.FromDays(10_000), stop);
        Assert.Null(stop.Reason);
    }

    // The rest of a limit that several runs share may be below nothing.
    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    public void A_limit_that_is_over_asks_at_once(int milliseconds)
    {
        var stop = new StopRequest();
        using var limit = new TimeLimit(TimeSpan.FromMilliseconds(milliseconds), stop);
        Assert.Equal("max_time", stop.Reason);
    }

    [Fact]
    public void A_limit_asks_when_it_is_over()
    {
        var stop = new StopRequest();
        using var limit = new TimeLimit(TimeSpan.FromMilliseconds(5), stop);
        Assert.True(stop.Token.WaitHandle.WaitOne(TimeSpan.FromMinutes(1)));
        Assert.Equal("max_time", stop.Reason);
    }
}
