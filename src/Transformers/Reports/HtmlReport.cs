using System.Net;
using Transformers.Configs;
using Transformers.Reports.Plots;
using Transformers.Training;

namespace Transformers.Reports;

/// <summary>Writes runs as one offline page, without scripts or external resources.</summary>
public static class HtmlReport
{
    const int MostSampleSteps = 12, LongestSample = 4000, MostClasses = 100;

    /// <summary>The page of a run, or of several side by side.</summary>
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
        foreach (var run in runs)
        {
            var of = runs.Count == 1 ? "" : $" of {run.Name}";
            Section(page, $"Confusion matrix{of}", Confusion(run));
            Section(page, $"{(run.Result?.Metrics.ContainsKey("accuracy") == true ? "Answers" : "Translations")}{of}", Examples(run));
        }
        Section(page, "Samples", Samples(runs));
        foreach (var run in runs) Section(page, runs.Count == 1 ? "What the model attends to" : $"What {run.Name} attends to", Pictures(run));
        var preset = runs.Count == 1 ? runs[0].Preset() : null;
        Section(page, runs.Count > 1 ? "Settings that differ" : preset is null ? "Settings that differ from the defaults" : "Settings that differ from the ready-made config", Differences(runs, preset));
        Section(page, "Machine and versions", Machines(runs));
        foreach (var run in runs)
            Section(page, runs.Count == 1 ? "Config" : $"Config of {run.Name}", $"<pre>{Text(ConfigWriter.ToYaml(run.Config))}</pre>\n");
        return page.Append("</main>\n</body>\n</html>\n").ToString();
    }

    static string Sentence(ReportedRun run)
    {
        var model = $"A model of kind {KindAttribute.Of(run.Config.Model)} on data of kind {KindAttribute.Of(run.Config.Data)}, seed {run.Config.Seed}";
        return run.Result is { } result
            ? string.Create(CultureInfo.InvariantCulture, $"{model}: {result.Parameters:N0} parameters, {Amount.Of(result.Steps, "step")} in {Time(result.Seconds)}, {result.Precision} on {result.Device}.")
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
                if (LossPlot.Has(curve, "train", $"{unit}_per_second")) charts.Add(LossPlot.Metric(curve, "train", $"{unit}_per_second", "Speed", $"{unit} per second"));
            // A metric that was measured once is in the table only.
            foreach (var metric in curve.Events.Where(one => one.Split == "val").SelectMany(one => one.Values.Keys).Where(name => name != "loss").GroupBy(name => name).Where(metric => metric.Count() > 1))
                charts.Add(LossPlot.Metric(curve, "val", metric.Key, $"Validation: {metric.Key}", metric.Key));
        }
        return "<div class=\"charts\">\n" + string.Concat(charts.Select(chart => $"<figure>{chart.ToSvg()}</figure>\n")) + "</div>\n";
    }

    static string Differences(IReadOnlyList<ReportedRun> runs, RunConfig? preset)
    {
        if (runs.Count == 1 && preset is null)
        {
            var changed = ConfigDefaults.Changed(runs[0].Config).ToDictionary(one => one.Path);
            return Table([runs[0].Name, "default"], [.. changed.Keys], (column, path) => column == 0 ? changed[path].Value : changed[path].Default ?? "–", numbers: false);
        }
        var settings = runs.Select(run => ReportedRun.Settings(run.Config)).ToList();
        if (preset is not null) settings.Add(ReportedRun.Settings(preset));
        string Value(int column, string path) => settings[column].GetValueOrDefault(path, "–");
        var paths = settings.SelectMany(one => one.Keys).Distinct().Where(path => Enumerable.Range(0, settings.Count).Select(column => Value(column, path)).Distinct().Count() > 1).ToList();
        if (paths.Count == 0) return "<p>None.</p>\n";
        return Table([.. runs.Select(run => run.Name), .. runs.Count == 1 ? ["ready-made config"] : Array.Empty<string>()], paths, Value, numbers: false);
    }

    static string Samples(IReadOnlyList<ReportedRun> runs)
    {
        var html = new StringBuilder();
        foreach (var run in runs)
        {
            if (run.Samples.Count == 0) continue;
            if (runs.Count > 1) html.Append($"<h3>{Text(run.Name)}</h3>\n");
            // Several runs show their last samples only; one run also shows the earlier ones.
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
            ("instructions", m => m.Instructions), ("transformer", m => m.Program), ("libtorch", m => m.Libtorch), (".NET", m => m.Dotnet),
        ];
        return Table(runs, [.. rows.Select(row => row.Name)], (run, name) => runs[run].Machine is { } machine ? rows.First(row => row.Name == name).Of(machine) ?? "" : "", numbers: false);
    }

    static string Table(IReadOnlyList<ReportedRun> runs, IReadOnlyList<string> rows, Func<int, string, string> cell, bool numbers) =>
        Table([.. runs.Select(run => run.Name)], rows, cell, numbers);

    static string Show(double value) => Math.Abs(value) >= 1000 || value == Math.Floor(value)
        ? value.ToString("N0", CultureInfo.InvariantCulture) : value.ToString("0.####", CultureInfo.InvariantCulture);

    static string Time(double seconds) => seconds >= 3600 ? string.Create(CultureInfo.InvariantCulture, $"{(int)(seconds / 3600)} h {(int)(seconds / 60) % 60} min")
        : seconds >= 60 ? string.Create(CultureInfo.InvariantCulture, $"{(int)(seconds / 60)} min {(int)seconds % 60} s") : string.Create(CultureInfo.InvariantCulture, $"{seconds:0.#} s");

    /// <summary>The confusion matrix, and the scores of each class.</summary>
    static string Confusion(ReportedRun run)
    {
        if (run.Result is not { Confusion: { Count: > 0 } rows, Labels: { } labels } || labels.Count > MostClasses) return "";
        var totals = labels.Select((_, c) => rows.Sum(row => row[c])).ToList();
        string[] columns = ["examples", "precision", "recall", "F1"];
        double Rate(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
        string Cell(int column, string label)
        {
            var c = labels.Index().First(one => one.Item == label).Index;
            var (precision, recall) = (Rate(rows[c][c], totals[c]), Rate(rows[c][c], rows[c].Sum()));
            var value = column switch { 1 => precision, 2 => recall, _ => precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall) };
            return column == 0 ? rows[c].Sum().ToString("N0", CultureInfo.InvariantCulture) : value.ToString("0.000", CultureInfo.InvariantCulture);
        }
        return $"<div class=\"charts\">\n<figure>{ConfusionPlot.Of(rows, labels).ToSvg()}</figure>\n<div>\n{Table(columns, labels, Cell, numbers: true)}</div>\n</div>\n";
    }

    /// <summary>Translations or answers next to their references.</summary>
    static string Examples(ReportedRun run)
    {
        if (run.Result is not { Examples: { Count: > 0 } examples }) return "";
        var html = new StringBuilder("<div class=\"examples\">\n");
        foreach (var example in examples)
            html.Append($"<dl><dt>source</dt><dd>{Text(example.Input)}</dd><dt>model</dt><dd>{Text(example.Output)}</dd><dt>reference</dt><dd>{Text(example.Reference)}</dd></dl>\n");
        return html.Append("</div>\n").ToString();
    }

    /// <summary>The newest pictures, except for the confusion matrix, which has its own section.</summary>
    static string Pictures(ReportedRun run) =>
        string.Concat(run.Pictures.Where(picture => picture.Name != "confusion").Select(picture => $"<figure class=\"wide\">{picture.Svg}</figure>\n"));

    /// <summary>A text with HTML's special characters escaped.</summary>
    static string Text(string text) => WebUtility.HtmlEncode(text);

    /// <summary>A table with a heading for each row, and for each column if there are several.</summary>
    static string Table(IReadOnlyList<string> columns, IReadOnlyList<string> rows, Func<int, string, string> cell, bool numbers)
    {
        var html = new StringBuilder("<div class=\"wide\"><table>\n");
        var kind = numbers ? " class=\"number\"" : "";
        if (columns.Count > 1) html.Append($"<tr><td></td>{string.Concat(columns.Select(column => $"<th scope=\"col\"{kind}>{Text(column)}</th>"))}</tr>\n");
        foreach (var row in rows)
            html.Append($"<tr><th scope=\"row\">{Text(row)}</th>{string.Concat(Enumerable.Range(0, columns.Count).Select(column => $"<td{kind}>{Text(cell(column, row))}</td>"))}</tr>\n");
        return html.Append("</table></div>\n").ToString();
    }

    const string Style = """
        :root{color-scheme:light dark;--paper:#ffffff;--ink:#222222;--soft:#595959;--line:#d9d9d9;--box:#f5f5f5}
        @media (prefers-color-scheme:dark){:root{--paper:#17191c;--ink:#ececec;--soft:#b4b4b4;--line:#3a3d42;--box:#222529}}
        body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif}
        main{max-width:1180px;margin:0 auto;padding:20px 16px 60px}
        h1{font-size:1.6rem;overflow-wrap:anywhere}h2{font-size:1.2rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:16px}
        figure{margin:0 0 12px}.examples{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr));gap:12px}dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 12px;margin:0;background:var(--box);border-radius:6px;padding:.6rem .8rem}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
        .plot{max-width:100%;height:auto;display:block}
        .wide{overflow-x:auto}table{border-collapse:collapse}th,td{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
        th{font-weight:500;color:var(--soft)}th.number{white-space:nowrap}.number{text-align:right;padding-right:0;padding-left:1.4rem;font-variant-numeric:tabular-nums}
        pre{background:var(--box);padding:.7rem .9rem;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.88rem;line-height:1.45}
        summary{cursor:pointer;color:var(--soft)}
        """;
}
