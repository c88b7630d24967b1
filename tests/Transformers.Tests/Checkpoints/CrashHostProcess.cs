namespace Transformers.Tests.Checkpoints;

/// <summary>Starts tests/CrashHost, a process that tests may kill.</summary>
static class CrashHostProcess
{
    /// <summary>128 and SIGKILL, as the runtime reports a killed process.</summary>
    public const int Killed = 137;

    static ProcessStartInfo Info(string[] arguments, string? failPoint, string[] prefix)
    {
        string[] line = [.. prefix, Environment.ProcessPath is { } p && Path.GetFileNameWithoutExtension(p) == "dotnet" ? p : "dotnet", Path.Combine(AppContext.BaseDirectory, "CrashHost.dll"), .. arguments];
        var info = new ProcessStartInfo(line[0], line[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        if (failPoint is not null) info.Environment["TRANSFORMER_FAILPOINT"] = failPoint;
        info.Environment["DOTNET_TieredCompilation"] = "1";
        info.Environment["DOTNET_gcServer"] = "0";
        return info;
    }

    public static Process Start(string[] arguments, string? failPoint = null, params string[] prefix) => Process.Start(Info(arguments, failPoint, prefix))!;

    /// <summary>Runs to the end, or for at most so long and then kills it.</summary>
    public static Outcome Run(string[] arguments, string? failPoint = null, TimeSpan? killAfter = null, params string[] prefix)
    {
        using var process = Start(arguments, failPoint, prefix);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (killAfter is not null && !process.WaitForExit(killAfter.Value)) process.Kill();
        process.WaitForExit();
        return new(process.ExitCode, output.Result, error.Result);
    }
}
