using static TorchSharp.torch;

namespace Transformers.Tests.Kinds;

[Collection("engine")]
public sealed class SeriesKindTests : TinyRunTest
{
    const string Encoder = "{ kind: patchtst, patch: 6, layers: 1, heads: 2, width: 16, dropout: 0.1, baseline: season }";
    const string Decoder = "{ kind: series_decoder, patch: 6, layers: 1, heads: 2, width: 16, dropout: 0.1, positions: { kind: rotary } }";

    static RunConfig Config(string model = Encoder, params string[] sets) => ConfigFile.Parse<RunConfig>($$"""
        data:
          kind: series
          source: { generator: regimes, count: 4, length: 300 }
          context: 48
          horizon: 12
          season: 24
          validation: 24
          test: 36
          stride: 6
        model: {{model}}
        training:
          steps: 8
          batch: { sequences: 16 }
          optimizer: { kind: adamw, lr: 2.0e-3 }
          precision: fp32
          validate: { every: 4 }
          checkpoint: { every: 1000 }
        """, "tiny.yaml", sets);

    const string Calibrated = "model.calibration={ networks: 2, windows: 5 }";

    [Theory]
    [Trait("Category", "slow")]
    [InlineData(Encoder, "training.batch.micro=6")]
    [InlineData(Decoder, "training.ema.decay=0.9")]
    [InlineData(Encoder, Calibrated)]
    public void Half_a_run_then_resumed_equals_the_whole_run_bit_for_bit(string model, string setting)
    {
        var config = Config(model, setting);
        runs.Train(config, "whole");
        runs.Train(config, "halves", maxSteps: 4);
        Assert.Equal(8, runs.Train(config, "halves").Steps);
        foreach (var file in new[] { CheckpointFiles.Model, CheckpointFiles.Optimizer }) Assert.Equal(runs.Newest("whole", file), runs.Newest("halves", file));
    }

    [Theory]
    [InlineData(Encoder)]
    [InlineData(Decoder)]
    public void A_run_is_evaluated_beside_every_simple_forecast_and_the_best_possible(string model)
    {
        var result = runs.Train(Config(model), "run");
        // 8 patches, 16 windows a step.
        Assert.Equal(8 * 16 * 8, result.TokensPerSecond!.Value * result.Seconds, 1e-3);
        var run = TrainedRun.Open(runs.PathOf("run"), "latest");
        var validation = Kind.For(run).Evaluate(run, "run", new EvaluationOptions { Split = "validation" });
        foreach (var (name, value) in result.Metrics) Assert.Equal(value, validation.Metrics[name], 1e-4);
        var test = Kind.For(run).Evaluate(run, "run", new EvaluationOptions());
        Assert.Equal(("test", 4L * 5), (test.Split, test.Examples));
        foreach (var name in (string[])["mae", "mse", "mase", "quantile_loss", "coverage", "naive_mae", "seasonal_naive_mase", "linear_mse", "best_mae"]) Assert.True(double.IsFinite(test.Metrics[name]), name);
        Assert.True(test.Metrics["best_mae"] < test.Metrics["naive_mae"]);
    }

    [Fact]
    public void Training_beats_the_naive_forecasts()
    {
        var result = runs.Train(Config(Encoder, "training.steps=150", "training.batch.sequences=64", "training.validate.every=1000", "model.dropout=0"), "run");
        Assert.True(result.Metrics["mae"] < result.Metrics["seasonal_naive_mae"], $"{result.Metrics["mae"]} and {result.Metrics["seasonal_naive_mae"]}");
        Assert.True(result.Metrics["mae"] < result.Metrics["naive_mae"]);
    }

    // White noise. A large network memorises a short series, and its band becomes as narrow as its errors there are small. The calibrating
    // networks, which have less data, make larger errors, so the band may be too wide, but not too narrow. After a few steps on many
    // values, the quantiles have hardly moved apart, and it does not matter which data the networks have.
    [Trait("Category", "slow")]
    [Theory]
    [InlineData(120, 20, 600, 0.75, 0.93, "training.precision=fp32")]
    [InlineData(120, 20, 600, 0.75, 0.93, "training.ema.decay=0.95")]
    [InlineData(2000, 300, 20, 0.76, 0.84, "training.precision=fp32")]
    [InlineData(2000, 300, 20, 0.76, 0.84, "training.ema.decay=0.95")]
    public void A_band_that_is_too_narrow_covers_eight_of_ten_values_once_calibrated(int values, int calibrating, int steps, double fewest, double most, string setting)
    {
        var random = new Random(7);
        File.WriteAllLines(runs.PathOf("noise.csv"), ["value", .. Enumerable.Range(0, values + 1080).Select(_ => FormattableString.Invariant($"{100 + random.NextDouble() + random.NextDouble() + random.NextDouble():0.####}"))]);
        double Coverage(string name, params string[] sets)
        {
            var config = DataOverride.Apply(Config(Encoder.Replace("dropout: 0.1, baseline: season", "feed_forward: { kind: gelu, width: 128 }"),
                ["data.context=12", "data.horizon=2", "data.season=1", "data.validation=0", "data.test=1080", "data.stride=1", FormattableString.Invariant($"training.steps={steps}"), setting, .. sets]), runs.PathOf("noise.csv"));
            runs.Train(config, name);
            var run = TrainedRun.Open(runs.PathOf(name));
            return Kind.For(run).Evaluate(run, name, new EvaluationOptions()).Metrics["coverage"];
        }
        Assert.InRange(Coverage("plain"), 0, 0.7);
        Assert.InRange(Coverage("calibrated", FormattableString.Invariant($"model.calibration={{ networks: 2, windows: {calibrating} }}")), fewest, most);
    }

    // The calibration trains the same networks as runs whose training data end earlier. Of 300 steps, 60 are held out: the last training
    // window begins at 228, and the two networks forecast the windows from 219 and from 224 on.
    [Theory]
    [Trait("Category", "slow")]
    [InlineData(Encoder, "training.precision=fp32")]
    [InlineData(Decoder, "training.ema.decay=0.5")]
    [InlineData(Encoder, "training.freeze=[encoder.*]")]
    [InlineData(Encoder, "training.precision=fp32", true)]
    [InlineData(Encoder, "training.precision=fp32", false, true)]
    public void A_band_is_moved_by_the_errors_of_runs_that_end_before_what_they_forecast(string model, string setting, bool starts = false, bool gaps = false)
    {
        if (gaps) WriteGaps(runs.PathOf("gaps.csv"));
        // A calibrated run: its own shifts must not count.
        if (starts) runs.Train(Config(model, "seed=5", "training.steps=30", Calibrated), "first");
        void Train(string name, params string[] sets)
        {
            var config = Config(model, sets);
            TrainingRun.Start(gaps ? DataOverride.Apply(config, runs.PathOf("gaps.csv")) : config, runs.OptionsOf(name) with { From = starts ? runs.PathOf("first") : null });
        }
        var distances = Enumerable.Range(0, 12).Select(_ => new List<double>()).ToArray();
        foreach (var end in new[] { 219, 224 })
        {
            Train($"until-{end}", setting, "data.validation=0", FormattableString.Invariant($"data.test={300 - end}"), "data.stride=1");
            using var network = SeriesRun.Open(TrainedRun.Open(runs.PathOf($"until-{end}")), CPU);
            var series = network.OpenSeries();
            SeriesWindow[] windows = [.. series.Test.Where(window => window.Origin < end + 5)];
            Assert.Equal(4 * 5, windows.Length);
            var batch = series.Batch(windows);
            foreach (var (row, forecast) in network.Forecast(series, windows).Index())
                for (var h = 0; h < 12; h++)
                {
                    var value = series.Table.Values[windows[row].Series][windows[row].Origin + h];
                    if (double.IsNaN(value)) continue;
                    distances[h].Add(Math.Max(forecast[h][1] - value, value - forecast[h][3]) / batch.Scale[row]);
                }
        }
        Train("calibrated", setting, Calibrated);
        using var calibrated = SeriesRun.Open(TrainedRun.Open(runs.PathOf("calibrated")), CPU);
        for (var h = 0; h < 12; h++)
        {
            var shift = QuantileCalibration.ShiftOf(distances[h], 0.8);
            foreach (var (q, expected) in new[] { -shift, 0, shift }.Index()) Assert.Equal(expected, calibrated.Model.Calibration![h, q].item<float>(), 1e-4);
        }
    }

    // Four series, in which every seventh value is missing.
    static void WriteGaps(string path)
    {
        var random = new Random(4);
        File.WriteAllLines(path, ["a,b,c,d", .. Enumerable.Range(0, 300).Select(t => string.Join(',', Enumerable.Range(0, 4).Select(i => (t + i) % 7 == 0 ? "" : FormattableString.Invariant($"{10 + i + Math.Sin(t / 4.0) + random.NextDouble()}"))))]);
    }

    [Fact]
    public void A_run_that_is_stopped_while_it_calibrates_begins_again_and_ends_as_if_it_had_not_been()
    {
        var config = Config(Encoder, Calibrated);
        runs.Loop(config, "whole", 8);
        Assert.Equal(0, runs.Loop(config, "stopped", 8, watch: stop => new StopsWhileCalibrating(stop)).Step);
        Assert.Equal(8, runs.Loop(config, "stopped", 8).Step);
        Assert.Equal(runs.Newest("whole", CheckpointFiles.Model), runs.Newest("stopped", CheckpointFiles.Model));
    }

    [Theory]
    [InlineData("training.label_smoothing=0.1", true)]
    [InlineData("training.label_smoothing=0", false)]
    public void Label_smoothing_of_numbers_is_warned_of(string setting, bool warned)
    {
        var warnings = new Warnings();
        runs.Train(Config(Encoder, "training.steps=1", setting), "run", observer: warnings);
        Assert.Equal(warned, warnings.All.Any(text => text.Contains("training.label_smoothing (0.1) changes nothing")));
    }

    sealed class StopsWhileCalibrating(StopRequest stop) : ITrainingObserver
    {
        public void OnPreparing(string what, double done)
        {
            if (what == "calibration" && done > 0.6) stop.Ask("sigterm");
        }
    }

    [Theory]
    [InlineData("model.calibration.windows=100", "takes 100 windows from the end of every series, which leaves its network 280 of the 724 training windows: it needs at least half")]
    [InlineData("data.source.count=1", "forecasts 3 windows, but the widest band of model.quantiles needs at least 4")]
    [InlineData("model.quantiles=[0.5]", "needs model.quantiles with a band")]
    public void A_calibration_that_the_series_are_too_short_for_is_refused_at_its_setting(string set, string message)
    {
        var problem = Assert.Throws<UserException>(() => runs.Train(Config(Encoder, "model.calibration={ networks: 1, windows: 3 }", set), "run")).Problems[0];
        Assert.Equal("model.calibration", problem.Path);
        Assert.Contains(message, problem.Message);
    }

    [Theory]
    [InlineData(Encoder)]
    [InlineData(Decoder)]
    public void Attention_is_drawn_between_the_patches_of_a_window_or_of_a_table(string model)
    {
        using var folder = new TempFolder();
        runs.Train(Config(model), "run");
        var run = TrainedRun.Open(runs.PathOf("run"));
        var svg = Kind.For(run).DrawAttention(run, new AttentionSubject { Series = "series 2" }, CPU).ToSvg();
        // The last window is forecast from step 288 on, and begins 48 steps before.
        Assert.Contains(">240<", svg);
        Assert.Contains("layer 1, head 2", svg);
        var table = folder.Write("days.csv", "date,value\n" + string.Concat(Enumerable.Range(0, 48).Select(i => FormattableString.Invariant($"{new DateTime(2024, 1, 1).AddDays(i):yyyy-MM-dd},{Math.Sin(i)}\n"))));
        Assert.Contains("2024-01-07", Kind.For(run).DrawAttention(run, new AttentionSubject { Table = table, Choice = new(Layer: 1, Head: 1) }, CPU).ToSvg());
        Assert.Contains("--layer (2) must be from 1 to 1", Assert.Throws<UserException>(() => Kind.For(run).DrawAttention(run, new AttentionSubject { Choice = new(Layer: 2) }, CPU)).Message);
    }

    [Fact]
    public void In_bf16_it_trains_too()
    {
        var result = runs.Train(Config(Encoder, "training.precision=bf16"), "run");
        Assert.Equal("bf16", result.Precision);
        Assert.True(double.IsFinite(result.ValLoss!.Value));
    }

    [Fact]
    public void Forecasts_continue_a_table_by_its_own_time_stamps_whatever_its_units()
    {
        using var folder = new TempFolder();
        runs.Train(Config(), "run");
        string Table(double scale) => "date,a,b\n" + string.Concat(Enumerable.Range(0, 60).Select(i => FormattableString.Invariant($"{new DateTime(2024, 1, 1).AddDays(i):yyyy-MM-dd},{scale * (5 + Math.Sin(i))},{(i == 3 ? "" : i)}\n")));
        var run = TrainedRun.Open(runs.PathOf("run"));
        var forecasts = SeriesForecasts.Ahead(run, [folder.Write("one.csv", Table(1)), folder.Write("thousand.csv", Table(1000))], CPU);
        Assert.Equal(["a", "b", "a", "b"], forecasts.Select(one => one.Series));
        Assert.Equal(12, forecasts[0].Steps.Count);
        Assert.Equal(("2024-03-01", "2024-03-12"), (forecasts[0].Steps[0].Time, forecasts[0].Steps[^1].Time));
        Assert.All(forecasts[0].Steps, step => Assert.True(step.Quantiles[0].Value <= step.Quantiles[1].Value && step.Quantiles[1].Value <= step.Quantiles[2].Value));
        foreach (var (small, large) in forecasts[0].Steps.Zip(forecasts[2].Steps)) Assert.Equal(1000 * small.Mean, large.Mean, Math.Abs(large.Mean) * 1e-4);
    }

    [Fact]
    public void Its_size_is_known_before_it_trains()
    {
        foreach (var model in (string[])[Encoder.Replace("layers: 1", "layers: 3"), Decoder])
        {
            var config = Config(model);
            var inspection = Inspector.Inspect(config, new InspectionOptions { Measure = model == Decoder });
            Assert.Equal(runs.Train(Config(model, "training.steps=1"), model == Decoder ? "decoder" : "encoder").Parameters, inspection.Cost.Parameters);
            Assert.Null(inspection.Vocabulary);
        }
    }

    [Fact]
    public void The_picture_of_a_forecast_has_what_happened_the_forecast_and_its_band()
    {
        runs.Train(Config(), "run");
        var run = TrainedRun.Open(runs.PathOf("run"));
        var svg = Kind.For(run).DrawForecast(run, null, "series 2", CPU).ToSvg();
        Assert.Contains("Forecast of series 2 from 288", svg);
        Assert.Contains("<polygon", svg);
        Assert.Contains("0.1 to 0.9", svg);
        Assert.Contains("no such series (the series are series 0,", Assert.Throws<UserException>(() => Kind.For(run).DrawForecast(run, null, "x", CPU)).Message.Replace("--series (x): ", ""));
    }

    [Theory]
    [InlineData("model.patch=7", "model.patch (7) and a stride of 7 must cover data.context (48) to its last step")]
    [InlineData("model.stride=7", "model.stride (7) must be at most model.patch (6)")]
    [InlineData("model.quantiles=[0.9, 0.1]", "model.quantiles must be in ascending order")]
    [InlineData("model.positions.kind=alibi", "model.positions.kind (alibi) must be learned, sinusoidal, rotary or none")]
    [InlineData("model.heads=3", "model.width (16) must be divisible by model.heads (3)")]
    [InlineData("data.context=1", "data.context (1) must be between 2 and 100000")]
    [InlineData("training.batch={ sequences: null, tokens: 64 }", "training.batch.tokens (64) is for text")]
    public void A_config_that_does_not_fit_together_says_so(string set, string message) =>
        Assert.Contains(message, Assert.Throws<UserException>(() => Config(Encoder, set)).Message);

    [Fact]
    public void Series_that_are_too_short_are_reported_at_their_setting()
    {
        var problem = Assert.Throws<UserException>(() => runs.Train(Config(Encoder, "data.test=240"), "run")).Problems[0];
        Assert.Equal("data.context", problem.Path);
        Assert.Contains("need 324", problem.Message);
    }
}
