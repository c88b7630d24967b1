namespace TransformerCli.Tests;

/// <summary>The program as a process of its own.</summary>
static class EndedProcess
{
    internal static string Dll { get; } = Repository.PathOf("artifacts", "bin", "TransformerCli", Repository.Configuration.ToLowerInvariant(), "transformer.dll");

    internal static string DotNet => Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";

    /// <summary>Runs <c>transformer</c> to its end.</summary>
    internal static Outcome Run(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null) =>
        Programs.Run(DotNet, [Dll, .. arguments], environment);
}
