using Transformers.Native;

namespace Transformers.Processes;

/// <summary>What a launcher (<c>mpirun</c>, <c>mpiexec</c>, <c>srun</c>) passes to each process that it starts.</summary>
/// <param name="Launcher">The launcher, in words.</param>
/// <param name="Rank">This process's number, from 0.</param>
/// <param name="Size">The number of processes.</param>
/// <param name="LocalRank">This process's number on its machine.</param>
/// <param name="LocalSize">The number of processes on this machine, if the launcher provides it; else 1.</param>
/// <param name="Libraries">The names of the launcher's libraries, the most likely first.</param>
public sealed record Launch(string Launcher, int Rank, int Size, int LocalRank, int LocalSize, IReadOnlyList<string> Libraries)
{
    /// <summary>The path of an MPI library to use instead of the launcher's own.</summary>
    public const string LibraryVariable = "TRANSFORMER_MPI";

    static readonly string[] OpenMpi = ["libmpi.so.40", "libmpi.so"];
    static readonly string[] Mpich = ["libmpich.so.12", "libmpi.so.12", "libmpi_abi.so.0"];

    /// <summary>Reads the environment; null if no launcher started several processes.</summary>
    /// <param name="read">Reads a variable; null for this process's environment.</param>
    public static Launch? Read(Func<string, string?>? read = null)
    {
        read ??= Environment.GetEnvironmentVariable;
        int? Number(params string[] names) => names.Select(name => int.TryParse(read(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : (int?)null).FirstOrDefault(value => value is not null);
        Launch? Found(string launcher, int? size, int? rank, int? localRank, int? localSize, params string[] libraries) =>
            size > 1 && rank is { } own ? new(launcher, own, size.Value, localRank ?? 0, localSize ?? 1, libraries) : null;
        return Found("Open MPI's mpirun", Number("OMPI_COMM_WORLD_SIZE"), Number("OMPI_COMM_WORLD_RANK"), Number("OMPI_COMM_WORLD_LOCAL_RANK"), Number("OMPI_COMM_WORLD_LOCAL_SIZE"), OpenMpi)
            ?? Found("mpiexec", Number("PMI_SIZE"), Number("PMI_RANK"), Number("MPI_LOCALRANKID", "PMI_LOCAL_RANK", "SLURM_LOCALID"), Number("MPI_LOCALNRANKS", "PMI_LOCAL_SIZE"), Mpich)
            // Only srun sets SLURM_STEP_ID: it is not set in a batch script that runs the program directly.
            ?? Found("srun", read("SLURM_STEP_ID") is null ? null : Number("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"), Number("SLURM_PROCID"), Number("SLURM_LOCALID"), Number("SLURM_NTASKS_PER_NODE"), [.. OpenMpi, .. Mpich]);
    }

    /// <summary>Loads the launcher's library, and joins the other processes.</summary>
    /// <param name="pieceBytes">The maximum number of bytes per exchange.</param>
    /// <exception cref="UserException">There is no library, or it does not see the launcher's processes.</exception>
    public MpiCommunicator Join(int pieceBytes = MpiCommunicator.DefaultPieceBytes)
    {
        var library = OpenLibrary();
        var joined = new MpiCommunicator(library, pieceBytes);
        if (joined.Size != Size)
            throw new UserException($"{Launcher} started {Size} processes, but {library.Version} ({library.Path}) sees {joined.Size}: they belong to different MPI installations, and each process would train alone",
                $"start with that library's own mpirun, or name the launcher's library in {LibraryVariable}");
        return joined;
    }

    MpiLibrary OpenLibrary()
    {
        var failed = new List<string>();
        foreach (var name in NamesToTry(Libraries))
            if (TryOpen(name, failed) is { } library) return library;
        throw new UserException($"{Launcher} started {Size} processes, but there is no MPI library to connect them: {string.Join("; ", failed)}",
            $"install the library that goes with the launcher (Debian: libopenmpi3 or libmpich12), or name it in {LibraryVariable}");
    }

    static IEnumerable<string> NamesToTry(IEnumerable<string> names) => Environment.GetEnvironmentVariable(LibraryVariable) is { Length: > 0 } named ? [named] : names;

    static MpiLibrary? TryOpen(string name, List<string> failed)
    {
        try
        {
            return new MpiLibrary(SharedLibrary.Open(name), name);
        }
        catch (DllNotFoundException exception)
        {
            failed.Add(exception.Message);
            return null;
        }
    }

    /// <summary>The MPI libraries that the loader finds, for <c>doctor</c>; none of them is initialised.</summary>
    public static IReadOnlyList<string> FindLibraries()
    {
        var found = new List<string>();
        // MPI libraries export the same function names, so one that is only inspected is loaded with local symbols.
        foreach (var name in NamesToTry([OpenMpi[0], .. Mpich]))
            if (NativeLibrary.TryLoad(name, out var handle))
            {
                try
                {
                    var library = new MpiLibrary(handle, name);
                    found.Add($"{library.Version} ({name})");
                }
                catch (UserException exception)
                {
                    found.Add(exception.Message);
                }
            }
        return found;
    }
}

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
