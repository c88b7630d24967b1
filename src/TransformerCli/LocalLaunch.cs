using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Transformers.IO;
using Transformers.Processes;

namespace TransformerCli;

/// <summary><c>--nproc</c>: starts this program several times on this machine, passes signals on, and leaves no process behind.</summary>
static partial class LocalLaunch
{
    /// <summary>Runs the processes and waits for all of them.</summary>
    /// <param name="context">Where to print.</param>
    /// <param name="json">Whether messages are JSON.</param>
    /// <param name="count">The number of processes.</param>
    /// <param name="arguments">The command line without <c>--nproc</c>.</param>
    /// <returns>The first process's exit code; 6 if one of them failed.</returns>
    internal static int Run(CliContext context, bool json, int count, IReadOnlyList<string> arguments)
    {
        var launcher = MpiLauncher.Find();
        var folder = Directory.CreateTempSubdirectory("transformer-launch-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "parent"), Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            using var process = launcher.Start(count, [.. Program(), .. arguments], folder);
            using var signals = new SignalRelay(folder);
            process.WaitForExit();
            EndLeftOvers(folder);
            if (!Started(folder).Any())
                throw new UserException($"{launcher.Path} ({launcher.Version}) did not start any of the {count} processes and exited with code {process.ExitCode}", $"try {launcher.Path} -n {count} hostname, or name another launcher in {MpiLauncher.Variable}");
            // Read before the exit code: a suspended process that the launcher's signal wakes would report that signal.
            if (File.Exists(Path.Combine(folder, Team.FailureFile)))
            {
                context.Fail(json, ExitCodes.ProcessFailed, [Team.Described(File.ReadAllText(Path.Combine(folder, Team.FailureFile)))]);
                return ExitCodes.ProcessFailed;
            }
            if (ReadNumber(Path.Combine(folder, "code")) is { } code) return code;
            if (process.ExitCode is ExitCodes.UserError or ExitCodes.Bug or ExitCodes.OutOfMemory or ExitCodes.Diverged) return process.ExitCode;
            // If a process was killed, another one has left a message, provided that the launcher left it enough time.
            context.Fail(json, ExitCodes.ProcessFailed, [Team.Described($"one of the {count} processes ended prematurely; {launcher.Path} exited with code {process.ExitCode}")]);
            return ExitCodes.ProcessFailed;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The program's own executable, or dotnet and its assembly.
    static IEnumerable<string> Program()
    {
        var host = Environment.ProcessPath!;
        return Path.GetFileNameWithoutExtension(host) == "dotnet" ? [host, Environment.GetCommandLineArgs()[0]] : [host];
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
        readonly List<(int Signal, HashSet<int> Reached)> sent = [];
        readonly Timer timer;
        readonly string folder;

        internal SignalRelay(string folder)
        {
            this.folder = folder;
            const int usr1 = 10; // On Linux.
            foreach (var (signal, number) in new[] { (PosixSignal.SIGINT, 2), (PosixSignal.SIGTERM, 15), (PosixSignal.SIGHUP, 1), ((PosixSignal)usr1, usr1) }.Where(one => one.Item2 != usr1 || OperatingSystem.IsLinux()))
                registrations.Add(PosixSignalRegistration.Create(signal, context =>
                {
                    context.Cancel = true;
                    lock (sent) sent.Add((number, []));
                    Relay();
                }));
            timer = new Timer(_ => Relay(), null, 100, 100);
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
