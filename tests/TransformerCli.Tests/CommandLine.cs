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

    /// <summary>Runs a line that must be refused as the user's mistake, and gives what was said.</summary>
    public static string Refused(params string[] line)
    {
        var outcome = Run(line);
        Assert.True(outcome.ExitCode == 2, $"{string.Join(' ', line)}: {outcome.ExitCode} {outcome.Error}");
        Assert.StartsWith("error: ", outcome.Error);
        Assert.DoesNotContain("   at ", outcome.Error);
        return outcome.Error;
    }
}
