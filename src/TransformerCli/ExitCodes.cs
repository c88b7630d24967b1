namespace TransformerCli;

/// <summary>The exit codes that scripts may rely on; docs/commands.md has the table.</summary>
public static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Done = 0;
    /// <summary>A bug in the program; a stack trace was printed.</summary>
    public const int Bug = 1;
    /// <summary>The user's input was wrong: usage, config, data, checkpoint, device.</summary>
    public const int UserError = 2;
    /// <summary>An <c>--expect</c> rule is not satisfied.</summary>
    public const int ExpectationFailed = 3;
    /// <summary>Out of memory.</summary>
    public const int OutOfMemory = 4;
    /// <summary>The training diverged.</summary>
    public const int Diverged = 5;
    /// <summary>Another process of the run has failed.</summary>
    public const int ProcessFailed = 6;
    /// <summary>Stopped by SIGHUP; a checkpoint was saved.</summary>
    public const int HungUp = 129;
    /// <summary>Stopped by SIGINT; a checkpoint was saved.</summary>
    public const int Interrupted = 130;
    /// <summary>Stopped by SIGTERM; a checkpoint was saved.</summary>
    public const int Terminated = 143;

    /// <summary>The exit code for a result's reason for stopping; null: it was not stopped.</summary>
    internal static int Of(string? stopped) => stopped switch
    {
        "sigint" => Interrupted,
        "sighup" => HungUp,
        "sigterm" => Terminated,
        _ => Done,
    };
}
