using System.Runtime.CompilerServices;

namespace TestSupport;

/// <summary>A test that mounts a small file system, which takes a superuser.</summary>
public sealed class MountFactAttribute : FactAttribute
{
    static readonly bool CanMount = Probe();

    public MountFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line)
    {
        if (!CanMount) Skip = "needs the right to mount a tmpfs";
    }

    static bool Probe()
    {
        if (!OperatingSystem.IsLinux()) return false;
        var folder = Directory.CreateTempSubdirectory("mount-probe-").FullName;
        try
        {
            if (Run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder) != 0) return false;
            Run("umount", "-l", folder);
            return true;
        }
        finally
        {
            Directory.Delete(folder);
        }
    }

    /// <summary>Runs a program to its end; -1 if the program does not exist.</summary>
    internal static int Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }
}
