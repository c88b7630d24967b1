using System.CommandLine;
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
