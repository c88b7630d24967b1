namespace TestSupport;

/// <summary>What a program or a command line gave.</summary>
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

/// <summary>Runs programs as processes of their own, to their end, with nothing on their standard input.</summary>
public static class Programs
{
    /// <summary>Runs a program, which is killed after a time that is given, with exit code -1.</summary>
    public static Outcome Run(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string folder = "", TimeSpan? killAfter = null)
    {
        var info = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) info.Environment[name] = value;
        using var process = Process.Start(info)!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (killAfter is not { } time) process.WaitForExit();
        else if (!process.WaitForExit(time))
        {
            process.Kill(entireProcessTree: true);
            return new(-1, output.Result, $"{error.Result}\nit did not end");
        }
        return new(process.ExitCode, output.Result, error.Result);
    }
}
