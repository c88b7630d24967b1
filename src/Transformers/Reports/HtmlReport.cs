using System.Globalization;
using System.Net;
using System.Text;
using Transformers.Configs;
using Transformers.Plots;

namespace Transformers.Reports;

/// <summary>Runs as one offline page: no script, nothing from a network.</summary>
public static class HtmlReport
{
    const int MostSampleSteps = 12, LongestSample = 4000;

    /// <summary>The page of a run, or of several beside each other.</summary>
    /// <param name="runs">At least one.</param>
    public static string Of(params IReadOnlyList<ReportedRun> runs)
    {
        if (runs.Count == 0) throw new ArgumentException("A report needs a run.", nameof(runs));
        var page = new StringBuilder();
        var title = runs.Count == 1 ? runs[0].Name : "Comparison of " + string.Join(", ", runs.Select(run => run.Name));
        page.Append($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Text(title)}</title>
            <style>{Style}</style>
            </head>
            <body>
            <main>
            <h1>{Text(title)}</h1>

            """);
        if (runs.Count == 1) page.Append($"<p>{Text(Sentence(runs[0]))}</p>\n");
        Section(page, "Results", Numbers(runs));
        Section(page, "Curves", Curves(runs));
        Section(page, runs.Count == 1 ? "Settings that differ from the ready config" : "Settings that differ", Differences(runs));
        Section(page, "Samples", Samples(runs));
        Section(page, "Machine and versions", Machines(runs));
        foreach (var run in runs)
            Section(page, runs.Count == 1 ? "Config" : $"Config of {run.Name}", $"<pre>{Text(ConfigWriter.ToYaml(run.Config))}</pre>\n");
        return page.Append("</main>\n</body>\n</html>\n").ToString();
    }

    static string Sentence(ReportedRun run)
    {
        var model = $"A model of kind {KindAttribute.Of(run.Config.Model)} on data of kind {KindAttribute.Of(run.Config.Data)}, seed {run.Config.Seed}";
        return run.Result is { } result
            ? string.Create(CultureInfo.InvariantCulture, $"{model}: {result.Parameters:N0} parameters, {result.Steps:N0} steps in {Time(result.Seconds)}, {result.Precision} on {result.Device}.")
            : $"{model}; the run has not finished.";
    }

    static void Section(StringBuilder page, string heading, string content)
    {
        if (content.Length > 0) page.Append($"<section>\n<h2>{Text(heading)}</h2>\n{content}</section>\n");
    }

    static string Numbers(IReadOnlyList<ReportedRun> runs)
    {
        var names = runs.SelectMany(run => run.Numbers()).Select(number => number.Name).Distinct().ToList();
        var table = runs.Select(run => run.Numbers().GroupBy(number => number.Name).ToDictionary(group => group.Key, group => Show(group.First().Value))).ToList();
        return Table(runs, names, (run, name) => table[run].GetValueOrDefault(name, ""), numbers: true);
    }

    static string Curves(IReadOnlyList<ReportedRun> runs)
    {
        var drawn = runs.Where(run => run.Curve.Events.Any(one => one.Values.ContainsKey("loss"))).ToList();
        if (drawn.Count == 0) return "";
        var charts = new List<LineChart> { drawn.Count == 1 ? LossPlot.Of(drawn[0].Curve) : LossPlot.Compare([.. drawn.Select(run => run.Curve)]) };
        if (runs.Count == 1)
        {
            var curve = drawn[0].Curve;
            if (LossPlot.Has(curve, "train", "lr")) charts.Add(LossPlot.Metric(curve, "train", "lr", "Learning rate", "learning rate"));
            if (LossPlot.Has(curve, "train", "gradient_norm")) charts.Add(LossPlot.Metric(curve, "train", "gradient_norm", "Norm of the gradient", "norm before clipping"));
            foreach (var unit in (string[])["tokens", "images"])
                if (LossPlot.Has(curve, "train", $"{unit}_per_second")) charts.Add(LossPlot.Metric(curve, "train", $"{unit}_per_second", "Speed", $"{unit} a second"));
            foreach (var name in curve.Events.Where(one => one.Split == "val").SelectMany(one => one.Values.Keys).Distinct().Where(name => name != "loss"))
                charts.Add(LossPlot.Metric(curve, "val", name, $"Validation: {name}", name));
        }
        return "<div class=\"charts\">\n" + string.Concat(charts.Select(chart => $"<figure>{chart.ToSvg()}</figure>\n")) + "</div>\n";
    }

    static string Differences(IReadOnlyList<ReportedRun> runs)
    {
        var settings = runs.Select(run => ReportedRun.Settings(run.Config)).ToList();
        if (runs.Count == 1)
        {
            if (runs[0].Preset() is not { } preset) return "";
            settings.Add(ReportedRun.Settings(preset));
        }
        string Value(int column, string path) => settings[column].GetValueOrDefault(path, "–");
        var paths = settings.SelectMany(one => one.Keys).Distinct().Where(path => Enumerable.Range(0, settings.Count).Select(column => Value(column, path)).Distinct().Count() > 1).ToList();
        if (paths.Count == 0) return "<p>None.</p>\n";
        return Table([.. runs.Select(run => run.Name), .. runs.Count == 1 ? ["ready config"] : Array.Empty<string>()], paths, Value, numbers: false);
    }

    static string Samples(IReadOnlyList<ReportedRun> runs)
    {
        var html = new StringBuilder();
        foreach (var run in runs)
        {
            if (run.Samples.Count == 0) continue;
            if (runs.Count > 1) html.Append($"<h3>{Text(run.Name)}</h3>\n");
            // Of several runs the last samples alone; of one, how they became what they are.
            foreach (var (number, one) in run.Samples.Reverse().Take(runs.Count > 1 ? 1 : MostSampleSteps).Index())
            {
                html.Append($"<details{(number == 0 ? " open" : "")}><summary>Step {one.Step}</summary>\n");
                foreach (var sample in one.Samples) html.Append($"<pre>{Text(sample.Length > LongestSample ? sample[..LongestSample] + " …" : sample)}</pre>\n");
                html.Append("</details>\n");
            }
        }
        return html.ToString();
    }

    static string Machines(IReadOnlyList<ReportedRun> runs)
    {
        if (runs.All(run => run.Machine is null)) return "";
        (string Name, Func<MachineReport, string?> Of)[] rows =
        [
            ("system", m => m.System), ("processor", m => m.Processor), ("threads", m => m.Threads.ToString(CultureInfo.InvariantCulture)), ("device", m => m.Device),
            ("instructions", m => m.Instructions), ("transformer", m => m.Program), ("libtorch", m => m.Libtorch), ("BLAS", m => m.Blas), (".NET", m => m.Dotnet),
        ];
        return Table(runs, [.. rows.Select(row => row.Name)], (run, name) => runs[run].Machine is { } machine ? rows.First(row => row.Name == name).Of(machine) ?? "" : "", numbers: false);
    }

    static string Table(IReadOnlyList<ReportedRun> runs, IReadOnlyList<string> rows, Func<int, string, string> cell, bool numbers) =>
        Table([.. runs.Select(run => run.Name)], rows, cell, numbers);

    static string Table(IReadOnlyList<string> columns, IReadOnlyList<string> rows, Func<int, string, string> cell, bool numbers)
    {
        var html = new StringBuilder("<div class=\"wide\"><table>\n");
        if (columns.Count > 1) html.Append($"<tr><th></th>{string.Concat(columns.Select(column => $"<th scope=\"col\">{Text(column)}</th>"))}</tr>\n");
        foreach (var row in rows)
            html.Append($"<tr><th scope=\"row\">{Text(row)}</th>{string.Concat(Enumerable.Range(0, columns.Count).Select(column => $"<td{(numbers ? " class=\"number\"" : "")}>{Text(cell(column, row))}</td>"))}</tr>\n");
        return html.Append("</table></div>\n").ToString();
    }

    static string Show(double value) => Math.Abs(value) >= 1000 || value == Math.Floor(value)
        ? value.ToString("N0", CultureInfo.InvariantCulture) : value.ToString("0.####", CultureInfo.InvariantCulture);

    static string Time(double seconds) => seconds >= 3600 ? string.Create(CultureInfo.InvariantCulture, $"{(int)(seconds / 3600)} h {(int)(seconds / 60) % 60} min")
        : seconds >= 60 ? string.Create(CultureInfo.InvariantCulture, $"{(int)(seconds / 60)} min {(int)seconds % 60} s") : string.Create(CultureInfo.InvariantCulture, $"{seconds:0.#} s");

    static string Text(string text) => WebUtility.HtmlEncode(text);

    const string Style = """
        :root{color-scheme:light dark;--paper:#ffffff;--ink:#222222;--soft:#595959;--line:#d9d9d9;--box:#f5f5f5}
        @media (prefers-color-scheme:dark){:root{--paper:#17191c;--ink:#ececec;--soft:#b4b4b4;--line:#3a3d42;--box:#222529}}
        body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif}
        main{max-width:1180px;margin:0 auto;padding:20px 16px 60px}
        h1{font-size:1.6rem;overflow-wrap:anywhere}h2{font-size:1.2rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:16px}
        figure{margin:0}.plot{max-width:100%;height:auto;display:block}
        .wide{overflow-x:auto}table{border-collapse:collapse}th,td{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
        th{font-weight:500;color:var(--soft)}.number{text-align:right;font-variant-numeric:tabular-nums}
        pre{background:var(--box);padding:.7rem .9rem;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.88rem;line-height:1.45}
        summary{cursor:pointer;color:var(--soft)}
        """;
}
