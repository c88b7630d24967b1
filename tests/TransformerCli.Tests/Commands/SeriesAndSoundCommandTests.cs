using Transformers.IO.Sounds;

namespace TransformerCli.Tests.Commands;

/// <summary>A run of each kind over series and sounds, trained once for all tests of a class.</summary>
public sealed class TrainedSeriesAndSounds : TrainedRuns
{
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
}

/// <summary>The commands over series and sounds.</summary>
[Collection("engine")]
public sealed class SeriesAndSoundCommandTests(TrainedSeriesAndSounds runs) : IClassFixture<TrainedSeriesAndSounds>
{
    static JsonElement Document(string text, string schema)
    {
        using var document = JsonDocument.Parse(text);
        Assert.Equal(schema, document.RootElement.GetProperty("schema").GetString());
        return document.RootElement.Clone();
    }

    [Fact]
    public void Eval_of_series_prints_the_scores_beside_those_of_simple_forecasts_and_of_the_best()
    {
        var shown = CommandLine.Printed("eval", runs.Series, "--device", "cpu");
        Assert.Contains("test: 14 windows", shown);
        foreach (var name in (string[])["mae", "mse", "mase", "quantile_loss", "coverage", "naive_mae", "seasonal_naive_mase", "linear_mse", "best_quantile_loss"]) Assert.Matches($@"(?m)^{name} +[0-9.]+$", shown);
        var metrics = Document(CommandLine.Printed("eval", runs.Series, "--device", "cpu", "--json", "--expect", "mae<=100"), "transformer.eval/1").GetProperty("metrics");
        Assert.True(metrics.GetProperty("best_mae").GetDouble() < metrics.GetProperty("naive_mae").GetDouble());
        Assert.Contains("predict writes forecasts", CommandLine.Refused("eval", runs.Series, "--output", runs.At("x.jsonl")));
    }

    [Fact]
    public void Predict_writes_a_table_of_forecasts_that_spreadsheets_read()
    {
        var table = runs.Write("load.csv", "date,\"load, MW\"\n" + string.Concat(Enumerable.Range(0, 50).Select(i => FormattableString.Invariant($"{new DateTime(2024, 1, 1).AddHours(i):yyyy-MM-dd HH:mm},{100 + 10 * Math.Sin(i)}\n"))));
        var lines = CommandLine.Printed("predict", runs.Series, table, "--device", "cpu").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("input,series,time,mean,0.1,0.5,0.9", lines[0].Trim());
        Assert.Equal(7, lines.Length);
        Assert.StartsWith($"{table},\"load, MW\",2024-01-03 02:00,", lines[1]);
        var steps = Document(CommandLine.Printed("predict", runs.Series, table, "--device", "cpu", "--json"), "transformer.forecast/1").GetProperty("forecasts")[0].GetProperty("steps");
        Assert.Equal(6, steps.GetArrayLength());
        Assert.Equal(0.9, steps[0].GetProperty("quantiles")[2].GetProperty("probability").GetDouble());
        Assert.Contains("x.csv:3: 'b' in column 'x' is not a number", CommandLine.Refused("predict", runs.Series, runs.Write("x.csv", "x\n1\nb\n")));
    }

    [Fact]
    public void Predict_names_the_classes_of_series_and_sounds()
    {
        var row = string.Join(',', Enumerable.Range(0, 128).Select(i => i % 9));
        Assert.EndsWith("rows.csv:1", CommandLine.Printed("predict", runs.Classes, runs.Write("rows.csv", $",{row}\n,{row}\n"), "--device", "cpu").Split('\n')[0].Trim());
        var predictions = Document(CommandLine.Printed("predict", runs.Sounds, Path.Combine(runs.Folder, "test", "two"), "--device", "cpu", "--top", "3", "--json"), "transformer.predict/1").GetProperty("predictions");
        Assert.Equal(3, predictions[0].GetProperty("labels").GetArrayLength());
        Assert.Contains("is not a WAV file", CommandLine.Refused("predict", runs.Sounds, runs.Write("a.wav", "no sound")));
    }

    [Fact]
    public void Eval_of_sounds_prints_the_accuracy_of_the_nearest_mean_spectrum_too()
    {
        var shown = CommandLine.Printed("eval", runs.Sounds, "--device", "cpu");
        Assert.Contains("test: 10 recordings", shown);
        Assert.Matches(@"(?m)^centroid_top1 +[0-9.]+$", shown);
        Assert.Contains("test: 12 series", CommandLine.Printed("eval", runs.Classes, "--device", "cpu"));
    }

    [Fact]
    public void Forecasts_spectrograms_and_attention_are_drawn()
    {
        var word = Path.Combine(runs.Folder, "test", "one", "000001.wav");
        CommandLine.Done("plot", "forecast", runs.Series, "--series", "series 1", "--output", runs.At("forecast.svg"));
        Assert.Contains("Forecast of series 1", File.ReadAllText(runs.At("forecast.svg")));
        CommandLine.Done("plot", "spectrogram", word, "--mels", "64", "--output", runs.At("word.svg"));
        Assert.Contains("Log-mel spectrogram of 000001.wav", File.ReadAllText(runs.At("word.svg")));
        CommandLine.Done("plot", "attention", runs.Sounds, "--sound", word, "--output", runs.At("attention.png"));
        Assert.True(new FileInfo(runs.At("attention.png")).Length > 10_000);
        Assert.Contains("the run is of kind ast, but this needs a forecasting model", CommandLine.Refused("plot", "forecast", runs.Sounds));
        File.WriteAllBytes(runs.At("click.wav"), WavFile.Write(new Sound(new float[100], 16_000)));
        Assert.Contains("0.1 to 60 can be drawn", CommandLine.Refused("plot", "spectrogram", runs.At("click.wav")));
    }

    [Fact]
    public void A_folder_of_recordings_is_reported_with_the_files_that_cannot_be_read()
    {
        Assert.Contains("class       two: 2 train, 1 validation, 1 test", CommandLine.Printed("data", "inspect", runs.Folder));
        var folder = Directory.CreateDirectory(Path.Combine(runs.At("few"), "a")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "good.wav"), WavFile.Write(new Sound(new float[4000], 8000)));
        File.WriteAllText(Path.Combine(folder, "bad.wav"), "RIFF");
        var report = Document(CommandLine.Printed("data", "inspect", runs.At("few"), "--json"), "transformer.data.inspect/1").GetProperty("report");
        Assert.Equal((1, 1, 0.5, 1), (report.GetProperty("sounds").GetInt32(), report.GetProperty("unreadable").GetInt32(), report.GetProperty("mean_seconds").GetDouble(), report.GetProperty("rates").GetProperty("8000").GetInt32()));
        Assert.Contains("is not a WAV file", report.GetProperty("unreadable_files")[0].GetString());
    }

    [Fact]
    public void One_recording_that_cannot_be_read_stops_none_of_the_others_and_is_named()
    {
        var folder = runs.At("some");
        var good = Path.Combine(runs.Folder, "test", "one", "000001.wav");
        foreach (var name in (string[])["one/a.wav", "two/b.wav", "two/c.wav"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, name))!);
            File.Copy(good, Path.Combine(folder, name), overwrite: true);
        }
        var bad = Path.Combine(folder, "one", "bad.wav");
        File.WriteAllText(bad, "RIFF");
        File.WriteAllText(Path.Combine(folder, "one", "notes.mp3"), "");

        var predicted = CommandLine.Run("predict", runs.Sounds, good, bad, good, "--device", "cpu", "--json").Exits(2);
        Assert.Contains($"warning: {bad}: is not a WAV file", predicted.Error);
        Assert.Contains("error: 1 of 3 sounds could not be read; the rest were processed", predicted.Error);
        Assert.Equal([5, 0, 5], Document(predicted.Output, "transformer.predict/1").GetProperty("predictions").EnumerateArray().Select(one => one.GetProperty("labels").GetArrayLength()));
        // Of a folder, it is left out.
        predicted = CommandLine.Run("predict", runs.Sounds, folder, "--device", "cpu");
        Assert.Equal((0, 3), (predicted.ExitCode, predicted.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));
        Assert.Contains($"warning: {bad}: is not a WAV file", predicted.Error);

        var evaluated = Document(CommandLine.Printed("eval", runs.Sounds, "--data", folder, "--device", "cpu", "--json"), "transformer.eval/1");
        Assert.Equal(("all", 3, 1), (evaluated.GetProperty("split").GetString(), evaluated.GetProperty("examples").GetInt32(), evaluated.GetProperty("broken").GetArrayLength()));

        var trained = CommandLine.Done("train", runs.At("sounds.yaml"), "--data", folder, "--run", runs.At("some-run"), "--device", "cpu", "--set", "training.steps=1", "--set", "data.holdout=0");
        Assert.Contains($"warning: skipped {bad}: is not a WAV file", trained.Error);
        Assert.Contains("warning: 1 file skipped, not named like WAV files: 1 .mp3", trained.Error);
        Assert.Contains("warning     1 file skipped, not named like WAV files: 1 .mp3", CommandLine.Printed("data", "inspect", folder));
    }

    [Fact]
    public void Recordings_of_a_single_class_are_refused()
    {
        var folder = runs.At("single/only");
        Directory.CreateDirectory(folder);
        foreach (var i in Enumerable.Range(0, 8)) File.Copy(Path.Combine(runs.Folder, "test", "one", "000001.wav"), Path.Combine(folder, $"{i}.wav"), overwrite: true);
        Assert.Contains("all recordings are of one class, 'only'", CommandLine.Run("train", runs.At("sounds.yaml"), "--data", runs.At("single"), "--run", runs.At("single-run"), "--device", "cpu").Error);
    }

    [Fact]
    public void One_row_or_table_that_cannot_be_read_stops_none_of_the_others_and_is_named()
    {
        var row = string.Join(',', Enumerable.Range(0, 128).Select(i => i % 9));
        var rows = runs.Write("mixed.csv", $",{row}\n,1,many,3\n,{row}\n");
        var predicted = CommandLine.Run("predict", runs.Classes, rows, "--device", "cpu", "--json").Exits(2);
        Assert.Contains($"warning: {rows}:2: 'many' in column '3' is not a number", predicted.Error);
        Assert.Equal([3, 0, 3], Document(predicted.Output, "transformer.predict/1").GetProperty("predictions").EnumerateArray().Select(one => one.GetProperty("labels").GetArrayLength()));

        var (good, bad) = (runs.Write("good.csv", "x\n" + string.Concat(Enumerable.Range(0, 60).Select(i => $"{i % 7}\n"))), runs.Write("bad.csv", "x\n1\nb\n"));
        var forecast = CommandLine.Run("predict", runs.Series, bad, good, "--device", "cpu");
        Assert.Equal((2, 7), (forecast.ExitCode, forecast.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));
        Assert.Contains($"warning: {bad}:3: 'b' in column 'x' is not a number", forecast.Error);
        Assert.Contains("error: 1 of 2 tables could not be read; the rest were processed", forecast.Error);
        Assert.Contains($"{runs.At("goood.csv")}: the file does not exist (did you mean {good}?)", CommandLine.Refused("predict", runs.Series, good, runs.At("goood.csv")));
    }

    [Fact]
    public void A_measure_that_an_evaluation_does_not_give_is_refused_before_it_begins()
    {
        foreach (var run in new[] { runs.Series, runs.Classes, runs.Sounds })
        {
            using var document = JsonDocument.Parse(CommandLine.Printed("eval", run, "--device", "cpu", "--json"));
            var trained = Transformers.Evaluation.TrainedRun.Open(run);
            Assert.Equal(document.RootElement.GetProperty("metrics").EnumerateObject().Select(metric => metric.Name).Order(StringComparer.Ordinal), Transformers.Kinds.Kind.For(trained).EvaluationMetrics(trained)!.Order(StringComparer.Ordinal));
            Assert.Contains("no result named nothing", CommandLine.Refused("eval", run, "--expect", "nothing<=1"));
        }
        Assert.Contains("--split (test): a table given with --data is evaluated as a whole", CommandLine.Refused("eval", runs.Classes, "--data", runs.Write("any.csv", "x\n"), "--split", "test"));
    }

    [Fact]
    public void A_table_of_series_is_reported_as_one_with_what_training_warns_of()
    {
        var table = runs.Write("load.csv", "date,load,still,none\n" + string.Concat(Enumerable.Range(0, 120).Select(i => FormattableString.Invariant($"{new DateTime(2024, 1, 1).AddDays(i):yyyy-MM-dd},{i % 7},5,\n"))));
        var inspected = CommandLine.Printed("data", "inspect", table);
        Assert.Contains("series      3 of 120 steps, from 2024-01-01 to 2024-04-29; 120 values are missing", inspected);
        Assert.Contains("  load: 0 to 6, ", inspected);
        var trained = CommandLine.Done("train", runs.At("series.yaml"), "--data", table, "--run", runs.At("load-run"), "--device", "cpu", "--set", "training.steps=1");
        foreach (var warning in (string[])["the series 'none' has no values", "the series 'still' has a single value that never changes"])
        {
            Assert.Contains($"warning: {warning}", trained.Error);
            Assert.Contains($"warning     {warning}", inspected);
        }
        Document(CommandLine.Printed("data", "inspect", table, "--json"), "transformer.data.inspect/1").GetProperty("report").GetProperty("series");
    }

    [Theory]
    [InlineData("date,load\n2024-01-01,1\n2024-01-02,many\n2024-01-03,3\n", ":3: 'many' in column 'load' is not a number (leave the field of a missing value empty")]
    [InlineData("date,load\n2024-01-01,many\n2024-01-02,2\n2024-01-03,3\n", ":2: 'many' in column 'load' is not a number")]
    [InlineData("date,load\n2024-01-01,1\n2024-01-02,\"2,5\"\n2024-01-03,3\n", ":3: '2,5' in column 'load' is not a number (write 2.5: numbers have a decimal point)")]
    [InlineData("date,load\n2024-01-01,1\n2024-01-03,2\n2024-01-02,3\n", ":4: the timestamp '2024-01-02' must be after that of the previous row (2024-01-03)")]
    [InlineData("month,load\nJan 2024,1\nFeb 2024,2\n", ":2: 'Jan 2024' is not a timestamp (write dates as 2024-01-31")]
    [InlineData("date,load\n2024-01-01,1\n2024-01-02,2,5\n2024-01-03,3\n", ":3: the line has 3 columns, but the first line has 2")]
    public void A_bad_value_in_a_table_of_series_is_named_and_does_not_make_it_one_of_texts(string text, string message)
    {
        var table = runs.Write("one-bad.csv", text);
        Assert.Contains(table + message, CommandLine.Refused("data", "inspect", table));
        using var document = JsonDocument.Parse(CommandLine.Run("data", "inspect", table, "--json").Output);
        Assert.Equal(2, document.RootElement.GetProperty("exit_code").GetInt32());
    }

    [Theory]
    [InlineData("walk,1,2,3\nrun,4,5,6\nwalk,7,8,\nrun,1,x,3\n", "3 of 2 to 3 steps", "run: 1|walk: 2")]
    [InlineData("1\t0.1\t0.2\n-1\t0.3\t0.4\n1\t0.5\t0.6\n-1\tNaN\t0.8\t1\n1\t1\t2\n-1\t3\tx\n", "5 of 2 to 3 steps; 1 value is missing", "-1: 2|1: 3")]
    [InlineData("class,t0,t1\n3,1,2\n5,3,4\n3,5,x\n", "2 of 2 steps", "3: 1|5: 1")]
    [InlineData("day,0.5,1\nnight,1,2\nday,2,3\nnight,3,x\n", "3 of 2 steps", "day: 2|night: 1")]
    public void A_table_of_series_with_classes_is_reported_as_training_reads_it(string text, string series, string classes)
    {
        var table = runs.Write(text.Contains('\t') ? "rows.tsv" : "rows.csv", text);
        var inspected = CommandLine.Printed("data", "inspect", table);
        Assert.Contains($"series      {series}", inspected);
        foreach (var one in classes.Split('|')) Assert.Contains($"class       {one}", inspected);
        Assert.Matches($@"unusable    {System.Text.RegularExpressions.Regex.Escape(table)}:\d: 'x' in column '\d' is not a number", inspected);
        var report = Document(CommandLine.Printed("data", "inspect", table, "--json"), "transformer.data.inspect/1");
        Assert.Equal(("labelled_series", 1), (report.GetProperty("contents").GetString(), report.GetProperty("report").GetProperty("unusable").GetInt32()));
    }

    [Theory]
    [InlineData("date,load,temp\n2024-01-01,1,2\n2024-01-02,3,4\n2024-01-03,5,6\n2024-01-04,5,6\n", "series      2 of 4 steps")]
    [InlineData("1.5,2,3\n2.5,2,4\n1.5,3,6\n2.5,3,8\n", "series      3 of 4 steps")]
    [InlineData("hour,day,load\n1,1,5\n2,1,6\n3,1,7\n4,1,8\n", "series      2 of 4 steps, from 1 to 4")]
    [InlineData("id,text,label\n1,good,1\n2,bad,0\n3,good,1\n4,bad,0\n", "5 lines of 3 columns")]
    [InlineData("text,a,b\na film,x,1\na film,y,2\n", "3 lines of 3 columns")]
    public void Other_tables_are_not_mistaken_for_series_with_classes(string text, string report) =>
        Assert.Contains(report, CommandLine.Printed("data", "inspect", runs.Write("other.csv", text)));

    [Theory]
    [InlineData("id,date,value\na,2024-01-01,1\na,2024-01-02,2\nb,2024-01-01,3\nb,2024-01-02,4\n", "table.pivot(index=\"date\", columns=\"id\", values=\"value\")")]
    [InlineData("date,store,sales\n2024-01-01,1,10\n2024-01-01,2,20\n2024-01-02,1,30\n2024-01-02,2,40\n", "table.pivot(index=\"date\", columns=\"store\", values=\"sales\")")]
    public void A_table_with_a_row_for_each_series_and_step_is_refused_with_the_way_to_rewrite_it(string text, string remedy)
    {
        var table = runs.Write("long.csv", text);
        foreach (var refused in new[] { CommandLine.Refused("data", "inspect", table), CommandLine.Refused("train", runs.At("series.yaml"), "--data", table, "--run", runs.At("long-run"), "--device", "cpu"),
            CommandLine.Refused("predict", runs.Series, table, "--device", "cpu") })
        {
            Assert.Contains($"{table}: the table has one row per series and step", refused);
            Assert.Contains(remedy, refused);
        }
        var once = runs.Write("twice.csv", "date,load\n2024-01-01,1\n2024-01-02,2\n2024-01-02,3\n2024-01-03,4\n");
        Assert.Contains("sort the rows by time", CommandLine.Refused("data", "inspect", once));
    }

    [Fact]
    public void A_series_run_without_a_held_out_split_gets_an_error_that_names_the_setting_for_one()
    {
        var outcome = CommandLine.Done("train", runs.At("series.yaml"), "--run", runs.At("nothing"), "--device", "cpu", "--set", "data.validation=0", "--set", "training.steps=1");
        Assert.Contains("nothing is held out for validation", outcome.Error);
        Assert.Contains("(data.validation holds out", outcome.Error);
        Assert.DoesNotContain("data.holdout", outcome.Error);
    }

    [Fact]
    public void Generated_series_are_a_table_that_training_reads()
    {
        var folder = runs.At("made");
        Document(CommandLine.Printed("data", "make", "series", "--size", "2", "--length", "200", "--output", folder, "--json"), "transformer.data.make/1");
        CommandLine.Done("train", runs.At("series.yaml"), "--data", Path.Combine(folder, "series.csv"), "--run", runs.At("from-table"), "--device", "cpu", "--set", "training.steps=1");
        Assert.DoesNotContain("best_mae", CommandLine.Printed("eval", runs.At("from-table"), "--device", "cpu"));
    }

    [Fact]
    public void Runs_over_series_and_sounds_are_exported_to_onnx_with_what_their_input_is()
    {
        foreach (var (run, task, input, about) in new[]
        {
            (runs.Series, "forecast", "series", """{"context":48,"horizon":6,"quantiles":[0.1,0.5,0.9]}"""), (runs.Classes, "classify_series", "series", """{"context":128}"""),
            (runs.Sounds, "classify_sound", "sound", """{"rate":16000,"samples":8000,"mels":32,"hop":160,"window":400,"fft":1024,"""),
        })
        {
            Document(CommandLine.Printed("export", run, "--to", "onnx", "--output", runs.At($"onnx-{task}"), "--json"), "transformer.export/1");
            var description = Document(File.ReadAllText(Path.Combine(runs.At($"onnx-{task}"), "model.json")), "transformer.onnx/1");
            Assert.Equal(task, description.GetProperty("task").GetString());
            Assert.StartsWith(about, description.GetProperty(input).GetRawText().Replace(" ", "").Replace("\n", ""));
        }
    }

    [Fact]
    public void A_run_of_series_is_inspected_reported_and_checked_before_it_trains()
    {
        Assert.Matches("kind +patchtst(?!.*classes)", CommandLine.Printed("inspect", runs.At("series.yaml"), "--no-measure"));
        Assert.Contains("ast", CommandLine.Printed("inspect", runs.At("sounds.yaml"), "--no-measure"));
        CommandLine.Done("report", runs.Series);
        Assert.Contains("first pass", CommandLine.Printed("train", runs.At("classes.yaml"), "--run", runs.At("dry"), "--dry-run", "--device", "cpu"));
        Assert.Contains("the results are", CommandLine.Refused("train", runs.At("series.yaml"), "--run", runs.At("dry"), "--expect", "top1>=0.5", "--device", "cpu", "--quiet"));
    }
}
