using System.Diagnostics.Tracing;
using System.Globalization;

/// <summary>Loaded by DOTNET_STARTUP_HOOKS, it writes the methods of this program that a process runs, in the order in which they are first entered.</summary>
/// <remarks>
/// A method is compiled when it is first entered, and without optimization, so none is inlined before it has run. The runtime
/// reports each compiled method; METHOD_TRACE names the file of the report, whose lines are metadata token, type and method.
/// </remarks>
internal static class StartupHook
{
    static readonly string Report = Environment.GetEnvironmentVariable("METHOD_TRACE") ?? "";
    static Listener? listener;

    public static void Initialize()
    {
        if (Report.Length == 0) return;
        listener = new Listener();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => listener.Finish();
    }

    sealed class Listener : EventListener
    {
        const EventKeywords Compilation = (EventKeywords)0x10;
        readonly List<string> lines = [];
        int ended;

        protected override void OnEventSourceCreated(EventSource eventSource)
        {
            if (eventSource.Name == "Microsoft-Windows-DotNETRuntime") EnableEvents(eventSource, EventLevel.Verbose, Compilation);
        }

        protected override void OnEventWritten(EventWrittenEventArgs eventData)
        {
            if (eventData.EventName?.StartsWith("MethodLoadVerbose", StringComparison.Ordinal) != true) return;
            object? Field(string name) => eventData.Payload![eventData.PayloadNames!.IndexOf(name)];
            var type = (string)Field("MethodNamespace")!;
            if (type.EndsWith(nameof(End), StringComparison.Ordinal) && type.StartsWith(nameof(StartupHook), StringComparison.Ordinal)) Volatile.Write(ref ended, 1);
            if (!type.StartsWith("Transformer", StringComparison.Ordinal) && type != "Program") return;
            lock (lines) lines.Add(string.Create(CultureInfo.InvariantCulture, $"{Field("MethodToken"):x8} {type} {Field("MethodName")}"));
        }

        internal void Finish()
        {
            // Events arrive a little later than what they report: that of a last method ends the wait.
            End.Enter();
            for (var i = 0; i < 500 && Volatile.Read(ref ended) == 0; i++) Thread.Sleep(10);
            lock (lines) File.WriteAllLines(Report, lines);
        }
    }

    static class End
    {
        internal static void Enter() => Thread.MemoryBarrier();
    }
}
