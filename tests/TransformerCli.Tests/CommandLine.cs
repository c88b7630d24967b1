namespace TransformerCli.Tests;

/// <summary>Runs the program in this process.</summary>
public static class CommandLine
{
    public static Outcome Run(params string[] arguments) => Run(TextReader.Null, arguments);

    public static Outcome Run(TextReader input, params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        var code = App.Run(arguments, input, output, error);
        return new(code, output.ToString(), error.ToString());
    }

    /// <summary>Runs a line that must be carried out.</summary>
    public static Outcome Done(params string[] line) => Run(line).Done();

    /// <summary>Runs a line that must be carried out, and gives what was printed.</summary>
    public static string Printed(params string[] line) => Done(line).Output;

    /// <summary>Runs a line that must be refused as the user's mistake, and gives what was said.</summary>
    public static string Refused(params string[] line)
    {
        var error = Run(line).Exits(2).Error;
        Assert.StartsWith("error: ", error);
        return error;
    }
}
