namespace TransformerCli.Tests;

/// <summary>Runs the program in this process.</summary>
public static class CommandLine
{
    public static Outcome Run(params string[] arguments)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        var code = App.Run(arguments, TextReader.Null, output, error);
        return new Outcome(code, output.ToString(), error.ToString());
    }

    /// <summary>Runs a line that must be carried out.</summary>
    public static Outcome Done(params string[] line) => Run(line).Done();

    /// <summary>Runs a line that must be carried out, and gives what was printed.</summary>
    public static string Printed(params string[] line) => Done(line).Output;

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
