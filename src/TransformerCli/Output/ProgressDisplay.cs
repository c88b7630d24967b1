using System.Runtime.InteropServices;
using Spectre.Console;

namespace TransformerCli.Output;

/// <summary>A progress bar below the lines of standard error, on a terminal; elsewhere only the lines, without control
/// characters.</summary>
sealed class ProgressDisplay(GuardedWriter error)
{
    // For the process; a writer that a test passes in is never a terminal.
    static readonly bool Terminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb") && Environment.GetEnvironmentVariable("CI") is null;

    const int Narrowest = 20;

    // Asked only of a terminal.
    static readonly Lazy<bool> wide = new(() => new AnsiConsoleOutput(TextWriter.Null).Width >= Narrowest);

    /// <summary>Whether the terminal is wide enough for bars and borders: in a single column, Spectre's layout never ends.</summary>
    internal static bool IsWide => wide.Value;

    readonly Lock sync = new();
    IAnsiConsole? console;
    ProgressTask? bar;
    TaskCompletionSource? end;
    Task? running;
    PosixSignalRegistration[] signals = [];

    /// <summary>Whether <c>--quiet</c> was given.</summary>
    internal bool Quiet { get; set; }

    /// <summary>Whether nothing is printed, because another process prints it.</summary>
    internal bool Muted { get; set; }

    /// <summary>Whether there is a terminal to show a bar on.</summary>
    internal bool IsLive => Terminal && IsWide && !Quiet && error is { IsStream: true, Failed: false };

    /// <summary>Shows the bar.</summary>
    /// <param name="text">The text beside it.</param>
    /// <param name="done">The fraction that is done; null if it is not known.</param>
    internal void Show(string text, double? done = null)
    {
        if (!IsLive) return;
        lock (sync)
        {
            bar ??= Start(Markup.Escape(text));
            bar.IsIndeterminate = done is null;
            bar.Value = 100 * (done ?? 0);
            bar.Description = Markup.Escape(text);
        }
    }

    /// <summary>Shows the bar for work whose length is known.</summary>
    /// <param name="text">The text beside it.</param>
    /// <returns>Takes the fraction that is done; does nothing once results have replaced the bar.</returns>
    internal Action<double> Watch(string text)
    {
        Show(text);
        return done =>
        {
            if (bar is not null) Show($"{text} {done:P0}", done);
        };
    }

    ProgressTask Start(string text)
    {
        console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(error), Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes });
        // Spectre hides the cursor; a signal that ends the process must not leave it hidden.
        signals = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, _ => error.Write("\u001b[?25h")))];
        var started = new TaskCompletionSource<ProgressTask>();
        var ending = end = new TaskCompletionSource();
        var progress = console.Progress().AutoClear(true).Columns(new ProgressBarColumn { Width = 24 }, new TaskDescriptionColumn { Alignment = Justify.Left }, new ElapsedTimeColumn());
        progress.RefreshRate = TimeSpan.FromMilliseconds(250);
        running = progress.StartAsync(async context =>
        {
            started.SetResult(context.AddTask(text));
            await ending.Task.ConfigureAwait(false);
        });
        // If the display cannot start, its task fails and the callback never runs.
        if (Task.WaitAny(started.Task, running) == 1) running.GetAwaiter().GetResult();
        return started.Task.GetAwaiter().GetResult();
    }

    /// <summary>Writes a line above the bar.</summary>
    internal void WriteLine(string text)
    {
        if (Muted) return;
        lock (sync)
            if (bar is null) error.WriteLine(text);
            else console!.WriteLine(text);
    }

    /// <summary>Removes the bar.</summary>
    internal void Clear()
    {
        lock (sync)
        {
            if (bar is null) return;
            end!.SetResult();
            running!.Wait();
            bar = null;
            foreach (var signal in signals) signal.Dispose();
        }
    }
}
