using Transformers;

namespace TransformerCli;

/// <summary>Reads a text a line from a file or standard input.</summary>
static class InputLines
{
    /// <summary>The lines, as a stream.</summary>
    /// <param name="context">Where standard input is.</param>
    /// <param name="file">The file; - for standard input.</param>
    /// <exception cref="UserException">There is no such file.</exception>
    internal static IEnumerable<string> Read(CliContext context, string file)
    {
        if (file != "-" && !File.Exists(file)) throw new UserException([new Problem("there is no such file", file, Path: "--input")]);
        return Lines(context, file);
    }

    static IEnumerable<string> Lines(CliContext context, string file)
    {
        using var reader = file == "-" ? null : new StreamReader(file);
        while ((reader ?? context.In).ReadLine() is { } line) yield return line;
    }
}
