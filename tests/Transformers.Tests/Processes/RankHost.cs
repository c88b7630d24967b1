namespace Transformers.Tests.Processes;

/// <summary>Starts tests/RankHost, alone or under an MPI launcher.</summary>
static class RankHost
{
    static string[] Program(string[] arguments) => ["dotnet", Path.Combine(AppContext.BaseDirectory, "RankHost.dll"), .. arguments];

    internal static Outcome Run(string mpi, int processes, string[] arguments, IReadOnlyDictionary<string, string>? environment = null) =>
        Mpi.Run(Mpi.Line(mpi, processes, Program(arguments)), environment);

    internal static Outcome RunAlone(params string[] arguments) => Mpi.Run(Program(arguments));
}
