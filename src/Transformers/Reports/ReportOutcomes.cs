using System.Globalization;
using System.Text;
using Transformers.Reports.Plots;
using static Transformers.Reports.ReportText;

namespace Transformers.Reports;

/// <summary>What a run's model does, as parts of a page: mistakes, translations, pictures.</summary>
static class ReportOutcomes
{
    const int MostClasses = 100;

    /// <summary>The confusion matrix, and how each class fares.</summary>
    internal static string Confusion(ReportedRun run)
    {
        if (run.Result is not { Confusion: { Count: > 0 } rows, Labels: { } labels } || labels.Count > MostClasses) return "";
        var totals = labels.Select((_, c) => rows.Sum(row => row[c])).ToList();
        string[] columns = ["examples", "precision", "recall", "F1"];
        double Share(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
        string Cell(int column, string label)
        {
            var c = labels.IndexOf(label);
            var (precision, recall) = (Share(rows[c][c], totals[c]), Share(rows[c][c], rows[c].Sum()));
            var value = column switch { 1 => precision, 2 => recall, _ => precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall) };
            return column == 0 ? rows[c].Sum().ToString("N0", CultureInfo.InvariantCulture) : value.ToString("0.000", CultureInfo.InvariantCulture);
        }
        return $"<div class=\"charts\">\n<figure>{ConfusionPlot.Of(rows, labels).ToSvg()}</figure>\n<div>\n{Table(columns, labels, Cell, numbers: true)}</div>\n</div>\n";
    }

    /// <summary>Translations beside their references.</summary>
    internal static string Examples(ReportedRun run)
    {
        if (run.Result is not { Examples: { Count: > 0 } examples }) return "";
        var html = new StringBuilder("<div class=\"examples\">\n");
        foreach (var example in examples)
            html.Append($"<dl><dt>source</dt><dd>{Text(example.Input)}</dd><dt>model</dt><dd>{Text(example.Output)}</dd><dt>reference</dt><dd>{Text(example.Reference)}</dd></dl>\n");
        return html.Append("</div>\n").ToString();
    }

    /// <summary>The newest pictures; the confusion matrix stands elsewhere.</summary>
    internal static string Pictures(ReportedRun run) =>
        string.Concat(run.Pictures.Where(picture => picture.Name != "confusion").Select(picture => $"<figure class=\"wide\">{picture.Svg}</figure>\n"));

    static int IndexOf(this IReadOnlyList<string> labels, string label)
    {
        for (var i = 0; i < labels.Count; i++)
            if (labels[i] == label) return i;
        return -1;
    }
}
