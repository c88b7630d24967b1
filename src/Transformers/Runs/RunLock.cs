namespace Transformers.Runs;

/// <summary>The process that holds a run folder.</summary>
/// <param name="Pid">Its process id.</param>
/// <param name="Host">Its machine.</param>
/// <param name="BootId">The identifier of the machine's last boot; empty if the operating system has none.</param>
/// <param name="ProcessStart">The start time of the process as the operating system reports it, to distinguish it from a later one with the
/// same id.</param>
/// <param name="Since">When it locked the folder.</param>
public sealed record RunOwner(int Pid, string Host, string BootId, string ProcessStart, DateTimeOffset Since)
{
    /// <summary>This process.</summary>
    public static RunOwner Self { get; } = new(Environment.ProcessId, Environment.MachineName, ReadBootId(), StartOf(Environment.ProcessId) ?? "", DateTimeOffset.UtcNow);

    /// <summary>Whether the owner certainly no longer runs; false if that is unknown.</summary>
    public bool IsKnownDead() => Host == Self.Host && (BootId != Self.BootId || StartOf(Pid) != ProcessStart);

    static string ReadBootId()
    {
        try
        {
            return File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    static string? StartOf(int pid)
    {
        try
        {
            if (OperatingSystem.IsLinux())
            {
                // Field 22; the second is the command in parentheses, which may itself contain spaces and parentheses.
                var stat = File.ReadAllText($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/stat");
                return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19];
            }
            using var process = Process.GetProcessById(pid);
            return process.StartTime.ToUniversalTime().ToString("s", CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}

/// <summary>Prevents two runs from using one folder; released when closed, and by the operating system however the process ends.</summary>
/// <remarks>
/// The operating system locks <c>.lock</c>; <c>.lock.json</c> names the owner. If a file system does not support locks (some network mounts
/// do not), the owner's entry decides: it is stale if it is of this machine and its process has ended.
/// </remarks>
public sealed class RunLock : IDisposable
{
    const int WouldBlockLinux = 11, WouldBlockMac = 35, SharingViolation = unchecked((int)0x80070020), LockViolation = unchecked((int)0x80070021);

    readonly string owner;
    readonly FileStream held;

    RunLock(FileStream held, string owner) => (this.held, this.owner) = (held, owner);

    /// <summary>Locks a folder.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <exception cref="UserException">Another process uses it; the message names that process.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static RunLock Take(string folder)
    {
        var file = Path.Combine(folder, ".lock");
        var owner = Path.Combine(folder, ".lock.json");
        if (new FileInfo(file).LinkTarget is not null) throw new UserException($"{file} must not be a symbolic link");
        var held = TryLock(file) ?? throw InUse(folder, ReadOwner(owner));
        try
        {
            if (!FileSystemLocks(file) && ReadOwner(owner) is { } other && !other.IsKnownDead()) throw InUse(folder, other);
            DurableFile.WriteBytes(owner, JsonSerializer.SerializeToUtf8Bytes(RunOwner.Self));
            return new(held, owner);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>The process that trains into a folder, as far as its entry says so; null if there is none, or if it has ended.</summary>
    /// <param name="folder">The folder.</param>
    public static RunOwner? OwnerOf(string folder) => ReadOwner(Path.Combine(folder, ".lock.json")) is { } owner && !owner.IsKnownDead() ? owner : null;

    static FileStream? TryLock(string file)
    {
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e.HResult is WouldBlockLinux or WouldBlockMac or SharingViolation or LockViolation)
        {
            return null;
        }
    }

    /// <summary>While the lock is held, a second one in the same process must fail; otherwise the file system does not lock.</summary>
    static bool FileSystemLocks(string file)
    {
        using var second = TryLock(file);
        return second is null;
    }

    static RunOwner? ReadOwner(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<RunOwner>(BoundedFile.ReadBytes(path, 1 << 16)) : null;
        }
        catch (Exception e) when (e is UserException or JsonException)
        {
            return null; // Being replaced, or damaged: the owner is unknown.
        }
    }

    static UserException InUse(string folder, RunOwner? by) => new(
        $"the run folder {folder} is in use by {(by is null || by.IsKnownDead() ? "another process" : string.Create(CultureInfo.InvariantCulture, $"process {by.Pid} on {MessageText.Quote(by.Host ?? "")} since {by.Since:u}"))}",
        "wait for it or stop it, or give another folder with --run");

    /// <summary>Releases the folder.</summary>
    public void Dispose()
    {
        if (!held.CanRead) return;
        DurableFile.TryDelete(owner);
        held.Dispose(); // The file stays: deleting it could let two later runs lock two different files of this name.
    }
}
