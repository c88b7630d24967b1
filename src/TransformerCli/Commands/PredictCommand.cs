using System.CommandLine;
using System.Globalization;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;
using static TorchSharp.torch;

namespace TransformerCli.Commands;

/// <summary><c>predict</c>: the most probable classes of texts, images or recordings, and the next steps of time series.</summary>
static class PredictCommand
{
    public static Command Create(CliContext context)
    {
        var (run, checkpoint, device) = (CommonOptions.Run(), CommonOptions.Checkpoint(), CommonOptions.Device());
        var inputs = new Argument<string[]>("INPUT") { Description = "Texts, or files with one text per line (- reads standard input); images or WAV files, or folders of them; tables of series", Arity = ArgumentArity.ZeroOrMore };
        var image = new Option<string?>("--image") { Description = "The image to ask about, for models of images with text", HelpName = "FILE" };
        var text = new Option<string[]>("--text") { Description = "A question about the image, or a caption to match with it; may be repeated", HelpName = "TEXT" };
        var top = new Option<int>("--top") { Description = "The maximum number of classes to print for each input", HelpName = "N", DefaultValueFactory = _ => 5 };
        return context.Create("predict", """
            Prints the most probable classes of texts, images or sounds, words for masked positions, answers to questions about an
            image, or forecasts of series.

            Example: transformer predict runs/sst2 "a moving and funny film" --top 2
            """, [run, inputs, image, text, top, checkpoint, device], (parse, _) =>
        {
            var most = parse.AtLeast(1, top);
            var trained = parse.OpenRun(context, parse.GetValue(run)!, checkpoint);
            var where = parse.ResolveDevice(context, device);
            CheckInputs(trained, parse.GetValue(inputs)!, parse.GetValue(image), parse.GetValue(text)!);
            var progress = context.Error.Progress.Watch("predicting");
            if (Kind.For(trained) is { Input: ModelInput.Series, Classifies: false }) return ForecastOutput.Write(context, parse, trained, parse.GetValue(inputs)!, where, progress);
            var warnings = new List<string>();
            var report = ReportOf(context, Kind.For(trained).Input, parse.GetValue(inputs)!, parse.GetValue(text)!);
            IEnumerable<Prediction> predictions = Kind.For(trained) switch
            {
                { Classifies: true, Input: ModelInput.Text } => Texts(context, trained, parse.GetValue(inputs)!, most, where, report, progress),
                { Classifies: true, Input: ModelInput.Series } => Series(trained, parse.GetValue(inputs)!, most, where, report, progress),
                { Classifies: true, Input: ModelInput.Sounds } => Sounds(trained, parse.GetValue(inputs)!, most, where, warnings, report, progress),
                { Classifies: true, Input: ModelInput.Images } => Images(trained, parse.GetValue(inputs)!, most, where, warnings, report, progress),
                { Classifies: true, Input: ModelInput.Pairs } => Pairs(trained, parse.GetValue(image)!, parse.GetValue(text)!, most, where, report).Counted(parse.GetValue(text)!.Length, progress),
                _ => throw new UserException($"a run of kind {KindAttribute.Of(trained.Config.Model)} does not predict classes", "generate continues or translates texts, and score prints their probabilities"),
            };
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema = "transformer.predict/1", Predictions = predictions.ToList() });
            else
                foreach (var one in predictions) context.Out.WriteLine($"{string.Join("  ", one.Labels.Select(label => $"{label.Label} {label.Probability:0.000}"))}  {one.Input}".ReplaceLineEndings(" "));
            foreach (var warning in warnings) context.Error.WriteLine($"warning: {warning}");
            return report.Finish();
        });
    }

    // Inputs are files with one text per line, or texts.
    static IEnumerable<Prediction> Texts(CliContext context, TrainedRun run, IEnumerable<string> inputs, int top, Device device, UnreadLines report, Action<double> progress)
    {
        List<InputLine> texts = [.. inputs.SelectMany((input, i) => InputLines.IsFile(input, "INPUT") ? InputLines.Read(context, input) : [new InputLine(input, "INPUT", i + 1)])];
        if (Kind.For(run).OpenMaskPredictor(run, device) is { } masks)
        {
            using (masks)
                foreach (var text in texts.Counted(texts.Count, progress))
                    if (!report.Reads(text, masks.ProblemOf)) yield return new Prediction(text.Text, []);
                    else
                        foreach (var labels in masks.Predict(text.Text, top)) yield return new Prediction(text.Text, labels);
            yield break;
        }
        using var predictor = new TextPredictor(run, device);
        var reads = texts.ConvertAll(text => report.Reads(text, predictor.ProblemOf));
        using var predicted = predictor.Predict(texts.Where((_, i) => reads[i]).Select(text => text.Text)).Counted(reads.Count(one => one), progress).GetEnumerator();
        for (var i = 0; i < texts.Count; i++) yield return new Prediction(texts[i].Text, reads[i] && predicted.MoveNext() ? [.. predicted.Current.Take(top)] : []);
    }

    static IEnumerable<Prediction> Images(TrainedRun run, IEnumerable<string> inputs, int top, Device device, List<string> warnings, UnreadLines report, Action<double> progress)
    {
        using var network = ImageRun.Open(run, device);
        var predictor = new ImagePredictor(network);
        foreach (var one in predictor.Predict(inputs, top, precision: run.Config.Training.Precision, progress: progress)) yield return Reported(one, report);
        warnings.AddRange(predictor.Skipped.Select(skipped => skipped.Message));
    }

    static IEnumerable<Prediction> Series(TrainedRun run, IEnumerable<string> inputs, int top, Device device, UnreadLines report, Action<double> progress)
    {
        using var network = SeriesClassifierRun.Open(run, device, run.Config.Training.Precision);
        foreach (var one in network.Predict(inputs, top, progress)) yield return Reported(one, report);
    }

    static IEnumerable<Prediction> Sounds(TrainedRun run, IEnumerable<string> inputs, int top, Device device, List<string> warnings, UnreadLines report, Action<double> progress)
    {
        using var network = SoundRun.Open(run, device, run.Config.Training.Precision);
        var skipped = new List<Problem>();
        foreach (var one in network.Predict(inputs, top, skipped, progress)) yield return Reported(one, report);
        warnings.AddRange(skipped.Select(problem => problem.ToString()));
    }

    static Prediction Reported(ClassPrediction one, UnreadLines report)
    {
        report.Reads(one.Problem);
        return new Prediction(one.Input, one.Labels);
    }

    static IEnumerable<Prediction> Pairs(TrainedRun run, string image, string[] texts, int top, Device device, UnreadLines report)
    {
        using var pairs = ImageTextRun.Open(run, device);
        var (_, seen) = pairs.ReadImage(image);
        foreach (var text in texts) yield return new Prediction(text, report.Reads(pairs.ProblemOf(text)) ? [.. pairs.Predict(seen, text).Take(top)] : []) { Image = image };
    }

    // What unreadable inputs are called, and whether there is only one.
    static UnreadLines ReportOf(CliContext context, ModelInput input, string[] inputs, string[] texts) => input switch
    {
        ModelInput.Text => new(context),
        ModelInput.Series => new(context, "series"),
        ModelInput.Pairs => new(context, "text", alone: texts.Length == 1),
        _ => new(context, input == ModelInput.Sounds ? "sound" : "image", alone: inputs is [var one] && !Directory.Exists(one)),
    };

    // Models of images with text read --image and --text, all others INPUT.
    static void CheckInputs(TrainedRun run, string[] inputs, string? image, string[] texts)
    {
        var kind = KindAttribute.Of(run.Config.Model);
        if (Kind.For(run).Input == ModelInput.Pairs)
        {
            if (inputs.Length > 0) throw new UserException($"a model of kind {kind} reads --image and --text, not INPUT ({inputs[0]})", "give --image FILE --text TEXT");
            if (image is null || texts.Length == 0) throw new UserException($"--image and --text must be given for a model of kind {kind}", "for example --image scene.png --text \"how many red things are there?\"");
            return;
        }
        if (image is not null || texts.Length > 0) throw new UserException($"{(image is null ? "--text" : "--image")} is for models of images with text, but the run is of kind {kind}", "pass its input as INPUT");
        if (inputs.Length == 0) throw new UserException("INPUT must be given: texts or files", "transformer predict --help has an example");
    }

    sealed record Prediction(string Input, IReadOnlyList<LabelProbability> Labels)
    {
        public string? Image { get; init; }
    }
}

/// <summary>What <c>predict</c> prints for series: a table in CSV, with a line for each step of the forecast.</summary>
static class ForecastOutput
{
    internal static int Write(CliContext context, ParseResult parse, TrainedRun run, IReadOnlyList<string> tables, Device device, Action<double> progress)
    {
        var report = new UnreadLines(context, "table", alone: tables.Count == 1);
        var forecasts = SeriesForecasts.Ahead(run, tables, device, report.Reads, progress);
        if (parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema = "transformer.forecast/1", Forecasts = forecasts });
        else
            foreach (var line in Lines(forecasts)) context.Out.WriteLine(line);
        return report.Finish();
    }

    static IEnumerable<string> Lines(IReadOnlyList<SeriesForecast> forecasts)
    {
        if (forecasts.Count == 0) yield break;
        yield return string.Join(',', (string[])["input", "series", "time", "mean", .. forecasts[0].Steps[0].Quantiles.Select(quantile => Shown(quantile.Probability))]);
        foreach (var forecast in forecasts)
            foreach (var step in forecast.Steps)
                yield return string.Join(',', (string[])[Field(forecast.Input), Field(forecast.Series), Field(step.Time), Shown(step.Mean), .. step.Quantiles.Select(quantile => Shown(quantile.Value))]);
    }

    static string Shown(double value) => value.ToString("G7", CultureInfo.InvariantCulture);

    static string Field(string text) => text.AsSpan().ContainsAny(",\"\n") ? $"\"{text.Replace("\"", "\"\"")}\"" : text;
}
