namespace TransformerCli;

/// <summary>Reads texts from a file or standard input.</summary>
static class InputLines
{
    /// <summary>Reads one text per line, lazily; a line that cannot be used has its problem.</summary>
    /// <param name="context">Where standard input is.</param>
    /// <param name="file">The file; - for standard input.</param>
    /// <param name="option">The option that names it.</param>
    /// <exception cref="UserException">The file does not exist.</exception>
    internal static IEnumerable<InputLine> Read(CliContext context, string file, string option = "--input")
    {
        Check(file, option);
        return Lines(context, file);
    }

    /// <summary>Reads the whole file as one text.</summary>
    /// <param name="context">Where standard input is.</param>
    /// <param name="file">The file; - for standard input.</param>
    /// <param name="option">The option that names it.</param>
    /// <exception cref="UserException">The file does not exist.</exception>
    internal static string ReadAll(CliContext context, string file, string option = "--input")
    {
        Check(file, option);
        using var stream = file == "-" ? null : InputFile.Open(file);
        return TextLines.ReadAll(stream ?? StandardInput(context), NameOf(file));
    }

    /// <summary>Whether an argument that may be a text or a file is a file or standard input.</summary>
    /// <param name="given">The argument.</param>
    /// <param name="option">Its name.</param>
    /// <exception cref="UserException">It looks like a path, but is not that of a file.</exception>
    internal static bool IsFile(string given, string option)
    {
        if (given == "-" || File.Exists(given)) return true;
        if (Directory.Exists(given) && LooksLikePath(given)) throw new UserException([new Problem("is a folder; a file or a text is needed", given, Path: option)]);
        return !LooksLikePath(given) ? false
            : throw new UserException([new Problem("the file does not exist", given, Path: option, Hint: "if this is the text itself, pass it on standard input, as -")]);
    }

    // One word with a directory separator or the extension of a text file.
    static bool LooksLikePath(string given) => given.Length > 1 && !given.Any(char.IsWhiteSpace) && !given.Contains("://", StringComparison.Ordinal)
        && (given.Contains(Path.DirectorySeparatorChar) && (given[0] is '/' or '.' or '~' || Path.HasExtension(given))
            || Path.GetExtension(given).ToLowerInvariant() is ".txt" or ".tsv" or ".csv" or ".json" or ".jsonl" or ".md" or ".gz" or ".text" or ".log" or ".xml" or ".html" or ".yaml" or ".parquet");

    static void Check(string file, string option)
    {
        if (Directory.Exists(file)) throw new UserException([new Problem("is a folder; a file is needed", file, Path: option)]);
        if (file != "-" && !File.Exists(file)) throw new UserException([new Problem("the file does not exist", file, Path: option, Hint: Suggestion.ForPath(file))]);
    }

    // As in training, only a line feed ends a line.
    static IEnumerable<InputLine> Lines(CliContext context, string file)
    {
        using var stream = file == "-" ? null : InputFile.Open(file);
        foreach (var line in TextLines.ReadEach(stream ?? StandardInput(context), NameOf(file))) yield return line;
    }

    /// <summary>Standard input as bytes, decompressed if it is gzip; a reader from a test has only text.</summary>
    internal static Stream StandardInput(CliContext context) =>
        InputFile.Decompressed(context.In is StreamReader reader ? reader.BaseStream : new MemoryStream(Encoding.UTF8.GetBytes(context.In.ReadToEnd())));

    /// <summary>A file or, for <c>-</c>, standard input, as bytes, decompressed if it is gzip.</summary>
    /// <param name="context">Where standard input is.</param>
    /// <param name="path">The file, or <c>-</c>.</param>
    /// <param name="plain">Whether to read a file as it is, even if it begins like gzip.</param>
    /// <exception cref="UserException">It cannot be opened; reading the stream may throw this too.</exception>
    internal static Stream Open(CliContext context, string path, bool plain = false)
    {
        Check(path, "--input");
        return InputFile.Named(path == "-" ? StandardInput(context) : InputFile.Open(path, plain), NameOf(path));
    }

    /// <summary>The name of an input in messages.</summary>
    internal static string NameOf(string file) => file == "-" ? "standard input" : file;
}

/// <summary>Counts the inputs that a model cannot read. Each causes a warning; at the end they cause the exit code of a user's
/// error.</summary>
/// <param name="context">Where warnings go.</param>
/// <param name="what">What the inputs are.</param>
/// <param name="alone">Whether there is only one: then its problem ends the command.</param>
sealed class UnreadLines(CliContext context, string what = "line", bool alone = false)
{
    int unread;

    /// <summary>The number of inputs.</summary>
    internal int Lines { get; private set; }

    /// <summary>Takes the next line.</summary>
    /// <param name="line">The line.</param>
    /// <param name="problemOf">Why a model cannot read it; null if it can.</param>
    /// <returns>Whether it can be read.</returns>
    internal bool Reads(InputLine line, Func<string, Problem?> problemOf) =>
        Reads(line.Problem ?? (problemOf(line.Text) is { } problem ? problem with { File = line.File, Line = line.Number, Column = null } : null));

    /// <summary>Takes the next input's problem, if it has one.</summary>
    /// <returns>Whether it can be read.</returns>
    /// <exception cref="UserException">It cannot be read, and is the only one.</exception>
    internal bool Reads(Problem? problem)
    {
        Lines++;
        if (problem is null) return true;
        if (alone) throw new UserException([problem]);
        unread++;
        context.Error.WriteLine($"warning: {problem}");
        return false;
    }

    /// <summary>The exit code; prints a summary if an input could not be read.</summary>
    internal int Finish()
    {
        if (unread == 0) return ExitCodes.Done;
        context.Error.WriteLine($"error: {unread:N0} of {Amount.Of(Lines, what)} could not be read{(unread < Lines ? "; the rest were processed" : "")}");
        return ExitCodes.UserError;
    }
}
