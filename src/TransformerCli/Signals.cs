using System.Runtime.InteropServices;
using TransformerCli.Output;
using Transformers.IO;
using Transformers.Training;

namespace TransformerCli;

/// <summary>SIGINT, SIGTERM and SIGHUP end a run after its current step, a second signal immediately; SIGUSR1 saves a checkpoint, and
/// training continues.</summary>
sealed class Signals : IDisposable
{
    readonly List<PosixSignalRegistration> registrations = [];
    readonly StopRequest stop;
    int received;

    internal Signals(StopRequest stop)
    {
        this.stop = stop;
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, "sigint", ExitCodes.Interrupted)));
        registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, "sigterm", ExitCodes.Terminated)));
        // Under nohup, or if the caller otherwise ignores SIGHUP, the loss of the terminal does not end a run.
        if (!IgnoresHangUp()) registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => Stop(context, "sighup", ExitCodes.HungUp)));
        const int sigusr1OnLinux = 10;
        if (OperatingSystem.IsLinux())
            registrations.Add(PosixSignalRegistration.Create((PosixSignal)sigusr1OnLinux, context =>
            {
                context.Cancel = true;
                stop.AskForSave();
            }));
    }

    static bool IgnoresHangUp()
    {
        const string field = "SigIgn:";
        if (!OperatingSystem.IsLinux()) return false;
        var mask = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(field, StringComparison.Ordinal));
        return mask is not null && (Convert.ToUInt64(mask[field.Length..].Trim(), 16) & 1) != 0;
    }

    void Stop(PosixSignalContext context, string name, int code)
    {
        context.Cancel = true;
        // A second signal ends the process immediately: saved checkpoints are complete whenever that happens. The first one never does,
        // even if a time limit or another process's signal has already asked the run to stop: it may be saving.
        if (Interlocked.Increment(ref received) > 1) ProcessEnd.Now(code);
        StandardStream.Stopping = true;
        stop.Ask(name);
    }

    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
    }
}
