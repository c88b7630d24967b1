using System.CommandLine;
using System.Globalization;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Native;

namespace TransformerCli.Commands;

/// <summary><c>eval</c>: measures a trained model on a whole split.</summary>
static class EvalCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var run = new Argument<string>("RUN") { Description = "A run folder or a checkpoint folder" };
        var data = new Option<string?>("--data") { Description = "Evaluate on this file or folder instead of the run's own data", HelpName = "PATH" };
        var split = new Option<string?>("--split") { Description = "test, validation, or the name of one of several tests [default: test, else validation]", HelpName = "SPLIT" };
        var checkpoint = new Option<string?>("--checkpoint") { Description = "best, latest or a step [default: best, else latest]", HelpName = "best|latest|N" };
        var batchSize = new Option<int?>("--batch-size") { Description = "Rows of a batch", HelpName = "N" };
        var output = new Option<string?>("--output") { Description = "Write one JSON line an example to this file, where there are examples", HelpName = "FILE" };
        var expect = new Option<string[]>("--expect") { Description = "Exit with 3 unless a result holds, such as loss<=1.55", HelpName = "RULE", AllowMultipleArgumentsPerToken = true };
        var search = new SearchOptions();
        var device = DeviceOption.Create();
        var precision = DeviceOption.CreatePrecision();
        var quantize = DeviceOption.CreateQuantize();
        var command = new Command("eval", """
            Measures a trained model on a whole split.

            Example: transformer eval runs/gpt-stories --json
            """)
        {
            run, data, split, checkpoint, batchSize, output, expect, device, precision, quantize,
        };
        search.AddTo(command);
        context.Handle(command, (parse, _) =>
        {
            var expectations = (parse.GetValue(expect) ?? []).Select(Expectation.Parse).ToList();
            if (parse.GetValue(batchSize) is < 1 and var size) throw new UserException($"--batch-size ({size}) must be at least 1");
            var path = parse.GetValue(run)!;
            var trained = TrainedRun.Open(path, parse.GetValue(checkpoint));
            if (!Kind.For(trained).Translates) OptionUse.Refuse(parse, search.All, "encoder-decoders", trained.Config.Model);
            var where = DeviceOption.Resolve(parse.GetValue(device));
            NativeLibraries.Load();
            var result = Kind.For(trained).Evaluate(trained, path, new EvaluationOptions
            {
                Data = parse.GetValue(data),
                Split = parse.GetValue(split),
                BatchSize = parse.GetValue(batchSize),
                Translation = search.Read(parse),
                Output = parse.GetValue(output),
                Device = where,
                Precision = DeviceOption.PrecisionOf(parse.GetValue(precision) ?? "fp32", where),
                Quantized = parse.GetValue(quantize) is not null,
            });
            if (parse.GetValue(context.JsonOption)) context.WriteJson(result);
            else Print(context.Out, result);
            return Expectation.Judge(context, expectations, result) ?? ExitCodes.Done;
        });
        return command;
    }

    static void Print(TextWriter writer, EvaluationResult result)
    {
        writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Run}, step {result.Checkpoint}, {result.Split}: {result.Examples} examples"));
        foreach (var (name, value) in result.Metrics) writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-16} {value:0.####}"));
        foreach (var (name, signature) in result.Signatures ?? new Dictionary<string, string>()) writer.WriteLine($"{name,-16} {signature}");
        if (result.Broken is { } broken) writer.WriteLine($"{broken.Count} inputs could not be read, the first: {broken[0]}");
        foreach (var mistake in (result.Mistakes ?? []).Take(5))
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"taken for {mistake.Predicted} ({mistake.Probability:0.00}), is {mistake.Label} ({mistake.LabelProbability:0.00}): {mistake.Image}"));
        foreach (var score in result.Classes ?? [])
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{score.Label,-16} precision {score.Precision:0.000}  recall {score.Recall:0.000}  f1 {score.F1:0.000}  of {score.Support}"));
        if (result is not { Confusion: { } rows, Labels: { } labels }) return;
        writer.WriteLine("confusion (row: true class, column: taken for)");
        var width = Math.Max(labels.Max(label => label.Length), rows.Max(row => row.Max().ToString(CultureInfo.InvariantCulture).Length)) + 1;
        writer.WriteLine(string.Concat(labels.Prepend("").Select(label => label.PadLeft(width))));
        for (var i = 0; i < rows.Count; i++)
            writer.WriteLine(labels[i].PadLeft(width) + string.Concat(rows[i].Select(count => count.ToString(CultureInfo.InvariantCulture).PadLeft(width))));
    }
}
