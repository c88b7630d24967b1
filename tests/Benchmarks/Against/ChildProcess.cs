using System.Diagnostics;
using System.Globalization;

namespace Benchmarks.Against;

/// <summary>Runs programs without the environment variables of the user's shell that affect speed.</summary>
static class ChildProcess
{
    static readonly string[] Removed =
    [
        "OPENBLAS_CORETYPE", "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MKL_NUM_THREADS", "ATEN_CPU_CAPABILITY", "TRANSFORMER_THREADS", "TRANSFORMER_KEEP_ENVIRONMENT",
        "LD_LIBRARY_PATH", "LD_PRELOAD", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_ARENA_MAX",
    ];

    static Process? running;

    // The end of the comparison ends the program that it is running.
    static ChildProcess() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        try
        {
            running?.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended, and was disposed of.
        }
    };

    /// <summary>Runs a .NET program to its end.</summary>
    /// <param name="folder">Its working folder.</param>
    /// <param name="line">The assembly and its arguments.</param>
    /// <returns>Its standard output, and its peak resident bytes (0 if the system does not report them).</returns>
    /// <exception cref="InvalidOperationException">It failed; the message ends with its output.</exception>
    internal static (string Output, long Peak) Run(string folder, params IEnumerable<string> line)
    {
        using var process = Start(folder, line);
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        long peak = 0;
        while (!process.WaitForExit(20)) peak = Math.Max(peak, PeakOf(process.Id));
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"dotnet {string.Join(' ', line)} ended with {process.ExitCode}:\n{error.Result}{output.Result}");
        return (output.Result, peak);
    }

    /// <summary>Seconds from the start of a .NET program until a line on its standard error begins with a text; then it is killed.</summary>
    /// <exception cref="InvalidOperationException">It ended before.</exception>
    internal static double SecondsUntil(string text, string folder, params IEnumerable<string> line)
    {
        var started = Stopwatch.GetTimestamp();
        using var process = Start(folder, line);
        var output = process.StandardOutput.ReadToEndAsync();
        var read = new List<string>();
        while (process.StandardError.ReadLine() is { } said)
        {
            read.Add(said);
            if (!said.StartsWith(text, StringComparison.Ordinal)) continue;
            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            process.Kill();
            process.WaitForExit();
            return seconds;
        }
        throw new InvalidOperationException($"dotnet {string.Join(' ', line)} ended before '{text}':\n{string.Join('\n', read)}{output.Result}");
    }

    static Process Start(string folder, IEnumerable<string> line)
    {
        var info = new ProcessStartInfo("dotnet", line) { WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in Removed) info.Environment.Remove(name);
        var process = Process.Start(info)!;
        process.StandardInput.Close();
        running = process;
        return process;
    }

    static long PeakOf(int process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? 0 : 1024 * long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0; // It has just ended.
        }
    }
}
