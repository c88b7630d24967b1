using System.Runtime.CompilerServices;

namespace Transformers.Tests.Checkpoints;

/// <summary>A test of what POSIX systems alone have.</summary>
public sealed class UnixFactAttribute : FactAttribute
{
    public UnixFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line)
    {
        if (OperatingSystem.IsWindows()) Skip = "needs a POSIX system";
    }
}

/// <summary>The disk is full, may not be written, or files may not grow: the run says so and ends, and what was saved stays.</summary>
[Trait("Category", "slow")]
public class FullDiskTests : TempFolderTest
{
    static string[] Train(string run, int steps) => ["train", run, $"{steps}", "5000", "background"];

    static long AssertEndedSoundly(Outcome ended, string run, string message)
    {
        Assert.True(ended.ExitCode == 2, $"exit code {ended.ExitCode}: {ended.Output} {ended.Error}");
        Assert.Contains(message, ended.Error);
        Assert.DoesNotContain("   at ", ended.Error); // No stack trace: it is no bug.
        var found = new CheckpointStore(Path.Combine(run, "checkpoints")).FindNewestIntact(out var skipped);
        Assert.Empty(skipped);
        return found?.Step ?? 0;
    }

    [MountFact]
    public void A_full_disk_leaves_the_earlier_checkpoint_and_the_run_continues_once_there_is_space()
    {
        Directory.CreateDirectory(folder["disk"]);
        Assert.Equal(0, MountFactAttribute.Run("mount", "-t", "tmpfs", "-o", "size=260k", "tmpfs", folder["disk"]));
        try
        {
            var step = AssertEndedSoundly(CrashHostProcess.Run(Train(folder["disk/run"], 6)), folder["disk/run"], "No space left on device");
            Assert.InRange(step, 1, 5);
            Assert.Equal(0, MountFactAttribute.Run("mount", "-o", "remount,size=4m", folder["disk"]));
            var output = CrashHostProcess.Run(Train(folder["disk/run"], 6)).Done().Output;
            var straight = CrashHostProcess.Run(Train(folder["run"], 6));
            Assert.Equal(straight.Output.TrimEnd().Split('\n')[^1], output.TrimEnd().Split('\n')[^1]);
        }
        finally
        {
            MountFactAttribute.Run("umount", "-l", folder["disk"]);
        }
    }

    [MountFact]
    public void A_read_only_disk_ends_a_run_with_a_message_and_its_checkpoints_can_be_read()
    {
        Directory.CreateDirectory(folder["disk"]);
        Assert.Equal(0, MountFactAttribute.Run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder["disk"]));
        try
        {
            Assert.Equal(0, CrashHostProcess.Run(Train(folder["disk/run"], 2)).ExitCode);
            Assert.Equal(0, MountFactAttribute.Run("mount", "-o", "remount,ro", folder["disk"]));
            Assert.Equal(2, AssertEndedSoundly(CrashHostProcess.Run(Train(folder["disk/run"], 3)), folder["disk/run"], "cannot be written"));
            AssertEndedSoundly(CrashHostProcess.Run(Train(folder["disk/other"], 3)), folder["disk/other"], "cannot be written");
        }
        finally
        {
            MountFactAttribute.Run("umount", "-l", folder["disk"]);
        }
    }

    [UnixFact]
    public void Without_write_permission_a_run_ends_with_a_message()
    {
        Directory.CreateDirectory(folder["run"]);
        if (OperatingSystem.IsWindows()) return; // For the analyzer: the attribute skips it there.
        File.SetUnixFileMode(folder["run"], UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        // A superuser may write anywhere: then the child gives that right up first, where the system has a program for it.
        string[] prefix = Environment.UserName == "root" ? ["setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"] : [];
        var works = prefix.Length == 0 || MountFactAttribute.Run("setpriv", [.. prefix[1..], "test", "-r", Path.Combine(AppContext.BaseDirectory, "CrashHost.dll")]) == 0;
        Assert.SkipUnless(works, "needs setpriv, and a build folder that every user can read");
        AssertEndedSoundly(CrashHostProcess.Run(Train(folder["run"], 1), prefix: prefix), folder["run"], "cannot be written");
    }

    [UnixFact]
    public void A_limit_on_file_sizes_ends_the_run_with_a_message_and_does_not_kill_it()
    {
        Assert.Equal(0, CrashHostProcess.Run(Train(folder["run"], 2)).ExitCode);
        // 32 blocks are 16 or 32 KiB, depending on the shell; the weights need 40. By default, the runtime also keeps its code pages in files.
        var ended = CrashHostProcess.Run(Train(folder["run"], 3), prefix: ["sh", "-c", "DOTNET_EnableWriteXorExecute=0; export DOTNET_EnableWriteXorExecute; ulimit -f 32; exec \"$@\"", "sh"]);
        Assert.Equal(2, AssertEndedSoundly(ended, folder["run"], "could not be written"));
    }
}
