using Transformers.Reports.Plots;

namespace Transformers.Tests.Reports.Plots;

public class PlotTests
{
    static MetricsEvent Event(long step, string split, double loss) => new(step, split, new Dictionary<string, double> { ["loss"] = loss });

    static RunCurve Curve(int count, Func<int, double> loss) =>
        new("a <run> & more", [.. Enumerable.Range(1, count).Select(i => Event(i, "train", loss(i))), Event(count, "val", 1.25)]);

    static List<(double X, double Y)> Points(string path) => [.. path.Replace("M", " L").Split('L', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .Select(point => point.Split(' ')).Select(pair => (double.Parse(pair[0], CultureInfo.InvariantCulture), double.Parse(pair[1], CultureInfo.InvariantCulture)))];

    [Fact]
    public void A_chart_puts_a_falling_loss_from_top_left_to_bottom_right_and_names_what_it_shows()
    {
        var svg = LossPlot.Of(Curve(10, i => 5 - 0.3 * i)).ToSvg();
        var line = Points(SvgReader.Parse(svg).Descendants(SvgReader.Namespace + "path").First().Attribute("d")!.Value);
        Assert.Equal(10, line.Count);
        Assert.All(line.Zip(line.Skip(1)), pair => Assert.True(pair.First.X < pair.Second.X && pair.First.Y < pair.Second.Y));
        var texts = SvgReader.Texts(svg);
        Assert.Contains("Loss of a <run> & more", texts);
        Assert.Contains("validation", texts);
        Assert.Contains("5", texts);
    }

    [Fact]
    public void A_NaN_loss_is_a_gap_and_a_long_run_is_thinned_and_smoothed()
    {
        var gap = LossPlot.Of(Curve(10, i => i == 5 ? double.NaN : i)).ToSvg();
        Assert.Equal(2, SvgReader.Parse(gap).Descendants(SvgReader.Namespace + "path").First().Attribute("d")!.Value.Count(c => c == 'M'));
        var chart = LossPlot.Of(Curve(100_000, i => i % 2));
        Assert.Equal(["train", "train, smoothed", "validation"], chart.Lines.Select(line => line.Name));
        Assert.InRange(chart.Lines[0].Points.Count, 500, 2000);
        Assert.Equal(0.5, chart.Lines[1].Points[^1].Y, 0.02);
    }

    [Fact]
    public void Smoothing_does_not_lag_behind_a_loss_that_falls()
    {
        var lines = LossPlot.Of(Curve(300, i => 500 - i)).Lines;
        Assert.All(lines[0].Points.Zip(lines[1].Points), both => Assert.Equal(both.First.Y, both.Second.Y, 1e-9));
    }

    [Fact]
    public void Runs_are_compared_by_validation_loss_each_with_a_look_of_its_own()
    {
        var chart = LossPlot.Compare([new("one", [Event(1, "val", 2), Event(2, "val", 1)]), new("two", [Event(1, "train", 3)])]);
        Assert.Equal(["one", "two (train)"], chart.Lines.Select(line => line.Name));
        Assert.Equal(2, chart.Lines.Select(line => line.Look).Distinct().Count());
        Assert.Contains("no losses", Assert.Throws<UserException>(() => LossPlot.Of(new("none", []))).Message);
    }

    [Theory]
    [InlineData("{ kind: cosine, warmup: 100, final_lr: 1.0e-4 }")]
    [InlineData("{ kind: wsd, warmup: 100 }")]
    [InlineData("{ kind: noam, warmup: 400 }")]
    public void The_schedule_of_a_config_rises_to_its_peak_at_the_end_of_the_warmup(string schedule)
    {
        var config = Tests.Training.TinyRuns.Config("training.steps=3000", $"training.schedule={schedule}");
        var points = SchedulePlot.Of(config).Lines[0].Points;
        var exact = new Schedule(config.Training.Schedule, config.Training.Optimizer.Lr, 3000, config.Model.Width);
        Assert.Equal(config.Training.Schedule.Warmup, points.MaxBy(point => point.Y).X);
        Assert.Equal(exact.Peak, points.Max(point => point.Y), 1e-9);
        Assert.Equal(3000, points[^1].X);
    }

    [Fact]
    public void A_confusion_matrix_shows_its_counts_and_colours_the_fraction_of_each_actual_class()
    {
        var svg = ConfusionPlot.Of([[9, 1], [0, 200]], ["cat", "dog"]).ToSvg();
        Assert.Equal(["9", "1", "0", "200"], SvgReader.Texts(svg).Where(text => text is "9" or "1" or "0" or "200").Take(4));
        var cells = SvgReader.Rasters(svg)[0];
        Assert.Equal(255, cells[1, 1]);
        Assert.Equal(0, cells[1, 0]);
        Assert.Equal(Math.Round(0.9 * 255), cells[0, 0]);
        Assert.Contains("2 rows", Assert.Throws<UserException>(() => ConfusionPlot.Of([[1, 2, 3], [1, 2, 3]], ["a", "b"])).Message);
    }

    [Theory]
    [InlineData("""{"confusion":[[3,1],[0,2]],"labels":["a","b"]}""", null)]
    [InlineData("""{"labels":["a"]}""", "has no confusion matrix")]
    [InlineData("""{"confusion":7,"labels":["a"]}""", "is not a document with a confusion matrix")]
    [InlineData("""[1]""", "has no confusion matrix")]
    [InlineData("""{"confusion":""", "is not JSON")]
    [InlineData("""{"confusion":[[3,1]],"labels":["a","b"]}""", "FILE: the confusion matrix must have 2 rows")]
    public void The_document_of_eval_is_read_and_another_refused(string text, string? problem)
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, text);
        if (problem is null) Assert.Equal(["a", "b"], ConfusionPlot.Read(file).Panels[0].RowLabels);
        else Assert.Contains(problem.Replace("FILE", file), Assert.Throws<UserException>(() => ConfusionPlot.Read(file)).Message);
        File.Delete(file);
    }

    [Fact]
    public void A_heat_map_draws_each_number_in_its_cell_and_zero_in_the_middle_of_a_signed_scale()
    {
        var cells = SvgReader.Rasters(new HeatMap("", "", "", [new("", new Matrix([-4, 0, 2, 4, double.NaN, -2], 3))]).ToSvg())[0];
        Assert.Equal([0, 128, 191, 255, 0, 64], cells.Cast<byte>());
        Assert.Equal((2, 3), (cells.GetLength(0), cells.GetLength(1)));
    }

    [Fact]
    public void A_picture_has_colours_for_dark_mode()
    {
        var svg = LossPlot.Of(Curve(3, i => i)).ToSvg();
        Assert.Contains("@media (prefers-color-scheme:dark)", svg);
        Assert.Contains("aria-label=\"Loss of a &lt;run&gt; &amp; more\"", svg);
    }

    [Theory]
    [InlineData(0.7, 1)]
    [InlineData(1.2, 2)]
    [InlineData(3, 5)]
    [InlineData(0.00012, 0.0002)]
    [InlineData(70, 100)]
    public void Marks_are_at_one_two_or_five_times_a_power_of_ten(double rough, double round) => Assert.Equal(round, Axis.RoundSpacing(rough), 1e-12);

    [Theory]
    [InlineData("a.gif", false, ".svg or .png")]
    [InlineData("a.svg", true, "--dark is for PNG")]
    public void A_name_that_does_not_fit_is_refused_before_anything_is_drawn(string path, bool dark, string message)
    {
        Assert.Contains(message, Assert.Throws<UserException>(() => PlotFile.CheckName(path, dark)).Message);
        PlotFile.CheckName("a.PNG", dark: true);
    }
}
