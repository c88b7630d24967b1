namespace TransformerCli.Tests;

/// <summary>The real program in a process of its own, for tests that send signals or limit memory.</summary>
sealed class ProgramProcess : IDisposable
{
    // Far more than anything here takes: a test that hangs fails.
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    readonly Process process;
    readonly StringBuilder output = new(), error = new();
    readonly Thread[] readers;

    /// <summary>Starts the program.</summary>
    /// <param name="folder">Its working directory.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="prefix">A program that starts it, with its arguments.</param>
    internal ProgramProcess(string folder, string[] arguments, params string[] prefix)
    {
        // A shell without job control starts what runs beside it deaf to SIGINT, and children inherit that.
        string[] line = [.. prefix, "env", "--default-signal=INT", "dotnet", EndedProcess.Dll, .. arguments];
        process = Process.Start(new ProcessStartInfo(line[0], line[1..]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true })!;
        // Threads of their own: what a test waits for is seen however busy the pool of this process is.
        readers = [Reading(process.StandardOutput, output), Reading(process.StandardError, error)];
    }

    /// <summary>Runs the program to its end.</summary>
    internal static Outcome Run(string folder, string[] arguments, params string[] prefix)
    {
        using var program = new ProgramProcess(folder, arguments, prefix);
        return program.End();
    }

    static Thread Reading(StreamReader from, StringBuilder to)
    {
        var thread = new Thread(() =>
        {
            while (from.ReadLine() is { } line)
                lock (to) to.AppendLine(line);
        }) { IsBackground = true };
        thread.Start();
        return thread;
    }

    internal string Output { get { lock (output) return output.ToString(); } }
    internal string Error { get { lock (error) return error.ToString(); } }

    /// <summary>Waits until standard error holds a text.</summary>
    internal void WaitForError(string text) => Until($"'{text}' on standard error", () => Error.Contains(text, StringComparison.Ordinal));

    /// <summary>Waits until something holds while the program runs.</summary>
    internal void Until(string what, Func<bool> holds)
    {
        var clock = Stopwatch.StartNew();
        while (!holds())
        {
            if (process.HasExited && !holds()) Assert.Fail($"the program ended with {process.ExitCode} before {what}: {Error}");
            if (clock.Elapsed > Patience) Assert.Fail($"waited in vain for {what}: {Error}");
            Thread.Sleep(2);
        }
    }

    /// <summary>Sends a signal: TERM, INT, USR1, KILL.</summary>
    internal void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Whether the program ends within a time.</summary>
    internal bool EndsWithin(TimeSpan time) => process.WaitForExit(time);

    /// <summary>Sends a signal again and again until the program ends: two at almost the same time may be one to the kernel.</summary>
    internal void SignalUntilTheEnd(string name)
    {
        for (var clock = Stopwatch.StartNew(); !EndsWithin(TimeSpan.FromMilliseconds(200)) && clock.Elapsed < Patience;) Signal(name);
    }

    /// <summary>Waits for the end.</summary>
    internal Outcome End()
    {
        if (!process.WaitForExit(Patience)) Assert.Fail($"the program does not end: {Error}");
        foreach (var reader in readers) reader.Join(); // For the rest of its output.
        return new(process.ExitCode, Output, Error);
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill();
        process.Dispose();
    }
}
