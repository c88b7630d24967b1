using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>The one rule for text that is not UTF-8, in tables of texts as in running text: each ill-formed sequence becomes U+FFFD and is
/// counted and reported, and a file that is hardly text is refused.</summary>
static class IllFormedText
{
    /// <summary>The warnings about tables of texts: a line per file and problem, which names the first line that has it.</summary>
    /// <param name="files">The files, which are read to their ends.</param>
    /// <param name="refuse">Whether a file that is hardly text is refused, rather than reported on.</param>
    /// <exception cref="UserException">A file cannot be read, or is hardly text.</exception>
    internal static IEnumerable<string> Warnings(IEnumerable<string> files, bool refuse = true)
    {
        foreach (var file in files.Distinct())
        {
            var counts = new TextCounts();
            using var stream = InputFile.OpenAgain(file);
            var reader = new Utf8Reader(stream, file, counts);
            var check = new IllFormedCheck(file, counts);
            for (ReadOnlyMemory<byte> block; !(block = reader.Next()).IsEmpty;) counts.Characters += refuse ? check.Add(block.Span) : Utf8Reader.Characters(block.Span);
            if (refuse) check.End();
            foreach (var (note, isWarning) in TextNotes.Of(counts))
                if (isWarning) yield return $"{file}{(reader.FirstIllFormed > 0 ? $":{reader.FirstIllFormed}" : "")}: {note}";
        }
    }
}
