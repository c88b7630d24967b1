namespace TransformerCli.Tests;

/// <summary>Runs the program in this process.</summary>
public static class CommandLine
{
    /// <summary>What a command line gave.</summary>
    public sealed record Outcome(int ExitCode, string Output, string Error)
    {
        /// <summary>The document on standard output.</summary>
        public JsonElement Json => JsonDocument.Parse(Output).RootElement;

        /// <summary>The documents on standard output, one a line.</summary>
        public List<JsonElement> JsonLines => [.. Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

        /// <summary>What was done without an error.</summary>
        public Outcome Done() => Exits(0);

        /// <summary>What had to end with an exit code, and without a stack trace.</summary>
        public Outcome Exits(int code)
        {
            Assert.True(ExitCode == code, $"{ExitCode}: {Error}{Output}");
            if (code != 0) Assert.DoesNotContain("   at ", Error);
            return this;
        }
    }

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
