namespace Transformers.Tests;

/// <summary>A folder that is gone when the test ends.</summary>
public sealed class TempFolder : IDisposable
{
    // In memory where Linux has such a place: the many small durable writes of these tests would otherwise wait for the disk.
    static readonly string Parent = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();

    public string FullPath { get; } = Directory.CreateDirectory(Path.Combine(Parent, "transformer-test-" + Guid.NewGuid().ToString("N"))).FullName;

    public string this[string name] => Path.Combine(FullPath, name);

    public void Dispose() => Directory.Delete(FullPath, recursive: true);
}
