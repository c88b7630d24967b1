namespace Transformers.Tests.Processes;

/// <summary>Exchanges between real processes, under both MPI installations.</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed class CommunicatorTests
{
    [MpiTheory]
    [InlineData(Mpi.OpenMpi, 2, "Open MPI v4")]
    [InlineData(Mpi.OpenMpi, 4, "Open MPI v4")]
    [InlineData(Mpi.Mpich, 2, "MPICH")]
    [InlineData(Mpi.Mpich, 3, "MPICH")]
    public void Every_exchange_gives_the_numbers_that_each_process_expects(string mpi, int processes, string library)
    {
        // Whole buffers at once, and pieces that no count divides into.
        foreach (var piece in new[] { MpiCommunicator.DefaultPieceBytes, 4_444 })
        {
            var output = RankHost.Run(mpi, processes, ["exchange", $"{piece}"]).Done().Output;
            var lines = LinesOf(output);
            Assert.Equal(Enumerable.Range(0, processes).Select(rank => $"ok {rank} of {processes}, {rank} of {processes} here"), lines.Select(line => string.Join(',', line.Split(',').Take(2))));
            Assert.All(lines, line => Assert.Contains(library, line));
        }
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi)]
    [InlineData(Mpi.Mpich)]
    public void Two_hosts_with_their_own_addresses_exchange_the_same_numbers(string mpi)
    {
        Assert.SkipUnless(MountFactAttribute.Run("ip", "netns", "add", "transformer-probe") == 0, "needs the right to make network namespaces");
        MountFactAttribute.Run("ip", "netns", "del", "transformer-probe");
        var (_, output, error) = Mpi.Run([Repository.PathOf("tests/Long/processes/two-hosts"), mpi, "dotnet", Path.Combine(AppContext.BaseDirectory, "RankHost.dll"), "exchange", "1000000"]).Done();
        // The numbers exchanged alone take more bytes than this.
        Assert.True(long.Parse(System.Text.RegularExpressions.Regex.Match(error, "([0-9]+) bytes left the first host").Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) > 1_000_000, error);
        Assert.Equal(["ok 0 of 2, 0 of 1 here", "ok 1 of 2, 0 of 1 here"], LinesOf(output).Select(line => string.Join(',', line.Split(',').Take(2))));
    }

    // Open MPI gives its processes a terminal, which .NET's console greets.
    static List<string> LinesOf(string output) => [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line[Math.Max(0, line.IndexOf("ok ", StringComparison.Ordinal))..]).Order()];

    [MpiTheory]
    [InlineData(Mpi.OpenMpi, "libmpich.so.12", "MPICH")]
    [InlineData(Mpi.Mpich, "libmpi.so.40", "Open MPI")]
    public void A_library_that_does_not_belong_to_the_launcher_is_refused(string mpi, string library, string named)
    {
        var (code, _, error) = RankHost.Run(mpi, 2, ["exchange", "1000000"], new Dictionary<string, string> { [Launch.LibraryVariable] = library });
        Assert.NotEqual(0, code);
        Assert.Contains("started 2 processes, but", error);
        Assert.Contains(named, error);
        Assert.Contains("sees 1", error);
        Assert.Contains(Launch.LibraryVariable, error);
    }

    [MpiTheory]
    [InlineData(Mpi.OpenMpi, "libnone.so")]
    [InlineData(Mpi.OpenMpi, "libc.so.6")]
    public void A_library_that_is_not_there_or_is_not_MPI_is_named(string mpi, string library)
    {
        var (code, _, error) = RankHost.Run(mpi, 2, ["exchange", "1000000"], new Dictionary<string, string> { [Launch.LibraryVariable] = library });
        Assert.NotEqual(0, code);
        Assert.Contains(library, error);
        Assert.Contains(Launch.LibraryVariable, error);
        Assert.DoesNotContain("   at ", error);
    }
}
