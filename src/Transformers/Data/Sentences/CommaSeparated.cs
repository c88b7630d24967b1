using System.Text;
using Transformers.IO;

namespace Transformers.Data.Sentences;

/// <summary>Comma-separated values as RFC 4180 has them: fields in double quotes may hold commas, line ends and doubled quotes.</summary>
static class CommaSeparated
{
    /// <summary>The records with the lines on which they start.</summary>
    /// <exception cref="UserException">A quote is never closed, or stands where none may.</exception>
    public static IEnumerable<(int Line, string[] Fields)> Read(string path)
    {
        var (number, start) = (0, 0);
        var fields = new List<string>();
        var field = new StringBuilder();
        var quoted = false;
        foreach (var line in TextLines.Read(path))
        {
            number++;
            if (quoted) field.Append('\n');
            else start = number;
            if (field.Length > TextLines.MaximumBytes) break;
            for (var i = 0; i <= line.Length; i++)
            {
                var end = i == line.Length;
                if (quoted)
                {
                    if (end) break;
                    if (line[i] != '"') field.Append(line[i]);
                    else if (i + 1 < line.Length && line[i + 1] == '"') field.Append(line[i++]);
                    else if (i + 1 == line.Length || line[i + 1] == ',') quoted = false;
                    else throw TextLines.Error(path, number, "a closing quote must be followed by a comma or the end of the line", "double a quote inside a quoted field");
                }
                else if (end || line[i] == ',')
                {
                    fields.Add(field.ToString());
                    field.Clear();
                }
                else if (line[i] == '"' && (i == 0 || line[i - 1] == ',')) quoted = true;
                else field.Append(line[i]);
            }
            if (quoted) continue;
            yield return (start, [.. fields]);
            fields.Clear();
        }
        if (quoted) throw TextLines.Error(path, start, "a quote is opened here and never closed");
    }
}
