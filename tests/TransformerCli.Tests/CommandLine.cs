namespace TransformerCli.Tests;

/// <summary>Runs the program in this process.</summary>
public static class CommandLine
{
    /// <summary>What a command line gave.</summary>
    public sealed record Outcome(int ExitCode, string Output, string Error);

    public static Outcome Run(params string[] arguments)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        var code = App.Run(arguments, TextReader.Null, output, error);
        return new Outcome(code, output.ToString(), error.ToString());
    }
}
