using Spectre.Console;

namespace TransformerCli.Output;

/// <summary>Rows and columns: with borders on a terminal, aligned text elsewhere.</summary>
/// <param name="columns">The columns' headers; a column whose header begins with &gt; is aligned to the right.</param>
sealed class TextTable(params string[] columns)
{
    static readonly bool Terminal = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");

    readonly List<string[]> rows = [];

    internal void Add(params string[] cells) => rows.Add(cells);

    /// <summary>Writes the table.</summary>
    /// <param name="writer">Standard output.</param>
    /// <param name="heads">Whether the headers are written.</param>
    internal void Write(TextWriter writer, bool heads = true)
    {
        if (Terminal && ProgressDisplay.IsWide && writer is GuardedWriter { IsStream: true }) WriteBordered(writer, heads);
        else WritePlain(writer, heads);
    }

    void WriteBordered(TextWriter writer, bool heads)
    {
        var table = new Table { Border = TableBorder.Rounded, ShowHeaders = heads };
        foreach (var column in columns) table.AddColumn(new TableColumn(Markup.Escape(column.TrimStart('>'))) { Alignment = column.StartsWith('>') ? Justify.Right : Justify.Left });
        foreach (var row in rows) table.AddRow([.. row.Select(Markup.Escape)]);
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) }).Write(table);
    }

    void WritePlain(TextWriter writer, bool heads)
    {
        var lines = heads ? rows.Prepend([.. columns.Select(column => column.TrimStart('>'))]).ToList() : rows;
        var widths = columns.Select((_, i) => lines.Max(line => line[i].Length)).ToList();
        foreach (var line in lines)
            writer.WriteLine(string.Join("  ", line.Select((cell, i) => columns[i].StartsWith('>') ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]))).TrimEnd());
    }
}
