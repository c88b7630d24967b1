using System.CommandLine;
using Transformers.IO;
using Transformers.Reports;
using Transformers.Runs;

namespace TransformerCli.Commands;

/// <summary><c>report</c>: a run, or several beside each other, as one offline page.</summary>
static class ReportCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var runs = new Argument<string[]>("RUN") { Description = "Run folders; several are compared", Arity = ArgumentArity.OneOrMore };
        var output = new Option<string?>("--out") { Description = "The page [default: report.html in the run's folder; comparison.html for several]", HelpName = "FILE" };
        var command = new Command("report", """
            Writes a run's report, or compares several, as one HTML file that needs no network.

            Example: transformer report runs/gpt-stories runs/gpt-stories-rotary --out compared.html
            """)
        {
            runs, output,
        };
        context.Handle(command, (parse, _) =>
        {
            var folders = parse.GetValue(runs)!;
            var page = HtmlReport.Of([.. folders.Select(Read)]);
            var path = parse.GetValue(output) ?? (folders.Length == 1 ? Path.Combine(folders[0], "report.html") : "comparison.html");
            DurableFile.WriteAsked(path, page);
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema = "transformer.report/1", Path = path });
            else context.Out.WriteLine(path);
            return ExitCodes.Done;
        });
        return command;
    }

    static ReportedRun Read(string path)
    {
        using var folder = RunFolder.OpenForReading(path);
        return ReportedRun.Read(folder);
    }
}
