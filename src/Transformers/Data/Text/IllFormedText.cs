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

/// <summary>Refuses a file that is hardly text: of another encoding, or not text at all.</summary>
sealed class IllFormedCheck(string file, TextCounts counts)
{
    // Western European text in Latin-1 stays below this, and is warned about; random bytes and other scripts' encodings are above.
    const double Most = 0.3;
    internal const int Early = 1 << 20;
    const int Fewest = 64;

    readonly long before = counts.InvalidSequences + counts.Nuls;
    long characters;

    /// <summary>Counts the characters of a piece of text.</summary>
    internal long Add(ReadOnlySpan<byte> utf8)
    {
        var (few, more) = (characters < Early, Utf8Reader.Characters(utf8));
        characters += more;
        if (few && characters >= Early) End();
        return more;
    }

    internal void End()
    {
        var rate = (double)(counts.InvalidSequences + counts.Nuls - before) / Math.Max(1, characters);
        if (characters >= Fewest && rate > Most)
            throw new UserException([new Problem(FormattableString.Invariant($"{100 * rate:0} % of the characters are ill-formed UTF-8 or NUL: the file is not text, or has another encoding"), file,
                Hint: "convert it, for example with iconv -f UTF-16 or -f LATIN1, and -t UTF-8; data inspect reports what is in it")]);
    }
}
