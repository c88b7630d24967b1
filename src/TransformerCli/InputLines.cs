using Transformers;

namespace TransformerCli;

/// <summary>Reads texts from a file or standard input.</summary>
static class InputLines
{
    /// <summary>A text a line, as a stream.</summary>
    /// <param name="context">Where standard input is.</param>
    /// <param name="file">The file; - for standard input.</param>
    /// <param name="option">The option that names it.</param>
    /// <exception cref="UserException">There is no such file.</exception>
    internal static IEnumerable<string> Read(CliContext context, string file, string option = "--input")
    {
        Check(file, option);
        return Lines(context, file);
    }

    /// <summary>All of it as one text.</summary>
    /// <param name="context">Where standard input is.</param>
    /// <param name="file">The file; - for standard input.</param>
    /// <param name="option">The option that names it.</param>
    /// <exception cref="UserException">There is no such file.</exception>
    internal static string ReadAll(CliContext context, string file, string option = "--input")
    {
        Check(file, option);
        if (file == "-") return context.In.ReadToEnd();
        using var reader = new StreamReader(file);
        return reader.ReadToEnd();
    }

    static void Check(string file, string option)
    {
        if (Directory.Exists(file)) throw new UserException([new Problem("is a folder, and a file is needed", file, Path: option)]);
        if (file != "-" && !File.Exists(file)) throw new UserException([new Problem("there is no such file", file, Path: option)]);
    }

    static IEnumerable<string> Lines(CliContext context, string file)
    {
        using var reader = file == "-" ? null : new StreamReader(file);
        while ((reader ?? context.In).ReadLine() is { } line) yield return line;
    }
}
