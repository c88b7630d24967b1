using System.Text.Json;
using Transformers.Generators;
using Transformers.IO;

namespace Transformers.Data.Sentences;

/// <summary>Reads sentence pairs: two aligned files, tab-separated values or JSON lines, each plain or gzip, as a stream.</summary>
public static class ParallelFiles
{
    /// <summary>Pairs the lines of two files.</summary>
    /// <exception cref="UserException">A file cannot be read, or one has more lines than the other.</exception>
    public static IEnumerable<SentencePair> ReadPair(string source, string target)
    {
        using var sources = TextLines.Read(source).GetEnumerator();
        using var targets = TextLines.Read(target).GetEnumerator();
        for (long pairs = 0; ; pairs++)
        {
            var (more, moreToo) = (sources.MoveNext(), targets.MoveNext());
            if (more && moreToo)
            {
                yield return new SentencePair(sources.Current, targets.Current);
                continue;
            }
            if (!more && !moreToo) yield break;
            // Count the longer file to its end: the difference tells what went wrong.
            var longer = pairs + 1;
            while ((more ? sources : targets).MoveNext()) longer++;
            throw new UserException([new Problem(
                $"the files are misaligned: {(more ? source : target)} has {longer} lines, {(more ? target : source)} has {pairs}",
                more ? target : source, Hint: "line n of one must be the translation of line n of the other")]);
        }
    }

    /// <summary>Reads two columns of a file of tab-separated values; there is no quoting.</summary>
    /// <param name="path">The file.</param>
    /// <param name="sourceColumn">The column of the source, from 0.</param>
    /// <param name="targetColumn">The column of the target, from 0.</param>
    /// <exception cref="UserException">The file cannot be read, or a line has too few columns.</exception>
    public static IEnumerable<SentencePair> ReadTsv(string path, int sourceColumn = 0, int targetColumn = 1)
    {
        var line = 0;
        foreach (var text in TextLines.Read(path))
        {
            line++;
            var columns = text.Split('\t');
            var needed = Math.Max(sourceColumn, targetColumn) + 1;
            if (columns.Length < needed)
                throw TextLines.Error(path, line, $"the line has {columns.Length} columns, {needed} are needed", "columns are separated by tabs");
            yield return new SentencePair(columns[sourceColumn], columns[targetColumn]);
        }
    }

    /// <summary>Reads two fields of JSON lines.</summary>
    /// <param name="path">The file.</param>
    /// <param name="sourceField">The field of the source; dots lead into objects, as in <c>translation.de</c>.</param>
    /// <param name="targetField">The field of the target.</param>
    /// <exception cref="UserException">The file cannot be read, a line is not JSON, or a field is not there.</exception>
    public static IEnumerable<SentencePair> ReadJsonLines(string path, string sourceField, string targetField)
    {
        var line = 0;
        foreach (var text in TextLines.Read(path))
        {
            line++;
            using var document = JsonLine.Parse(text, path, line);
            yield return new SentencePair(
                JsonLine.Text(document.RootElement, sourceField, path, line), JsonLine.Text(document.RootElement, targetField, path, line));
        }
    }
}
