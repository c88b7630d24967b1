using System.Net;
using System.Text;

namespace Transformers.Reports;

/// <summary>Text and tables of a page.</summary>
static class ReportText
{
    /// <summary>A text with what means something in HTML spelt out.</summary>
    internal static string Text(string text) => WebUtility.HtmlEncode(text);

    /// <summary>A table with a heading a row, and above the columns where there are several.</summary>
    internal static string Table(IReadOnlyList<string> columns, IReadOnlyList<string> rows, Func<int, string, string> cell, bool numbers)
    {
        var html = new StringBuilder("<div class=\"wide\"><table>\n");
        var kind = numbers ? " class=\"number\"" : "";
        if (columns.Count > 1) html.Append($"<tr><td></td>{string.Concat(columns.Select(column => $"<th scope=\"col\"{kind}>{Text(column)}</th>"))}</tr>\n");
        foreach (var row in rows)
            html.Append($"<tr><th scope=\"row\">{Text(row)}</th>{string.Concat(Enumerable.Range(0, columns.Count).Select(column => $"<td{kind}>{Text(cell(column, row))}</td>"))}</tr>\n");
        return html.Append("</table></div>\n").ToString();
    }
}
