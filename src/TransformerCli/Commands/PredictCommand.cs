using System.CommandLine;
using TransformerCli.Output;
using Transformers.Configs;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Models;
using static TorchSharp.torch;

namespace TransformerCli.Commands;

/// <summary><c>predict</c>: the most probable classes of texts or images.</summary>
static class PredictCommand
{
    public static Command Create(CliContext context)
    {
        var (run, checkpoint, device) = (CommonOptions.Run(), CommonOptions.Checkpoint(), CommonOptions.Device());
        var inputs = new Argument<string[]>("INPUT") { Description = "Texts, or files with one text per line (- reads standard input); images, or folders of images", Arity = ArgumentArity.OneOrMore };
        var top = new Option<int>("--top") { Description = "The maximum number of classes to print for each input", HelpName = "N", DefaultValueFactory = _ => 5 };
        var command = new Command("predict", """
            Prints the most probable classes of texts or images.

            Example: transformer predict runs/sst2 "a moving and funny film" --top 2
            """)
        {
            run, inputs, top, checkpoint, device,
        };
        context.Handle(command, (parse, _) =>
        {
            var most = parse.AtLeast(1, top);
            var trained = parse.OpenRun(context, parse.GetValue(run)!, checkpoint);
            var where = CommonOptions.ResolveDevice(parse.GetValue(device));
            context.Error.Progress.Show("predicting");
            var warnings = new List<string>();
            var report = Kind.For(trained).Input == ModelInput.Images ? new UnreadLines(context, null, "images")
                : new UnreadLines(context, parse.GetValue(inputs) is [var only] && (only == "-" || File.Exists(only)) ? only : "input");
            IEnumerable<Prediction> predictions = Kind.For(trained) switch
            {
                { Classifies: true, Input: ModelInput.Text } => Texts(context, trained, parse.GetValue(inputs)!, most, where, report),
                { Classifies: true, Input: ModelInput.Images } => Images(trained, parse.GetValue(inputs)!, most, where, warnings, report),
                _ => throw new UserException($"a run of kind {KindAttribute.Of(trained.Config.Model)} does not predict classes"),
            };
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new Document("transformer.predict/1", [.. predictions]));
            else
                foreach (var one in predictions) context.Out.WriteLine($"{string.Join("  ", one.Labels.Select(label => $"{label.Label} {label.Probability:0.000}"))}  {one.Input}");
            foreach (var warning in warnings) context.Error.WriteLine($"warning: {warning}");
            return report.Finish();
        });
        return command;
    }

    // Inputs are files with one text per line, or texts.
    static IEnumerable<Prediction> Texts(CliContext context, TrainedRun run, IEnumerable<string> inputs, int top, Device device, UnreadLines report)
    {
        using var predictor = new TextPredictor(run, device);
        List<string> texts = [.. inputs.SelectMany(input => InputLines.IsFile(input, "INPUT") ? InputLines.Read(context, input) : [input])];
        var reads = texts.ConvertAll(text => report.Reads(predictor.ProblemOf(text)));
        using var predicted = predictor.Predict(texts.Where((_, i) => reads[i])).GetEnumerator();
        for (var i = 0; i < texts.Count; i++) yield return new Prediction(texts[i], reads[i] && predicted.MoveNext() ? [.. predicted.Current.Take(top)] : []);
    }

    static IEnumerable<Prediction> Images(TrainedRun run, IEnumerable<string> inputs, int top, Device device, List<string> warnings, UnreadLines report)
    {
        using var network = ImageRun.Open(run, device);
        var predictor = new ImagePredictor(network);
        foreach (var one in predictor.Predict(inputs, top, precision: run.Config.Training.Precision))
        {
            report.Reads(one.Problem);
            yield return new Prediction(one.Input, one.Labels);
        }
        warnings.AddRange(predictor.Skipped.Select(skipped => skipped.Message));
    }

    sealed record Prediction(string Input, IReadOnlyList<LabelProbability> Labels);

    sealed record Document(string Schema, IReadOnlyList<Prediction> Predictions);
}
