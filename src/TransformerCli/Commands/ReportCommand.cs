using System.CommandLine;
using System.Globalization;
using TransformerCli.Output;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Reports;
using Transformers.Runs;

namespace TransformerCli.Commands;

/// <summary><c>report</c>: one run, or several side by side, as an offline page.</summary>
static class ReportCommand
{
    public static Command Create(CliContext context)
    {
        var runs = CommonOptions.Runs();
        var output = CommonOptions.Output("The page [default: report.html in the run's folder; comparison.html for several]");
        return context.Create("report", """
            Writes the report of a run, or a comparison of several, as one HTML file that needs no network.

            Example: transformer report runs/gpt-stories runs/gpt-stories-rotary --output compared.html
            """, [runs, output], (parse, _) =>
        {
            var folders = parse.GetValue(runs)!;
            var page = HtmlReport.Of([.. folders.Select(Read)]);
            var path = parse.GetValue(output) ?? (folders.Length == 1 ? Path.Combine(folders[0], "report.html") : "comparison.html");
            DurableFile.WriteAsked(path, page);
            return context.Print(parse, new { Schema = "transformer.report/1", Path = path }, writer => writer.WriteLine(path));
        });
    }

    static ReportedRun Read(string path)
    {
        using var folder = RunFolder.OpenForReading(path);
        return ReportedRun.Read(folder);
    }
}

/// <summary><c>runs</c>: the runs in a folder, with their state and losses. Does not load libtorch.</summary>
static class RunsCommand
{
    public static Command Create(CliContext context)
    {
        var folder = new Argument<string>("DIR") { Description = "A folder that contains runs, directly or in subfolders", HelpName = "DIR", DefaultValueFactory = _ => "runs" };
        return context.Create("runs", """
            Lists the runs in a folder: whether each is running, stopped or finished, its steps, and its last and best validation loss.

            Example: transformer runs runs/vit-digits-sweep
            """, [folder], (parse, _) =>
        {
            var path = parse.GetRequiredValue(folder);
            if (!Directory.Exists(path)) throw new UserException([new Problem(File.Exists(path) ? "is a file, but a folder with runs is needed" : "the folder does not exist", path, Hint: File.Exists(path) ? null : Suggestion.ForPath(path))]);
            var runs = RunOverview.Below(path, problem => context.Error.WriteLine($"warning: {problem.Message}"));
            return context.Print(parse, new { Schema = "transformer.runs/1", Runs = runs }, writer =>
            {
                if (runs.Count == 0) context.Error.WriteLine($"{path} contains no runs");
                else TableOf(runs).Write(writer);
            });
        });
    }

    static TextTable TableOf(IReadOnlyList<RunOverview> runs)
    {
        var table = new TextTable("run", "model", "state", ">step", ">val_loss", ">best", ">at step", "changed");
        foreach (var run in runs)
            table.Add(run.Run, run.Model, run.State, FormattableString.Invariant($"{run.Step:N0}/{run.Steps:N0}"), Loss(run.ValLoss), Loss(run.Best?.ValLoss),
                run.Best?.Step.ToString("N0", CultureInfo.InvariantCulture) ?? "", run.Changed.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture));
        return table;
    }

    static string Loss(double? loss) => loss?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "";
}
