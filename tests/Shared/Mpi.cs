using System.Runtime.CompilerServices;

namespace TestSupport;

/// <summary>The MPI installations that tests run under.</summary>
public static class Mpi
{
    public const string OpenMpi = "openmpi", Mpich = "mpich";

    /// <summary>Whether Debian's launcher of an installation is there, beside the other one's.</summary>
    public static bool Has(string name) => File.Exists(Launcher(name));

    public static string Launcher(string name) => $"/usr/bin/mpirun.{name}";

    /// <summary>The launcher and its arguments.</summary>
    public static string[] Line(string name, int processes, params string[] more) =>
    [
        Launcher(name), .. name == OpenMpi ? new[] { "--bind-to", "none", "--oversubscribe", "--allow-run-as-root" } : [],
        "-n", processes.ToString(CultureInfo.InvariantCulture), .. more,
    ];

    /// <summary>Runs a program to its end, for at most ten minutes.</summary>
    public static Outcome Run(IReadOnlyList<string> line, IReadOnlyDictionary<string, string>? environment = null) =>
        Programs.Run(line[0], line.Skip(1), environment, killAfter: TimeSpan.FromMinutes(10));
}

/// <summary>A test that needs Slurm, whose cluster of one node it starts itself, and both MPI installations.</summary>
public sealed class SlurmTheoryAttribute : TheoryAttribute
{
    static readonly string[] Programs = ["/usr/sbin/munged", "/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/bin/srun"];

    // Slurm loads it by a name that only the development package has.
    static bool HasPmix => Directory.EnumerateDirectories("/usr/lib").Any(folder => File.Exists(Path.Combine(folder, "pmix2/lib/libpmix.so")));

    public SlurmTheoryAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line)
    {
        if (!Environment.IsPrivilegedProcess) Skip = "needs root, to start a Slurm cluster";
        else if (!Programs.All(File.Exists) || !HasPmix || !Mpi.Has(Mpi.OpenMpi) || !Mpi.Has(Mpi.Mpich)) Skip = "needs slurm-wlm, munge, libpmix-dev, openmpi-bin and mpich: as root, scripts/test installs them";
    }
}

/// <summary>A test that needs Open MPI and MPICH, as Debian's packages openmpi-bin and mpich install them side by side.</summary>
public sealed class MpiTheoryAttribute : TheoryAttribute
{
    public MpiTheoryAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line)
    {
        if (!Mpi.Has(Mpi.OpenMpi) || !Mpi.Has(Mpi.Mpich)) Skip = "needs openmpi-bin and mpich: as root, scripts/test installs them";
    }
}
