namespace TransformerCli;

/// <summary><c>--nproc</c>: starts this program several times on this machine, passes signals on, and leaves no process behind.</summary>
static partial class LocalLaunch
{
    /// <summary>Runs the processes and waits for all of them.</summary>
    /// <param name="context">Where to print.</param>
    /// <param name="parse">The command line, with <c>--nproc</c>.</param>
    /// <param name="count">The number of processes.</param>
    /// <param name="saves">Whether the command saves after a signal and exits with its own code, instead of being ended by the
    /// signal.</param>
    /// <returns>The first process's exit code; 6 if one of them failed.</returns>
    internal static int Run(CliContext context, ParseResult parse, int count, bool saves)
    {
        var (launcher, json) = (MpiLauncher.Find(), parse.GetValue(context.JsonOption));
        if (count > Environment.ProcessorCount && !parse.GetValue(context.QuietOption))
            context.Error.WriteLine($"warning: --nproc ({count}) starts more processes than there are cores here ({Environment.ProcessorCount}): they take turns, and each needs memory of its own");
        var folder = Directory.CreateTempSubdirectory("transformer-launch-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "parent"), Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            // While they run, the first process writes the log.
            context.CloseLog();
            using var signals = new SignalRelay(folder);
            using var process = launcher.Start(count, [.. Program(), .. context.Arguments], folder);
            process.WaitForExit();
            EndLeftOvers(folder);
            context.OpenLog(parse);
            if (!Started(folder).Any())
                throw new UserException($"{launcher.Path} ({launcher.Version}) did not start any of the {count} processes and exited with code {process.ExitCode}", $"try {launcher.Path} -n {count} hostname, or name another launcher in {MpiLauncher.Variable}");
            // A second signal ends the command at once.
            if (signals.Ending is { } ending && (!saves || ending.Count > 1)) return 128 + ending.Signal;
            // Read before the exit code: a suspended process that the launcher's signal wakes would report that signal.
            if (File.Exists(Path.Combine(folder, Team.FailureFile)))
            {
                context.Fail(json, ExitCodes.ProcessFailed, [Team.Described(File.ReadAllText(Path.Combine(folder, Team.FailureFile)))]);
                return ExitCodes.ProcessFailed;
            }
            if (ReadNumber(Path.Combine(folder, "code")) is { } code) return code;
            if (process.ExitCode is ExitCodes.UserError or ExitCodes.Bug) return process.ExitCode;
            // If a process was killed, another one has left a message, provided that the launcher left it enough time.
            context.Fail(json, ExitCodes.ProcessFailed, [Team.Described(DescribeFirstToEnd(folder) ?? $"one of the {count} processes ended prematurely; {launcher.Path} exited with code {process.ExitCode}")]);
            return ExitCodes.ProcessFailed;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Whether this process was started by <see cref="Run"/> in another one.</summary>
    internal static bool HasStartedThis => Environment.GetEnvironmentVariable(MpiLauncher.FolderVariable) is { Length: > 0 } folder && Directory.Exists(folder);

    // The program's own executable, or dotnet and its assembly.
    static IEnumerable<string> Program()
    {
        var host = Environment.ProcessPath!;
        return Path.GetFileNameWithoutExtension(host) == "dotnet" ? [host, Environment.GetCommandLineArgs()[0]] : [host];
    }

    static string? DescribeFirstToEnd(string folder)
    {
        var file = Path.Combine(folder, MpiLauncher.EndedFile);
        if (!File.Exists(file) || File.ReadLines(file).FirstOrDefault()?.Split(' ') is not [var rank, var code]) return null;
        const int signalled = 128;
        // One that dies at once has not written its process id.
        var pid = ReadNumber(Path.Combine(folder, $"{rank}.pid")) is { } known ? $"pid {known} " : "";
        return $"process {rank} ({pid}on {Environment.MachineName}) has ended "
            + (int.Parse(code, CultureInfo.InvariantCulture) is > signalled and var number ? $"because of signal {number - signalled}" : $"with exit code {code}");
    }

    static int? ReadNumber(string file) => File.Exists(file) && int.TryParse(File.ReadAllText(file), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    static IEnumerable<int> Started(string folder) => Directory.EnumerateFiles(folder, "*.pid").Select(ReadNumber).OfType<int>();

    // A launcher that was killed leaves its processes running; one that is suspended cannot respond.
    static void EndLeftOvers(string folder)
    {
        foreach (var pid in Started(folder))
            for (var waited = 0; IsOurs(pid); waited++)
            {
                if (waited == 20) Kill(pid, 9);
                Thread.Sleep(50);
            }
    }

    // The process id may have been reused by another program since.
    static bool IsOurs(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/environ").Contains(MpiLauncher.FolderVariable, StringComparison.Ordinal) && !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z", StringComparison.Ordinal);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    static void Kill(int pid, int signal)
    {
        if (!OperatingSystem.IsWindows()) SendSignal(pid, signal);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int pid, int signal);

    /// <summary>Passes each signal to every process, including those that have not started yet.</summary>
    sealed class SignalRelay : IDisposable
    {
        readonly List<PosixSignalRegistration> registrations = [];
        const int User1 = 10; // On Linux.

        readonly List<(int Signal, HashSet<int> Reached)> sent = [];
        readonly Timer timer;
        readonly string folder;

        internal SignalRelay(string folder)
        {
            this.folder = folder;
            foreach (var (signal, number) in new[] { (PosixSignal.SIGINT, 2), (PosixSignal.SIGTERM, 15), (PosixSignal.SIGHUP, 1), ((PosixSignal)User1, User1) }.Where(one => one.Item2 != User1 || OperatingSystem.IsLinux()))
                registrations.Add(PosixSignalRegistration.Create(signal, context =>
                {
                    context.Cancel = true;
                    lock (sent) sent.Add((number, []));
                    Relay();
                }));
            timer = new Timer(_ => Relay(), null, 100, 100);
        }

        /// <summary>The first signal that asked the processes to end, and the number of such signals; null if there was none.</summary>
        internal (int Signal, int Count)? Ending
        {
            get
            {
                lock (sent) return sent.Where(one => one.Signal != User1).ToList() is [var first, ..] all ? (first.Signal, all.Count) : null;
            }
        }

        void Relay()
        {
            lock (sent)
            {
                if (!Directory.Exists(folder)) return;
                foreach (var (signal, reached) in sent)
                    foreach (var pid in Started(folder))
                        if (reached.Add(pid)) Kill(pid, signal);
            }
        }

        public void Dispose()
        {
            timer.Dispose();
            foreach (var registration in registrations) registration.Dispose();
        }
    }
}
