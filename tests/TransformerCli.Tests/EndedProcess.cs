namespace TransformerCli.Tests;

/// <summary>Runs the program, or another one, as a process of its own, to its end.</summary>
static class EndedProcess
{
    internal static string Dll { get; } = Repository.PathOf("artifacts", "bin", "TransformerCli", Repository.Configuration.ToLowerInvariant(), "transformer.dll");

    internal static string DotNet => Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";

    /// <summary>Runs <c>transformer</c>.</summary>
    internal static CommandLine.Outcome Run(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null) =>
        Start(DotNet, [Dll, .. arguments], environment);

    /// <summary>Runs a program to its end, with nothing on its standard input.</summary>
    internal static CommandLine.Outcome Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var info = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) info.Environment[name] = value;
        using var process = Process.Start(info)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new CommandLine.Outcome(process.ExitCode, output, error.Result);
    }
}
