using System.Diagnostics;
using System.Globalization;
using Transformers.IO;

namespace Transformers.Processes;

/// <summary>Starts several processes of this program on this machine through an MPI launcher.</summary>
/// <param name="Path">The launcher's program.</param>
/// <param name="IsOpenMpi">Whether it is Open MPI's; otherwise MPICH's, or one that takes the same arguments.</param>
/// <param name="Version">The version that it reports.</param>
public sealed record MpiLauncher(string Path, bool IsOpenMpi, string Version)
{
    /// <summary>Names the launcher's program, instead of <c>mpirun</c> or <c>mpiexec</c> on the path.</summary>
    public const string Variable = "TRANSFORMER_MPIRUN";

    /// <summary>Names a folder in which each started process writes its process id (<c>RANK.pid</c>), the first one its exit code, and any of them the failure of another.</summary>
    public const string FolderVariable = "TRANSFORMER_LAUNCHED";

    /// <summary>The file in that folder with a line for each process that has ended, in this order: its rank and its exit code, which is 128 + the signal if one ended it. Open MPI's launcher writes none.</summary>
    public const string EndedFile = "ended";

    // As soon as a process dies, MPICH's launcher kills the others, which then cannot say which one it was: the shell does it first, and ends
    // like its process. (A process that stops after SIGHUP, SIGINT or SIGTERM has not died.) The launcher forwards signals to the shell too.
    const string Wrapper = $"""
        trap : HUP INT TERM USR1 USR2
        "$@"
        code=$?
        echo "$PMI_RANK $code" >> "${FolderVariable}/{EndedFile}"
        case $code in 13[2-9]) kill -9 $$ ;; esac
        exit $code
        """;

    /// <summary>Finds a launcher.</summary>
    /// <exception cref="UserException">There is none.</exception>
    public static MpiLauncher Find()
    {
        var named = Environment.GetEnvironmentVariable(Variable);
        foreach (var path in named is { Length: > 0 } ? [named] : new[] { "mpirun", "mpiexec", "mpiexec.hydra" })
            if (VersionOf(path) is { } version) return new(path, IsOpenMpiName(version), version);
        throw new UserException(named is { Length: > 0 } ? $"{Variable} ({named}) does not start" : "--nproc needs mpirun, which is not on the path",
            "install Open MPI or MPICH (Debian: apt-get install openmpi-bin, or mpich)");
    }

    static bool IsOpenMpiName(string version) => version.Contains("Open MPI", StringComparison.Ordinal) || version.Contains("OpenRTE", StringComparison.Ordinal);

    // The first line that contains a version.
    static string? VersionOf(string path)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(path, ["--version"]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true })!;
            process.StandardInput.Close();
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine(); // A launcher that fills the pipe would wait forever.
            var lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            process.WaitForExit();
            return process.ExitCode == 0 && lines.Length > 0 ? lines.FirstOrDefault(IsOpenMpiName) ?? string.Join(' ', lines.Take(2)) : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>Starts the processes, with this process's standard streams.</summary>
    /// <param name="count">How many.</param>
    /// <param name="program">The program and its arguments.</param>
    /// <param name="folder">The folder that <see cref="FolderVariable"/> names.</param>
    public Process Start(int count, IReadOnlyList<string> program, string folder)
    {
        List<string> line = [Path];
        if (IsOpenMpi)
        {
            // If a process were bound to a core, all its threads would share it.
            line.AddRange(["--quiet", "--bind-to", "none", "--oversubscribe"]);
            if (Environment.IsPrivilegedProcess) line.Add("--allow-run-as-root");
        }
        line.AddRange(["-n", count.ToString(CultureInfo.InvariantCulture), .. IsOpenMpi ? [] : new[] { "/bin/sh", "-c", Wrapper, "sh" }, .. program]);
        // In a separate session: signals from the terminal reach only this process, which passes them on.
        if (File.Exists("/usr/bin/setsid")) line.Insert(0, "/usr/bin/setsid");
        var start = new ProcessStartInfo(line[0], line[1..]);
        start.Environment[FolderVariable] = folder;
        if (IsOpenMpi && count > Environment.ProcessorCount) start.Environment["OMPI_MCA_mpi_yield_when_idle"] = "1";
        return Process.Start(start)!;
    }
}
