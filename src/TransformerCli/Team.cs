using System.CommandLine;
using System.Globalization;
using TorchSharp;
using Transformers.IO;
using Transformers.Native;
using Transformers.Processes;
using Transformers.Training;

namespace TransformerCli;

/// <summary>The processes that work together on one command, if a launcher started several.</summary>
/// <remarks>Only the first one prints. When one fails, the others end with exit code 6, and the first of them names it.</remarks>
sealed class Team : IDisposable
{
    // A process in a long computation does not notice that another has failed; it is ended after this time.
    static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    readonly CliContext context;
    readonly StopRequest? stop;
    readonly bool json;
    readonly MpiCommunicator? joined;
    readonly ProcessMonitor? monitor;
    readonly Timer? parentWatch;
    readonly string? folder = Environment.GetEnvironmentVariable(MpiLauncher.FolderVariable) is { Length: > 0 } named && Directory.Exists(named) ? named : null;
    int printed;

    Team(CliContext context, bool json, StopRequest? stop, Launch? launch)
    {
        (this.context, this.json, this.stop, Processes) = (context, json, stop, Communicator.Single);
        if (launch is null) return;
        context.Muted = launch.Rank != 0;
        if (folder is not null)
        {
            File.WriteAllText(Path.Combine(folder, $"{launch.Rank}.pid"), Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            if (launch.Rank == 0 && OperatingSystem.IsLinux()) parentWatch = new Timer(_ => EndWithoutParent(), null, 1000, 1000);
        }
        joined = launch.Join();
        ProcessSettings.DivideAmong(joined.LocalRank, joined.LocalSize);
        Processes = joined;
        monitor = new ProcessMonitor(joined, OnFailure);
        joined.Failure = () => monitor.Failure;
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
        using var team = new Team(context, parse.GetValue(context.JsonOption), stop, launch);
        return launch is null ? action(team) : team.Run(action);
    }

    /// <summary>Chooses how tensors on a device are exchanged, once the device is known.</summary>
    internal Communicator For(torch.Device device)
    {
        if (joined is not null && device.type == DeviceType.CUDA && Processes is MpiCommunicator) Processes = new NcclCommunicator(joined, NcclLibrary.Load());
        return Processes;
    }

    int Run(Func<Team, int> action)
    {
        try
        {
            var code = action(this);
            Processes.Barrier();
            monitor!.Dispose();
            Processes.Dispose();
            return Finish(code);
        }
        catch (ProcessFailedException exception)
        {
            if (monitor?.Failure is null) Print(exception);
            return End(stop?.Reason is { } reason ? ExitCodes.Of(reason) : ExitCodes.ProcessFailed);
        }
        catch (OperationCanceledException) when (stop?.Reason is { } reason)
        {
            monitor?.ReportStop(reason);
            return End(ExitCodes.Of(reason));
        }
        catch (Exception exception)
        {
            monitor?.Report(exception is UserException user ? user.Problems[0].ToString() : exception.Message);
            throw;
        }
    }

    // The launcher that this program starts does not pass exit codes on cleanly, so the folder is used.
    int Finish(int code)
    {
        if (folder is null) return code;
        if (Processes.IsFirst) File.WriteAllText(Path.Combine(folder, "code"), code.ToString(CultureInfo.InvariantCulture));
        return ExitCodes.Done;
    }

    // Ends the process without finalising MPI, which would wait for the others; the launcher then ends those.
    int End(int code)
    {
        if (folder is not null && Processes.IsFirst) File.WriteAllText(Path.Combine(folder, "code"), code.ToString(CultureInfo.InvariantCulture));
        context.Error.End();
        context.Out.Flush();
        ProcessEnd.Now(code);
        return code;
    }

    void OnFailure(ProcessFailedException failure)
    {
        if (failure.Stopped is { } signal) stop?.Ask(signal);
        Print(failure);
        Thread.Sleep(Grace);
        // If all were asked to stop, a process that ends early has not failed.
        End(stop?.Reason is { } reason ? ExitCodes.Of(reason) : ExitCodes.ProcessFailed);
    }

    void Print(ProcessFailedException failure)
    {
        if (stop?.Reason is not null || Interlocked.Exchange(ref printed, 1) != 0) return;
        // The first process prints, or the second if the first has failed.
        if (!Processes.IsFirst && !(Processes.Rank == 1 && failure.Noticed)) return;
        // A suspended process may receive the report of its own failure when it wakes.
        if (failure.Message.StartsWith($"process {Processes.Rank} ", StringComparison.Ordinal)) return;
        // The program that started the processes prints it, since a launcher may no longer forward a process's output.
        if (folder is not null)
        {
            try
            {
                // Only the first report is right: a process that was suspended assumes, when it wakes, that the others have failed.
                using var file = new FileStream(Path.Combine(folder, FailureFile), FileMode.CreateNew);
                file.Write(System.Text.Encoding.UTF8.GetBytes(failure.Message));
            }
            catch (IOException)
            {
                // Another process has reported it.
            }
            return;
        }
        context.Muted = false;
        context.Fail(json, ExitCodes.ProcessFailed, [Described(failure.Message)]);
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
        monitor?.Dispose();
    }
}
