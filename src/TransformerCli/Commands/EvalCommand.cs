using System.CommandLine;
using TransformerCli.Output;
using Transformers.Evaluation;
using Transformers.Interchange.HuggingFace;
using Transformers.IO;
using Transformers.Kinds;

namespace TransformerCli.Commands;

/// <summary><c>eval</c>: measures a trained model on a whole split.</summary>
static class EvalCommand
{
    public static Command Create(CliContext context)
    {
        var (run, checkpoint, data) = (CommonOptions.Run(), CommonOptions.Checkpoint(), CommonOptions.Data("Evaluate on this file or folder instead of the run's own data"));
        var split = new Option<string?>("--split") { Description = "test, validation, or the name of one of several test splits [default: test, else validation]", HelpName = "SPLIT", CompletionSources = { "test", "validation" } };
        var batchSize = new Option<int?>("--batch-size") { Description = "Rows per batch", HelpName = "N" };
        var output = CommonOptions.Output("Write one JSON line per example to this file; not for language models");
        var expect = CommonOptions.Expect("loss<=1.55");
        var search = new SearchOptions();
        var nproc = CommonOptions.Processes();
        var (device, precision, quantize) = (CommonOptions.Device(), CommonOptions.Precision("the run's"), CommonOptions.Quantize());
        return context.Create("eval", """
            Evaluates a trained model on a whole split.

            Example: transformer eval runs/gpt-stories --json
            """, [run, data, split, checkpoint, batchSize, output, expect, nproc, device, precision, quantize, .. search.All],
            (parse, _) => parse.StartsSeveral(context, nproc) is { } several ? several : Team.Run(context, parse, null, team => Evaluate(parse, team)));

        int Evaluate(ParseResult parse, Team team)
        {
            var expectations = (parse.GetValue(expect) ?? []).Select(Expectation.Parse).ToList();
            var size = parse.AtLeast(1, batchSize);
            var path = parse.GetValue(run)!;
            var trained = parse.OpenRun(context, path, checkpoint);
            HuggingFaceImport.RequireData(path, trained.Config, parse.GetValue(data));
            if (Kind.For(trained).EvaluationMetrics(trained) is { } metrics) Expectation.CheckNames(expectations, [.. metrics, "checkpoint", "examples"]);
            if (!Kind.For(trained).Translates) parse.Refuse(search.All, "encoder-decoders", trained.Config.Model);
            var where = parse.ResolveDevice(context, device);
            var result = Kind.For(trained).Evaluate(trained, path, new EvaluationOptions
            {
                Data = parse.GetValue(data),
                Split = parse.GetValue(split),
                BatchSize = size,
                Translation = search.Read(parse),
                Output = parse.GetValue(output),
                Device = where,
                Precision = CommonOptions.ResolvePrecision(parse.GetValue(precision), where, trained.Config.Training.Precision),
                Quantized = parse.GetValue(quantize) is not null,
                Processes = team.For(where),
                Progress = context.Error.Progress.Watch($"evaluating {path}"),
                Warn = warning => context.Error.WriteLine($"warning: {warning}"),
            });
            context.Print(parse, result, writer => Print(writer, result, Kind.For(trained).Example));
            return Expectation.Check(context, expectations, result) ?? ExitCodes.Done;
        }
    }

    static void Print(TextWriter writer, EvaluationResult result, string example)
    {
        writer.WriteLine($"{result.Run}, step {result.Checkpoint}, {result.Split}: {Amount.Of(result.Examples, example)}");
        foreach (var (name, value) in result.Metrics) writer.WriteLine($"{name,-16} {value:0.####}");
        foreach (var (name, signature) in result.Signatures ?? new Dictionary<string, string>()) writer.WriteLine($"{name,-16} {signature}");
        if (result.Metrics.GetValueOrDefault("bleu", 1) == 0 && result.Metrics.GetValueOrDefault("exact") > 0)
            writer.WriteLine("note: BLEU is 0 if no output shares four consecutive words with its reference, as with one-word answers; look at exact and chrf instead");
        if (result.Broken is { } broken) writer.WriteLine($"{Amount.Of(broken.Count, "input")} could not be read, the first: {broken[0]}");
        if (result.Questions is { } questions)
        {
            var table = new TextTable("question", ">examples", ">accuracy", ">majority answer", ">text alone", ">image alone", ">shuffled images");
            foreach (var one in questions)
                table.Add(one.Kind, $"{one.Examples}", $"{one.Accuracy:0.000}", $"{one.Majority:0.000}", $"{one.TextAlone:0.000}", $"{one.ImageAlone:0.000}", $"{one.ShuffledImages:0.000}");
            table.Write(writer);
        }
        foreach (var mistake in (result.Mistakes ?? []).Take(5))
            writer.WriteLine($"predicted {mistake.Predicted} ({mistake.Probability:0.00}), actual {mistake.Label} ({mistake.LabelProbability:0.00}): {mistake.Image}");
        if (result.Classes is { } scores)
        {
            var classes = new TextTable("class", ">precision", ">recall", ">f1", ">examples");
            foreach (var score in scores) classes.Add(score.Label, $"{score.Precision:0.000}", $"{score.Recall:0.000}", $"{score.F1:0.000}", $"{score.Support}");
            classes.Write(writer);
        }
        if (result is not { Confusion: { } rows, Labels: { } labels }) return;
        writer.WriteLine("confusion matrix (rows: actual class, columns: predicted class)");
        var confusion = new TextTable([">", .. labels.Select(label => ">" + label)]);
        foreach (var (label, counts) in labels.Zip(rows)) confusion.Add([label, .. counts.Select(count => $"{count}")]);
        confusion.Write(writer);
    }
}
