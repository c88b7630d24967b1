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
    public static (int ExitCode, string Output, string Error) Run(IReadOnlyList<string> line, IReadOnlyDictionary<string, string>? environment = null)
    {
        var info = new ProcessStartInfo(line[0], line.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) info.Environment[name] = value;
        using var process = Process.Start(info)!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(TimeSpan.FromMinutes(10)))
        {
            process.Kill(entireProcessTree: true);
            return (-1, output.Result, $"{error.Result}\nit did not end");
        }
        return (process.ExitCode, output.Result, error.Result);
    }
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
