using System.Runtime.CompilerServices;

namespace TransformerCli.Tests;

/// <summary>A test under a memory limit of the kernel's: it makes a control group, which takes a superuser.</summary>
public sealed class MemoryGroupFactAttribute : FactAttribute
{
    public MemoryGroupFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line)
    {
        try
        {
            using var group = new MemoryGroup(1L << 30);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Skip = "needs the right to make a memory control group";
        }
    }
}

/// <summary>A control group with a memory limit: the kernel kills whatever takes more.</summary>
sealed class MemoryGroup : IDisposable
{
    readonly string folder;

    /// <exception cref="IOException">There are no control groups here, or none may be made.</exception>
    internal MemoryGroup(long bytes)
    {
        var own = File.Exists("/proc/self/cgroup") ? File.ReadAllLines("/proc/self/cgroup").Select(line => line.Split(':', 3)) : [];
        var first = own.FirstOrDefault(line => line[1].Split(',').Contains("memory"));
        folder = Path.Combine(first is null ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory" + first[2], "transformer-test-" + Guid.NewGuid().ToString("N"));
        if (!Directory.Exists(Path.GetDirectoryName(folder))) throw new IOException("no control groups");
        Directory.CreateDirectory(folder);
        try
        {
            File.WriteAllText(Path.Combine(folder, first is null ? "memory.max" : "memory.limit_in_bytes"), $"{bytes}");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What starts a program inside the group.</summary>
    internal string[] Prefix => ["sh", "-c", $"echo $$ > {folder}/cgroup.procs; exec \"$@\"", "sh"];

    public void Dispose()
    {
        // The kernel lets go of a group a moment after its last process.
        for (var tries = 0; ; tries++)
        {
            try
            {
                Directory.Delete(folder);
                return;
            }
            catch (IOException) when (tries < 50)
            {
                Thread.Sleep(20);
            }
        }
    }
}
