using System.Runtime.ExceptionServices;
using TorchSharp;

namespace TransformerCli;

/// <summary>The processes that work together on one command, if a launcher started several.</summary>
/// <remarks>Only the first one prints. When one fails, the others end with exit code 6, and the first of them names it.</remarks>
sealed class Team : IDisposable
{
    // A process in a long computation does not notice that another has failed; it is ended after this time.
    static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    // How long other processes wait for the one that prints, since a launcher ends all as soon as one of them exits.
    static readonly TimeSpan Courtesy = TimeSpan.FromSeconds(2);

    readonly CliContext context;
    readonly ParseResult parse;
    readonly StopRequest? stop;
    readonly string? folder = Environment.GetEnvironmentVariable(MpiLauncher.FolderVariable) is { Length: > 0 } named && Directory.Exists(named) ? named : null;
    readonly int rank;
    readonly Lock printing = new();
    MpiCommunicator? joined;
    ProcessMonitor? monitor;
    Timer? parentWatch, ending;
    bool printed;

    Team(CliContext context, ParseResult parse, StopRequest? stop, int rank) =>
        (this.context, this.parse, this.stop, this.rank, Processes) = (context, parse, stop, rank, Communicator.Single);

    void Join(Launch launch)
    {
        context.Muted = rank != 0;
        if (folder is not null)
        {
            File.WriteAllText(Path.Combine(folder, $"{rank}.pid"), Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            if (rank == 0 && OperatingSystem.IsLinux()) parentWatch = new Timer(_ => EndWithoutParent(), null, 1000, 1000);
        }
        // Until the monitor runs, nothing else would notice that a process never joins.
        var limit = ProcessMonitor.ReadLimit();
        using var meeting = new Timer(_ => GiveUp(launch, limit), null, rank == 0 ? limit : limit + Courtesy, Timeout.InfiniteTimeSpan);
        try
        {
            joined = launch.Join();
        }
        catch (UserException) when (folder is null)
        {
            // Not connected to the others, which may not exist, each process reports for itself.
            context.Muted = false;
            throw;
        }
        ProcessSettings.DivideAmong(joined.LocalRank, joined.LocalSize, Math.Min(joined.LocalSize, SharingCores(joined)));
        Processes = joined;
        monitor = new ProcessMonitor(joined, limit, OnFailure);
        joined.Failure = () => monitor.Failure;
    }

    void GiveUp(Launch launch, TimeSpan limit)
    {
        // A signal could not end the process while the library was waiting.
        if (stop?.Reason is { } reason) End(ExitCodes.Of(reason));
        Print(new ProcessFailedException($"the {launch.Size} processes that {launch.Launcher} started have not found each other within {limit.TotalSeconds:0} s: one of them has not started or is suspended, or its machine does not respond", noticed: true));
        End(ExitCodes.ProcessFailed);
    }

    // The number of processes on the same cores: all of a machine's, unless the launcher has bound each to its own cores.
    static int SharingCores(Communicator processes)
    {
        var all = processes.Collect($"{Environment.MachineName} {ProcessSettings.AllowedCores}");
        return all.Count(cores => cores == all[processes.Rank]);
    }

    /// <summary>The processes.</summary>
    internal Communicator Processes { get; private set; }

    /// <summary>Runs a command whose work several processes can divide.</summary>
    /// <param name="context">Where to print.</param>
    /// <param name="parse">The command line.</param>
    /// <param name="stop">The stop requested by signals; null for a command that ignores them.</param>
    /// <param name="action">The command, given the processes.</param>
    /// <returns>The exit code.</returns>
    internal static int Run(CliContext context, ParseResult parse, StopRequest? stop, Func<Team, int> action)
    {
        var launch = Launch.Read();
        using var team = new Team(context, parse, stop, launch?.Rank ?? 0);
        return launch is null ? action(team) : team.Run(launch, action);
    }

    /// <summary>Chooses how tensors on a device are exchanged, once the device is known; collective.</summary>
    /// <exception cref="UserException">The processes compute on different kinds of devices.</exception>
    internal Communicator For(torch.Device device)
    {
        if (joined is null) return Processes;
        if (joined.FindDifferent(device.type.ToString()) is { } other)
            throw new UserException($"processes {other} and 0 use different kinds of devices; this process, {rank}, uses {device}", "start at most as many processes on each machine as it has CUDA devices, or use --device cpu");
        if (device.type == DeviceType.CUDA && Processes is MpiCommunicator) Processes = new NcclCommunicator(joined, NcclLibrary.Load());
        return Processes;
    }

    int Run(Launch launch, Func<Team, int> action)
    {
        try
        {
            Join(launch);
            // Only the first process has all the numbers that --expect checks.
            var code = Processes.Broadcast(action(this));
            Processes.Barrier();
            // Before any process ends: from here on, what happens to the others does not change it.
            WriteCode(code);
            monitor!.Dispose();
            Processes.Dispose();
            // The launcher that this program starts does not pass exit codes on cleanly, so the folder is used.
            return folder is null ? code : ExitCodes.Done;
        }
        catch (ProcessFailedException exception)
        {
            var failure = monitor?.Failure ?? exception;
            Print(failure);
            // The first process prints and exits before the others; if it is the one that has failed, the second.
            if (!failure.Noticed) monitor?.WaitForFirst(Grace + Courtesy);
            if (rank > (failure.Noticed ? 1 : 0)) Thread.Sleep(Courtesy);
            return End(CodeOf(failure));
        }
        catch (OperationCanceledException) when (stop?.Reason is { } reason)
        {
            monitor?.ReportStop(reason);
            return End(ExitCodes.Of(reason));
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            lock (printing) printed = true;
            var code = context.Guard(parse.GetValue(context.JsonOption), () =>
            {
                ExceptionDispatchInfo.Throw(exception);
                return 0;
            }, parse.GetValue(context.VerboseOption));
            WriteCode(code);
            monitor?.Report(exception is UserException user ? user.Problems[0].ToString() : exception.Message);
            // If all processes find the same error, the first one's message and exit code count.
            monitor?.WaitForFirst(Grace + Courtesy);
            if (monitor is null && rank > 0) Thread.Sleep(Courtesy);
            return code;
        }
    }

    // A stop that all have agreed on, or that ended another process before the first step, is not a failure. A signal that has reached only
    // this process may come from the launcher, which ends all when one has failed.
    int CodeOf(ProcessFailedException failure) => failure.Stopped is { } before ? ExitCodes.Of(before)
        : ExitCodes.Of(stop?.Agreed) is not ExitCodes.Done and var signal ? signal : ExitCodes.ProcessFailed;

    void WriteCode(int code)
    {
        if (folder is not null && rank == 0) File.WriteAllText(Path.Combine(folder, "code"), code.ToString(CultureInfo.InvariantCulture));
    }

    // Ends the process without finalising MPI, which would wait for the others; the launcher then ends those.
    int End(int code)
    {
        // Another process may have been stopped while this one waited for it.
        if (rank == 0 && stop?.Reason is { } reason && code == ExitCodes.Of(reason)) context.PrintStopped(parse, reason);
        WriteCode(code);
        context.Error.End();
        context.Out.Flush();
        ProcessEnd.Now(code);
        return code;
    }

    void OnFailure(ProcessFailedException failure)
    {
        if (failure.Stopped is { } signal) stop?.Ask(signal);
        // This process may find the error that another one reports too, and prints its own then.
        if (failure.Noticed) Print(failure);
        ending = new Timer(_ =>
        {
            Print(failure);
            End(CodeOf(failure));
        }, null, Grace, Timeout.InfiniteTimeSpan);
    }

    void Print(ProcessFailedException failure)
    {
        // The thread that ends this process waits until the message has been printed.
        lock (printing)
        {
            if (printed || CodeOf(failure) != ExitCodes.ProcessFailed) return;
            printed = true;
            // The first process prints, or another one if the first has failed.
            if (rank != 0 && !failure.Noticed) return;
            // A suspended process may receive the report of its own failure when it wakes.
            if (failure.Message.StartsWith($"process {rank} ", StringComparison.Ordinal)) return;
            // The program that started the processes prints it, since a launcher may no longer forward a process's output.
            if (folder is not null) WriteFailure(failure.Message);
            else if (rank <= 1)
            {
                context.Muted = false;
                context.Fail(parse.GetValue(context.JsonOption), ExitCodes.ProcessFailed, [Described(failure.Message)]);
            }
        }
    }

    void WriteFailure(string message)
    {
        // A launcher may kill this process while it writes.
        var draft = Path.Combine(folder!, $"{FailureFile}.{rank}");
        File.WriteAllText(draft, message);
        try
        {
            // Only the first report is right: a process that was suspended assumes, when it wakes, that the others have failed.
            File.Move(draft, Path.Combine(folder!, FailureFile));
        }
        catch (IOException)
        {
            // Another process has already reported a failure.
        }
    }

    /// <summary>The file in the launch folder with the first report of a failed process.</summary>
    internal const string FailureFile = "failure";

    /// <summary>The message for a process's failure.</summary>
    internal static Problem Described(string failure) => new(failure, Hint: "the same command resumes from the newest checkpoint, with this or another number of processes");

    void EndWithoutParent()
    {
        var file = Path.Combine(folder!, "parent");
        if (File.Exists(file) && !Directory.Exists($"/proc/{File.ReadAllText(file)}")) stop?.Ask("sigterm");
    }

    public void Dispose()
    {
        parentWatch?.Dispose();
        ending?.Dispose();
        monitor?.Dispose();
    }
}
