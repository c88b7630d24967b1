using System.Text.Json;
using Transformers.IO.Sounds;

namespace TransformerCli.Tests.Commands;

/// <summary>A run of each kind over series and sounds, trained once for all tests of a class.</summary>
public sealed class TrainedSeriesAndSounds : IDisposable
{
    readonly string root = Directory.CreateTempSubdirectory("transformer-series-").FullName;

    public TrainedSeriesAndSounds()
    {
        const string learning = "training: { steps: 4, batch: { sequences: 8 }, optimizer: { kind: adamw, lr: 1.0e-3 } }";
        Series = Train("series", $$"""
            data: { kind: series, source: { generator: regimes, count: 2, length: 200 }, context: 48, horizon: 6, season: 24, validation: 12, test: 12 }
            model: { kind: patchtst, patch: 8, layers: 1, heads: 2, width: 16 }
            {{learning}}
            """);
        Classes = Train("classes", $$"""
            data: { kind: labelled_series, source: { generator: cylinder_bell_funnel, count: 60 }, length: 128 }
            model: { kind: series_classifier, patch: 16, layers: 1, heads: 2, width: 16 }
            {{learning}}
            """);
        Folder = At("words");
        CommandLine.Run("data", "make", "speech", "--size", "20", "--output", Folder);
        Sounds = Train("sounds", $$"""
            data: { kind: audio, source: { path: "{{Folder}}" }, seconds: 0.5, mels: 32 }
            model: { kind: ast, patch: 16, layers: 1, heads: 2, width: 16 }
            {{learning}}
            """);
    }

    public string Series { get; }
    public string Classes { get; }
    public string Sounds { get; }
    public string Folder { get; }

    public string At(string name) => Path.Combine(root, name);

    public string Write(string name, string text)
    {
        File.WriteAllText(At(name), text);
        return At(name);
    }

    string Train(string name, string config)
    {
        var outcome = CommandLine.Run("train", Write($"{name}.yaml", config), "--run", At(name), "--device", "cpu", "--quiet");
        return outcome.ExitCode == 0 ? At(name) : throw new InvalidOperationException(outcome.Error);
    }

    public void Dispose() => Directory.Delete(root, recursive: true);
}

/// <summary>The commands over series and sounds.</summary>
[Collection("engine")]
public sealed class SeriesAndSoundCommandTests(TrainedSeriesAndSounds runs) : IClassFixture<TrainedSeriesAndSounds>
{
    static string Done(params string[] line)
    {
        var outcome = CommandLine.Run(line);
        Assert.True(outcome.ExitCode == 0, $"{string.Join(' ', line)}: {outcome.Error}");
        return outcome.Output;
    }

    static JsonElement Document(string text, string schema)
    {
        using var document = JsonDocument.Parse(text);
        Assert.Equal(schema, document.RootElement.GetProperty("schema").GetString());
        return document.RootElement.Clone();
    }

    [Fact]
    public void Eval_of_series_prints_the_scores_beside_those_of_simple_forecasts_and_of_the_best()
    {
        var shown = Done("eval", runs.Series, "--device", "cpu");
        Assert.Contains("test: 14 windows", shown);
        foreach (var name in (string[])["mae", "mse", "mase", "quantile_loss", "coverage", "naive_mae", "seasonal_naive_mase", "linear_mse", "best_quantile_loss"]) Assert.Matches($@"(?m)^{name} +[0-9.]+$", shown);
        var metrics = Document(Done("eval", runs.Series, "--device", "cpu", "--json", "--expect", "mae<=100"), "transformer.eval/1").GetProperty("metrics");
        Assert.True(metrics.GetProperty("best_mae").GetDouble() < metrics.GetProperty("naive_mae").GetDouble());
        Assert.Contains("predict writes forecasts", CommandLine.Refused("eval", runs.Series, "--output", runs.At("x.jsonl")));
    }

    [Fact]
    public void Predict_writes_a_table_of_forecasts_that_spreadsheets_read()
    {
        var table = runs.Write("load.csv", "date,\"load, MW\"\n" + string.Concat(Enumerable.Range(0, 50).Select(i => FormattableString.Invariant($"{new DateTime(2024, 1, 1).AddHours(i):yyyy-MM-dd HH:mm},{100 + 10 * Math.Sin(i)}\n"))));
        var lines = Done("predict", runs.Series, table, "--device", "cpu").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("input,series,time,mean,0.1,0.5,0.9", lines[0].Trim());
        Assert.Equal(7, lines.Length);
        Assert.StartsWith($"{table},\"load, MW\",2024-01-03T02:00:00,", lines[1]);
        var steps = Document(Done("predict", runs.Series, table, "--device", "cpu", "--json"), "transformer.forecast/1").GetProperty("forecasts")[0].GetProperty("steps");
        Assert.Equal(6, steps.GetArrayLength());
        Assert.Equal(0.9, steps[0].GetProperty("quantiles")[2].GetProperty("probability").GetDouble());
        Assert.Contains("x.csv:3: 'b' in column 'x' is not a number", CommandLine.Refused("predict", runs.Series, runs.Write("x.csv", "x\n1\nb\n")));
    }

    [Fact]
    public void Predict_names_the_classes_of_series_and_sounds()
    {
        var row = string.Join(',', Enumerable.Range(0, 128).Select(i => i % 9));
        Assert.EndsWith("rows.csv:1", Done("predict", runs.Classes, runs.Write("rows.csv", $",{row}\n,{row}\n"), "--device", "cpu").Split('\n')[0].Trim());
        var predictions = Document(Done("predict", runs.Sounds, Path.Combine(runs.Folder, "test", "two"), "--device", "cpu", "--top", "3", "--json"), "transformer.predict/1").GetProperty("predictions");
        Assert.Equal(3, predictions[0].GetProperty("labels").GetArrayLength());
        Assert.Contains("is not a WAV file", CommandLine.Refused("predict", runs.Sounds, runs.Write("a.wav", "no sound")));
    }

    [Fact]
    public void Eval_of_sounds_prints_the_accuracy_of_the_nearest_mean_spectrum_too()
    {
        var shown = Done("eval", runs.Sounds, "--device", "cpu");
        Assert.Contains("test: 10 recordings", shown);
        Assert.Matches(@"(?m)^centroid_top1 +[0-9.]+$", shown);
        Assert.Contains("test: 12 series", Done("eval", runs.Classes, "--device", "cpu"));
    }

    [Fact]
    public void Forecasts_spectrograms_and_attention_are_drawn()
    {
        var word = Path.Combine(runs.Folder, "test", "one", "000001.wav");
        Done("plot", "forecast", runs.Series, "--series", "series 1", "--output", runs.At("forecast.svg"));
        Assert.Contains("Forecast of series 1", File.ReadAllText(runs.At("forecast.svg")));
        Done("plot", "spectrogram", word, "--mels", "64", "--output", runs.At("word.svg"));
        Assert.Contains("Log-mel spectrogram of 000001.wav", File.ReadAllText(runs.At("word.svg")));
        Done("plot", "attention", runs.Sounds, "--sound", word, "--output", runs.At("attention.png"));
        Assert.True(new FileInfo(runs.At("attention.png")).Length > 10_000);
        Assert.Contains("the run is of kind ast, but this needs a forecasting model", CommandLine.Refused("plot", "forecast", runs.Sounds));
        File.WriteAllBytes(runs.At("click.wav"), WavFile.Write(new Sound(new float[100], 16_000)));
        Assert.Contains("0.1 to 60 can be drawn", CommandLine.Refused("plot", "spectrogram", runs.At("click.wav")));
    }

    [Fact]
    public void A_folder_of_recordings_is_reported_with_the_files_that_cannot_be_read()
    {
        Assert.Contains("class       two: 2 train, 1 validation, 1 test", Done("data", "inspect", runs.Folder));
        var folder = Directory.CreateDirectory(Path.Combine(runs.At("few"), "a")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "good.wav"), WavFile.Write(new Sound(new float[4000], 8000)));
        File.WriteAllText(Path.Combine(folder, "bad.wav"), "RIFF");
        var report = Document(Done("data", "inspect", runs.At("few"), "--json"), "transformer.data.inspect/1").GetProperty("report");
        Assert.Equal((1, 1, 0.5, 1), (report.GetProperty("sounds").GetInt32(), report.GetProperty("unreadable").GetInt32(), report.GetProperty("mean_seconds").GetDouble(), report.GetProperty("rates").GetProperty("8000").GetInt32()));
        Assert.Contains("is not a WAV file", report.GetProperty("unreadable_files")[0].GetString());
    }

    [Fact]
    public void Generated_series_are_a_table_that_training_reads()
    {
        var folder = runs.At("made");
        Document(Done("data", "make", "series", "--size", "2", "--length", "200", "--output", folder, "--json"), "transformer.data.make/1");
        Done("train", runs.At("series.yaml"), "--data", Path.Combine(folder, "series.csv"), "--run", runs.At("from-table"), "--device", "cpu", "--set", "training.steps=1");
        Assert.DoesNotContain("best_mae", Done("eval", runs.At("from-table"), "--device", "cpu"));
    }

    [Fact]
    public void A_run_of_series_is_inspected_reported_and_checked_before_it_trains()
    {
        Assert.Matches("kind +patchtst(?!.*classes)", Done("inspect", runs.At("series.yaml"), "--no-measure"));
        Assert.Contains("ast", Done("inspect", runs.At("sounds.yaml"), "--no-measure"));
        Done("report", runs.Series);
        Assert.Contains("first pass", Done("train", runs.At("classes.yaml"), "--run", runs.At("dry"), "--dry-run", "--device", "cpu"));
        Assert.Contains("the results are", CommandLine.Refused("train", runs.At("series.yaml"), "--run", runs.At("dry"), "--expect", "top1>=0.5", "--device", "cpu", "--quiet"));
    }
}
