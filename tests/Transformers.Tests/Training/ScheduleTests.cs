namespace Transformers.Tests.Training;

public class ScheduleTests
{
    [Fact]
    public void Warmup_rises_in_equal_steps_to_the_peak_and_does_not_start_at_zero()
    {
        var schedule = new Schedule(new CosineScheduleConfig { Warmup = 4, FinalLr = 0.1 }, 1, 104, 8);
        Assert.Equal([0.25, 0.5, 0.75, 1], Enumerable.Range(1, 4).Select(step => schedule.At(step)));
    }

    [Fact]
    public void Cosine_is_halfway_in_the_middle_and_ends_at_the_final_rate()
    {
        var schedule = new Schedule(new CosineScheduleConfig { Warmup = 4, FinalLr = 0.1 }, 1, 104, 8);
        Assert.Equal(0.55, schedule.At(54), 1e-12);
        Assert.Equal(0.1, schedule.At(104), 1e-12);
    }

    [Fact]
    public void Noam_is_the_papers_formula_and_peaks_at_the_end_of_warmup()
    {
        var schedule = new Schedule(new NoamScheduleConfig { Warmup = 4000 }, 1, 100_000, 512);
        Assert.Equal(Math.Pow(512, -0.5) * 100 * Math.Pow(4000, -1.5), schedule.At(100), 1e-15);
        Assert.Equal(Math.Pow(512, -0.5) * Math.Pow(16000, -0.5), schedule.At(16000), 1e-15);
        Assert.Equal(schedule.Peak, schedule.At(4000), 1e-15);
        Assert.Equal(6.987712429686843e-4, schedule.Peak, 1e-9);
    }

    [Fact]
    public void Inverse_square_root_halves_the_rate_at_four_times_the_warmup() =>
        Assert.Equal(0.5, new Schedule(new InverseSqrtScheduleConfig { Warmup = 10 }, 1, 100, 8).At(40), 1e-12);

    [Fact]
    public void Stable_then_decay_holds_the_peak_and_falls_in_the_last_part()
    {
        var schedule = new Schedule(new WsdScheduleConfig { Warmup = 10, Decay = 0.2, FinalLr = 0 }, 1, 100, 8);
        Assert.Equal([1, 1, 0.5, 0], new[] { 10, 80, 90, 100 }.Select(step => Math.Round(schedule.At(step), 12)));
    }

    [Fact]
    public void Linear_and_constant_are_what_they_say()
    {
        Assert.Equal(0.5, new Schedule(new LinearScheduleConfig { FinalLr = 0 }, 1, 100, 8).At(50), 1e-12);
        Assert.Equal(1, new Schedule(new ConstantScheduleConfig(), 1, 100, 8).At(99), 1e-12);
    }
}
